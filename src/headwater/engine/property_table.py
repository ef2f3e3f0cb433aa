"""The table of known properties: names, types and defaults of everything `SET`, a request or the server file may name.

One line each: name, type, default. `-` is no default. Names follow ksqlDB's configuration and, in the second, third and
fourth table, the configuration of Kafka Streams and of the Kafka clients. A type may be followed by `=` and the allowed
values, or by `>=` and the least value.
"""

from __future__ import annotations

KSQL = """
ksql.service.id                                         string   default_
ksql.deployment.type                                    string=selfManaged,confluent   selfManaged
ksql.persistent.prefix                                  string   query_
ksql.transient.prefix                                   string   transient_
ksql.output.topic.name.prefix                           string
ksql.persistence.default.format.key                     string   KAFKA
ksql.persistence.default.format.value                   string   -
ksql.persistence.wrap.single.values                     boolean  -
ksql.create.or.replace.enabled                          boolean  true
ksql.create.topic.inherit.source.replicas.enabled       boolean  true
ksql.hidden.topics                                      list     {system topics}
ksql.readonly.topics                                    list     {system topics}
ksql.variable.substitution.enable                       boolean  true
ksql.insert.into.values.enabled                         boolean  true
ksql.source.table.materialization.enabled               boolean  true
ksql.headers.columns.enabled                            boolean  true
ksql.lambdas.enabled                                    boolean  true
ksql.suppress.enabled                                   boolean  true
ksql.suppress.buffer.size.bytes                         long>=-1 -1
ksql.json_sr.converter.deserializer.enabled             boolean  true
ksql.new.query.planner.enabled                          boolean  false
ksql.metastore.backup.location                          string
ksql.fail.on.deserialization.error                      boolean  false
ksql.cast.strings.preserve.nulls                        boolean  true
ksql.nested.error.set.null                              boolean  true
ksql.timestamp.throw.on.invalid                         boolean  false
ksql.query.persistent.active.limit                      int      2147483647
ksql.query.retry.backoff.initial.ms                     long     15000
ksql.query.retry.backoff.max.ms                         long     900000
ksql.query.error.max.queue.size                         int      10
ksql.query.status.running.threshold.seconds             int      300
ksql.query.persistent.max.bytes.buffering.total         long     -1
ksql.query.transient.max.bytes.buffering.total          long     -1
ksql.fail.on.production.error                           boolean  true
ksql.streams.shutdown.timeout.ms                        long     300000
ksql.query.cleanup.shutdown.timeout.ms                  long     30000
ksql.transient.query.cleanup.service.enable             boolean  true
ksql.transient.query.cleanup.service.initial.delay.seconds int   600
ksql.transient.query.cleanup.service.period.seconds     int      600
ksql.internal.topic.replicas                            short    1
ksql.internal.topic.min.insync.replicas                 short    1
ksql.sink.window.change.log.additional.retention        long     1000000
ksql.runtime.feature.shared.enabled                     boolean  false
ksql.shared.runtimes.count                              int      2
ksql.queries.file                                       string   -
ksql.pull.queries.enable                                boolean  true
ksql.query.pull.stream.enabled                          boolean  true
ksql.query.pull.range.scan.enabled                      boolean  true
ksql.query.pull.table.scan.enabled                      boolean  true
ksql.query.pull.interpreter.enabled                     boolean  true
ksql.query.pull.limit.clause.enabled                    boolean  true
ksql.query.pull.enable.standby.reads                    boolean  false
ksql.query.pull.metrics.enabled                         boolean  true
ksql.query.pull.max.allowed.offset.lag                  long     9223372036854775807
ksql.query.pull.max.qps                                 int      2147483647
ksql.query.pull.max.concurrent.requests                 int      2147483647
ksql.query.pull.max.hourly.bandwidth.megabytes          int      2147483647
ksql.query.pull.thread.pool.size                        int      50
ksql.query.pull.router.thread.pool.size                 int      50
ksql.query.pull.coordinator.queue.capacity              int      2147483647
ksql.query.pull.router.queue.capacity                   int      2147483647
ksql.query.pull.forwarding.timeout.ms                   long     20000
ksql.query.pull.cancel.on.disconnect.enabled            boolean  false
ksql.query.push.v2.enabled                              boolean  false
ksql.query.push.v2.registry.installed                   boolean  false
ksql.query.push.v2.alos.enabled                         boolean  true
ksql.query.push.v2.interpreter.enabled                  boolean  true
ksql.query.push.v2.new.latest.delay.ms                  long     5000
ksql.query.push.v2.latest.reset.age.ms                  long     30000
ksql.query.push.v2.continuation.tokens.enabled          boolean  false
ksql.query.push.v2.max.catchup.consumers                int      5
ksql.query.push.v2.catchup.consumer.msg.window          int      50
ksql.query.push.v2.metrics.enabled                      boolean  true
ksql.query.push.v2.max.hourly.bandwidth.megabytes       int      2147483647
ksql.max.push.queries                                   int>=0   100
ksql.properties.overrides.denylist                      list
ksql.properties.overrides.allowlist                     list
ksql.properties.overrides.validation.mode               string=denylist,allowlist   denylist
ksql.properties.overrides.log                           boolean  false
ksql.properties.overrides.range.validation.log.enabled  boolean  false
ksql.properties.overrides.validation.restore.enabled    boolean  false
ksql.access.validator.enable                            string=on,off,auto   auto
ksql.authorization.cache.expiry.time.secs               long     30
ksql.authorization.cache.max.entries                    long     10000
ksql.security.extension.class                           string   -
ksql.resource.extension.class                           string   -
ksql.admin.request.retry.timeout.ms                     long     2500
ksql.kafka.client.additional.config.prefixes            list
ksql.client.ip_port.configuration.enabled               boolean  false
ksql.proxy.protocol.local.mode.enabled                  boolean  false
ksql.fetch.remote.hosts.max.timeout.seconds             long     10
ksql.assert.topic.default.timeout.ms                    int>=0   1000
ksql.assert.schema.default.timeout.ms                   int>=0   1000
ksql.endpoint.migrate.query                             boolean  true
ksql.websocket.connection.max.timeout.ms                long>=0  3600000
ksql.schema.registry.url                                string
ksql.connect.url                                        string   http://localhost:8083
ksql.connect.worker.config                              string
ksql.connect.basic.auth.credentials.source              string=NONE,FILE   NONE
ksql.connect.basic.auth.credentials.file                string
ksql.connect.basic.auth.credentials.reload              boolean  false
ksql.connect.request.timeout.ms                         long     5000
ksql.connect.request.headers.plugin                     string   -
ksql.extension.dir                                      string   ext
ksql.udfs.enabled                                       boolean  true
ksql.udf.collect.metrics                                boolean  false
ksql.functions.collect_list.limit                       int      -1
ksql.functions.collect_set.limit                        int      -1
ksql.metrics.tags.custom                                string
ksql.metrics.extension                                  string   -
ksql.queryanonymizer.logs_enabled                       boolean  true
ksql.queryanonymizer.cluster_namespace                  string   -
ksql.plugins.rocksdb.cache.limit.strict                 boolean  false
ksql.advertised.listener                                string   -
ksql.internal.listener                                  string   -
ksql.authentication.plugin.class                        string   -
ksql.internal.ssl.client.authentication                 string=NONE,REQUESTED,REQUIRED   NONE
ksql.ssl.keystore.alias.external                        string
ksql.ssl.keystore.alias.internal                        string
ksql.server.sni.check.enable                            boolean  false
ksql.server.command.response.timeout.ms                 long     5000
ksql.server.command.blocked.threshold.error.ms          long     15000
ksql.server.command.topic.rate.limit                    double   1.7976931348623157E308
ksql.server.command.topic.migration.enabled             string=NONE,MIGRATOR,MIGRATING   NONE
ksql.server.install.dir                                 string
ksql.server.websockets.num.threads                      int      5
ksql.server.preconditions                               list
ksql.server.precondition.max.backoff.ms                 long     5000
ksql.server.error.messages                              string   -
ksql.server.exception.uncaught.handler.enable           boolean  false
ksql.healthcheck.interval.ms                            long     5000
ksql.heartbeat.enable                                   boolean  false
ksql.heartbeat.send.interval.ms                         long     100
ksql.heartbeat.check.interval.ms                        long     200
ksql.heartbeat.window.ms                                long     2000
ksql.heartbeat.missed.threshold.ms                      long     3
ksql.heartbeat.discover.interval.ms                     long     2000
ksql.heartbeat.thread.pool.size                         int      3
ksql.lag.reporting.enable                               boolean  false
ksql.lag.reporting.send.interval.ms                     long     5000
ksql.verticle.instances                                 int      -
ksql.idle.connection.timeout.seconds                    int      86400
ksql.worker.pool.size                                   int      100
ksql.local.commands.location                            string
ksql.endpoint.logging.log.queries                       boolean  false
ksql.endpoint.logging.ignored.paths.regex               string
ksql.logging.server.rate.limited.response.codes         string
ksql.logging.server.rate.limited.request.paths          string
ksql.internal.http2.max.pool.size                       int      3000
ksql.logging.processing.stream.auto.create              boolean  false
ksql.logging.processing.stream.name                     string   KSQL_PROCESSING_LOG
ksql.logging.processing.topic.auto.create               boolean  false
ksql.logging.processing.topic.name                      string   -
ksql.logging.processing.topic.partitions                int>=1   1
ksql.logging.processing.topic.replication.factor        short    1
ksql.logging.processing.rows.include                    boolean  false
listeners                                               list     http://0.0.0.0:8088
listeners.proxy.protocol                                list
authentication.method                                   string=NONE,BASIC   NONE
authentication.realm                                    string
authentication.roles                                    list     *
authentication.skip.paths                               list
access.control.allow.origin                             string
access.control.allow.methods                            list
access.control.allow.headers                            list
query.stream.disconnect.check                           long     1000
response.http.headers.config                            string
metric.reporters                                        list
enable.fips                                             boolean  false
enable.fips.mode                                        string   -
"""

