// Runs Apache Kafka's own JsonConverter and transforms over the cases that come in, one JSON document per line.
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.header.Header;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.sink.SinkRecord;
import org.apache.kafka.connect.transforms.Transformation;

public class Oracle {
    static final ObjectMapper JSON = new ObjectMapper();

    static JsonConverter converter(JsonNode config) {
        Map<String, Object> settings = new HashMap<>();
        config.fields().forEachRemaining(e -> settings.put(e.getKey(), e.getValue().asText()));
        JsonConverter made = new JsonConverter();
        made.configure(settings, false);
        return made;
    }

    static byte[] bytes(JsonNode text) {
        return text == null || text.isNull() ? null : text.asText().getBytes(StandardCharsets.UTF_8);
    }

    static String text(byte[] data) {
        return data == null ? null : new String(data, StandardCharsets.UTF_8);
    }

    static void convert(JsonNode given, ObjectNode out) {
        SchemaAndValue value = converter(given.get("from")).toConnectData("t", bytes(given.get("text")));
        out.put("text", text(converter(given.get("to")).fromConnectData("t", value.schema(), value.value())));
    }

    @SuppressWarnings("unchecked")
    static void transform(JsonNode given, ObjectNode out) throws Exception {
        JsonConverter enveloped = converter(JSON.readTree("{\"schemas.enable\": \"true\"}"));
        Class<?> type = Class.forName(given.get("class").asText());
        Map<String, Object> settings = new HashMap<>();
        given.get("config").fields().forEachRemaining(e -> settings.put(e.getKey(), e.getValue().asText()));
        try (Transformation<SinkRecord> made = (Transformation<SinkRecord>) type.getConstructor().newInstance()) {
            made.configure(settings);
            SchemaAndValue key = enveloped.toConnectData("t", bytes(given.get("key")));
            SchemaAndValue value = enveloped.toConnectData("t", bytes(given.get("value")));
            SinkRecord record = new SinkRecord("topic-x", 3, key.schema(), key.value(), value.schema(), value.value(),
                7, 1600000000123L, TimestampType.CREATE_TIME);
            record.headers().addString("old", "kept");
            SinkRecord made2 = made.apply(record);
            if (made2 == null) {
                out.put("dropped", true);
                return;
            }
            out.put("topic", made2.topic());
            out.put("key", text(enveloped.fromConnectData("t", made2.keySchema(), made2.key())));
            out.put("value", text(enveloped.fromConnectData("t", made2.valueSchema(), made2.value())));
            ArrayNode headers = out.putArray("headers");
            for (Header header : made2.headers()) {
                headers.add(header.key() + "=" + text(enveloped.fromConnectHeader("t", header.key(), header.schema(),
                    header.value())));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode given = JSON.readTree(line);
            ObjectNode out = JSON.createObjectNode();
            try {
                if (given.has("class")) {
                    transform(given, out);
                } else {
                    convert(given, out);
                }
            } catch (Exception error) {
                out.removeAll();
                out.put("error", error.toString());
            }
            System.out.println(JSON.writeValueAsString(out));
        }
    }
}
