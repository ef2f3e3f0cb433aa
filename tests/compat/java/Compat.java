import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.TreeMap;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TransactionListing;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidProducerEpochException;
import org.apache.kafka.common.errors.ProducerFencedException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/** Uses a broker through the Java client as programs do; ends with an exception where it is not as Kafka's is. */
public class Compat {
    static String servers;
    static String run;

    public static void main(String[] arguments) throws Exception {
        servers = arguments[0];
        run = arguments[2];
        switch (arguments[1]) {
            case "roundtrip" -> roundtrip();
            case "admin" -> admin();
            case "transactions" -> transactions();
            case "streams" -> streams(arguments[3]);
            case "consumer-group" -> consumerGroup();
            case "member" -> member(run);
            default -> throw new IllegalArgumentException(arguments[1]);
        }
        System.out.println("done");
    }

    static void check(boolean holds, Object what) {
        if (!holds) {
            throw new AssertionError(String.valueOf(what));
        }
    }

    static Properties config(String... pairs) {
        Properties out = new Properties();
        out.put("bootstrap.servers", servers);
        for (int i = 0; i < pairs.length; i += 2) {
            out.put(pairs[i], pairs[i + 1]);
        }
        return out;
    }

    static Admin newAdmin() {
        return Admin.create(config("default.api.timeout.ms", "20000", "request.timeout.ms", "10000"));
    }

