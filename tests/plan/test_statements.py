"""CREATE, INSERT, DROP, ALTER, types, OR REPLACE: what they change and refuse (statements sections 2 to 6, 10)."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.core.errors import AnalysisError
from headwater.plan.planner import Planner
from headwater.sql import ast
from headwater.sql.parser import parse_statement
from tests.plan.conformance import Session
from tests.plan.planning import catalog, execute, last_plan, refusal, source, steps

JSON = "WITH (KAFKA_TOPIC='t', FORMAT='JSON')"

CREATE_REFUSED = [
    ("CREATE STREAM S (A INT) WITH (VALUE_FORMAT='JSON')", 'Missing required property "KAFKA_TOPIC"'),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t')", "missing the 'VALUE_FORMAT' property"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='FOO')", "Unknown format: FOO"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', VALUE_FORMAT='JSON')", "Cannot supply both"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', NONSENSE=1)",
     "Invalid config variable(s) in the WITH clause: NONSENSE"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', CLEANUP_POLICY='delete')", "CLEANUP_POLICY"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', PARTITIONS=0)", "must be between 1 and"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', PARTITIONS='x')", "a whole number is expected"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', WRAP_SINGLE_VALUE='x')",
     "true or false is expected"),
    ("CREATE STREAM S (A INT, B INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', WRAP_SINGLE_VALUE=false)",
     "only valid for single-field"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='DELIMITED', VALUE_DELIMITER='ab')",
     "Delimiter must be a single character"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', TIMESTAMP='B')",
     "TIMESTAMP column set in the WITH clause does not exist"),
    ("CREATE STREAM S (A STRING) WITH (KAFKA_TOPIC='t', FORMAT='JSON', TIMESTAMP='A')",
     "without also specifying the TIMESTAMP_FORMAT"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', TIMESTAMP='A')",
     "should be LONG(INT64), TIMESTAMP"),
    ("CREATE STREAM S (A BIGINT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', TIMESTAMP='A', TIMESTAMP_FORMAT='yyyy')",
     "only when the timestamp column is of type STRING"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', WINDOW_TYPE='SESSION')",
     "Windowed sources require a key column."),
    ("CREATE STREAM S (A INT KEY) WITH (KAFKA_TOPIC='t', FORMAT='JSON', WINDOW_SIZE='1 SECOND')",
     "without 'WINDOW_TYPE'"),
    ("CREATE STREAM S (A INT KEY) WITH (KAFKA_TOPIC='t', FORMAT='JSON', WINDOW_TYPE='TUMBLING')",
     "require 'WINDOW_SIZE'"),
    ("CREATE STREAM S (A INT KEY) WITH (KAFKA_TOPIC='t', FORMAT='JSON', WINDOW_TYPE='TUMBLING', WINDOW_SIZE='1 BOB')",
     "Unknown time unit: 'BOB'"),
    ("CREATE STREAM S (A INT, A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')", "Duplicate column names: `A`"),
    ("CREATE STREAM S (ROWTIME INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')", "'ROWTIME' is a reserved column name."),
    ("CREATE STREAM S WITH (KAFKA_TOPIC='t', FORMAT='JSON')", "No columns supplied."),
    ("CREATE STREAM S (A NOTHING) WITH (KAFKA_TOPIC='t', FORMAT='JSON')", "NOTHING"),
    ("CREATE TABLE S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')", "Tables require a PRIMARY KEY."),
    ("CREATE STREAM S (H BYTES HEADERS, A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON')",
     "Invalid type for HEADERS column"),
    ("CREATE STREAM S (H BYTES HEADER('a'), I BYTES HEADER('a')) WITH (KAFKA_TOPIC='t', FORMAT='JSON')",
     "already contains a HEADER('a') column"),
    ("CREATE STREAM S (K INT KEY, M MAP<INT, INT>) WITH (KAFKA_TOPIC='t', FORMAT='JSON')",
     "MAP types with STRING keys"),
    ("CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='AVRO', VALUE_SCHEMA_ID=1)", "cannot both exist"),
    ("CREATE TABLE S (K INT PRIMARY KEY, A INT) WITH (KAFKA_TOPIC='new', FORMAT='JSON', PARTITIONS=1, RETENTION_MS=1)",
     "Non-windowed tables do not support retention."),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "message"), CREATE_REFUSED)
def test_a_wrong_declaration_is_refused(statement: str, message: str) -> None:
    assert message in refusal(catalog(), statement)


def plan(session: Session, statement: str) -> Any:
    """The plan of one CREATE, without declaring its topic to exist."""
    parsed = parse_statement(statement)
    planner = Planner(session.metastore, session.functions, session.settings, session.topics, session.registry)
    if isinstance(parsed, ast.CreateSource):
        return planner.plan_create(parsed)
    assert isinstance(parsed, ast.CreateAsSelect)
    return planner.plan_create_as(parsed, "ID")


def test_a_missing_topic_is_created_only_with_a_partition_count() -> None:
    with pytest.raises(AnalysisError, match=r"Topic 't' does not exist.*PARTITIONS=2\);"):
        plan(catalog(), f"CREATE STREAM S (A INT) {JSON}")
    made = plan(catalog(), "CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', PARTITIONS=3)")
    assert (made.topic.partitions, made.topic.compact, made.topic.retention_ms) == (3, False, 604_800_000)
    table = plan(
        catalog(), "CREATE TABLE S (K INT PRIMARY KEY, A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', PARTITIONS=3)"
    )
    assert (table.topic.compact, table.topic.retention_ms) == (True, None)


def test_an_existing_topic_must_have_the_partitions_asked_for() -> None:
    session = catalog(topics={"t": 4})
    assert plan(session, f"CREATE STREAM S (A INT) {JSON}").topic is None
    with pytest.raises(AnalysisError, match="KSQL expects 5 partitions"):
        plan(session, "CREATE STREAM S (A INT) WITH (KAFKA_TOPIC='t', FORMAT='JSON', PARTITIONS=5)")


def test_declared_columns_become_schemas_of_the_registry() -> None:
    made = plan(catalog(topics={"t": 1}), "CREATE STREAM S (K INT KEY, A INT) WITH (KAFKA_TOPIC='t', FORMAT='AVRO')")
    assert [(s.subject, s.kind) for s in made.schemas] == [("t-key", "AVRO"), ("t-value", "AVRO")]


def test_undeclared_columns_come_from_the_registry() -> None:
    session = catalog(topics={"t": 1})
    fields = '[{"name": "a", "type": "int"}, {"name": "b", "type": "string"}]'
    session.registry.register("t-value", "AVRO", f'{{"type": "record", "name": "R", "fields": {fields}}}')
    made = plan(session, "CREATE STREAM S (K INT KEY) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='AVRO')")
    assert str(made.source.schema) == "`K` INTEGER KEY, `A` INTEGER, `B` STRING"
    assert made.schemas == ()


def test_a_sink_inherits_what_it_does_not_say() -> None:
    session = catalog(
        "CREATE STREAM S (A INT KEY, B INT, C BIGINT) WITH (KAFKA_TOPIC='t', FORMAT='DELIMITED', "
        "VALUE_DELIMITER='|', PARTITIONS=7)"
    )
    made = plan(session, "CREATE STREAM O AS SELECT * FROM S")
    assert made.source.formats.value.properties == {"DELIMITER": "|"}
    assert (made.source.topic, made.topic.partitions, made.source.created_by_query) == ("O", 7, "ID")
    other = plan(
        session,
        "CREATE STREAM O WITH (KAFKA_TOPIC='o', VALUE_FORMAT='JSON', KEY_FORMAT='KAFKA', PARTITIONS=2, TIMESTAMP='c') "
        "AS SELECT * FROM S",
    )
    assert (other.source.formats.key.name, other.source.formats.value.name) == ("KAFKA", "JSON")
    assert other.source.timestamp.name == "C"


def test_a_windowed_table_keeps_its_rows_as_long_as_its_windows() -> None:
    session = catalog(f"CREATE STREAM S (K INT KEY, A INT) {JSON}")
    made = plan(
        session,
        "CREATE TABLE O AS SELECT K, COUNT(*) FROM S WINDOW TUMBLING (SIZE 1 HOUR, RETENTION 2 DAYS) GROUP BY K",
    )
    assert made.topic.retention_ms == 2 * 86_400_000
    assert made.source.window.size_ms == 3_600_000


def test_a_source_table_is_kept_readable_by_a_query_of_its_own() -> None:
    session = catalog(f"CREATE SOURCE TABLE T (K INT PRIMARY KEY, A INT) {JSON}")
    assert last_plan(session).materialize
    assert source(session, "T").materialized_by == "CST_T_0"


# --- INSERT ----------------------------------------

TARGETS = (
    "CREATE STREAM S (K INT KEY, A BIGINT, B DECIMAL(4, 2), D DATE, R ARRAY<DOUBLE>, F STRUCT<X BIGINT, Y "
    f"STRING>) {JSON}",
    f"CREATE TABLE T (K INT PRIMARY KEY, A INT) {JSON}",
    f"CREATE SOURCE STREAM X (K INT KEY, A INT) {JSON}",
    "CREATE STREAM W (K INT KEY, A INT) WITH (KAFKA_TOPIC='w', FORMAT='JSON', WINDOW_TYPE='SESSION')",
    f"CREATE STREAM H (K INT KEY, A INT, H BYTES HEADER('h')) {JSON}",
)

VALUES = [
    ("A", "3", 3),
    ("A", "1 + 2", 3),
    ("B", "1.5", "1.50"),
    ("B", "7", "7.00"),
    ("D", "'2021-03-01'", 18687),
    ("R", "ARRAY[1, 2]", [1.0, 2.0]),
    ("F", "STRUCT(Y := 'y', X := 1)", (1, "y")),
    ("F", "STRUCT(Y := 'y', Z := 1)", (None, "y")),
    ("A", "NULL", None),
    ("K", "LEN('abc')", 3),
]


class FixedClock:
    """A clock that stands at 42."""

    def now_ms(self) -> int:
        return 42

    def monotonic(self) -> float:
        return 42.0

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("planning never waits")


def insert(session: Session, statement: str) -> Any:
    parsed = parse_statement(statement)
    assert isinstance(parsed, ast.InsertValues)
    return session.planner.plan_insert_values(parsed, FixedClock())


@pytest.mark.parametrize(("column", "text", "value"), VALUES)
def test_inserted_values_take_the_columns_types(column: str, text: str, value: object) -> None:
    found = insert(catalog(*TARGETS), f"INSERT INTO S ({column}) VALUES ({text})").values[column]
    assert (str(found) if isinstance(value, str) and column == "B" else found) == value


def test_an_inserted_row_has_all_columns_and_a_time() -> None:
    session = catalog(*TARGETS)
    assert insert(session, "INSERT INTO T VALUES (1, 2)").values == {"K": 1, "A": 2}
    assert insert(session, "INSERT INTO T (K) VALUES (1)").values == {"K": 1, "A": None}
    assert insert(session, "INSERT INTO T (K) VALUES (1)").rowtime == 42
    assert insert(session, "INSERT INTO T (ROWTIME, K) VALUES (7, 1)").rowtime == 7


def test_an_insert_must_not_change_the_registered_key_schema() -> None:
    session = catalog("CREATE STREAM S (K INT KEY, A INT) WITH (KAFKA_TOPIC='s', FORMAT='AVRO')")
    assert insert(session, "INSERT INTO S VALUES (1, 2)").values == {"K": 1, "A": 2}
    session.registry.register("s-key", "AVRO", '"string"')
    assert "would overwrite existing key schema of subject s-key" in refusal(session, "INSERT INTO S VALUES (1, 2)")


INSERT_REFUSED = [
    ("INSERT INTO NOWHERE VALUES (1)", "Cannot insert values into an unknown stream/table: `NOWHERE`"),
    ("INSERT INTO `s` (K) VALUES (1)", "Did you mean S? Hint: try removing double quotes"),
    ("INSERT INTO S (K, A) VALUES (1)", "Expected number columns and values to match: 2, 1"),
    ("INSERT INTO S (K, NOPE) VALUES (1, 2)", "Column name `NOPE` does not exist"),
    ("INSERT INTO S (K, K) VALUES (1, 2)", "Column `K` is listed twice."),
    ("INSERT INTO S (K) VALUES ('x')", "Expected type INTEGER for field `K` but got STRING('x')"),
    ("INSERT INTO S (K) VALUES (2147483648)", "Expected type INTEGER for field `K` but got BIGINT"),
    ("INSERT INTO S (B) VALUES (123.4)", "does not fit DECIMAL(4, 2)"),
    ("INSERT INTO S (B) VALUES (1.234)", "more fraction digits"),
    ("INSERT INTO S (D) VALUES ('tomorrow')", "'tomorrow' is not a DATE"),
    ("INSERT INTO S (K) VALUES (A)", "is a column"),
    ("INSERT INTO S (ROWPARTITION) VALUES (1)", "Inserting into column `ROWPARTITION` is not allowed."),
    ("INSERT INTO T (A) VALUES (1)", "Value for primary key column(s) K is required for tables"),
    ("INSERT INTO X VALUES (1, 2)", "Cannot insert values into read-only stream: X"),
    ("INSERT INTO W VALUES (1, 2)", "Cannot insert values into windowed stream: W"),
    ("INSERT INTO H (H) VALUES (NULL)", "Cannot insert into HEADER columns: H"),
    ("INSERT INTO H VALUES (1, 2)", "Cannot insert into HEADER columns: H"),
    ("INSERT INTO X SELECT K, A FROM H", "Cannot insert into read-only stream: X"),
    ("INSERT INTO T SELECT K, A FROM H", "INSERT INTO can only be used to insert into a stream."),
    ("INSERT INTO H SELECT K, A FROM S", "Cannot insert into H because it has header columns"),
    ("INSERT INTO W SELECT K, A AS B FROM H",
     "Result schema is `K` INTEGER KEY, `B` INTEGER\nSink schema is `K` INTEGER KEY, `A` INTEGER"),
    ("INSERT INTO W WITH (QUERY_ID='csas_x') SELECT K, A FROM H",
     "must not start with a reserved query ID prefix (CSAS_)"),
    ("INSERT INTO W WITH (QUERY_ID='a b') SELECT K, A FROM H", "may contain only alphanumeric characters"),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "message"), INSERT_REFUSED)
def test_what_does_not_fit_is_not_inserted(statement: str, message: str) -> None:
    assert message in refusal(catalog(*TARGETS), statement)


def test_rows_of_a_query_may_widen_into_the_target() -> None:
    session = catalog(f"CREATE STREAM S (K INT KEY, A INT) {JSON}", f"CREATE STREAM O (K INT KEY, A BIGINT) {JSON}")
    execute(session, "INSERT INTO O WITH (QUERY_ID='mine') SELECT * FROM S")
    assert session.metastore.writers("O") == ("MINE",)


# --- DROP, ALTER, types ----------------------------------------

CHAIN = (
    f"CREATE STREAM A (K INT KEY, V INT) {JSON}",
    "CREATE STREAM B AS SELECT * FROM A",
    "CREATE STREAM C AS SELECT * FROM B",
    f"CREATE STREAM I (K INT KEY, V INT) {JSON}",
    f"CREATE SOURCE STREAM X (K INT KEY, V INT) {JSON}",
)

CHANGES_REFUSED = [
    ("DROP STREAM A", "The following streams and/or tables read from this source: [B]."),
    ("DROP TABLE A", "Incompatible data source type is STREAM, but statement was DROP TABLE"),
    ("DROP STREAM NOPE", "Stream NOPE does not exist."),
    ("DROP STREAM X DELETE TOPIC", "Cannot delete topic for read-only source: X"),
    ("DROP STREAM I DELETE TOPIC", "Found other data sources (A, X) using topic t"),
    ("ALTER STREAM B ADD COLUMN N INT", "ALTER command is not supported for CREATE ... AS statements."),
    ("ALTER STREAM A ADD COLUMN V INT", "Cannot add column `V` to schema. A column with the same name already exists."),
    ("ALTER STREAM NOPE ADD COLUMN V INT", "Source NOPE does not exist."),
    ("ALTER TABLE A ADD COLUMN N INT", "Incompatible data source type is STREAM, but statement was ALTER TABLE"),
    ("ALTER STREAM X ADD COLUMN N INT", "ALTER operations are not supported on source streams."),
    ("DROP TYPE NOPE", "Type NOPE does not exist."),
    ("CREATE STREAM A AS SELECT * FROM B", "Cannot add stream 'A': A stream with the same name already exists"),
    (f"CREATE OR REPLACE SOURCE STREAM N (K INT KEY, V INT) {JSON}",
     "CREATE OR REPLACE is not supported on source streams."),
    (f"CREATE OR REPLACE TABLE A (K INT PRIMARY KEY, V INT) {JSON}", "A stream with the same name already exists"),
    (f"CREATE OR REPLACE STREAM A (K INT KEY) {JSON}", "are changed, missing or reordered: [`V` INTEGER]"),
    (f"CREATE OR REPLACE STREAM A (K BIGINT KEY, V INT) {JSON}", "Key columns must be identical."),
    ("CREATE OR REPLACE STREAM A (K INT KEY, V INT) WITH (KAFKA_TOPIC='other', FORMAT='JSON')",
     "has topic = t which is not upgradeable to other"),
    (f"CREATE OR REPLACE STREAM B (K INT KEY, V INT) {JSON}", "it was created by a query"),
    ("CREATE OR REPLACE STREAM B AS SELECT K, V FROM I", "must have matching source. Values differ: A vs. I"),
    ("CREATE OR REPLACE STREAM B AS SELECT * FROM A PARTITION BY V", "Key columns must be identical."),
]  # fmt: skip


@pytest.mark.parametrize(("statement", "message"), CHANGES_REFUSED)
def test_a_change_that_would_break_others_is_refused(statement: str, message: str) -> None:
    assert message in refusal(catalog(*CHAIN), statement)


def test_dropping_a_derived_stream_ends_its_query() -> None:
    session = catalog(*CHAIN)
    execute(session, "DROP STREAM C", "DROP STREAM IF EXISTS C")
    assert session.metastore.get("C") is None
    assert session.metastore.readers("B") == ()


def test_an_insert_query_keeps_both_its_streams() -> None:
    session = catalog(*CHAIN)
    execute(session, "INSERT INTO I SELECT * FROM C")
    assert "read from this source: [INSERTQUERY_2]" in refusal(session, "DROP STREAM C")
    assert "write into this source: [INSERTQUERY_2]" in refusal(session, "DROP STREAM I")


def test_added_columns_come_last() -> None:
    session = catalog(*CHAIN)
    execute(session, "ALTER STREAM A ADD COLUMN N INT, ADD M STRING")
    assert str(source(session, "A").schema) == "`K` INTEGER KEY, `V` INTEGER, `N` INTEGER, `M` STRING"


def test_a_type_is_expanded_where_it_is_used() -> None:
    session = catalog("CREATE TYPE T AS STRUCT<A INT>", "CREATE TYPE U AS ARRAY<T>", f"CREATE STREAM S (V U) {JSON}")
    assert str(source(session, "S").schema) == "`V` ARRAY<STRUCT<`A` INTEGER>>"
    assert "already registered with type: STRUCT<`A` INTEGER>" in refusal(session, "CREATE TYPE T AS INT")
    execute(session, "CREATE TYPE IF NOT EXISTS T AS INT", "DROP TYPE T", "DROP TYPE IF EXISTS T")
    assert str(source(session, "S").schema) == "`V` ARRAY<STRUCT<`A` INTEGER>>"


REPLACEABLE = [
    "SELECT K, V, V + 1 AS W FROM A",
    "SELECT * FROM A WHERE V > 0",
    "SELECT K, V * 2 AS V FROM A",
    "SELECT * FROM A",
]


@pytest.mark.parametrize("query", REPLACEABLE)
def test_a_running_query_takes_over_new_columns_and_filters(query: str) -> None:
    session = catalog(*CHAIN)
    execute(session, f"CREATE OR REPLACE STREAM B AS {query}")
    assert source(session, "B").created_by_query == "CSAS_B_0"


AGGREGATE = "SELECT V, COUNT(K) AS C FROM A WHERE V > 1 GROUP BY V"
AGGREGATES_REFUSED = [
    ("SELECT V, SUM(K) AS C FROM A WHERE V > 1 GROUP BY V", "has schema ="),
    ("SELECT V, MAX(CAST(K AS BIGINT)) AS C FROM A WHERE V > 1 GROUP BY V", "must have matching aggregate functions."),
    ("SELECT V, COUNT(*) AS C FROM A WHERE V > 1 GROUP BY V", "must have matching columns not part of aggregate."),
    ("SELECT V, COUNT(K) AS C FROM A WINDOW TUMBLING (SIZE 1 HOUR) WHERE V > 1 GROUP BY V", "has window = None"),
]


@pytest.mark.parametrize(("query", "message"), AGGREGATES_REFUSED)
def test_the_state_of_an_aggregation_must_stay_what_it_is(query: str, message: str) -> None:
    session = catalog(*CHAIN, f"CREATE TABLE G AS {AGGREGATE}")
    execute(session, f"CREATE OR REPLACE TABLE G AS {AGGREGATE}")
    execute(session, f"CREATE OR REPLACE TABLE G AS {AGGREGATE.replace('> 1', '> 2')}")
    assert message in refusal(session, f"CREATE OR REPLACE TABLE G AS {query}")


def test_joins_are_replaced_only_by_themselves() -> None:
    join = "SELECT A.K, A.V FROM A JOIN I WITHIN 1 HOUR ON A.K = I.K"
    session = catalog(*CHAIN, f"CREATE STREAM J AS {join}")
    execute(session, f"CREATE OR REPLACE STREAM J AS {join}")
    message = refusal(session, f"CREATE OR REPLACE STREAM J AS {join} WHERE A.V > 1")
    assert "Upgrades not yet supported for StreamStreamJoin" in message


def test_where_comes_before_and_having_after_the_aggregation() -> None:
    session = catalog(*CHAIN)
    execute(session, "CREATE TABLE G AS SELECT V, COUNT(*) AS C FROM A WHERE K > 1 GROUP BY V HAVING SUM(K) > 3")
    assert steps(last_plan(session).root) == ["Project", "Filter", "Aggregate", "Filter", "SourceStep"]
