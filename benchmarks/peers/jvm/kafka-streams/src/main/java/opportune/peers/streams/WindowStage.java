package opportune.peers.streams;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Tumbling windows by key in one store, ordered by window, closed by a watermark over all upstream
 * partitions. The watermark is not stored: after a restart windows close as soon as each partition
 * has been heard of again. Late records are dropped.
 */
class WindowStage implements Processor<byte[], byte[], byte[], byte[]> {
  /** What a window keeps for a key. Arrays belong to the store once returned. */
  interface Fold {
    /** @param kept null for the first record */
    byte[] add(byte[] kept, byte[] value);
  }

  /** What goes on when a window closes. */
  interface Close {
    void close(ProcessorContext<byte[], byte[]> context, Closed closed);
  }

  record Closed(byte[] key, long start, byte[] kept) {}

  private final String storeName;
  private final long sizeMs;
  private final Fold fold;
  private final Close close;
  private final Watermark watermark;
  private final int sources;
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<Bytes, byte[]> store;
  /** Start of the earliest open window. */
  private long earliest = Long.MAX_VALUE;
  private int flushes;

  WindowStage(String storeName, long sizeMs, Watermark watermark, int sources, Fold fold, Close close) {
    this.storeName = storeName;
    this.sizeMs = sizeMs;
    this.watermark = watermark;
    this.sources = sources;
    this.fold = fold;
    this.close = close;
  }

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    store = context.getStateStore(storeName);
    earliest = firstFrom(0);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    boolean flush = Tagged.isFlush(record);
    if (!flush) add(record);
    int source = sources == 1 ? 0 : Tagged.source(record.value());
    if (watermark.observe(source, record.timestamp()))
      while (earliest != Long.MAX_VALUE && earliest + sizeMs <= watermark.current()) closeEarliest();
    if (flush && ++flushes == sources) forwardFlush(record);
  }

  private void add(Record<byte[], byte[]> record) {
    long start = record.timestamp() - record.timestamp() % sizeMs;
    if (start + sizeMs <= watermark.current()) return;
    Bytes key = Bytes.wrap(Longs.before(start, record.key()));
    store.put(key, fold.add(store.get(key), record.value()));
    if (start < earliest) earliest = start;
  }

  private void closeEarliest() {
    long start = earliest;
    List<Bytes> done = new ArrayList<>();
    try (var window = store.range(from(start), from(start + sizeMs))) {
      while (window.hasNext()) {
        KeyValue<Bytes, byte[]> entry = window.next();
        done.add(entry.key);
        byte[] bytes = entry.key.get();
        close.close(context, new Closed(Arrays.copyOfRange(bytes, 8, bytes.length), start, entry.value));
      }
    }
    done.forEach(store::delete);
    earliest = firstFrom(start + sizeMs);
  }

  /** A following stage learns that nothing more comes from this partition. */
  private void forwardFlush(Record<byte[], byte[]> record) {
    context.forward(record.withValue(Tagged.value(context.taskId().partition(), 0)));
  }

  private long firstFrom(long time) {
    try (KeyValueIterator<Bytes, byte[]> rest = store.range(from(time), null)) {
      return rest.hasNext() ? Longs.at(rest.peekNextKey().get(), 0) : Long.MAX_VALUE;
    }
  }

  private static Bytes from(long time) {
    return Bytes.wrap(Longs.bytes(time));
  }
}
