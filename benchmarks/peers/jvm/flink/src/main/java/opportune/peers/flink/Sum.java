package opportune.peers.flink;

import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.java.tuple.Tuple2;

/** Adds up the second fields. */
final class Sum implements AggregateFunction<Tuple2<Long, Long>, Long, Long> {
  @Override
  public Long createAccumulator() {
    return 0L;
  }

  @Override
  public Long add(Tuple2<Long, Long> value, Long sum) {
    return sum + value.f1;
  }

  @Override
  public Long getResult(Long sum) {
    return sum;
  }

  @Override
  public Long merge(Long a, Long b) {
    return a + b;
  }
}
