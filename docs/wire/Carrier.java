import static com.fasterxml.jackson.databind.DeserializationFeature.FAIL_ON_TRAILING_TOKENS;
import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.regex.Pattern;

public final class Carrier {
  private static final String FIELD = "_otel_trace_headers";
  private static final String ALIAS = "_otel_trace_context";
  private static final Pattern SPAN =
      Pattern.compile(
          "(?!ff)[\\da-f]{2}-(?!0{32})[\\da-f]{32}-(?!0{16})[\\da-f]{16}-[\\da-f]{2}(-.*)?");
  private static final ObjectMapper JSON = new ObjectMapper().enable(FAIL_ON_TRAILING_TOKENS);

  /** For extract(Context.root(), carrier, getter), of the data and the headers of a message. */
  public static Map<String, String> read(
      byte[] data, Iterable<Map.Entry<String, List<String>>> headers) {
    JsonNode message = parse(data);
    for (String name : List.of(FIELD, ALIAS)) {
      JsonNode document = message.path(name);
      Map<String, String> carrier = new HashMap<>();
      document.fieldNames().forEachRemaining(k -> carrier.put(k, document.get(k).textValue()));
      if (hasSpan(carrier)) return carrier;
    }
    Map<String, String> lines = new HashMap<>();
    for (Map.Entry<String, List<String>> line : headers) {
      line.getValue().forEach(text -> lines.put(line.getKey().toLowerCase(Locale.ROOT), text));
    }
    return lines;
  }

  /** {@code data} with what inject() wrote into {@code carrier}, the rest as it was. */
  public static byte[] write(byte[] data, Map<String, String> carrier) {
    JsonNode message = parse(data);
    if (!message.isObject() || message.has(FIELD) || !hasSpan(carrier)) return data;
    String comma = message.isEmpty() ? "" : ",";
    String text = new String(data, UTF_8);
    int brace = text.lastIndexOf('}');
    String member = comma + '"' + FIELD + "\":" + JSON.valueToTree(carrier);
    return (text.substring(0, brace) + member + text.substring(brace)).getBytes(UTF_8);
  }

  private static JsonNode parse(byte[] data) {
    try {
      return JSON.readTree(UTF_8.newDecoder().decode(ByteBuffer.wrap(data)).toString());
    } catch (IOException noJson) {
      return JSON.nullNode();
    }
  }

  private static boolean hasSpan(Map<String, String> carrier) {
    boolean hasOther = carrier.containsValue(null); // a value that is no text
    return !hasOther && SPAN.matcher(carrier.getOrDefault("traceparent", "")).matches();
  }
}
