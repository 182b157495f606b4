package opportune.peers.streams;

import java.nio.charset.StandardCharsets;
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
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Repartitioned;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.ProcessorContext;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/**
 * The queries in processors of their own, on stores in memory with changelogs and caches: bytes between
 * stages, a watermark over upstream partitions, and results reduced before they are sent to one task
 * (q5, q7).
 */
final class ProcessorQueries {
  private static final Serde<byte[]> BYTES = Serdes.ByteArray();

  private final Settings settings;
  private final StreamsBuilder builder = new StreamsBuilder();

  private ProcessorQueries(Settings settings) {
    this.settings = settings;
  }

  static Topology build(Settings settings) {
    ProcessorQueries queries = new ProcessorQueries(settings);
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
    rows.to(settings.output(), Produced.with(BYTES, BYTES));
    return queries.builder.build();
  }

  /** Reads an event and forwards at most one tagged record. */
  private interface Route<E> {
    /** @return the record's key, or null where the query does not want the event */
    byte[] key(E event);

    /** @return the value, tagged with the partition */
    byte[] value(E event, int partition);
  }

  private static final class Router<E> extends ContextualProcessor<byte[], E, byte[], byte[]> {
    private final Route<E> route;

    Router(Route<E> route) {
      this.route = route;
    }

    @Override
    public void process(Record<byte[], E> record) {
      byte[] key = route.key(record.value());
      if (key == null) return;
      byte[] value = route.value(record.value(), context().taskId().partition());
      context().forward(record.withKey(key).withValue(value));
    }
  }

  private <E> KStream<byte[], byte[]> source(Serde<E> serde, TimestampExtractor time, Route<E> route) {
    return builder
        .stream(settings.input(), Consumed.with(BYTES, serde).withTimestampExtractor(time))
        .process(() -> new Router<>(route));
  }

  private KStream<byte[], byte[]> nexmark(Route<NexmarkEvent> route) {
    return source(Formats.nexmark(), (r, previous) -> ((NexmarkEvent) r.value()).dateTime, route);
  }

  private static KStream<byte[], byte[]> repartition(KStream<byte[], byte[]> stream, String name) {
    return stream.repartition(
        Repartitioned.with(BYTES, BYTES).withName(name).withStreamPartitioner(Tagged.PARTITIONER));
  }

  private void addStore(String name) {
    builder.addStateStore(
        Stores.keyValueStoreBuilder(Stores.inMemoryKeyValueStore(name), Serdes.Bytes(), BYTES)
            .withCachingEnabled());
  }

  private static Watermark eventTime(int sources) {
    return new Watermark(sources, Settings.OUT_OF_ORDER_MS);
  }

  private static byte[] count(byte[] kept, byte[] value) {
    return Longs.bytes(kept == null ? 1 : Longs.at(kept, 0) + 1);
  }

  private static void row(
      ProcessorContext<byte[], byte[]> context, long time, byte[] row) {
    context.forward(new Record<>(null, row, time));
  }

  private KStream<byte[], byte[]> ysb() {
    addStore("views");
    Map<String, String> campaigns = Campaigns.byAd();
    Route<AdEvent> byCampaign =
        new Route<>() {
          @Override
          public byte[] key(AdEvent e) {
            if (e.flush) return Tagged.FLUSH_KEY;
            return e.view ? campaigns.get(e.adId).getBytes(StandardCharsets.ISO_8859_1) : null;
          }

          @Override
          public byte[] value(AdEvent e, int partition) {
            return Tagged.value(partition, 0);
          }
        };
    return withoutFlush(
        repartition(source(Formats.ads(), (r, p) -> ((AdEvent) r.value()).time, byCampaign), "by-campaign")
            .process(
                () ->
                    new WindowStage(
                        "views",
                        Settings.WINDOW_MS,
                        eventTime(Settings.PARTITIONS),
                        Settings.PARTITIONS,
                        ProcessorQueries::count,
                        (context, w) -> {
                          String campaign = new String(w.key(), StandardCharsets.ISO_8859_1);
                          row(context, w.start(), Rows.of(campaign, w.start(), Longs.at(w.kept(), 0)));
                        }),
                "views"));
  }

