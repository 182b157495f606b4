package opportune.peers.streams;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import opportune.peers.Settings;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Processor;
import org.apache.kafka.streams.processor.api.ProcessorSupplier;
import org.apache.kafka.streams.processor.api.Record;

/**
 * q5 between its stages: a window's count goes under the window's end, dated in its last ms. The
 * sentinel goes on only when it has come through all tasks of the first stage, whose last counts would
 * be late otherwise (see {@link Flush}).
 */
final class WindowEnd implements ProcessorSupplier<Windowed<Long>, Long, Long, AuctionCount> {
  private static final long FLUSH = -1;

  private final Set<Integer> flushed = ConcurrentHashMap.newKeySet();

  @Override
  public Processor<Windowed<Long>, Long, Long, AuctionCount> get() {
    return new ToWindowEnd();
  }

  private final class ToWindowEnd extends ContextualProcessor<Windowed<Long>, Long, Long, AuctionCount> {
    @Override
    public void process(Record<Windowed<Long>, Long> record) {
      long auction = record.key().key();
      if (auction == FLUSH) {
        flushed.add(context().taskId().partition());
        if (flushed.size() < Settings.PARTITIONS) return;
      }
      long end = record.key().window().end();
      context()
          .forward(
              record
                  .withKey(auction == FLUSH ? FLUSH : end)
                  .withValue(new AuctionCount(auction, record.value()))
                  .withTimestamp(end - 1));
    }
  }
}
