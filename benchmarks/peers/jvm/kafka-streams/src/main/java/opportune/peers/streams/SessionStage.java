package opportune.peers.streams;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import opportune.peers.Rows;
import opportune.peers.Settings;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * q11: open sessions of a bidder as (first, last, count) triples, and a store of due times. A session
 * that goes on keeps its due time; when that comes, it is looked at again and due later.
 */
final class SessionStage implements Processor<byte[], byte[], byte[], byte[]> {
  static final String SESSIONS = "sessions";
  static final String DUE = "due";
  private static final int TRIPLE = 24;
  private static final byte[] NOTHING = {};

  private final Watermark watermark = new Watermark(Settings.PARTITIONS, Settings.OUT_OF_ORDER_MS);
  private ProcessorContext<byte[], byte[]> context;
  private KeyValueStore<Bytes, byte[]> sessions;
  private KeyValueStore<Bytes, byte[]> due;

  @Override
  public void init(ProcessorContext<byte[], byte[]> context) {
    this.context = context;
    sessions = context.getStateStore(SESSIONS);
    due = context.getStateStore(DUE);
  }

  @Override
  public void process(Record<byte[], byte[]> record) {
    if (!Tagged.isFlush(record)) add(record.key(), record.timestamp());
    if (watermark.observe(Tagged.source(record.value()), record.timestamp())) closeDue();
  }

  private void add(byte[] bidder, long time) {
    if (time + Settings.WINDOW_MS < watermark.current()) return;
    Bytes key = Bytes.wrap(bidder);
    byte[] open = sessions.get(key);
    if (open != null && open.length == TRIPLE && isWithin(open, 0, time)) {
      byte[] longer = new byte[TRIPLE];
      Longs.put(longer, 0, Math.min(Longs.at(open, 0), time));
      Longs.put(longer, 8, Math.max(Longs.at(open, 8), time));
      Longs.put(longer, 16, Longs.at(open, 16) + 1);
      sessions.put(key, longer);
      return;
    }
    sessions.put(key, merged(open == null ? NOTHING : open, time));
    due.put(Bytes.wrap(Longs.before(time + Settings.WINDOW_MS, bidder)), NOTHING);
  }

  private static boolean isWithin(byte[] open, int at, long time) {
    return time >= Longs.at(open, at) - Settings.WINDOW_MS
        && time <= Longs.at(open, at + 8) + Settings.WINDOW_MS;
  }

  /** One record joins all sessions that it touches. */
  private static byte[] merged(byte[] open, long time) {
    byte[] kept = new byte[open.length + TRIPLE];
    int length = TRIPLE;
    long first = time;
    long last = time;
    long count = 1;
    for (int at = 0; at < open.length; at += TRIPLE) {
      if (isWithin(open, at, time)) {
        first = Math.min(first, Longs.at(open, at));
        last = Math.max(last, Longs.at(open, at + 8));
        count += Longs.at(open, at + 16);
      } else {
        System.arraycopy(open, at, kept, length, TRIPLE);
        length += TRIPLE;
      }
    }
    Longs.put(kept, 0, first);
    Longs.put(kept, 8, last);
    Longs.put(kept, 16, count);
    return Arrays.copyOf(kept, length);
  }

  private void closeDue() {
    List<Bytes> passed = new ArrayList<>();
    try (var range = due.range(null, Bytes.wrap(Longs.bytes(watermark.current())))) {
      while (range.hasNext()) {
        KeyValue<Bytes, byte[]> entry = range.next();
        passed.add(entry.key);
      }
    }
    for (Bytes entry : passed) {
      due.delete(entry);
      byte[] bytes = entry.get();
      look(Arrays.copyOfRange(bytes, 8, bytes.length));
    }
  }

  /** Closes what has ended of a bidder's sessions, sees to the rest later. */
  private void look(byte[] bidder) {
    Bytes key = Bytes.wrap(bidder);
    byte[] open = sessions.get(key);
    if (open == null) return;
    byte[] kept = new byte[open.length];
    int length = 0;
    for (int at = 0; at < open.length; at += TRIPLE) {
      long end = Longs.at(open, at + 8) + Settings.WINDOW_MS;
      if (end < watermark.current()) {
        byte[] row = Rows.of(Longs.at(bidder, 0), Longs.at(open, at + 16), Longs.at(open, at), end);
        context.forward(new Record<>(null, row, end));
      } else {
        System.arraycopy(open, at, kept, length, TRIPLE);
        length += TRIPLE;
        due.put(Bytes.wrap(Longs.before(end, bidder)), NOTHING);
      }
    }
    if (length == 0) sessions.delete(key);
    else if (length < open.length) sessions.put(key, Arrays.copyOf(kept, length));
  }
}
