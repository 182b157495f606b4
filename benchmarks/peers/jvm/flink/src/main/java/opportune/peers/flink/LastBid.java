package opportune.peers.flink;

import opportune.peers.Rows;
import org.apache.flink.api.common.functions.OpenContext;
import org.apache.flink.api.common.state.ValueState;
import org.apache.flink.api.common.state.ValueStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.streaming.api.functions.KeyedProcessFunction;
import org.apache.flink.util.Collector;

/** q18: puts out every bid that is not older than the last of its (auction, bidder). */
final class LastBid
    extends KeyedProcessFunction<Tuple2<Long, Long>, Tuple3<Long, Long, Long>, byte[]> {
  private transient ValueState<Long> last;

  @Override
  public void open(OpenContext context) {
    last = getRuntimeContext().getState(new ValueStateDescriptor<>("last", Types.LONG));
  }

  @Override
  public void processElement(Tuple3<Long, Long, Long> bid, Context context, Collector<byte[]> out)
      throws Exception {
    Long known = last.value();
    if (known != null && bid.f2 < known) return;
    last.update(bid.f2);
    out.collect(Rows.of(bid.f0, bid.f1, bid.f2));
  }
}