  /** Bids under a number of theirs, with nothing but their tag. */
  private static Route<NexmarkEvent> bidsBy(ToLongFunction<NexmarkEvent> number) {
    return new Route<>() {
      @Override
      public byte[] key(NexmarkEvent e) {
        if (e.type == NexmarkEvent.FLUSH) return Tagged.FLUSH_KEY;
        return e.type == NexmarkEvent.BID ? Longs.bytes(number.applyAsLong(e)) : null;
      }

      @Override
      public byte[] value(NexmarkEvent e, int partition) {
        return Tagged.value(partition, 0);
      }
    };
  }

  private KStream<byte[], byte[]> q5() {
    addStore(HopStage.PANES);
    addStore(HopStage.PROGRESS);
    addStore("most");
    KStream<byte[], byte[]> most =
        repartition(nexmark(bidsBy(e -> e.auction)), "by-auction")
            .process(HopStage::new, HopStage.PANES, HopStage.PROGRESS);
    return withoutFlush(
        repartition(most, "most-bids")
            .process(
                () ->
                    new WindowStage(
                        "most",
                        Settings.HOP_MS,
                        new Watermark(Settings.PARTITIONS, 0),
                        Settings.PARTITIONS,
                        ProcessorQueries::most,
                        (context, w) ->
                            mostOf(w.kept())
                                .rows(w.start() + Settings.HOP_MS)
                                .forEach(it -> row(context, w.start(), it.value))),
                "most"));
  }

  private static MostBids mostOf(byte[] bytes) {
    return MostBids.SERDE.deserializer().deserialize("", bytes);
  }

  private static byte[] most(byte[] kept, byte[] value) {
    byte[] payload = Tagged.payload(value);
    if (kept == null) return payload;
    return MostBids.SERDE.serializer().serialize("", mostOf(kept).merge(mostOf(payload)));
  }

  private KStream<byte[], byte[]> q7() {
    addStore("local");
    addStore("highest");
    Route<NexmarkEvent> bids =
        new Route<>() {
          @Override
          public byte[] key(NexmarkEvent e) {
            if (e.type == NexmarkEvent.FLUSH) return Tagged.FLUSH_KEY;
            return e.type == NexmarkEvent.BID ? Tagged.ONE_KEY : null;
          }

          @Override
          public byte[] value(NexmarkEvent e, int partition) {
            if (e.type == NexmarkEvent.FLUSH) return Tagged.value(partition, 0);
            return Tagged.value(partition, TopBids.Bid.SERDE.serializer().serialize("", TopBids.Bid.of(e)));
          }
        };
    KStream<byte[], byte[]> perPartition =
        nexmark(bids)
            .process(
                () ->
                    new WindowStage(
                        "local",
                        Settings.WINDOW_MS,
                        eventTime(1),
                        1,
                        ProcessorQueries::highest,
                        (context, w) ->
                            context.forward(
                                new Record<>(
                                    Tagged.ONE_KEY,
                                    Tagged.value(context.taskId().partition(), w.kept()),
                                    w.start()))),
                "local");
    return withoutFlush(
        repartition(perPartition, "highest-bids")
            .process(
                () ->
                    new WindowStage(
                        "highest",
                        Settings.WINDOW_MS,
                        new Watermark(Settings.PARTITIONS, 0),
                        Settings.PARTITIONS,
                        ProcessorQueries::highest,
                        (context, w) ->
                            topOf(w.kept())
                                .rows(w.start() + Settings.WINDOW_MS)
                                .forEach(it -> row(context, w.start(), it.value))),
                "highest"));
  }

