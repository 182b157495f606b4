package opportune.peers.streams;

import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import opportune.peers.Rows;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.KeyValue;

/** The auctions with most bids of one window, as far as counts have come. */
record MostBids(long count, List<Long> auctions) {
  static final Serde<MostBids> SERDE =
      Formats.of(
          it -> 8 * (1 + it.auctions.size()),
          (it, to) -> {
            to.putLong(it.count);
            it.auctions.forEach(to::putLong);
          },
          from -> {
            long count = from.getLong();
            List<Long> auctions = new ArrayList<>(from.remaining() / 8);
            while (from.hasRemaining()) auctions.add(from.getLong());
            return new MostBids(count, auctions);
          });

  static MostBids none() {
    return new MostBids(0, List.of());
  }

  MostBids add(AuctionCount c) {
    if (c.count() < count) return this;
    if (c.count() > count) return new MostBids(c.count(), List.of(c.auction()));
    return new MostBids(count, Stream.concat(auctions.stream(), Stream.of(c.auction())).toList());
  }

  MostBids merge(MostBids other) {
    if (other.count != count) return other.count > count ? other : this;
    return new MostBids(count, Stream.concat(auctions.stream(), other.auctions.stream()).toList());
  }

  List<KeyValue<byte[], byte[]>> rows(long windowEnd) {
    return auctions.stream()
        .map(auction -> new KeyValue<>((byte[]) null, Rows.of(windowEnd, auction, count)))
        .toList();
  }
}
