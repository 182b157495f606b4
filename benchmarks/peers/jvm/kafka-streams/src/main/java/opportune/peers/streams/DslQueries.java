package opportune.peers.streams;

import static org.apache.kafka.streams.KeyValue.pair;

import java.time.Duration;
import java.util.Map;
import java.util.function.ToLongFunction;
import opportune.peers.AdEvent;
import opportune.peers.Campaigns;
import opportune.peers.NexmarkEvent;
import opportune.peers.Rows;
import opportune.peers.Settings;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.WindowStore;

/**
 * The queries as a user of the DSL writes them: RocksDB stores, caches as they are by default, windows
 * that emit when they close. The sentinel travels as a key of its own (see {@link Flush}).
 */
final class DslQueries {
  private static final long FLUSH = -1;
  private static final String FLUSH_CAMPAIGN = "";
  private static final byte[] NOTHING = {};
  private static final Duration WINDOW = Duration.ofMillis(Settings.WINDOW_MS);
  private static final Duration HOP = Duration.ofMillis(Settings.HOP_MS);
  private static final Duration GRACE = Duration.ofMillis(Settings.OUT_OF_ORDER_MS);
  /** 256 KiB of a partition are 44 s of YSB's event time, so partitions are that far apart here. */
  private static final Duration YSB_GRACE = Duration.ofMinutes(3);
  /** Partitions of an inner topic hold small records: more event time in one fetch. */
  private static final Duration SECOND_STAGE_GRACE = Duration.ofMinutes(3);

  /**
   * The sentinel moves time on by an hour. A store drops what is older than its retention as soon as a
   * record moves time on, before windows that closed are looked for, so it has to be longer than that and than
   * the sentinel's repetitions reach.
   */
  private static final Duration RETENTION = Duration.ofHours(12);

  private final Settings settings;
  private final StreamsBuilder builder = new StreamsBuilder();

  private DslQueries(Settings settings) {
    this.settings = settings;
  }

  static Topology build(Settings settings) {
    DslQueries queries = new DslQueries(settings);
    KStream<byte[], byte[]> rows =
        switch (settings.query()) {
          case "ysb" -> queries.ysb();
          case "q5" -> queries.q5();
          case "q7" -> queries.q7();
          case "q8" -> queries.q8();
          case "q11" -> queries.q11();
          case "q18" -> queries.q18();
          default -> throw new IllegalArgumentException("no query " + settings.query());
        };
    rows.to(settings.output(), Produced.with(Serdes.ByteArray(), Serdes.ByteArray()));
    return queries.builder.build();
  }

  private KStream<byte[], NexmarkEvent> nexmark() {
    return builder
        .stream(
            settings.input(),
            Consumed.with(Serdes.ByteArray(), Formats.nexmark())
                .withTimestampExtractor((r, previous) -> ((NexmarkEvent) r.value()).dateTime))
        .process(new Flush<>((NexmarkEvent e) -> e.type == NexmarkEvent.FLUSH));
  }

  /** Bids, and the sentinel, by a number of theirs. */
  private KStream<Long, NexmarkEvent> bids(ToLongFunction<NexmarkEvent> key) {
    return nexmark()
        .filter((k, e) -> e.type == NexmarkEvent.BID || e.type == NexmarkEvent.FLUSH)
        .map((k, e) -> pair(e.type == NexmarkEvent.FLUSH ? FLUSH : key.applyAsLong(e), e));
  }

  private static <V> Repartitioned<Long, V> byNumber(String name, Serde<V> values) {
    return Repartitioned.with(Serdes.Long(), values)
        .withName(name)
        .withStreamPartitioner(new Everywhere<>(FLUSH));
  }

  private static <V, S extends StateStore>
      Materialized<Long, V, S> store(String name, Serde<V> values) {
    return Materialized.<Long, V, S>as(name)
        .withKeySerde(Serdes.Long())
        .withValueSerde(values)
        .withRetention(RETENTION);
  }

  private static boolean isData(Windowed<Long> key) {
    return key.key() != FLUSH;
  }

