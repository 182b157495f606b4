package opportune.peers;

import com.fasterxml.jackson.core.JsonFactory;
import com.fasterxml.jackson.core.JsonParser;
import java.io.IOException;
import java.io.UncheckedIOException;

/** Reads an ad event token by token. */
public final class AdParser {
  private final JsonFactory json = new JsonFactory();

  /** @throws UncheckedIOException where the bytes are not a message of the stream */
  public AdEvent parse(byte[] bytes, AdEvent into) {
    try (JsonParser p = json.createParser(bytes)) {
      p.nextToken();
      for (String field = p.nextFieldName(); field != null; field = p.nextFieldName()) {
        p.nextToken();
        switch (field) {
          case "ad_id" -> into.adId = p.getText();
          case "event_type" -> {
            String type = p.getText();
            into.view = type.equals("view");
            into.flush = type.equals("flush");
          }
          case "event_time" -> into.time = Long.parseLong(p.getText());
          default -> {}
        }
      }
      return into;
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
