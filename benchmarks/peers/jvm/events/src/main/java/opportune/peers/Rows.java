package opportune.peers;

import java.nio.charset.StandardCharsets;

/** Result rows as the verifier reads them: fields and commas, ASCII. */
public final class Rows {
  private Rows() {}

  public static byte[] of(Object... fields) {
    StringBuilder row = new StringBuilder(48);
    for (int i = 0; i < fields.length; i++) {
      if (i > 0) row.append(',');
      row.append(fields[i]);
    }
    return row.toString().getBytes(StandardCharsets.ISO_8859_1);
  }
}
