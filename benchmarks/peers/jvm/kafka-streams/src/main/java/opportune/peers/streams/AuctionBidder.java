package opportune.peers.streams;

import org.apache.kafka.common.serialization.Serde;

record AuctionBidder(long auction, long bidder) {
  static final Serde<AuctionBidder> SERDE =
      Formats.fixed(
          16,
          (it, to) -> to.putLong(it.auction).putLong(it.bidder),
          from -> new AuctionBidder(from.getLong(), from.getLong()));
}
