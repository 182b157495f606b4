package opportune.peers.streams;

import java.nio.charset.StandardCharsets;
import opportune.peers.NexmarkEvent;
import org.apache.kafka.common.serialization.Serde;

/** q8: what a window saw of one person: the name where they joined, whether they opened an auction. */
record Newcomer(String name, boolean selling) {
  static final Newcomer NONE = new Newcomer("", false);
  static final Serde<Newcomer> SERDE =
      Formats.of(
          it -> 1 + it.name.length(),
          (it, to) ->
              to.put((byte) (it.selling ? 1 : 0)).put(it.name.getBytes(StandardCharsets.ISO_8859_1)),
          from -> {
            boolean selling = from.get() == 1;
            byte[] name = new byte[from.remaining()];
            from.get(name);
            return new Newcomer(new String(name, StandardCharsets.ISO_8859_1), selling);
          });

  static Newcomer of(NexmarkEvent e) {
    return e.type == NexmarkEvent.PERSON ? new Newcomer(e.name, false) : new Newcomer("", true);
  }

  static long keyOf(NexmarkEvent e, long flush) {
    if (e.type == NexmarkEvent.FLUSH) return flush;
    return e.type == NexmarkEvent.PERSON ? e.id : e.seller;
  }

  Newcomer with(Newcomer other) {
    return new Newcomer(name.isEmpty() ? other.name : name, selling || other.selling);
  }

  boolean isPersonSelling() {
    return selling && !name.isEmpty();
  }
}
