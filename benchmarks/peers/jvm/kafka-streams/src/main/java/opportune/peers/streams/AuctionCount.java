package opportune.peers.streams;

import org.apache.kafka.common.serialization.Serde;

/** How many bids an auction had in a window. */
record AuctionCount(long auction, long count) {
  static final Serde<AuctionCount> SERDE =
      Formats.fixed(
          16,
          (it, to) -> to.putLong(it.auction).putLong(it.count),
          from -> new AuctionCount(from.getLong(), from.getLong()));
}