  private KStream<byte[], byte[]> ysb() {
    Map<String, String> campaigns = Campaigns.byAd();
    return builder
        .stream(
            settings.input(),
            Consumed.with(Serdes.ByteArray(), Formats.ads())
                .withTimestampExtractor((r, previous) -> ((AdEvent) r.value()).time))
        .process(new Flush<>((AdEvent e) -> e.flush))
        .filter((k, e) -> e.view || e.flush)
        .map((k, e) -> pair(e.flush ? FLUSH_CAMPAIGN : campaigns.get(e.adId), NOTHING))
        .repartition(
            Repartitioned.with(Serdes.String(), Serdes.ByteArray())
                .withName("by-campaign")
                .withStreamPartitioner(new Everywhere<>(FLUSH_CAMPAIGN)))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, YSB_GRACE))
        .emitStrategy(EmitStrategy.onWindowClose())
        .count(
            Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("views")
                .withKeySerde(Serdes.String())
                .withRetention(RETENTION))
        .toStream()
        .filter((w, n) -> !w.key().equals(FLUSH_CAMPAIGN))
        .map((w, n) -> pair(null, Rows.of(w.key(), w.window().start(), n)));
  }

  private KStream<byte[], byte[]> q5() {
    return bids(e -> e.auction)
        .mapValues(e -> NOTHING)
        .repartition(byNumber("by-auction", Serdes.ByteArray()))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE).advanceBy(HOP))
        .emitStrategy(EmitStrategy.onWindowClose())
        .count(store("counts", Serdes.Long()))
        .toStream()
        .process(new WindowEnd())
        .repartition(byNumber("by-window", AuctionCount.SERDE))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(HOP, SECOND_STAGE_GRACE))
        .emitStrategy(EmitStrategy.onWindowClose())
        .aggregate(MostBids::none, (end, c, best) -> best.add(c), store("most", MostBids.SERDE))
        .toStream()
        .filter((w, best) -> isData(w))
        .flatMap((w, best) -> best.rows(w.key()));
  }

  private KStream<byte[], byte[]> q7() {
    return nexmark()
        .filter((k, e) -> e.type == NexmarkEvent.BID || e.type == NexmarkEvent.FLUSH)
        .map((k, e) -> pair(e.type == NexmarkEvent.FLUSH ? FLUSH : 0L, TopBids.Bid.of(e)))
        .repartition(byNumber("all-bids", TopBids.Bid.SERDE))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
        .emitStrategy(EmitStrategy.onWindowClose())
        .aggregate(TopBids::none, (k, bid, top) -> top.add(bid), store("highest", TopBids.SERDE))
        .toStream()
        .filter((w, top) -> isData(w))
        .flatMap((w, top) -> top.rows(w.window().end()));
  }

  private KStream<byte[], byte[]> q8() {
    return nexmark()
        .filter((k, e) -> e.type != NexmarkEvent.BID)
        .map((k, e) -> pair(Newcomer.keyOf(e, FLUSH), Newcomer.of(e)))
        .repartition(byNumber("by-person", Newcomer.SERDE))
        .groupByKey()
        .windowedBy(TimeWindows.ofSizeAndGrace(WINDOW, GRACE))
        .emitStrategy(EmitStrategy.onWindowClose())
        .aggregate(() -> Newcomer.NONE, (id, n, seen) -> seen.with(n), store("newcomers", Newcomer.SERDE))
        .toStream()
        .filter((w, n) -> isData(w) && n.isPersonSelling())
        .map((w, n) -> pair(null, Rows.of(w.key(), n.name(), w.window().start())));
  }

  private KStream<byte[], byte[]> q11() {
    return bids(e -> e.bidder)
        .mapValues(e -> NOTHING)
        .repartition(byNumber("by-bidder", Serdes.ByteArray()))
        .groupByKey()
        .windowedBy(SessionWindows.ofInactivityGapAndGrace(WINDOW, GRACE))
        .emitStrategy(EmitStrategy.onWindowClose())
        .count(store("sessions", Serdes.Long()))
        .toStream()
        .filter((w, n) -> isData(w) && n != null)
        .map(
            (w, n) ->
                pair(
                    null,
                    Rows.of(w.key(), n, w.window().start(), w.window().end() + Settings.WINDOW_MS)));
  }

  /** A table: its cache puts out the last of several updates of a row, at the next commit. */
  private KStream<byte[], byte[]> q18() {
    return nexmark()
        .filter((k, e) -> e.type == NexmarkEvent.BID)
        .map((k, e) -> pair(new AuctionBidder(e.auction, e.bidder), e.dateTime))
        .repartition(Repartitioned.with(AuctionBidder.SERDE, Serdes.Long()).withName("by-pair"))
        .groupByKey()
        .reduce(Math::max, Materialized.as("last-bids"))
        .toStream()
        .map((key, time) -> pair(null, Rows.of(key.auction(), key.bidder(), time)));
  }
}
