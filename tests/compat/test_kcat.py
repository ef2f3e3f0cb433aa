"""kcat, with the librdkafka that distributions ship."""

from __future__ import annotations

import json
import shutil
import subprocess

import pytest

from tests.broker.server import Running
from tests.compat.conftest import SECRET, USER

KCAT = shutil.which("kcat") or ""
pytestmark = [pytest.mark.compat, pytest.mark.skipif(not KCAT, reason="kcat is not installed")]


def kcat(broker: Running, *arguments: str, given: str | None = None) -> str:
    command = [KCAT, "-b", broker.address, *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("codec", ["none", "gzip", "snappy", "lz4", "zstd"])
def test_produce_and_consume(broker: Running, codec: str) -> None:
    topic = f"kcat-{codec}"
    lines = "".join(f"line {i} {'z' * 100}\n" for i in range(100))
    kcat(broker, "-P", "-t", topic, "-z", codec, given=lines)
    assert kcat(broker, "-C", "-t", topic, "-e", "-q") == lines


def test_a_compressed_batch_stays_compressed(broker: Running) -> None:
    kcat(broker, "-P", "-t", "kcat-small", "-z", "zstd", given="".join("same line\n" for _ in range(1000)))
    partition = broker.broker.log.topics()["kcat-small"].partitions[0]
    assert partition.size_bytes < 5_000, "old librdkafka drops compression if Produce v0 is not advertised"


def test_a_consumer_group(broker: Running) -> None:
    kcat(broker, "-P", "-t", "kcat-group", "-K", ":", given="a:1\nb:2\n")
    out = kcat(
        broker, "-G", "kcat-g", "kcat-group", "-X", "auto.offset.reset=earliest", "-c", "2", "-q", "-f", "%k=%s\n"
    )
    assert sorted(out.split()) == ["a=1", "b=2"]


def test_listing(broker: Running) -> None:
    kcat(broker, "-P", "-t", "kcat-listed", given="x\n")
    listed = json.loads(kcat(broker, "-L", "-J"))
    assert "kcat-listed" in {topic["topic"] for topic in listed["topics"]}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_logins(guarded_broker: Running, mechanism: str) -> None:
    login = {"security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": mechanism}
    login |= {"sasl.username": USER, "sasl.password": SECRET}
    options = [part for name, value in login.items() for part in ("-X", f"{name}={value}")]
    kcat(guarded_broker, "-P", "-t", f"kcat-{mechanism}", *options, given="x\n")
    assert kcat(guarded_broker, "-C", "-t", f"kcat-{mechanism}", "-e", "-q", *options) == "x\n"
