"""The committed tables are what the generator writes, and cover what the broker serves."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from headwater.wire import messages
from headwater.wire.codec import WireError, decode, decoder, encode
from headwater.wire.messages import ApiVersionsRequest, MetadataRequest, definitions

ROOT = Path(__file__).parents[2]


def test_tables_are_up_to_date() -> None:
    pytest.importorskip("kafka", reason="kafka-python, whose definitions the tables are made from, is not installed")
    done = subprocess.run(
        [sys.executable, ROOT / "tools/generate_wire_tables.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_message_has_a_class_with_its_fields() -> None:
    for name, message in definitions().items():
        empty = getattr(messages, name)()
        assert empty.__slots__ == tuple(field.name for field in message.fields)
        assert empty == getattr(messages, name)()


def test_lists_are_not_shared_between_objects() -> None:
    first = MetadataRequest()
    assert first.topics is not None
    first.topics.append(MetadataRequest.MetadataRequestTopic(name="t"))
    assert MetadataRequest().topics == []


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no message Nonsense"):
        messages.Nonsense  # type: ignore[attr-defined]  # noqa: B018


def test_a_version_that_does_not_exist_is_refused() -> None:
    with pytest.raises(WireError, match="no MetadataRequest v99: versions are 0 to 13"):
        decoder("MetadataRequest", 99)


def test_errors_name_message_version_and_size() -> None:
    with pytest.raises(WireError, match=r"Malformed MetadataRequest v1 \(3 bytes\)"):
        decode(MetadataRequest, 1, b"\x00\x00\x00")
    with pytest.raises(WireError, match="it ends at byte 0 of 1"):
        decode(ApiVersionsRequest, 0, b"x")
    with pytest.raises(WireError, match="topics claims more elements than the message has bytes"):
        decode(MetadataRequest, 1, b"\x7f\xff\xff\xff\x00")


def test_tracebacks_show_the_generated_source() -> None:
    with pytest.raises(AttributeError) as caught:
        encode(MetadataRequest(topics=[MetadataRequest.MetadataRequestTopic(name=None)]), 9)
    last = caught.traceback[-1]
    assert str(last.path).endswith("<wire encode MetadataRequest v9>")
    assert ".name.encode()" in str(last.statement)
