import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Stream;

public final class Carrier {
  private static final String FIELD = "_otel_trace_headers";
  private static final String ALIAS = "_otel_trace_context";
  private static final ObjectMapper JSON =
      new ObjectMapper().enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS);

  /** For extract(Context.root(), carrier, getter); of msg.getData() and getHeaders().entrySet(). */
  public static Map<String, String> read(
      byte[] payload, Iterable<Map.Entry<String, List<String>>> headers) {
    JsonNode message = parse(payload);
    Map<String, String> lines = new HashMap<>();
    for (Map.Entry<String, List<String>> line : headers) {
      line.getValue().forEach(value -> lines.put(line.getKey().toLowerCase(Locale.ROOT), value));
    }
    List<Map<String, String>> carriers =
        List.of(decode(message.path(FIELD)), decode(message.path(ALIAS)), lines);
    return Stream.concat(
            carriers.stream().filter(carrier -> carrier.containsKey("traceparent")),
            carriers.stream().filter(carrier -> !carrier.isEmpty()))
        .findFirst()
        .orElse(Map.of());
  }

  /** {@code payload} with what inject() wrote into {@code carrier}, every other byte as it was. */
  public static byte[] write(byte[] payload, Map<String, String> carrier) {
    JsonNode message = parse(payload);
    JsonNode document = JSON.valueToTree(carrier);
    if (!message.isObject() || message.has(FIELD) || decode(document).isEmpty()) {
      return payload;
    }
    String comma = message.isEmpty() ? "" : ",";
    byte[] member = (comma + '"' + FIELD + "\":" + document).getBytes(UTF_8);
    int brace = payload.length - 1;
    while (payload[brace] != '}') {
      brace--;
    }
    return ByteBuffer.allocate(payload.length + member.length)
        .put(payload, 0, brace)
        .put(member)
        .put(payload, brace, payload.length - brace)
        .array();
  }

  private static JsonNode parse(byte[] payload) {
    try {
      return JSON.readTree(UTF_8.newDecoder().decode(ByteBuffer.wrap(payload)).toString());
    } catch (JsonProcessingException | CharacterCodingException noJson) {
      return JSON.nullNode();
    }
  }

  /** Empty unless {@code node} is an object of strings within bounds. */
  private static Map<String, String> decode(JsonNode node) {
    Map<String, String> carrier = new HashMap<>();
    node.fields().forEachRemaining(e -> carrier.put(e.getKey(), e.getValue().textValue()));
    boolean fits = carrier.size() <= 16 && node.toString().getBytes(UTF_8).length <= 8192;
    return fits && !carrier.containsValue(null) ? carrier : Map.of();
  }
}
