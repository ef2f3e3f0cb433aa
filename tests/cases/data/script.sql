--@test: every insert runs through the whole graph
CREATE STREAM source (id INT KEY, v INT) WITH (kafka_topic='source', value_format='JSON', partitions=1);
CREATE STREAM doubled AS SELECT id, v * 2 AS v FROM source;
CREATE TABLE sums AS SELECT id, SUM(v) AS total FROM doubled GROUP BY id;

INSERT INTO source (rowtime, id, v) VALUES (5, 1, 10);
ASSERT VALUES doubled (rowtime, id, v) VALUES (5, 1, 20);
ASSERT VALUES sums (id, total) VALUES (1, 20);
INSERT INTO source (id, v) VALUES (1, 1);
ASSERT VALUES sums (id, total) VALUES (1, 22);
ASSERT STREAM doubled (id INT KEY, v INT) WITH (kafka_topic='DOUBLED', value_format='JSON');

--@test: a table's deletion is a tombstone
CREATE TABLE source (id INT PRIMARY KEY, v INT) WITH (kafka_topic='source', value_format='JSON', partitions=1);
CREATE TABLE positive AS SELECT id, v FROM source WHERE v > 0;

INSERT INTO source (id, v) VALUES (1, 1);
INSERT INTO source (id, v) VALUES (1, -1);
ASSERT VALUES positive (id, v) VALUES (1, 1);
ASSERT NULL VALUES positive (id) KEY (1);

--@test: an assertion that does not hold
--@expected.error: java.lang.AssertionError
--@expected.message: Expected record does not match actual
CREATE STREAM source (id INT KEY, v INT) WITH (kafka_topic='source', value_format='JSON', partitions=1);
INSERT INTO source (id, v) VALUES (1, 1);
ASSERT VALUES source (v) VALUES (2);

--@test: a refusal
--@expected.error: io.confluent.ksql.util.KsqlException
--@expected.message: does not exist
CREATE STREAM derived AS SELECT * FROM nowhere;
