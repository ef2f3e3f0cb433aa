"""ExtractNewRecordState and the predicates: what becomes of each kind of change event."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from headwater.connect import schema as s
from headwater.connect.record import SinkRecord
from headwater.connect.transforms.registry import transform
from headwater.testing.connect_rig import ConnectRig

_ROW = s.struct({"id": s.INT32, "name": s.OPTIONAL_STRING}, "db.public.t.Value", optional=True)
_SOURCE = s.struct({"table": s.STRING, "lsn": s.OPTIONAL_INT64}, "io.debezium.connector.postgresql.Source")
_ENVELOPE = s.struct(
    {"before": _ROW, "after": _ROW, "source": _SOURCE, "op": s.STRING, "ts_ms": s.OPTIONAL_INT64},
    "db.public.t.Envelope",
)
_WHERE = {"table": "t", "lsn": 9}
_INSERT = {"before": None, "after": {"id": 1, "name": "a"}, "source": _WHERE, "op": "c", "ts_ms": 5}
_DELETE = {"before": {"id": 1, "name": "a"}, "after": None, "source": _WHERE, "op": "d", "ts_ms": 6}
DROPPED = "dropped"

CASES: list[tuple[dict[str, str], Any, Any]] = [
    ({}, _INSERT, {"id": 1, "name": "a"}),
    ({}, _DELETE, DROPPED),
    ({}, None, None),
    ({"delete.tombstone.handling.mode": "drop"}, None, DROPPED),
    ({"delete.tombstone.handling.mode": "delete-to-tombstone"}, _DELETE, None),
    ({"delete.tombstone.handling.mode": "delete-to-tombstone"}, None, DROPPED),
    ({"delete.tombstone.handling.mode": "rewrite"}, _DELETE, {"id": 1, "name": "a", "__deleted": "true"}),
    ({"delete.tombstone.handling.mode": "rewrite"}, _INSERT, {"id": 1, "name": "a", "__deleted": "false"}),
    ({"delete.tombstone.handling.mode": "rewrite-with-tombstone"}, None, None),
    ({"drop.tombstones": "false", "delete.handling.mode": "none"}, _DELETE, None),
    ({"delete.handling.mode": "rewrite"}, None, DROPPED),
    (
        {"add.fields": "op,source.lsn,table:origin", "add.fields.prefix": "_"}, _INSERT,
        {"id": 1, "name": "a", "_op": "c", "_source_lsn": 9, "_origin": "t"},
    ),
]  # fmt: skip


@pytest.mark.parametrize("schema", [_ENVELOPE, None], ids=["with a schema", "without"])
@pytest.mark.parametrize(("settings", "value", "expected"), CASES)
def test_an_event_becomes_its_row(settings: dict[str, str], value: Any, expected: Any, schema: Any) -> None:
    record = SinkRecord("t", 0, 0, {"id": 1}, value, None, None if value is None else schema)
    made = transform("io.debezium.transforms.ExtractNewRecordState", settings).apply(record)
    if expected is DROPPED:
        assert made is None
        return
    assert made is not None
    assert made.value == expected
    if made.value is not None and schema is not None:
        assert made.value_schema is not None
        assert list(made.value_schema.by_name) == list(expected)


def test_headers_are_added_and_the_row_may_name_its_topic() -> None:
    settings = {"add.headers": "op,lsn", "route.by.field": "name"}
    record = SinkRecord("t", 0, 0, None, _INSERT, None, _ENVELOPE)
    made = transform("ExtractNewRecordState", settings).apply(record)
    assert made is not None
    assert made.topic == "a"
    assert [(header.key, header.value) for header in made.headers] == [("__op", "c"), ("__lsn", 9)]


def test_what_is_no_change_event_passes() -> None:
    record = SinkRecord("t", 0, 0, None, {"id": 1}, None, _ROW)
    assert transform("ExtractNewRecordState", {}).apply(record) is record


async def test_a_connector_applies_its_transforms_where_their_predicates_let_it(tmp_path: Path) -> None:
    (tmp_path / "in.txt").write_text("one\ntwo\n")
    async with ConnectRig(tmp_path) as rig:
        await rig.create("lines", {
            "connector.class": "FileStreamSource", "file": str(tmp_path / "in.txt"), "topic": "lines",
            "transforms": "hoist, never, mark", "predicates": "is-lines",
            "transforms.hoist.type": "org.apache.kafka.connect.transforms.HoistField$Value",
            "transforms.hoist.field": "line",
            "transforms.never.type": "org.apache.kafka.connect.transforms.Filter", "transforms.never.negate": "true",
            "transforms.never.predicate": "is-lines",
            "transforms.mark.type": "org.apache.kafka.connect.transforms.InsertField$Value",
            "transforms.mark.static.field": "mark", "transforms.mark.static.value": "x",
            "transforms.mark.predicate": "is-lines",
            "predicates.is-lines.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
            "predicates.is-lines.pattern": "lin.*",
        })  # fmt: skip

        async def both() -> bool:
            return await rig.values("lines") == [{"line": "one", "mark": "x"}, {"line": "two", "mark": "x"}]

        await rig.until(both, "two records")


async def test_wrong_transforms_are_errors_of_their_keys(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        found = await rig.worker.validate("FileStreamSource", {
            "name": "x", "connector.class": "FileStreamSource", "file": "f", "topic": "t", "transforms": "a,b,c",
            "transforms.a.type": "no.such.Class", "transforms.b.type": "org.apache.kafka.connect.transforms.Cast",
            "transforms.c.type": "Filter", "transforms.c.predicate": "missing",
        })  # fmt: skip
        wrong = {entry["value"]["name"] for entry in found["configs"] if entry["value"]["errors"]}
        assert wrong == {"transforms.a.type", "transforms.b.type", "transforms.c.predicate"}
