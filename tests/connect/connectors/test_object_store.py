"""The object store connectors over folders: what they read, what they write, and under which names."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import fastavro
import pyarrow.parquet
import pytest

from headwater.connect.connectors.object_store import formats
from headwater.connect.connectors.object_store.store import folder_store
from headwater.connect.errors import ConnectError
from headwater.connect.record import SinkRecord
from headwater.testing.connect_rig import ConnectRig
from headwater.testing.connector_suite import SinkConnectorSuite, SourceConnectorSuite

AZURE_SOURCE = "io.confluent.connect.azure.blob.storage.AzureBlobStorageSourceConnector"
AVRO = "io.confluent.connect.cloud.storage.source.format.CloudStorageAvroFormat"
ROW = {
    "type": "record", "name": "Row", "fields": [
        {"name": "id", "type": "long"}, {"name": "name", "type": ["null", "string"], "default": None},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
    ],
}  # fmt: skip


def avro_file(items: Sequence[int]) -> bytes:
    out = io.BytesIO()
    rows = [{"id": item, "name": f"item {item}", "at": 1_600_000_000_000_000 + item} for item in items]
    fastavro.writer(
        out, fastavro.parse_schema({**ROW, "fields": [*ROW["fields"][:2], {"name": "at", "type": "long"}]}), rows
    )
    return out.getvalue()


class TestAzureSourceOverTheStandInFolder(SourceConnectorSuite):
    required = "azblob.container.name"

    async def set_up(self) -> None:
        self.files = 0

    def config(self) -> dict[str, str]:
        return {
            "connector.class": AZURE_SOURCE, "format.class": AVRO, "mode": "GENERIC",
            "azblob.container.name": "data", "topics.dir": "topics", "topic.regex.list": f"{self.topic}:.*",
            "poll.interval.ms": "20", "confluent.topic.bootstrap.servers": "x", "tasks.max": "1",
        }  # fmt: skip

    async def add(self, items: Sequence[int]) -> None:
        place = self.folder / "services" / "object-store" / "data" / "topics" / "expedia" / "partition=0"
        place.mkdir(parents=True, exist_ok=True)
        hidden = place / f".{self.files}"
        hidden.write_bytes(avro_file(items))
        hidden.rename(place / f"expedia+0+{self.files:010}.avro")
        self.files += 1

    def item(self, value: Any) -> int:
        assert value["at"] == 1_600_000_000_000_000 + value["id"]
        return int(value["id"])


class TestFolderSinkOfSingleRecords(SinkConnectorSuite):
    required = "folder"
    idempotent = True

    def config(self) -> dict[str, str]:
        return {
            "connector.class": "FolderSink", "folder": str(self.folder / "out"), "flush.size": "1",
            "format.class": "io.confluent.connect.s3.format.json.JsonFormat",
        }  # fmt: skip

    async def set_up(self) -> None:
        self.read: dict[Path, list[int]] = {}

    async def held(self) -> list[int]:
        files = sorted((self.folder / "out").rglob("*.json"))
        for file in files:
            if file not in self.read:
                self.read[file] = [json.loads(line)["id"] for line in file.read_text().splitlines()]
        return [item for file in files for item in self.read[file]]


def read_back(file: Path) -> list[dict[str, Any]]:
    if file.suffix == ".avro":
        with file.open("rb") as opened:
            return [dict(row) for row in fastavro.reader(opened)]  # type: ignore[arg-type]
    if file.suffix == ".parquet":
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(file, partitioning=None).to_pylist()
        return rows
    return [json.loads(line) for line in file.read_text().splitlines()]


SCHEMA = {
    "type": "struct", "optional": False, "name": "Item",
    "fields": [
        {"field": "id", "type": "int64", "optional": False}, {"field": "kind", "type": "string", "optional": True},
    ],
}  # fmt: skip


@pytest.mark.parametrize("kind", ["avro", "parquet", "json"])
async def test_objects_are_named_after_their_first_offset_and_read_back(kind: str, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path / "services") as rig:
        values = [{"id": n, "kind": "ab"[n % 2]} for n in range(10)]
        await rig.produce("things", [(None, {"schema": SCHEMA, "payload": value}) for value in values])
        await rig.create("out", {
            "connector.class": "io.confluent.connect.azure.blob.AzureBlobStorageSinkConnector", "topics": "things",
            "azblob.container.name": "data", "format.class": kind, "flush.size": "4",
            "value.converter": "JsonConverter",
            "value.converter.schemas.enable": "true", "offset.flush.interval.ms": "20",
        })  # fmt: skip
        folder = tmp_path / "services" / "object-store" / "data" / "topics" / "things" / "partition=0"
        names = [f"things+0+000000000{n}.{kind}" for n in (0, 4)]
        await rig.until(lambda: sorted(f.name for f in folder.glob("*")) == names, "two objects")

        async def committed() -> bool:
            return [entry["offset"]["kafka_offset"] for entry in await rig.worker.offsets("out")] == [8]

        await rig.until(committed, "what is in objects to be committed, and no more")
        assert [row for name in names for row in read_back(folder / name)] == values[:8]
        await rig.create("back", {
            "connector.class": AZURE_SOURCE, "azblob.container.name": "data", "mode": "RESTORE_BACKUP",
            "topics.dir": "topics", "transforms": "r", "transforms.r.type": "RegexRouter",
            "transforms.r.regex": "things", "transforms.r.replacement": "again",
        })  # fmt: skip

        async def all_back() -> bool:
            return await rig.values("again") == values[:8]

        await rig.until(all_back, "the records of the objects")


async def test_records_go_to_the_folder_of_their_field_or_their_time(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path / "services") as rig:
        times = (1_600_000_000_000, 1_600_003_600_000)
        await rig.produce("things", [(None, {"kind": "ab"[n], "at": times[n]}) for n in (0, 1)])
        common = {"connector.class": "FolderSink", "topics": "things", "flush.size": "1"}
        await rig.create("by-field", common | {
            "folder": "fields", "partitioner.class": "io.confluent.connect.storage.partitioner.FieldPartitioner",
            "partition.field.name": "kind",
        })  # fmt: skip
        await rig.create("by-time", common | {
            "folder": "times", "partitioner.class": "io.confluent.connect.storage.partitioner.TimeBasedPartitioner",
            "path.format": "'d'=YYYY-MM-dd/'h'=HH", "timestamp.extractor": "RecordField", "timestamp.field": "at",
            "partition.duration.ms": "3600000", "locale": "en", "timezone": "UTC",
        })  # fmt: skip
        root = tmp_path / "services" / "object-store"

        def written() -> list[str]:
            return sorted(file.relative_to(root).as_posix() for file in root.rglob("*.json"))

        expected = [
            "fields/topics/things/kind=a/things+0+0000000000.json",
            "fields/topics/things/kind=b/things+0+0000000001.json",
            "times/topics/things/d=2020-09-13/h=12/things+0+0000000000.json",
            "times/topics/things/d=2020-09-13/h=13/things+0+0000000001.json",
        ]
        await rig.until(lambda: written() == expected, "four objects")


async def test_an_object_that_is_not_what_it_says_fails_the_task_with_its_name(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    (place / "bad.avro").write_bytes(b"no Avro at all")
    async with ConnectRig(tmp_path / "services") as rig:
        config = {"connector.class": "FolderSource", "folder": str(place), "topics.dir": "", "topic": "things"}
        await rig.worker.create("in", config)
        assert "bad.avro" in await rig.failed("in")


@pytest.mark.parametrize("kind", ["avro", "csv"])
async def test_records_that_no_object_can_hold_go_to_the_dead_letter_topic(kind: str, tmp_path: Path) -> None:
    schema = {**SCHEMA, "fields": [{"field": "id", "type": "int32", "optional": True}]}
    if kind == "avro":
        values: list[Any] = [{"schema": schema, "payload": {"id": 1 << 40 if n == 3 else n}} for n in range(8)]
    else:
        values = ["no object" if n == 3 else {"id": n} for n in range(8)]
    async with ConnectRig(tmp_path / "services") as rig:
        await rig.produce("things", [(None, value) for value in values])
        await rig.create("out", {
            "connector.class": "FolderSink", "topics": "things", "folder": "out", "format.class": kind,
            "flush.size": "8", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead",
            "offset.flush.interval.ms": "20", "value.converter": "JsonConverter",
            "value.converter.schemas.enable": "true" if kind == "avro" else "false",
        })  # fmt: skip

        async def dead() -> bool:
            return len(await rig.records("dead")) == 1

        await rig.until(dead, "the dead letter")
        (file,) = (tmp_path / "services" / "object-store" / "out").rglob("things+0+0000000000.*")
        if kind == "avro":
            assert [row["id"] for row in read_back(file)] == [0, 1, 2, 4, 5, 6, 7]
        else:
            assert file.read_text().split() == ["id", "0", "1", "2", "4", "5", "6", "7"]
        assert (await rig.worker.offsets("out"))[0]["offset"] == {"kafka_offset": 8}


async def test_a_write_that_is_tried_again_reports_a_refused_record_once(tmp_path: Path) -> None:
    out = tmp_path / "services" / "object-store" / "out"
    out.mkdir(parents=True)
    (out / "topics").write_text("in the way")
    async with ConnectRig(tmp_path / "services") as rig:
        await rig.produce("things", [(None, "no object" if n == 3 else {"id": n}) for n in range(8)])
        await rig.create("out", {
            "connector.class": "FolderSink", "topics": "things", "folder": "out", "format.class": "csv",
            "flush.size": "8", "errors.tolerance": "all", "errors.deadletterqueue.topic.name": "dead",
            "offset.flush.interval.ms": "20", "value.converter": "JsonConverter",
            "value.converter.schemas.enable": "false",
        })  # fmt: skip
        await rig.until(lambda: "Cannot write topics/things" in rig.trace("out"), "a write to fail")
        (out / "topics").unlink()

        async def committed() -> bool:
            return [part["offset"] for part in await rig.worker.offsets("out")] == [{"kafka_offset": 8}]

        await rig.until(committed, "the object")
        assert len(await rig.records("dead")) == 1
        assert [counts.failed for counts in rig.worker.counts().values()] == [1]


def test_records_that_do_not_go_together_become_as_few_objects_as_can_be() -> None:
    records = [SinkRecord("t", 0, n, None, {"a": n if n < 5 else f"text {n}"}) for n in range(8)]
    found = formats.objects("parquet", records)
    assert [[one.offset for one in part] for part, _ in found.written] == [[0, 1, 2, 3], [4], [5], [6, 7]]
    assert found.refused == []
    assert formats.objects("parquet", records) == found


async def test_archives_are_read_without_holding_what_is_in_them(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    (place / "a.json.gz").write_bytes(gzip.compress(b'{"id":1}\n{"id":2}\n'))
    (place / "b.json.gz").write_bytes(gzip.compress(b" " * (80 << 20)))
    async with ConnectRig(tmp_path / "services") as rig:
        config = {"connector.class": "FolderSource", "folder": str(place), "topics.dir": "", "topic": "things"}
        await rig.worker.create("in", config)
        assert "b.json.gz in folder" in (trace := await rig.failed("in"))
        assert "a line has more than 64 MiB" in trace


async def test_csv_and_json_lines_are_read_by_the_names_of_files(tmp_path: Path) -> None:
    place = tmp_path / "in"
    place.mkdir()
    (place / "a.csv").write_text('id,name\n1,"x, y"\n2,z\n')
    (place / "b.json").write_text('{"id":3}\n\n{"id":4}\n')
    async with ConnectRig(tmp_path / "services") as rig:
        config = {"connector.class": "FolderSource", "folder": str(place), "topics.dir": "", "topic": "things"}
        await rig.create("in", config)

        async def there() -> bool:
            return len(await rig.values("things")) == 4

        await rig.until(there, "four records")
        assert await rig.values("things") == [
            {"id": "1", "name": "x, y"},
            {"id": "2", "name": "z"},
            {"id": 3},
            {"id": 4},
        ]


async def test_a_topic_that_is_made_anew_is_written_from_its_start(tmp_path: Path) -> None:
    out = tmp_path / "out"
    async with ConnectRig(tmp_path) as rig:
        await rig.produce("t", [(None, {"id": n}) for n in range(3)])
        await rig.create("sink", {"connector.class": "FolderSink", "folder": str(out), "topics": "t",
                                  "flush.size": "1", "file.delim": "-"})  # fmt: skip
        await rig.until(lambda: len(list(out.rglob("t-0-*"))) == 3, "three objects")
        await rig.worker.pause("sink")
        await rig.until(lambda: rig.states("sink") == ["PAUSED", "PAUSED"], "the pause")
        await rig.cluster.delete_topics(["t"])
        await rig.produce("t", [(None, {"id": 9})])
        await rig.worker.resume("sink")
        first = out / "topics" / "t" / "partition=0" / "t-0-0000000000.json"
        await rig.until(lambda: json.loads(first.read_text()) == {"id": 9}, "the first object of the new topic")


def test_no_path_leads_out_of_a_store(tmp_path: Path) -> None:
    """Topics after a transformation, and fields of records, are parts of paths."""
    store = folder_store(str(tmp_path / "store"))
    for path in ("topics/../../etc", "..", "a/.."):
        with pytest.raises(ConnectError, match="not a path inside"):
            store.write(path, b"x")
    store.write("topics/a..b/..c", b"x")
    assert not (tmp_path / "etc").exists()
