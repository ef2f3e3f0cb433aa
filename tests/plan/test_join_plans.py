"""Joins: what may be joined on what, keys of the results, steps and formats (semantics section 13)."""

from __future__ import annotations

import pytest

from headwater.plan.steps import ForeignKeyJoin, Rekey, StreamStreamJoin, StreamTableJoin, TableTableJoin
from tests.plan.conformance import Session
from tests.plan.planning import catalog, execute, last_plan, refusal, source, steps

CATALOG = (
    "CREATE STREAM L (ID INT KEY, V INT, LV STRING) WITH (KAFKA_TOPIC='l', VALUE_FORMAT='JSON')",
    "CREATE STREAM R (ID INT KEY, V INT, RV STRING) WITH (KAFKA_TOPIC='r', VALUE_FORMAT='JSON')",
    "CREATE STREAM K (ID INT KEY, V INT) WITH (KAFKA_TOPIC='k', VALUE_FORMAT='KAFKA')",
    "CREATE STREAM J (ID INT KEY, V INT) WITH (KAFKA_TOPIC='j', FORMAT='JSON')",
    "CREATE STREAM N (ID INT, V INT) WITH (KAFKA_TOPIC='n', VALUE_FORMAT='JSON', KEY_FORMAT='NONE')",
    "CREATE TABLE T (ID INT PRIMARY KEY, V INT, F INT) WITH (KAFKA_TOPIC='t', VALUE_FORMAT='JSON')",
    "CREATE TABLE U (ID INT PRIMARY KEY, V INT, S STRING) WITH (KAFKA_TOPIC='u', VALUE_FORMAT='JSON')",
    "CREATE TABLE M (A INT PRIMARY KEY, B INT PRIMARY KEY, V INT) WITH (KAFKA_TOPIC='m', FORMAT='JSON')",
    "CREATE STREAM W (ID INT KEY, V INT) WITH (KAFKA_TOPIC='w', VALUE_FORMAT='JSON', WINDOW_TYPE='SESSION')",
    "CREATE STREAM H (ID INT KEY, V INT) WITH (KAFKA_TOPIC='h', VALUE_FORMAT='JSON', WINDOW_TYPE='HOPPING', "
    "WINDOW_SIZE='1 SECOND')",
)  # fmt: skip


@pytest.fixture
def session() -> Session:
    return catalog(*CATALOG, topics={"wide": 9})


RESULTS = [
    (
        "SELECT * FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID",
        "`L_ID` INTEGER KEY, `L_V` INTEGER, `L_LV` STRING, `R_ID` INTEGER, `R_V` INTEGER, `R_RV` STRING",
    ),
    ("SELECT R.ID, LV FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID", "`R_ID` INTEGER KEY, `LV` STRING"),
    ("SELECT L.V AS K, LV FROM L JOIN R WITHIN 1 HOUR ON L.V = R.ID", "`K` INTEGER KEY, `LV` STRING"),
    ("SELECT ROWKEY, LV FROM L FULL JOIN R WITHIN 1 HOUR ON L.ID = R.ID", "`ROWKEY` INTEGER KEY, `LV` STRING"),
    ("SELECT ROWKEY AS X, LV FROM L JOIN R WITHIN 1 HOUR ON L.ID + 1 = R.ID + 1", "`X` INTEGER KEY, `LV` STRING"),
    ("SELECT R.ID, LV FROM L JOIN R WITHIN 1 HOUR ON ABS(L.V) = R.ID", "`R_ID` INTEGER KEY, `LV` STRING"),
    ("SELECT L.ID, L.ROWTIME, R.ROWTIME FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID",
     "`L_ID` INTEGER KEY, `L_ROWTIME` BIGINT, `R_ROWTIME` BIGINT"),
    ("SELECT X.ID, F FROM L X JOIN T ON T.ID = X.V", None),
    ("SELECT L.V, T.F, U.S FROM L JOIN T ON L.ID = T.ID JOIN U ON L.V = U.ID",
     "`L_V` INTEGER KEY, `F` INTEGER, `S` STRING"),
    ("SELECT U.ID, T.F, U.S FROM L JOIN T ON L.ID = T.ID JOIN U ON L.ID = U.ID",
     "`U_ID` INTEGER KEY, `F` INTEGER, `S` STRING"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "schema"), RESULTS)
def test_the_key_of_a_join_is_any_of_its_equal_columns(session: Session, query: str, schema: str | None) -> None:
    if schema is None:
        assert "must include the join expressions X.V or T.ID" in refusal(session, f"CREATE STREAM O AS {query}")
        return
    execute(session, f"CREATE STREAM O AS {query}")
    assert str(source(session, "O").schema) == schema


