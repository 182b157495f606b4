package opportune.peers.streams;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Numbers in byte arrays, big-endian, so that times sort as their bytes do. */
final class Longs {
  private static final VarHandle VIEW =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  private Longs() {}

  static long at(byte[] bytes, int index) {
    return (long) VIEW.get(bytes, index);
  }

  static void put(byte[] bytes, int index, long value) {
    VIEW.set(bytes, index, value);
  }

  static byte[] bytes(long value) {
    byte[] bytes = new byte[8];
    put(bytes, 0, value);
    return bytes;
  }

  static byte[] bytes(long first, long second) {
    byte[] bytes = new byte[16];
    put(bytes, 0, first);
    put(bytes, 8, second);
    return bytes;
  }

  /** The number followed by what stands in `rest`. */
  static byte[] before(long value, byte[] rest) {
    byte[] bytes = new byte[8 + rest.length];
    put(bytes, 0, value);
    System.arraycopy(rest, 0, bytes, 8, rest.length);
    return bytes;
  }
}
