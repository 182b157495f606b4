package opportune.peers.flink;

import java.util.Arrays;
import opportune.peers.Rows;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.java.tuple.Tuple3;

/** The auctions with most bids among (window end, auction, count); the accumulator is its result. */
final class MostBids
    implements AggregateFunction<Tuple3<Long, Long, Long>, MostBids.Kept, MostBids.Kept> {
  /** A POJO to Flink: public fields, no-argument constructor. */
  public static final class Kept {
    public long windowEnd;
    public long count;
    public long[] auctions = {};
  }

  static final FlatMapFunction<Kept, byte[]> ROWS =
      (kept, out) -> {
        for (long auction : kept.auctions) out.collect(Rows.of(kept.windowEnd, auction, kept.count));
      };

  @Override
  public Kept createAccumulator() {
    return new Kept();
  }

  @Override
  public Kept add(Tuple3<Long, Long, Long> value, Kept kept) {
    kept.windowEnd = value.f0;
    if (value.f2 < kept.count) return kept;
    long[] one = {value.f1};
    kept.auctions = value.f2 > kept.count ? one : joined(kept.auctions, one);
    kept.count = value.f2;
    return kept;
  }

  @Override
  public Kept getResult(Kept kept) {
    return kept;
  }

  @Override
  public Kept merge(Kept a, Kept b) {
    if (a.count != b.count) return a.count > b.count ? a : b;
    a.auctions = joined(a.auctions, b.auctions);
    return a;
  }

  private static long[] joined(long[] a, long[] b) {
    long[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }
}