def test_joining_on_the_keys_moves_no_records(session: Session) -> None:
    execute(
        session,
        "CREATE STREAM O AS SELECT L.ID, LV FROM L JOIN R WITHIN (1 HOURS, 2 HOURS) GRACE PERIOD 1 DAY ON L.ID = R.ID",
    )
    join = last_plan(session).root.inputs[0]
    assert isinstance(join, StreamStreamJoin)
    assert (join.before_ms, join.after_ms, join.grace_ms) == (3_600_000, 7_200_000, 86_400_000)
    assert steps(join.left) == steps(join.right) == ["Project", "SourceStep"]


def test_joining_on_something_else_moves_that_side(session: Session) -> None:
    execute(session, "CREATE STREAM O AS SELECT L.V, LV FROM L JOIN R WITHIN 1 HOUR ON L.V = R.ID")
    join = last_plan(session).root.inputs[0]
    assert isinstance(join, StreamStreamJoin)
    assert isinstance(join.left, Rekey)
    assert join.left.drop_null
    assert steps(join.right) == ["Project", "SourceStep"]


def test_names_of_both_sides_never_clash_below_the_projection(session: Session) -> None:
    execute(
        session,
        "CREATE STREAM A (ID INT KEY, B_C INT) WITH (KAFKA_TOPIC='a', FORMAT='JSON')",
        "CREATE STREAM A_B (ID INT KEY, C INT) WITH (KAFKA_TOPIC='ab', FORMAT='JSON')",
        "CREATE STREAM O AS SELECT A.ID, A.B_C AS X, A_B.C AS Y FROM A JOIN A_B WITHIN 1 HOUR ON A.ID = A_B.ID",
    )
    names = [c.name for c in last_plan(session).root.inputs[0].schema.columns]
    assert len(names) == len(set(names))


def test_the_kinds_of_the_sides_decide_the_kind_of_join(session: Session) -> None:
    execute(session, "CREATE STREAM O1 AS SELECT L.ID, F FROM L LEFT JOIN T ON L.ID = T.ID")
    assert isinstance(last_plan(session).root.inputs[0], StreamTableJoin)
    execute(session, "CREATE TABLE O2 AS SELECT T.ID, S FROM T RIGHT JOIN U ON U.ID = T.ID")
    assert isinstance(last_plan(session).root.inputs[0], TableTableJoin)
    execute(session, "CREATE TABLE O3 AS SELECT T.ID, S FROM T JOIN U ON T.F = U.ID")
    assert isinstance(last_plan(session).root.inputs[0], ForeignKeyJoin)
    execute(session, "CREATE TABLE O4 AS SELECT A, B, S FROM M JOIN U ON M.B = U.ID")
    assert str(source(session, "O4").schema) == "`A` INTEGER KEY, `B` INTEGER KEY, `S` STRING"


FORMATS = [
    ("SELECT L.ID, J.V FROM L JOIN J WITHIN 1 HOUR ON L.ID = J.ID", "KAFKA"),
    ("SELECT J.ID, L.V FROM J JOIN L WITHIN 1 HOUR ON J.ID = L.ID", "JSON"),
    ("SELECT J.V, L.ID FROM J JOIN L WITHIN 1 HOUR ON J.V = L.ID", "KAFKA"),
    ("SELECT N.ID, L.V FROM N JOIN L WITHIN 1 HOUR ON N.ID = L.ID", "KAFKA"),
    ("SELECT N.ID, J.V FROM N JOIN J WITHIN 1 HOUR ON N.ID = J.V", "JSON"),
]


@pytest.mark.parametrize(("query", "key_format"), FORMATS)
def test_the_key_format_is_that_of_the_side_that_stays(session: Session, query: str, key_format: str) -> None:
    execute(session, f"CREATE STREAM O AS {query}")
    assert source(session, "O").formats.key.name == key_format


