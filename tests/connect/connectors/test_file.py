"""The file connectors: lines in, lines out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from headwater.testing.connector_suite import SinkConnectorSuite, SourceConnectorSuite


class TestFileStreamSource(SourceConnectorSuite):
    required = "file"

    def config(self) -> dict[str, str]:
        return {"connector.class": "FileStreamSource", "file": str(self.folder / "in.txt"), "topic": self.topic}

    async def add(self, items: Sequence[int]) -> None:
        with (self.folder / "in.txt").open("a") as file:
            file.writelines(f"{item}\n" for item in items)

    def item(self, value: Any) -> int:
        return int(value)


class TestJsonLinesSink(SinkConnectorSuite):
    required = "file"

    def config(self) -> dict[str, str]:
        return {"connector.class": "JsonLinesSink", "file": str(self.folder / "out" / "lines.json")}

    async def held(self) -> list[int]:
        file = self.folder / "out" / "lines.json"
        return [json.loads(line)["id"] for line in file.read_text().splitlines()] if file.exists() else []

    async def test_a_folder_that_is_a_file_fails_the_task_with_the_reason(self) -> None:
        (self.folder / "out").write_text("in the way")
        await self.rig.worker.create("tested", self.full_config())
        assert "lines.json" in await self.rig.failed("tested")

    async def test_the_original_class_writes_values_as_java_prints_them(self) -> None:
        await self.rig.produce(self.topic, [(None, {"a": 1, "b": [1.5, None, True]}), (None, "text"), (None, None)])
        out = self.folder / "text.txt"
        await self.rig.create("text", {
            "connector.class": "org.apache.kafka.connect.file.FileStreamSinkConnector", "topics": self.topic,
            "file": str(out),
        })  # fmt: skip
        await self.rig.until(lambda: out.exists() and out.read_text().count("\n") == 3, "three lines")
        assert out.read_text() == "{a=1, b=[1.5, null, true]}\ntext\nnull\n"
