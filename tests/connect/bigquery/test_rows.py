"""Columns and values as BigQuery has them, and the statement that writes rows by key."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

import pytest

from headwater.connect import schema as s
from headwater.connect.connectors.bigquery.fields import (
    BigQueryField,
    Naming,
    fields_of_schema,
    fields_of_values,
    sanitized,
    widened,
)
from headwater.connect.connectors.bigquery.merge import latest, statement
from headwater.connect.connectors.bigquery.rows import Row, Shape, plain
from headwater.connect.connectors.bigquery.settings import dataset_of
from headwater.connect.record import SinkRecord

AT = datetime(2024, 1, 31, 10, 0, 0, 250_000, UTC)
MICRO = s.ConnectSchema(s.Type.INT64, name="io.debezium.time.MicroTimestamp")


def field(kind: str, mode: str = "NULLABLE", *fields: BigQueryField, name: str = "f") -> BigQueryField:
    return BigQueryField(name, kind, mode, fields)


X = field("INTEGER", "REQUIRED", name="x")


@pytest.mark.parametrize(
    ("schema", "value", "column", "written"),
    [
        (s.INT32, 5, field("INTEGER", "REQUIRED"), 5),
        (s.OPTIONAL_INT64, 5, field("INTEGER"), 5),
        (s.OPTIONAL_FLOAT64, float("-inf"), field("FLOAT"), "-Infinity"),
        (s.OPTIONAL_BOOLEAN, True, field("BOOLEAN"), True),
        (s.OPTIONAL_BYTES, b"\x00\xff", field("BYTES"), "AP8="),
        (s.decimal(2, optional=True), Decimal("1.50"), field("FLOAT"), 1.5),
        (s.DATE_SCHEMA.as_optional(), date(2024, 1, 31), field("DATE"), "2024-01-31"),
        (s.TIME_SCHEMA.as_optional(), time(1, 2, 3), field("TIME"), "01:02:03"),
        (s.TIMESTAMP_SCHEMA.as_optional(), AT, field("TIMESTAMP"), "2024-01-31 10:00:00.250000+00:00"),
        (MICRO.as_optional(), 1_706_695_200_250_001, field("TIMESTAMP"), "2024-01-31 10:00:00.250001+00:00"),
        (s.struct({"x": s.INT32}, optional=True), {"x": 1}, field("RECORD", "NULLABLE", X), {"x": 1}),
        (s.array(s.STRING), ["a"], field("STRING", "REPEATED"), ["a"]),
        (s.array(s.struct({"x": s.INT32})), [{"x": 1}], field("RECORD", "REPEATED", X), [{"x": 1}]),
        (
            s.map_of(s.STRING, s.INT64), {"a": 1},
            field("RECORD", "REPEATED", field("STRING", "REQUIRED", name="key"),
                  field("INTEGER", "REQUIRED", name="value")),
            [{"key": "a", "value": 1}],
        ),
    ],
)  # fmt: skip
def test_a_schema_gives_the_column_and_the_value(
    schema: s.ConnectSchema, value: Any, column: BigQueryField, written: Any
) -> None:
    assert fields_of_schema(s.struct({"f": schema}), Naming()) == (column,)
    assert plain(value, schema, Naming()) == written


@pytest.mark.parametrize(
    ("value", "column"),
    [
        (True, field("BOOLEAN")),
        (1, field("INTEGER")),
        (1.5, field("FLOAT")),
        ("a", field("STRING")),
        ([1, 2.5], field("FLOAT", "REPEATED")),
        ([{"x": 1}, {"y": "b"}], field("RECORD", "REPEATED", field("INTEGER", name="x"), field("STRING", name="y"))),
        ({"x": None}, None),
        ([], None),
        ([None], None),
        (None, None),
    ],
)
def test_a_value_without_a_schema_tells_its_column(value: Any, column: BigQueryField | None) -> None:
    assert fields_of_values({"f": value}, Naming()) == (() if column is None else (column,))


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"f": [[1]]}, "no arrays of arrays"),
        ({"f": 1 << 63}, "does not fit 64 bits"),
        ({"f": 1, "F": 2}, "fields f and F are one column"),
    ],
)
def test_what_bigquery_cannot_hold_is_told(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fields_of_values(values, Naming())


def test_decimals_may_be_exact() -> None:
    naming = Naming(decimals="NUMERIC")
    assert fields_of_schema(s.struct({"f": s.decimal(2, optional=True)}), naming) == (field("NUMERIC"),)
    assert plain(Decimal("1.50"), None, naming) == "1.50"


def test_names_are_sanitized_where_that_is_asked() -> None:
    schema = s.struct({"a.b": s.struct({"1c": s.OPTIONAL_STRING}, optional=True)})
    (found,) = fields_of_schema(schema, Naming(sanitizes_fields=True))
    assert (found.name, found.fields[0].name) == ("a_b", "_1c")
    record = SinkRecord("t", 0, 0, value={"a.b": {"1c": "x"}}, value_schema=schema)
    row, _ = Shape(Naming(sanitizes_fields=True)).row(record, 0)
    assert row.values == {"a_b": {"_1c": "x"}}


@pytest.mark.parametrize(
    ("name", "expected"), [("pksqlc-1ABC", "pksqlc_1ABC"), ("2024.x", "_2024_x"), ("ok_1", "ok_1")]
)
def test_a_sanitized_name_has_letters_digits_and_underscores(name: str, expected: str) -> None:
    assert sanitized(name) == expected


HELD = (field("INTEGER", "REQUIRED", name="a"), field("RECORD", "NULLABLE", X, name="r"))


@pytest.mark.parametrize(
    ("wanted", "relaxes", "expected"),
    [
        (HELD, False, HELD),
        ((field("INTEGER", name="A"),), False, HELD),
        ((*HELD, field("STRING", "REQUIRED", name="b")), False, (*HELD, field("STRING", name="b"))),
        ((field("INTEGER", name="a"),), True, (field("INTEGER", name="a"), HELD[1])),
        (
            (HELD[0], field("RECORD", "NULLABLE", X, field("STRING", name="y"), name="r")), False,
            (HELD[0], field("RECORD", "NULLABLE", X, field("STRING", name="y"), name="r")),
        ),
        ((field("STRING", name="a"),), False, HELD),
    ],
)  # fmt: skip
def test_a_table_grows_by_nullable_columns_and_keeps_its_own(
    wanted: tuple[BigQueryField, ...], relaxes: bool, expected: tuple[BigQueryField, ...]
) -> None:
    assert widened(HELD, wanted, relaxes=relaxes) == expected


@pytest.mark.parametrize(
    ("shape", "key", "values", "found"),
    [
        (Shape(key_field="k"), "a", {"n": 1, "k": "a"}, {}),
        (Shape(key_field="k"), None, {"n": 1}, {}),
        (Shape(key_field="k", keyed=True), "a", {"n": 1, "k": "a"}, {"k": "a"}),
        (Shape(keyed=True), {"id": 7}, {"n": 1, "id": 7}, {"id": 7}),
        (Shape(data_field="d"), None,
         {"n": 1, "d": {"topic": "t", "partition": 2, "offset": 3, "insertTime": "1970-01-01 00:00:01.000000+00:00"}},
         {}),
    ],
)  # fmt: skip
def test_key_and_place_become_columns(shape: Shape, key: Any, values: dict[str, Any], found: dict[str, Any]) -> None:
    row, fields = shape.row(SinkRecord("t", 2, 3, key=key, value={"n": 1}), 1_000)
    assert (row.id, row.values, row.key) == ("t-2-3", values, found)
    assert {one.name for one in fields} == set(values)


@pytest.mark.parametrize(("key", "words"), [(None, "the key is null"), ("a", "name its column with kafkaKeyFieldName")])
def test_a_row_by_key_needs_a_key_with_columns(key: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Shape(keyed=True).row(SinkRecord("t", 0, 0, key=key, value={"n": 1}), 0)


def test_the_last_row_of_a_key_counts() -> None:
    rows = [Row("0", {"n": 1}, {"k": 1}), Row("1", {"n": 2}, {"k": 2}), Row("2", None, {"k": 1})]
    assert [row.id for row in latest(rows)] == ["1", "2"]


def test_the_statement_takes_each_column_out_of_the_parameter() -> None:
    fields = (
        field("INTEGER", name="id"),
        field("BYTES", name="raw"),
        field("RECORD", "REPEATED", field("TIMESTAMP", name="at"), field("STRING", "REPEATED", name="tags"), name="r"),
        field("GEOGRAPHY", name="left"),
    )
    assert statement("p.d.t", fields, ["ID"]) == "\n".join([
        "MERGE `p.d.t` AS t",
        "USING (SELECT CAST(JSON_VALUE(r, '$.\"key\".\"id\"') AS INT64) AS `id`, "
        "FROM_BASE64(JSON_VALUE(r, '$.\"row\".\"raw\"')) AS `raw`, "
        "ARRAY(SELECT IF(JSON_QUERY(e0, '$') IS NULL, NULL, STRUCT("
        "CAST(JSON_VALUE(JSON_QUERY(e0, '$'), '$.\"at\"') AS TIMESTAMP) AS `at`, "
        "ARRAY(SELECT JSON_VALUE(e1, '$') FROM UNNEST(JSON_QUERY_ARRAY(JSON_QUERY(e0, '$'), '$.\"tags\"')) AS e1 "
        "WITH OFFSET AS o1 ORDER BY o1) AS `tags`)) "
        "FROM UNNEST(JSON_QUERY_ARRAY(r, '$.\"row\".\"r\"')) AS e0 WITH OFFSET AS o0 ORDER BY o0) AS `r`, "
        "JSON_QUERY(r, '$.row') IS NULL AS `__gone` FROM UNNEST(JSON_QUERY_ARRAY(@rows)) AS r) AS s",
        "ON t.`id` = s.`id`",
        "WHEN MATCHED AND s.`__gone` THEN DELETE",
        "WHEN MATCHED THEN UPDATE SET `raw` = s.`raw`, `r` = s.`r`",
        "WHEN NOT MATCHED AND NOT s.`__gone` THEN INSERT (`id`, `raw`, `r`) VALUES (s.`id`, s.`raw`, s.`r`)",
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("datasets", "topic", "expected"),
    [("shop", "t", "shop"), ("a.*=one,.*=two", "abc", "one"), ("a.*=one,.*=two", "xyz", "two"), ("a.*=one", "xyz", "")],
)
def test_a_topic_has_the_dataset_of_the_first_pattern(datasets: str, topic: str, expected: str) -> None:
    assert dataset_of(topic, datasets) == expected
