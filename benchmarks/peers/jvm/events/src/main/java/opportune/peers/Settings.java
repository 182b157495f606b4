package opportune.peers;

/**
 * What a run is told, by environment variables of the same names for every peer.
 *
 * @param stateDirectory exists, is empty, and is removed after the run
 * @param run names this run: consumer group, transactional ids
 */
public record Settings(
    String query,
    String variant,
    String brokers,
    String input,
    String output,
    String run,
    String stateDirectory,
    int commitMs) {
  public static final int PARTITIONS = 4;
  public static final long OUT_OF_ORDER_MS = 4_000;
  public static final long WINDOW_MS = 10_000;
  public static final long HOP_MS = 2_000;

  public static Settings fromEnvironment() {
    return new Settings(
        need("QUERY"),
        need("VARIANT"),
        need("BROKERS"),
        need("INPUT"),
        need("OUTPUT"),
        need("RUN"),
        need("STATE_DIRECTORY"),
        Integer.parseInt(need("COMMIT_MS")));
  }

  private static String need(String name) {
    String value = System.getenv(name);
    if (value == null || value.isEmpty()) throw new IllegalArgumentException(name + " is not set");
    return value;
  }
}
