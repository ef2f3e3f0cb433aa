import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import io.apicurio.registry.content.TypedContent;
import io.apicurio.registry.rules.compatibility.CompatibilityChecker;
import io.apicurio.registry.rules.compatibility.CompatibilityLevel;
import io.apicurio.registry.rules.compatibility.JsonSchemaCompatibilityChecker;
import io.apicurio.registry.rules.compatibility.ProtobufCompatibilityChecker;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.apache.avro.Schema;
import org.apache.avro.SchemaCompatibility;

/**
 * Reads {"kind", "reader", "writer"} per line and answers whether the reader's schema reads what the writer's wrote:
 * for Avro as Apache Avro says, else as Apicurio's registry says.
 */
public final class Checkers {
    private static final ObjectMapper JSON = new ObjectMapper();

    public static void main(String[] arguments) throws Exception {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = lines.readLine(); line != null; line = lines.readLine()) {
            System.out.println(JSON.writeValueAsString(answer(JSON.readTree(line))));
        }
    }

    private static Map<String, Object> answer(JsonNode question) {
        return question.get("kind").asText().equals("AVRO") ? avro(question) : apicurio(question);
    }

    private static Map<String, Object> avro(JsonNode question) {
        try {
            var reader = new Schema.Parser().parse(question.get("reader").asText());
            var writer = new Schema.Parser().parse(question.get("writer").asText());
            var found = SchemaCompatibility.checkReaderWriterCompatibility(reader, writer).getResult();
            var reasons = new ArrayList<List<String>>();
            for (var each : found.getIncompatibilities()) {
                reasons.add(List.of(each.getType().name(), each.getLocation(), each.getMessage()));
            }
            return Map.of("reads", reasons.isEmpty(), "reasons", reasons);
        } catch (RuntimeException error) {
            return Map.of("fails", String.valueOf(error));
        }
    }

    private static Map<String, Object> apicurio(JsonNode question) {
        var json = question.get("kind").asText().equals("JSON");
        CompatibilityChecker checker = json ? new JsonSchemaCompatibilityChecker() : new ProtobufCompatibilityChecker();
        var type = json ? "application/json" : "application/x-protobuf";
        var reader = TypedContent.create(question.get("reader").asText(), type);
        var writer = TypedContent.create(question.get("writer").asText(), type);
        try {
            var found = checker.testCompatibility(CompatibilityLevel.BACKWARD, List.of(writer), reader, Map.of());
            return Map.of("reads", found.isCompatible());
        } catch (RuntimeException error) {
            return Map.of("fails", String.valueOf(error));
        }
    }
}