  private static TopBids topOf(byte[] bytes) {
    return TopBids.SERDE.deserializer().deserialize("", bytes);
  }

  /** Bids of a value are worth as much as those kept, more, or less. */
  private static byte[] highest(byte[] kept, byte[] value) {
    if (kept != null && TopBids.price(value, 1) < TopBids.price(kept, 0)) return kept;
    byte[] payload = Tagged.payload(value);
    if (kept == null) return payload;
    return TopBids.SERDE.serializer().serialize("", topOf(kept).merge(topOf(payload)));
  }

  private KStream<byte[], byte[]> q8() {
    addStore("newcomers");
    Route<NexmarkEvent> people =
        new Route<>() {
          @Override
          public byte[] key(NexmarkEvent e) {
            if (e.type == NexmarkEvent.FLUSH) return Tagged.FLUSH_KEY;
            return e.type == NexmarkEvent.BID ? null : Longs.bytes(Newcomer.keyOf(e, 0));
          }

          @Override
          public byte[] value(NexmarkEvent e, int partition) {
            return Tagged.value(partition, Newcomer.SERDE.serializer().serialize("", Newcomer.of(e)));
          }
        };
    return withoutFlush(
        repartition(nexmark(people), "by-person")
            .process(
                () ->
                    new WindowStage(
                        "newcomers",
                        Settings.WINDOW_MS,
                        eventTime(Settings.PARTITIONS),
                        Settings.PARTITIONS,
                        ProcessorQueries::newcomer,
                        (context, w) -> {
                          Newcomer seen = newcomerOf(w.kept());
                          if (!seen.isPersonSelling()) return;
                          row(context, w.start(), Rows.of(Longs.at(w.key(), 0), seen.name(), w.start()));
                        }),
                "newcomers"));
  }

  private static Newcomer newcomerOf(byte[] bytes) {
    return Newcomer.SERDE.deserializer().deserialize("", bytes);
  }

  private static byte[] newcomer(byte[] kept, byte[] value) {
    byte[] payload = Tagged.payload(value);
    if (kept == null) return payload;
    return Newcomer.SERDE.serializer().serialize("", newcomerOf(kept).with(newcomerOf(payload)));
  }

  private KStream<byte[], byte[]> q11() {
    addStore(SessionStage.SESSIONS);
    addStore(SessionStage.DUE);
    return repartition(nexmark(bidsBy(e -> e.bidder)), "by-bidder")
        .process(SessionStage::new, SessionStage.SESSIONS, SessionStage.DUE);
  }

  private KStream<byte[], byte[]> q18() {
    addStore("last-bids");
    Route<NexmarkEvent> pairs =
        new Route<>() {
          @Override
          public byte[] key(NexmarkEvent e) {
            return e.type == NexmarkEvent.BID ? Longs.bytes(e.auction, e.bidder) : null;
          }

          @Override
          public byte[] value(NexmarkEvent e, int partition) {
            return Tagged.value(partition, 0);
          }
        };
    return repartition(nexmark(pairs), "by-pair").process(LastBid::new, "last-bids");
  }

  private static final class LastBid extends ContextualProcessor<byte[], byte[], byte[], byte[]> {
    @Override
    public void process(Record<byte[], byte[]> record) {
      KeyValueStore<Bytes, byte[]> store =
          context().getStateStore("last-bids");
      Bytes key = Bytes.wrap(record.key());
      byte[] last = store.get(key);
      if (last != null && Longs.at(last, 0) > record.timestamp()) return;
      store.put(key, Longs.bytes(record.timestamp()));
      byte[] row =
          Rows.of(Longs.at(record.key(), 0), Longs.at(record.key(), 8), record.timestamp());
      context().forward(record.withKey((byte[]) null).withValue(row));
    }
  }

  /** The last stage's sentinel is no row. */
  private static KStream<byte[], byte[]> withoutFlush(KStream<byte[], byte[]> rows) {
    return rows.filter((key, row) -> key == null);
  }
}
