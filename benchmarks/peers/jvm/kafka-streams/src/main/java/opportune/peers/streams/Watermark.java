package opportune.peers.streams;

import java.util.Arrays;

/** The lowest of what each source has reached, less what it may be out of order by. It never falls. */
final class Watermark {
  private final long[] highest;
  private final long boundMs;
  private long current = Long.MIN_VALUE;

  Watermark(int sources, long boundMs) {
    this.highest = new long[sources];
    this.boundMs = boundMs;
    Arrays.fill(highest, Long.MIN_VALUE + boundMs);
  }

  long current() {
    return current;
  }

  /** @return whether the watermark rose */
  boolean observe(int source, long time) {
    if (time <= highest[source]) return false;
    highest[source] = time;
    long lowest = highest[0];
    for (long each : highest) lowest = Math.min(lowest, each);
    if (lowest - boundMs <= current) return false;
    current = lowest - boundMs;
    return true;
  }
}