REFUSED = [
    ("STREAM", "SELECT * FROM L JOIN R ON L.ID = R.ID", "must have a WITHIN clause"),
    ("STREAM", "SELECT * FROM L JOIN T WITHIN 1 HOUR ON L.ID = T.ID", "Please drop the window definition"),
    ("STREAM", "SELECT * FROM L RIGHT JOIN T ON L.ID = T.ID",
     "Invalid join type: right-outer join not supported for stream-table join. Got L RIGHT [OUTER] JOIN T."),
    ("STREAM", "SELECT * FROM T JOIN L ON L.ID = T.ID",
     "Invalid join order: table-stream joins are not supported; only stream-table joins. Got T [INNER] JOIN L."),
    ("STREAM", "SELECT * FROM L JOIN T ON L.ID = T.V",
     "stream-table joins require to join on the table's primary key. Got L.ID = T.V."),
    ("STREAM", "SELECT * FROM L JOIN M ON L.ID = M.A",
     "stream-table joins require to join on the table's primary key."),
    ("TABLE", "SELECT * FROM T JOIN U ON T.ID = U.V",
     "table-table joins require to join on the primary key of the right input table."),
    ("TABLE", "SELECT * FROM T FULL JOIN U ON T.F = U.ID", "FULL OUTER JOIN on a foreign key is not supported"),
    ("TABLE", "SELECT A, S FROM M JOIN U ON M.B = U.ID", "Missing column: `B`."),
    ("TABLE", "SELECT * FROM T JOIN U ON T.ID = U.ID JOIN M ON T.F = M.A",
     "table-table joins require to join on the primary key"),
    ("STREAM", "SELECT * FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.RV",
     "types don't match. Got L.ID{INTEGER} = R.RV{STRING}."),
    ("STREAM", "SELECT * FROM L JOIN R WITHIN 1 HOUR ON L.ID = 1",
     "Invalid comparison expression '1' in join '(L.ID = 1)'."),
    ("STREAM", "SELECT * FROM L JOIN R WITHIN 1 HOUR ON L.ID = L.V",
     "Left side references `L` and right references `L`"),
    ("STREAM", "SELECT * FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID AND L.V = R.V",
     "joins on multiple conditions are not yet supported."),
    ("STREAM", "SELECT * FROM L JOIN R WITHIN 1 HOUR ON L.ID > R.ID", "a join needs one equality comparison"),
    ("STREAM", "SELECT * FROM L JOIN R WITHIN 1 HOUR ON ID = R.ID",
     "JOIN ON column 'ID' is ambiguous. Could be any of: L.ID, R.ID."),
    ("STREAM", "SELECT * FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID JOIN T ON L.ID = R.ID",
     "is expected to reference the source (`T`)"),
    ("STREAM", "SELECT V FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID",
     "SELECT column 'V' is ambiguous. Could be any of: L.V, R.V."),
    ("STREAM", "SELECT LV FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID",
     "must include the join expressions L.ID or R.ID in its projection"),
    ("STREAM", "SELECT LV FROM L FULL JOIN R WITHIN 1 HOUR ON L.ID = R.ID",
     "ROWKEY was added as a synthetic key column"),
    ("STREAM", "SELECT L.ID, L.ID AS B, LV FROM L JOIN R WITHIN 1 HOUR ON L.ID = R.ID",
     "(`L_ID`) more than once, aliased as: B and L_ID."),
    ("STREAM", "SELECT * FROM L A JOIN L B WITHIN 1 HOUR ON A.ID = B.ID",
     "Can not join 'L' to 'L': self joins are not yet supported."),
    ("STREAM", "SELECT * FROM L JOIN T ON L.ID = T.ID JOIN T X ON L.ID = X.ID",
     "N-way joins do not support multiple occurrences"),
    ("STREAM", "SELECT * FROM L JOIN K WITHIN 1 HOUR ON L.ID = K.ID",
     "Source(s) K are using the 'KAFKA' value format."),
    ("STREAM", "SELECT * FROM L JOIN W WITHIN 1 HOUR ON L.ID = W.ID",
     "Can not join windowed source to non-windowed source."),
    ("STREAM", "SELECT * FROM H JOIN W WITHIN 1 HOUR ON H.ID = W.ID", "Incompatible windowed sources."),
    ("STREAM", "SELECT * FROM W JOIN L WITHIN 1 HOUR ON W.V = L.ID", "Can not join windowed source"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "query", "message"), REFUSED)
def test_what_cannot_be_joined_is_refused(session: Session, kind: str, query: str, message: str) -> None:
    assert message in refusal(session, f"CREATE {kind} O AS {query}")


def test_partition_counts_must_agree(session: Session) -> None:
    execute(
        session, "CREATE TABLE P (ID INT PRIMARY KEY, X INT) WITH (KAFKA_TOPIC='wide', FORMAT='JSON', PARTITIONS=9)"
    )
    message = refusal(session, "CREATE STREAM O AS SELECT L.ID, X FROM L JOIN P ON L.ID = P.ID")
    assert "`L` partitions = 4; `P` partitions = 9" in message
