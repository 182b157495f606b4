package opportune.peers.flink;

import java.util.Arrays;
import opportune.peers.NexmarkEvent;
import opportune.peers.Rows;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple4;
import org.apache.flink.streaming.api.functions.windowing.AllWindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/** The bids of a window with its highest price, kept as numbers in rows of four. */
final class TopBids implements AggregateFunction<Tuple4<Long, Long, Long, Long>, long[], long[]> {
  private static final int FIELDS = 4;
  private static final int PRICE = 2;

  static final TypeInformation<Tuple4<Long, Long, Long, Long>> BID =
      Types.TUPLE(Types.LONG, Types.LONG, Types.LONG, Types.LONG);
  static final TypeInformation<long[]> KEPT = PrimitiveArrayTypeInfo.LONG_PRIMITIVE_ARRAY_TYPE_INFO;

  static final FlatMapFunction<NexmarkEvent, Tuple4<Long, Long, Long, Long>> PROJECT =
      (e, out) -> {
        if (e.type == NexmarkEvent.BID)
          out.collect(Tuple4.of(e.auction, e.bidder, e.price, e.dateTime));
      };

  static final AllWindowFunction<long[], byte[], TimeWindow> ROWS =
      (window, tops, out) -> {
        long[] kept = tops.iterator().next();
        for (int i = 0; i < kept.length; i += FIELDS)
          out.collect(Rows.of(window.getEnd(), kept[i], kept[i + 1], kept[i + 2], kept[i + 3]));
      };

  @Override
  public long[] createAccumulator() {
    return new long[0];
  }

  @Override
  public long[] add(Tuple4<Long, Long, Long, Long> bid, long[] kept) {
    if (kept.length > 0 && bid.f2 < kept[PRICE]) return kept;
    return merge(kept, new long[] {bid.f0, bid.f1, bid.f2, bid.f3});
  }

  @Override
  public long[] getResult(long[] kept) {
    return kept;
  }

  @Override
  public long[] merge(long[] a, long[] b) {
    if (a.length == 0) return b;
    if (b.length == 0) return a;
    if (a[PRICE] != b[PRICE]) return a[PRICE] > b[PRICE] ? a : b;
    long[] all = Arrays.copyOf(a, a.length + b.length);
    System.arraycopy(b, 0, all, a.length, b.length);
    return all;
  }
}
