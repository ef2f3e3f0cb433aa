"""The Azure connectors against Azurite: what the sink writes there the source reads; wrong keys are told."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from headwater.connect.errors import UsageError
from headwater.testing.connect_rig import ConnectRig
from tests.azurite_fixture import ACCOUNT, KEY, azurite

__all__ = ["azurite"]
pytestmark = [pytest.mark.compat, pytest.mark.timeout(360)]

SOURCE = "io.confluent.connect.azure.blob.storage.AzureBlobStorageSourceConnector"
SINK = "io.confluent.connect.azure.blob.AzureBlobStorageSinkConnector"


def keys(azurite: str, key: str = KEY) -> dict[str, str]:
    return {
        "azblob.account.name": ACCOUNT, "azblob.account.key": key, "azblob.container.name": "data",
        "azblob.endpoint": azurite,
    }  # fmt: skip


def make_container(azurite: str) -> None:
    from adlfs import AzureBlobFileSystem  # type: ignore[import-untyped]

    text = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={azurite}/{ACCOUNT};"
    store: Any = AzureBlobFileSystem(connection_string=text)
    if not store.exists("data"):
        store.mkdir("data")


async def test_what_the_sink_writes_the_source_reads_once(azurite: str, tmp_path: Path) -> None:
    await asyncio.to_thread(make_container, azurite)
    async with ConnectRig(tmp_path) as rig:
        values = [{"id": n} for n in range(40)]
        await rig.produce("expedia", [(None, value) for value in values])
        await rig.create("out", {
            "connector.class": SINK, "topics": "expedia", "format.class": "json", "flush.size": "10",
            "offset.flush.interval.ms": "20", **keys(azurite),
        })  # fmt: skip
        source = {
            "connector.class": SOURCE, "mode": "GENERIC", "topic.regex.list": "again:.*", "topics.dir": "topics",
            "poll.interval.ms": "50", "tasks.max": "3", **keys(azurite),
        }  # fmt: skip
        await rig.create("in", source)

        async def all_back() -> bool:
            return len(await rig.values("again")) >= 40

        await rig.until(all_back, "what is in the container")
        await rig.restart()
        await rig.running("in")
        await rig.produce("expedia", [(None, {"id": n}) for n in range(40, 50)])

        async def more() -> bool:
            return len(await rig.values("again")) >= 50

        await rig.until(more, "what came after the restart")
        assert sorted(value["id"] for value in await rig.values("again")) == list(range(50))


async def test_a_wrong_key_is_an_error_of_the_configuration(azurite: str, tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        wrong = "d3Jvbmcga2V5LCByZWFsbHk="
        config = {"connector.class": SINK, "topics": "t", **keys(azurite, wrong)}
        with pytest.raises(UsageError, match="Check the name and the credentials") as found:
            await rig.worker.create("out", config)
        assert wrong not in str(found.value)


async def test_a_store_that_is_away_is_told(tmp_path: Path) -> None:
    async with ConnectRig(tmp_path) as rig:
        config = {"connector.class": SINK, "topics": "t", **keys("http://127.0.0.1:9")}
        with pytest.raises(UsageError, match="Nobody answers"):
            await rig.worker.create("out", config)
