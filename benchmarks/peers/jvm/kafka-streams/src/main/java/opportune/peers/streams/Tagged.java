package opportune.peers.streams;

import java.util.Arrays;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.kafka.streams.processor.StreamPartitioner;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Records of inner topics: bytes, the first of a value says which upstream partition it came through,
 * so that the reader can follow each one's time. The sentinel has an empty key and goes everywhere.
 */
final class Tagged {
  static final byte[] FLUSH_KEY = {};
  /** For what all goes to one task. */
  static final byte[] ONE_KEY = {0};

  static final StreamPartitioner<byte[], byte[]> PARTITIONER =
      (topic, key, value, partitions) -> key.length > 0 ? Optional.empty() : Optional.of(all(partitions));

  private Tagged() {}

  private static Set<Integer> all(int partitions) {
    return IntStream.range(0, partitions).boxed().collect(Collectors.toSet());
  }

  static boolean isFlush(Record<byte[], byte[]> record) {
    return record.key().length == 0;
  }

  static int source(byte[] value) {
    return value[0];
  }

  /** @return a value of that many bytes after its tag, which is set */
  static byte[] value(int source, int payload) {
    byte[] value = new byte[1 + payload];
    value[0] = (byte) source;
    return value;
  }

  static byte[] value(int source, byte[] payload) {
    byte[] value = value(source, payload.length);
    System.arraycopy(payload, 0, value, 1, payload.length);
    return value;
  }

  static byte[] payload(byte[] value) {
    return Arrays.copyOfRange(value, 1, value.length);
  }
}
