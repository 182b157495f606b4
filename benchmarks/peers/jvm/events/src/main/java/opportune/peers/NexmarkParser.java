package opportune.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonToken;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Reads a message token by token, without a tree and without the texts no query looks at. */
public final class NexmarkParser {
  private final JsonFactory json = new JsonFactory();

  /** @throws UncheckedIOException where the bytes are not a message of the stream */
  public NexmarkEvent parse(byte[] bytes, NexmarkEvent into) {
    try (JsonParser p = json.createParser(bytes)) {
      p.nextToken();
      for (String field = p.nextFieldName(); field != null; field = p.nextFieldName()) {
        JsonToken token = p.nextToken();
        if (token == JsonToken.START_OBJECT) readBody(p, into);
        else if (field.equals("event_type")) into.type = p.getIntValue();
        else if (field.equals("dateTime")) into.dateTime = p.getLongValue();
      }
      return into;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static void readBody(JsonParser p, NexmarkEvent into) throws IOException {
    for (String field = p.nextFieldName(); field != null; field = p.nextFieldName()) {
      p.nextToken();
      switch (field) {
        case "dateTime" -> into.dateTime = p.getLongValue();
        case "auction" -> into.auction = p.getLongValue();
        case "bidder" -> into.bidder = p.getLongValue();
        case "price" -> into.price = p.getLongValue();
        case "id" -> into.id = p.getLongValue();
        case "name" -> into.name = p.getText();
        case "seller" -> into.seller = p.getLongValue();
        default -> {}
      }
    }
  }
}