STREAMS = """
acceptable.recovery.lag                    long     10000
application.id                             string   -
application.server                         string
bootstrap.servers                          list     localhost:9092
buffered.records.per.partition             int      1000
built.in.metrics.version                   string   latest
cache.max.bytes.buffering                  long>=0  10000000
client.id                                  string
commit.interval.ms                         long>=0  2000
default.deserialization.exception.handler  string   -
default.dsl.store                          string=in_memory,rocksDB in_memory
default.production.exception.handler       string   -
default.timestamp.extractor                string   -
dsl.store.suppliers.class                  string   -
max.task.idle.ms                           long     0
max.warmup.replicas                        int>=1   2
num.standby.replicas                       int>=0   0
num.stream.threads                         int>=1   4
poll.ms                                    long     100
probing.rebalance.interval.ms              long     600000
processing.guarantee string=at_least_once,exactly_once,exactly_once_beta,exactly_once_v2 at_least_once
repartition.purge.interval.ms              long     30000
replication.factor                         int      -1
rocksdb.config.setter                      string   -
state.cleanup.delay.ms                     long     600000
state.dir                                  string   .headwater/state
statestore.cache.max.bytes                 long     10485760
task.timeout.ms                            long>=0  300000
topology.optimization                      string   all
upgrade.from                               string   -
window.size.ms                             long     -
windowed.inner.class.serde                 string   -
windowstore.changelog.additional.retention.ms long  86400000
"""

