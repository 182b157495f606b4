package opportune.peers.streams;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import opportune.peers.Settings;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * q5's first stage: bids per auction in panes of one hop; a window adds up its panes when it closes and
 * sends on only this partition's auctions with most bids.
 */
final class HopStage implements Processor<byte[], byte[], byte[], byte[]> {
  static final String PANES = "panes";
  static final String PROGRESS = "progress";
  private static final Bytes NEXT = Bytes.wrap(new byte[] {0});
  private static final long NONE = Long.MAX_VALUE;

  private final Watermark watermark = new Watermark(Settings.PARTITIONS, Settings.OUT_OF_ORDER_MS);
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<Bytes, byte[]> panes;
  private KeyValueStore<Bytes, byte[]> progress;
  /** End of the next window to close. */
  private long nextEnd = NONE;
  private int flushes;

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    panes = context.getStateStore(PANES);
    progress = context.getStateStore(PROGRESS);
    byte[] next = progress.get(NEXT);
    if (next != null) nextEnd = Longs.at(next, 0);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    boolean flush = Tagged.isFlush(record);
    if (!flush) add(record);
    if (watermark.observe(Tagged.source(record.value()), record.timestamp()))
      while (nextEnd <= watermark.current()) closeNext();
    if (flush && ++flushes == Settings.PARTITIONS)
      context.forward(record.withValue(Tagged.value(context.taskId().partition(), 0)));
  }

  private void add(Record<byte[], byte[]> record) {
    long pane = record.timestamp() - record.timestamp() % Settings.HOP_MS;
    if (pane + Settings.HOP_MS <= watermark.current()) return;
    Bytes key = Bytes.wrap(Longs.before(pane, record.key()));
    byte[] count = panes.get(key);
    panes.put(key, Longs.bytes(count == null ? 1 : Longs.at(count, 0) + 1));
    if (pane + Settings.HOP_MS < nextEnd) setNextEnd(pane + Settings.HOP_MS);
  }

  private void closeNext() {
    long from = nextEnd - Settings.WINDOW_MS;
    Map<Long, Long> counts = new HashMap<>();
    List<Bytes> done = new ArrayList<>();
    try (var window = panes.range(Bytes.wrap(Longs.bytes(from)), Bytes.wrap(Longs.bytes(nextEnd)))) {
      while (window.hasNext()) {
        KeyValue<Bytes, byte[]> pane = window.next();
        counts.merge(Longs.at(pane.key.get(), 8), Longs.at(pane.value, 0), Long::sum);
        if (Longs.at(pane.key.get(), 0) == from) done.add(pane.key);
      }
    }
    done.forEach(panes::delete);
    if (!counts.isEmpty()) forwardMost(counts);
    setNextEnd(counts.isEmpty() && isEmptyFrom(nextEnd) ? NONE : nextEnd + Settings.HOP_MS);
  }

  private boolean isEmptyFrom(long time) {
    try (var rest = panes.range(Bytes.wrap(Longs.bytes(time)), null)) {
      return !rest.hasNext();
    }
  }

  private void forwardMost(Map<Long, Long> counts) {
    MostBids most = MostBids.none();
    for (var entry : counts.entrySet()) most = most.add(new AuctionCount(entry.getKey(), entry.getValue()));
    byte[] payload = MostBids.SERDE.serializer().serialize("", most);
    context.forward(
        new Record<>(
            Tagged.ONE_KEY, Tagged.value(context.taskId().partition(), payload), nextEnd - 1));
  }

  private void setNextEnd(long end) {
    nextEnd = end;
    progress.put(NEXT, Longs.bytes(end));
  }
}
