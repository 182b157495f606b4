package opportune.peers.streams;

import java.time.Duration;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Predicate;
import opportune.peers.Settings;
import org.apache.kafka.streams.processor.PunctuationType;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;

/**
 * Ends the stream for the DSL, whose windows close by the time of the newest record of a partition:
 * one source partition's sentinel would make the others' last records late.
 *
 * So the sentinels are held back until the last one came, and that one goes on. Windows that emit when
 * they close look for it at most once a second of wall-clock time and only when a record comes, so the
 * sentinel is repeated every 250 ms, each further on in event time: what the first one closed is
 * emitted, and so is the window that the sentinel itself opened, which closes the next stage's.
 *
 * Counting over tasks works because one thread of one process runs them all.
 */
final class Flush<E> implements ProcessorSupplier<byte[], E, byte[], E> {
  private static final Duration EVERY = Duration.ofMillis(250);
  /** Beyond a window, and beyond a session's gap. */
  private static final long STEP_MS = 11_000;

  private final Predicate<E> isSentinel;
  private final AtomicInteger seen = new AtomicInteger();

  Flush(Predicate<E> isSentinel) {
    this.isSentinel = isSentinel;
  }

  @Override
  public Processor<byte[], E, byte[], E> get() {
    return new Gate();
  }

  private final class Gate implements Processor<byte[], E, byte[], E> {
    private ProcessorContext<byte[], E> context;
    private Record<byte[], E> sentinel;
    private long sent;

    @Override
    public void init(ProcessorContext<byte[], E> context) {
      this.context = context;
      context.schedule(EVERY, PunctuationType.WALL_CLOCK_TIME, now -> repeat());
    }

    @Override
    public void process(Record<byte[], E> record) {
      if (!isSentinel.test(record.value())) context.forward(record);
      else if (seen.incrementAndGet() == Settings.PARTITIONS) {
        sentinel = record;
        repeat();
      }
    }

    private void repeat() {
      if (sentinel == null) return;
      context.forward(sentinel.withTimestamp(sentinel.timestamp() + STEP_MS * sent));
      sent++;
    }
  }
}
