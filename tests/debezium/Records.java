import io.debezium.embedded.Connect;
import io.debezium.engine.DebeziumEngine;
import java.io.BufferedOutputStream;
import java.io.FileOutputStream;
import java.io.FileReader;
import java.io.IOException;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.connect.json.JsonConverter;
import org.apache.kafka.connect.source.SourceRecord;

/**
 * Debezium's engine, its records written to a file as lines of tab-separated JSON: topic, key, value, offset, headers.
 *
 * Arguments: properties file, output file, whether keys and values carry their schemas (true, false).
 * It runs until its standard input ends.
 */
public class Records {
    public static void main(String[] arguments) throws Exception {
        Properties properties = new Properties();
        try (FileReader reader = new FileReader(arguments[0])) {
            properties.load(reader);
        }
        JsonConverter keys = converter(arguments[2], true);
        JsonConverter values = converter(arguments[2], false);
        JsonConverter offsets = converter("false", false);
        OutputStream out = new BufferedOutputStream(new FileOutputStream(arguments[1]), 1 << 16);
        DebeziumEngine<?> engine = DebeziumEngine.create(Connect.class)
                .using(properties)
                .using((success, message, error) -> {
                    System.err.println("engine ended: " + message + " " + error);
                    System.exit(success ? 0 : 3);
                })
                .notifying((events, committer) -> {
                    for (var event : events) {
                        SourceRecord record = event.value();
                        String topic = record.topic();
                        write(out, topic.getBytes(StandardCharsets.UTF_8), '\t');
                        write(out, keys.fromConnectData(topic, record.keySchema(), record.key()), '\t');
                        write(out, values.fromConnectData(topic, record.valueSchema(), record.value()), '\t');
                        write(out, offsets.fromConnectData(topic, null, record.sourceOffset()), '\n');
                        committer.markProcessed(event);
                    }
                    committer.markBatchFinished();
                    flush(out);
                })
                .build();
        Thread thread = new Thread(engine, "engine");
        thread.start();
        while (System.in.read() >= 0) {
            // the parent closes our input to end us
        }
        engine.close();
        thread.join(TimeUnit.SECONDS.toMillis(20));
        out.close();
        System.exit(0);
    }

    private static JsonConverter converter(String schemas, boolean key) {
        JsonConverter converter = new JsonConverter();
        converter.configure(Map.of("schemas.enable", schemas, "replace.null.with.default", "false"), key);
        return converter;
    }

    private static void flush(OutputStream out) {
        try {
            out.flush();
        }
        catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }

    private static void write(OutputStream out, byte[] text, char end) {
        try {
            out.write(text == null ? "null".getBytes(StandardCharsets.UTF_8) : text);
            out.write(end);
        }
        catch (IOException error) {
            throw new UncheckedIOException(error);
        }
    }
}