CONSUMER = """
allow.auto.create.topics                   boolean  true
auto.commit.interval.ms                    int      5000
auto.offset.reset                          string=earliest,latest   latest
check.crcs                                 boolean  true
client.dns.lookup                          string   use_all_dns_ips
client.rack                                string
default.api.timeout.ms                     int      60000
enable.auto.commit                         boolean  false
exclude.internal.topics                    boolean  true
fetch.max.bytes                            int      52428800
fetch.max.wait.ms                          int      500
fetch.min.bytes                            int      1
group.id                                   string   -
group.instance.id                          string   -
heartbeat.interval.ms                      int      3000
interceptor.classes                        list
isolation.level                            string=read_committed,read_uncommitted   read_uncommitted
key.deserializer                           string   -
max.partition.fetch.bytes                  int      1048576
max.poll.interval.ms                       int      300000
max.poll.records                           int>=1   1000
metadata.max.age.ms                        long     300000
partition.assignment.strategy              list     -
receive.buffer.bytes                       int      65536
session.timeout.ms                         int      45000
value.deserializer                         string   -
"""

PRODUCER = """
acks                                       string=all,-1,0,1   all
batch.size                                 int      16384
buffer.memory                              long     33554432
compression.type                           string=none,gzip,snappy,lz4,zstd   snappy
connections.max.idle.ms                    long     540000
delivery.timeout.ms                        int      120000
enable.idempotence                         boolean  true
key.serializer                             string   -
linger.ms                                  long>=0  100
max.block.ms                               long     9223372036854775807
max.in.flight.requests.per.connection      int>=1   5
max.request.size                           int      1048576
metadata.max.idle.ms                       long     300000
metrics.num.samples                        int      2
metrics.recording.level                    string=INFO,DEBUG,TRACE   INFO
metrics.sample.window.ms                   long     30000
partitioner.class                          string   -
reconnect.backoff.max.ms                   long     1000
reconnect.backoff.ms                       long     50
request.timeout.ms                         int      30000
retries                                    int      2147483647
retry.backoff.max.ms                       long     1000
retry.backoff.ms                           long     100
sasl.client.callback.handler.class         string   -
sasl.jaas.config                           password -
sasl.login.callback.handler.class          string   -
sasl.mechanism                             string   GSSAPI
security.protocol                          string   PLAINTEXT
send.buffer.bytes                          int      131072
transaction.timeout.ms                     int      60000
transactional.id                           string   -
value.serializer                           string   -
"""

