package opportune.peers.streams;

import java.nio.ByteBuffer;
import java.util.function.BiConsumer;
import java.util.function.Function;
import java.util.function.ToIntFunction;
import opportune.peers.AdEvent;
import opportune.peers.AdParser;
import opportune.peers.FirstRead;
import opportune.peers.NexmarkEvent;
import opportune.peers.NexmarkParser;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;

/** Values as bytes of fixed layout; sources parse JSON. */
final class Formats {
  private Formats() {}

  static Serde<NexmarkEvent> nexmark() {
    NexmarkParser parser = new NexmarkParser();
    // A new object a record: the records of a partition wait in a queue, parsed.
    return source(bytes -> parser.parse(bytes, new NexmarkEvent()));
  }

  static Serde<AdEvent> ads() {
    AdParser parser = new AdParser();
    return source(bytes -> parser.parse(bytes, new AdEvent()));
  }

  private static <T> Serde<T> source(Function<byte[], T> parse) {
    return Serdes.serdeFrom(
        (topic, value) -> {
          throw new UnsupportedOperationException("sources are only read");
        },
        (topic, bytes) -> {
          FirstRead.mark();
          return parse.apply(bytes);
        });
  }

  /** @param size bytes of one value */
  static <T> Serde<T> fixed(
      int size, BiConsumer<T, ByteBuffer> write, Function<ByteBuffer, T> read) {
    return of(value -> size, write, read);
  }

  static <T> Serde<T> of(
      ToIntFunction<T> size,
      BiConsumer<T, ByteBuffer> write,
      Function<ByteBuffer, T> read) {
    return Serdes.serdeFrom(
        (topic, value) -> {
          if (value == null) return null;
          ByteBuffer bytes = ByteBuffer.allocate(size.applyAsInt(value));
          write.accept(value, bytes);
          return bytes.array();
        },
        (topic, bytes) -> bytes == null ? null : read.apply(ByteBuffer.wrap(bytes)));
  }
}
