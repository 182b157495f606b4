package opportune.peers.flink;

import java.time.Duration;
import opportune.peers.AdEvent;
import opportune.peers.NexmarkEvent;
import opportune.peers.Rows;
import opportune.peers.Settings;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.typeinfo.PrimitiveArrayTypeInfo;
import org.apache.flink.api.common.typeinfo.TypeInformation;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.api.java.tuple.Tuple3;
import org.apache.flink.connector.kafka.source.KafkaSource;
import org.apache.flink.connector.kafka.source.enumerator.initializer.OffsetsInitializer;
import org.apache.flink.connector.kafka.source.reader.deserializer.KafkaRecordDeserializationSchema;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.datastream.SingleOutputStreamOperator;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.windowing.assigners.EventTimeSessionWindows;
import org.apache.flink.streaming.api.windowing.assigners.SlidingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.assigners.TumblingEventTimeWindows;
import org.apache.flink.streaming.api.windowing.windows.TimeWindow;
import org.apache.flink.util.Collector;
import org.apache.flink.util.function.SerializableFunction;

/**
 * The queries in the DataStream API: incremental aggregates, watermarks per partition (the source
 * merges them by their minimum), primitive or tuple types between operators, never Kryo.
 */
final class Queries {
  private static final Duration OUT_OF_ORDER = Duration.ofMillis(Settings.OUT_OF_ORDER_MS);
  private static final Duration WINDOW = Duration.ofMillis(Settings.WINDOW_MS);
  private static final Duration HOP = Duration.ofMillis(Settings.HOP_MS);
  private static final TypeInformation<byte[]> ROW = PrimitiveArrayTypeInfo.BYTE_PRIMITIVE_ARRAY_TYPE_INFO;

  private static final TypeInformation<Tuple2<Long, Long>> PAIR = Types.TUPLE(Types.LONG, Types.LONG);
  private static final TypeInformation<Tuple3<Long, Long, Long>> TRIPLE =
      Types.TUPLE(Types.LONG, Types.LONG, Types.LONG);

  private final StreamExecutionEnvironment environment;
  private final Settings settings;

  Queries(StreamExecutionEnvironment environment, Settings settings) {
    this.environment = environment;
    this.settings = settings;
  }

  private <E> DataStream<E> source(
      KafkaRecordDeserializationSchema<E> schema, WatermarkStrategy<E> watermarks) {
    KafkaSource<E> source =
        KafkaSource.<E>builder()
            .setBootstrapServers(settings.brokers())
            .setTopics(settings.input())
            .setGroupId(settings.run())
            .setStartingOffsets(OffsetsInitializer.earliest())
            .setDeserializer(schema)
            .build();
    return environment.fromSource(source, watermarks, "events");
  }

  private DataStream<NexmarkEvent> nexmark() {
    return source(
        new NexmarkSchema(),
        WatermarkStrategy.<NexmarkEvent>forBoundedOutOfOrderness(OUT_OF_ORDER)
            .withTimestampAssigner((e, time) -> e.dateTime));
  }

  DataStream<byte[]> ysb() {
    return source(
            new AdSchema(),
            WatermarkStrategy.<AdEvent>forBoundedOutOfOrderness(OUT_OF_ORDER)
                .withTimestampAssigner((e, time) -> e.time))
        .flatMap(new ViewedCampaign())
        .keyBy(campaign -> campaign)
        .window(TumblingEventTimeWindows.of(WINDOW))
        .aggregate(
            new Count<String>(),
            (String campaign, TimeWindow w,
                Iterable<Long> counts, Collector<byte[]> out) ->
                out.collect(Rows.of(campaign, w.getStart(), counts.iterator().next())),
            Types.LONG,
            ROW);
  }

  private SingleOutputStreamOperator<Long> ofBids(
      SerializableFunction<NexmarkEvent, Long> number) {
    FlatMapFunction<NexmarkEvent, Long> project =
        (e, out) -> {
          if (e.type == NexmarkEvent.BID) out.collect(number.apply(e));
        };
    return nexmark().flatMap(project).returns(Types.LONG);
  }

  /** Counts go into panes of one hop first, so that a bid updates one state instead of five. */
  DataStream<byte[]> q5() {
    return ofBids(e -> e.auction)
        .keyBy(auction -> auction)
        .window(TumblingEventTimeWindows.of(HOP))
        .aggregate(
            new Count<Long>(),
            (auction, pane, counts, out) -> out.collect(Tuple2.of(auction, counts.iterator().next())),
            Types.LONG,
            PAIR)
        .keyBy(count -> count.f0)
        .window(SlidingEventTimeWindows.of(WINDOW, HOP))
        .aggregate(
            new Sum(),
            (auction, window, sums, out) ->
                out.collect(Tuple3.of(window.getEnd(), auction, sums.iterator().next())),
            Types.LONG,
            TRIPLE)
        .keyBy(count -> count.f0)
        .window(TumblingEventTimeWindows.of(HOP))
        .aggregate(new MostBids())
        .flatMap(MostBids.ROWS)
        .returns(ROW);
  }

  DataStream<byte[]> q7() {
    return nexmark()
        .flatMap(TopBids.PROJECT)
        .returns(TopBids.BID)
        .windowAll(TumblingEventTimeWindows.of(WINDOW))
        .aggregate(new TopBids(), TopBids.ROWS, TopBids.KEPT, ROW);
  }

  DataStream<byte[]> q8() {
    return nexmark()
        .flatMap(Newcomers.PROJECT)
        .returns(Newcomers.SEEN)
        .keyBy(seen -> seen.f0)
        .window(TumblingEventTimeWindows.of(WINDOW))
        .aggregate(new Newcomers(), Newcomers.ROWS, Newcomers.KEPT, ROW);
  }

  DataStream<byte[]> q11() {
    return ofBids(e -> e.bidder)
        .keyBy(bidder -> bidder)
        .window(EventTimeSessionWindows.withGap(WINDOW))
        .aggregate(
            new Count<Long>(),
            // A session's window ends at its last bid plus the gap.
            (bidder, session, counts, out) ->
                out.collect(
                    Rows.of(bidder, counts.iterator().next(), session.getStart(), session.getEnd())),
            Types.LONG,
            ROW);
  }

  DataStream<byte[]> q18() {
    FlatMapFunction<NexmarkEvent, Tuple3<Long, Long, Long>> project =
        (e, out) -> {
          if (e.type == NexmarkEvent.BID) out.collect(Tuple3.of(e.auction, e.bidder, e.dateTime));
        };
    return nexmark()
        .flatMap(project)
        .returns(TRIPLE)
        .keyBy(bid -> Tuple2.of(bid.f0, bid.f1), PAIR)
        .process(new LastBid());
  }
}