SSL = """
ssl.keystore.location                      string
ssl.keystore.password                      password
ssl.keystore.type                          string   JKS
ssl.keystore.reload                        boolean  false
ssl.keystore.watch.location                string
ssl.key.password                           password
ssl.truststore.location                    string
ssl.truststore.password                    password
ssl.truststore.type                        string   JKS
ssl.client.authentication                  string=NONE,REQUESTED,REQUIRED   NONE
ssl.client.auth                            boolean  false
ssl.enabled.protocols                      list
ssl.cipher.suites                          list
"""

REQUEST = """
request.ksql.query.pull.skip.forwarding           boolean  false
request.ksql.query.pull.partition                 list
request.ksql.internal.request                     boolean  false
request.ksql.debug.request                        boolean  false
request.ksql.query.push.skip.forwarding           boolean  false
request.ksql.query.push.continuation.token        string
request.ksql.query.push.catchup.consumer.group    string
"""

SYSTEM_TOPICS = (
    "_confluent.*,__confluent.*,_schemas,__consumer_offsets,__transaction_state,"
    "connect-configs,connect-offsets,connect-status,connect-statuses"
)
"""Default of the hidden and of the read-only topics: names and patterns of what the platform itself writes."""

FREE_PREFIXES = (
    "ksql.functions.",
    "ksql.schema.registry.",
    "ksql.connect.",
    "ksql.error.classifier.regex.",
    "ksql.server.command.consumer.",
    "ksql.server.command.producer.",
)
"""Below these any name goes."""

IMMUTABLE = frozenset(
    {
        "bootstrap.servers",
        "ksql.extension.dir",
        "ksql.query.persistent.active.limit",
        "ksql.pull.queries.enable",
        "ksql.hidden.topics",
        "ksql.readonly.topics",
        "ksql.source.table.materialization.enabled",
        "ksql.headers.columns.enabled",
    }
)
"""Never changed by a session or request; neither is any `ssl.` property."""

QUERY_LEVEL = frozenset(
    {
        "auto.offset.reset",
        "buffered.records.per.partition",
        "cache.max.bytes.buffering",
        "ksql.fail.on.deserialization.error",
        "ksql.cast.strings.preserve.nulls",
        "ksql.nested.error.set.null",
        "ksql.query.retry.backoff.max.ms",
        "ksql.query.pull.max.allowed.offset.lag",
        "ksql.query.pull.table.scan.enabled",
        "ksql.timestamp.throw.on.invalid",
        "max.task.idle.ms",
        "task.timeout.ms",
    }
)
"""What `SHOW PROPERTIES` gives the level QUERY; the rest is SERVER."""

SYSTEM_LEVEL = frozenset(
    {
        "max.poll.records",
        "max.poll.interval.ms",
        "session.timeout.ms",
        "heartbeat.interval.ms",
        "fetch.min.bytes",
        "fetch.max.bytes",
        "fetch.max.wait.ms",
        "metadata.max.age.ms",
        "max.partition.fetch.bytes",
        "batch.size",
        "linger.ms",
        "delivery.timeout.ms",
        "max.request.size",
        "max.block.ms",
        "buffer.memory",
        "compression.type",
        "acceptable.recovery.lag",
        "commit.interval.ms",
        "max.warmup.replicas",
        "num.standby.replicas",
        "poll.ms",
        "probing.rebalance.interval.ms",
        "processing.guarantee",
        "window.size.ms",
    }
)
"""What `ALTER SYSTEM` may change, besides the query-level ones."""
