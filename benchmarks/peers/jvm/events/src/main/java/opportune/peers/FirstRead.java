package opportune.peers;

/** Says once, on standard output, when the first record reached the engine: the clock starts there. */
public final class FirstRead {
  private static volatile boolean said;

  private FirstRead() {}

  public static void mark() {
    if (said) return;
    said = true;
    System.out.println("FIRST_READ " + System.currentTimeMillis());
    System.out.flush();
  }
}