    static KafkaProducer<String, String> producer(String... pairs) {
        return new KafkaProducer<>(config(pairs), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(String group, String isolation) {
        Properties config = config("group.id", group, "isolation.level", isolation, "auto.offset.reset", "earliest",
            "enable.auto.commit", "false");
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    static List<ConsumerRecord<String, String>> take(KafkaConsumer<String, String> consumer, int count) {
        List<ConsumerRecord<String, String>> out = new ArrayList<>();
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (out.size() < count && System.nanoTime() < end) {
            consumer.poll(Duration.ofMillis(200)).forEach(out::add);
        }
        check(out.size() == count, "wanted " + count + " records, got " + out.size());
        return out;
    }

    static void create(String topic, int partitions) throws Exception {
        try (Admin admin = newAdmin()) {
            admin.createTopics(List.of(new NewTopic(topic, partitions, (short) 1))).all().get();
        }
    }

    /** Three members of a group that the broker assigns (KIP-848): one joins after the other, one leaves, one is killed. */
    static void consumerGroup() throws Exception {
        create(run, 6);
        try (var producer = producer()) {
            for (int i = 0; i < 300; i++) {
                producer.send(new ProducerRecord<>(run, "k" + i, "v" + i));
            }
        }
        Set<String> seen = new java.util.HashSet<>();
        var first = newProtocol(run);
        until(() -> first.assignment().size() == 6, seen, first);
        Process killed = child();
        try {
            until(() -> first.assignment().size() == 3, seen, first);
            try (var second = newProtocol(run)) {
                until(() -> first.assignment().size() == 2 && second.assignment().size() == 2, seen, first, second);
                try (Admin admin = newAdmin()) {
                    var group = admin.describeConsumerGroups(List.of(run)).all().get().get(run);
                    check(group.members().size() == 3, group);
                    check(group.type() == org.apache.kafka.common.GroupType.CONSUMER, group);
                    check(group.partitionAssignor().equals("uniform"), group);
                }
            }
            until(() -> first.assignment().size() == 3, seen, first);
        } finally {
            killed.destroyForcibly();
        }
        until(() -> first.assignment().size() == 6, seen, first);
        first.seekToBeginning(first.assignment());
        seen.clear();
        until(() -> seen.size() == 300, seen, first);
        first.commitSync();
        try (Admin admin = newAdmin()) {
            long committed = admin.listConsumerGroupOffsets(run).partitionsToOffsetAndMetadata().get().values().stream()
                .mapToLong(OffsetAndMetadata::offset).sum();
            check(committed == 300, committed);
        }
        first.close();
        pattern();
    }

    /** A regular expression is resolved by the broker. */
    static void pattern() throws Exception {
        create(run + "-eu", 1);
        var consumer = new KafkaConsumer<String, String>(newProtocolConfig(run + "-pattern"));
        try (consumer) {
            consumer.subscribe(java.util.regex.Pattern.compile(run + "-.*"));
            until(() -> consumer.assignment().size() == 1, new java.util.HashSet<>(), consumer);
        }
    }

    static Properties newProtocolConfig(String group) {
        return config("group.id", group, "group.protocol", "consumer", "auto.offset.reset", "earliest",
            "enable.auto.commit", "false", "key.deserializer", StringDeserializer.class.getName(),
            "value.deserializer", StringDeserializer.class.getName(), "metadata.max.age.ms", "1000");
    }

    static KafkaConsumer<String, String> newProtocol(String topic) {
        var consumer = new KafkaConsumer<String, String>(newProtocolConfig(topic));
        consumer.subscribe(List.of(topic));
        return consumer;
    }

    static Process child() throws Exception {
        String java = System.getProperty("java.home") + "/bin/java";
        return new ProcessBuilder(java, "-Xmx128m", "-cp", System.getProperty("java.class.path"), "Compat", servers,
            "member", run).redirectErrorStream(true).redirectOutput(ProcessBuilder.Redirect.DISCARD).start();
    }

    static void member(String topic) {
        var consumer = newProtocol(topic);
        while (true) {
            consumer.poll(Duration.ofMillis(100));
        }
    }

    @SafeVarargs
    static void until(java.util.function.BooleanSupplier done, Set<String> seen, KafkaConsumer<String, String>... all) {
        long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
        while (!done.getAsBoolean()) {
            check(System.nanoTime() < end, "waited in vain: " + List.of(all).stream().map(c -> c.assignment()).toList());
            for (var consumer : all) {
                consumer.poll(Duration.ofMillis(50)).forEach(record -> seen.add(record.value()));
            }
        }
    }

    static void roundtrip() throws Exception {
        for (String codec : List.of("none", "gzip", "snappy", "lz4", "zstd")) {
            String topic = run + "-" + codec;
            create(topic, 3);
            try (var producer = producer("compression.type", codec, "acks", "all", "enable.idempotence", "true")) {
                for (int i = 0; i < 500; i++) {
                    producer.send(new ProducerRecord<>(topic, "k" + i % 7, "v" + i));
                }
            }
            Map<String, Integer> last = new HashMap<>();
            try (var consumer = consumer(topic, "read_uncommitted")) {
                consumer.subscribe(List.of(topic));
                for (var record : take(consumer, 500)) {
                    int number = Integer.parseInt(record.value().substring(1));
                    check(last.getOrDefault(record.key(), -1) < number, "order of " + record.key());
                    last.put(record.key(), number);
                }
                consumer.commitSync();
            }
            try (var consumer = consumer(topic, "read_uncommitted")) {
                consumer.subscribe(List.of(topic));
                check(consumer.poll(Duration.ofMillis(1000)).isEmpty(), "nothing after the committed offsets");
                long sum = consumer.committed(consumer.assignment()).values().stream().mapToLong(o -> o.offset()).sum();
                check(sum == 500, sum);
            }
        }
    }

    static void admin() throws Exception {
        String topic = run + "-admin";
        TopicPartition first = new TopicPartition(topic, 0);
        try (Admin admin = newAdmin()) {
            check(admin.describeCluster().nodes().get().size() == 1, "nodes");
            check(admin.describeCluster().controller().get().id() >= 0, "controller");
            admin.describeFeatures().featureMetadata().get();
            var wanted = new NewTopic(topic, 2, (short) 1).configs(Map.of("retention.ms", "1000000"));
            admin.createTopics(List.of(wanted)).all().get();
            try {
                admin.createTopics(List.of(wanted)).all().get();
                throw new AssertionError("created twice");
            } catch (ExecutionException error) {
                check(error.getCause() instanceof TopicExistsException, error);
            }
            check(admin.listTopics().names().get().contains(topic), "listed");
            admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
            var described = admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
            check(described.partitions().size() == 3, described);
            check(described.partitions().get(0).isr().size() == 1, described);
            var resource = new ConfigResource(ConfigResource.Type.TOPIC, topic);
            check(admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value()
                .equals("1000000"), "retention.ms");
            var change = new AlterConfigOp(new ConfigEntry("retention.ms", "2000000"), AlterConfigOp.OpType.SET);
            admin.incrementalAlterConfigs(Map.of(resource, List.<AlterConfigOp>of(change))).all().get();
            check(admin.describeConfigs(List.of(resource)).all().get().get(resource).get("retention.ms").value()
                .equals("2000000"), "retention.ms");
            try (var producer = producer("acks", "all")) {
                for (int i = 0; i < 10; i++) {
                    producer.send(new ProducerRecord<>(topic, 0, 1_700_000_000_000L + i, "k", "v" + i)).get();
                }
            }
            check(offset(admin, first, OffsetSpec.latest()) == 10, "latest");
            check(offset(admin, first, OffsetSpec.maxTimestamp()) == 9, "maxTimestamp");
            check(offset(admin, first, OffsetSpec.forTimestamp(1_700_000_000_004L)) == 4, "forTimestamp");
            admin.deleteRecords(Map.of(first, RecordsToDelete.beforeOffset(3))).all().get();
            check(offset(admin, first, OffsetSpec.earliest()) == 3, "earliest");
            check(!admin.describeLogDirs(List.of(described.partitions().get(0).leader().id())).allDescriptions().get()
                .isEmpty(), "log dirs");
            admin.describeProducers(List.of(first)).all().get();
            groups(admin, topic, first);
            admin.deleteTopics(List.of(topic)).all().get();
            check(!admin.listTopics().names().get().contains(topic), "deleted");
        }
    }

    static void groups(Admin admin, String topic, TopicPartition first) throws Exception {
        String group = run + "-group";
        try (var consumer = consumer(group, "read_uncommitted")) {
            consumer.subscribe(List.of(topic));
            take(consumer, 7);
            consumer.commitSync();
            var described = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
            check(described.members().size() == 1, described);
            Collection<TopicPartition> assigned = described.members().iterator().next().assignment().topicPartitions();
            check(assigned.size() == 3, assigned);
        }
        check(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(first).offset() == 10,
            "committed");
        admin.alterConsumerGroupOffsets(group, Map.of(first, new OffsetAndMetadata(5))).all().get();
        check(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(first).offset() == 5,
            "altered");
        admin.deleteConsumerGroupOffsets(group, Set.of(first)).all().get();
        check(admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().get(first) == null,
            "offset deleted");
        admin.deleteConsumerGroups(List.of(group)).all().get();
    }

    static long offset(Admin admin, TopicPartition partition, OffsetSpec spec) throws Exception {
        return admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get().offset();
    }

    static void transactions() throws Exception {
        String in = run + "-in";
        String out = run + "-out";
        create(in, 1);
        create(out, 2);
        try (var producer = producer()) {
            for (int i = 0; i < 20; i++) {
                producer.send(new ProducerRecord<>(in, "k", "" + i));
            }
        }
        try (var producer = producer("transactional.id", run); var consumer = consumer(run, "read_committed")) {
            producer.initTransactions();
            consumer.subscribe(List.of(in));
            var records = take(consumer, 20);
            for (int attempt = 0; attempt < 6; attempt++) {
                producer.beginTransaction();
                for (var record : records) {
                    producer.send(new ProducerRecord<>(out, record.value(), attempt + ":" + record.value()));
                }
                producer.flush();
                TopicPartition place = new TopicPartition(in, 0);
                producer.sendOffsetsToTransaction(Map.of(place, new OffsetAndMetadata(attempt + 1)),
                    consumer.groupMetadata());
                if (attempt % 2 == 0) {
                    producer.abortTransaction();
                } else {
                    producer.commitTransaction();
                    check(consumer.committed(Set.of(place)).get(place).offset() == attempt + 1, "offset");
                }
            }
        }
        try (var consumer = consumer(run + "-check", "read_committed")) {
            consumer.subscribe(List.of(out));
            for (var record : take(consumer, 60)) {
                check(Integer.parseInt(record.value().substring(0, 1)) % 2 == 1, record);
            }
            check(consumer.poll(Duration.ofMillis(500)).isEmpty(), "more than was committed");
        }
        fencing(out);
        try (Admin admin = newAdmin()) {
            var found = admin.listTransactions().all().get();
            check(found.stream().map(TransactionListing::transactionalId).anyMatch(run::equals), found);
            check(admin.describeTransactions(List.of(run)).all().get().containsKey(run), "described");
            admin.fenceProducers(List.of(run)).all().get();
        }
    }

    static void fencing(String topic) {
        var older = producer("transactional.id", run + "-fence");
        older.initTransactions();
        older.beginTransaction();
        older.send(new ProducerRecord<>(topic, "k", "9:older"));
        older.flush();
        try (var newer = producer("transactional.id", run + "-fence")) {
            newer.initTransactions();
            newer.beginTransaction();
            newer.commitTransaction();
            try {
                older.commitTransaction();
                throw new AssertionError("the older producer was not fenced");
            } catch (ProducerFencedException | InvalidProducerEpochException expected) {
                older.close();
            }
        }
    }

    static void streams(String folder) throws Exception {
        String in = run + "-lines";
        String out = run + "-counts";
        create(in, 2);
        create(out, 1);
        StreamsBuilder builder = new StreamsBuilder();
        builder.<String, String>stream(in)
            .flatMapValues(line -> List.of(line.toLowerCase().split(" ")))
            .groupBy((key, word) -> word, Grouped.with(Serdes.String(), Serdes.String()))
            .count(Materialized.as("counts"))
            .toStream()
            .to(out, Produced.with(Serdes.String(), Serdes.Long()));
        Properties config = config(
            StreamsConfig.APPLICATION_ID_CONFIG, run, StreamsConfig.STATE_DIR_CONFIG, folder,
            "session.timeout.ms", "6000", "commit.interval.ms", "100",  // a stopped instance does not leave its group
            StreamsConfig.PROCESSING_GUARANTEE_CONFIG, StreamsConfig.EXACTLY_ONCE_V2,
            StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class.getName(),
            StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class.getName());
        Map<String, Long> wanted = new TreeMap<>();
        for (int half = 0; half < 2; half++) {  // the second one goes on with what the first one left
            try (var producer = producer()) {
                for (int i = 0; i < 300; i++) {
                    String line = "All streams lead to number" + i % 10;
                    producer.send(new ProducerRecord<>(in, "k" + i, line));
                    for (String word : line.toLowerCase().split(" ")) {
                        wanted.merge(word, 1L, Long::sum);
                    }
                }
            }
            try (KafkaStreams streams = new KafkaStreams(builder.build(), config)) {
                streams.start();
                await(out, wanted, half);
            }
        }
    }

    static void await(String topic, Map<String, Long> wanted, int half) {
        Properties config = config("group.id", run + "-check-" + half, "isolation.level", "read_committed",
            "auto.offset.reset", "earliest");
        Map<String, Long> found = new TreeMap<>();
        try (var consumer = new KafkaConsumer<>(config, new StringDeserializer(), Serdes.Long().deserializer())) {
            consumer.subscribe(List.of(topic));
            long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(60);
            while (!found.equals(wanted) && System.nanoTime() < end) {
                consumer.poll(Duration.ofMillis(200)).forEach(record -> found.put(record.key(), record.value()));
            }
        }
        check(found.equals(wanted), "wanted " + wanted + ", found " + found);
    }
}
