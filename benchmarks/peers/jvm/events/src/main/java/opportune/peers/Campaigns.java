package opportune.peers;

import java.util.HashMap;
import java.util.Map;

/** The table ad -> campaign: a map in memory, for every engine. */
public final class Campaigns {
  private static final int ADS = 1000;
  private static final int ADS_PER_CAMPAIGN = 10;

  private Campaigns() {}

  public static Map<String, String> byAd() {
    Map<String, String> table = new HashMap<>(2 * ADS);
    for (int ad = 0; ad < ADS; ad++) table.put(id('c', ad), id('d', ad / ADS_PER_CAMPAIGN));
    return table;
  }

  private static String id(char kind, int number) {
    return String.valueOf(kind).repeat(8) + "-0000-4000-8000-" + String.format("%012d", number);
  }
}
