package opportune.peers.streams;

import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import opportune.peers.NexmarkEvent;
import opportune.peers.Rows;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.KeyValue;

/** The bids with the highest price so far; all have one price. */
record TopBids(List<Bid> bids) {
  record Bid(long auction, long bidder, long price, long dateTime) {
    static final int BYTES = 32;
    static final Serde<Bid> SERDE = Formats.fixed(BYTES, Bid::write, Bid::read);

    static Bid of(NexmarkEvent e) {
      return new Bid(e.auction, e.bidder, e.price, e.dateTime);
    }

    private void write(ByteBuffer to) {
      to.putLong(auction).putLong(bidder).putLong(price).putLong(dateTime);
    }

    private static Bid read(ByteBuffer from) {
      return new Bid(from.getLong(), from.getLong(), from.getLong(), from.getLong());
    }
  }

  static final Serde<TopBids> SERDE =
      Formats.of(
          it -> Bid.BYTES * it.bids.size(),
          (it, to) -> it.bids.forEach(bid -> bid.write(to)),
          from -> {
            List<Bid> bids = new ArrayList<>(1);
            while (from.hasRemaining()) bids.add(Bid.read(from));
            return new TopBids(bids);
          });

  static TopBids none() {
    return new TopBids(List.of());
  }

  /** The price in the bytes of bids, the first of which begins there. */
  static long price(byte[] bytes, int at) {
    return Longs.at(bytes, at + 16);
  }

  private long price() {
    return bids.isEmpty() ? -1 : bids.get(0).price;
  }

  TopBids add(Bid bid) {
    if (bid.price < price()) return this;
    return merge(new TopBids(List.of(bid)));
  }

  TopBids merge(TopBids other) {
    if (other.price() != price()) return other.price() > price() ? other : this;
    return new TopBids(Stream.concat(bids.stream(), other.bids.stream()).toList());
  }

  List<KeyValue<byte[], byte[]>> rows(long windowEnd) {
    return bids.stream()
        .map(b -> new KeyValue<>((byte[]) null, Rows.of(windowEnd, b.auction, b.bidder, b.price, b.dateTime)))
        .toList();
  }
}
