package opportune.peers;

/** What the query looks at of an ad event; mutable, as {@link NexmarkEvent}. */
public final class AdEvent {
  public String adId = "";
  public boolean view;
  /** Ends the stream. */
  public boolean flush;
  /** ms since 1970. */
  public long time;
}
