package opportune.peers;

/**
 * What the queries look at of a Nexmark message, flat and mutable, so that one object can serve every
 * message where an engine allows it. Fields of another kind of message keep stale values: look at
 * {@code type} first.
 */
public final class NexmarkEvent {
  public static final int PERSON = 0;
  public static final int AUCTION = 1;
  public static final int BID = 2;
  /** Ends the stream: an hour later than the last event, so that every window closes. */
  public static final int FLUSH = 9;

  public int type;
  /** ms since 1970. */
  public long dateTime;
  /** Of a person. */
  public long id;
  /** Of a person. */
  public String name = "";
  /** Of an auction. */
  public long seller;
  /** Of a bid, as the next two. */
  public long auction;
  public long bidder;
  public long price;
}
