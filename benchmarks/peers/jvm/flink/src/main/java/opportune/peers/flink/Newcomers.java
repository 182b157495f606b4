package opportune.peers.flink;

import opportune.peers.NexmarkEvent;
import opportune.peers.Rows;
import org.apache.flink.api.common.functions.AggregateFunction;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.streaming.api.functions.windowing.WindowFunction;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;

/**
 * q8 as one keyed stream instead of a join that would keep every auction until the window ends: what a
 * window saw of a person is a name, where they joined, and whether they opened an auction.
 */
final class Newcomers
    implements AggregateFunction<Tuple2<Long, String>, Tuple2<String, Boolean>, Tuple2<String, Boolean>> {
  /** Person and name; an empty name for an auction of theirs. */
  static final TypeInformation<Tuple2<Long, String>> SEEN = Types.TUPLE(Types.LONG, Types.STRING);
  static final TypeInformation<Tuple2<String, Boolean>> KEPT = Types.TUPLE(Types.STRING, Types.BOOLEAN);

  static final FlatMapFunction<NexmarkEvent, Tuple2<Long, String>> PROJECT =
      (e, out) -> {
        if (e.type == NexmarkEvent.PERSON) out.collect(Tuple2.of(e.id, e.name));
        else if (e.type == NexmarkEvent.AUCTION) out.collect(Tuple2.of(e.seller, ""));
      };

  static final WindowFunction<Tuple2<String, Boolean>, byte[], Long, TimeWindow> ROWS =
      (person, window, seen, out) -> {
        Tuple2<String, Boolean> kept = seen.iterator().next();
        if (kept.f1 && !kept.f0.isEmpty()) out.collect(Rows.of(person, kept.f0, window.getStart()));
      };

  @Override
  public Tuple2<String, Boolean> createAccumulator() {
    return Tuple2.of("", false);
  }

  @Override
  public Tuple2<String, Boolean> add(Tuple2<Long, String> seen, Tuple2<String, Boolean> kept) {
    if (seen.f1.isEmpty()) kept.f1 = true;
    else kept.f0 = seen.f1;
    return kept;
  }

  @Override
  public Tuple2<String, Boolean> getResult(Tuple2<String, Boolean> kept) {
    return kept;
  }

  @Override
  public Tuple2<String, Boolean> merge(Tuple2<String, Boolean> a, Tuple2<String, Boolean> b) {
    return Tuple2.of(a.f0.isEmpty() ? b.f0 : a.f0, a.f1 || b.f1);
  }
}
