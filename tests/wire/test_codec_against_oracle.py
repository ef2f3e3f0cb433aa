"""The compiled codec writes what the independent implementation `kio` writes, for every message and version."""

from __future__ import annotations

import importlib
from io import BytesIO
from random import Random
from typing import Any

import pytest

from headwater.wire.codec import decode, encode
from headwater.wire.definitions import Message
from headwater.wire.messages import definitions, message_class
from tests.wire.random_messages import random_message

kio_serial = pytest.importorskip("kio.serial", reason="kio is not installed")
kio_index = importlib.import_module("kio.schema.index")

SAMPLES = 4
OURS = {name for name in definitions() if name.endswith("Value")}
"""Layouts of stored records, which the oracle does not have."""


def oracle_class(message: Message, version: int) -> Any:
    if message.kind == "data":
        folder = {"ConsumerProtocolSubscription": "consumer_protocol_subscription"}.get(
            message.name, "consumer_protocol_assignment"
        )
    else:
        folder = kio_index.api_key_map[message.key]
    try:
        module = importlib.import_module(f"kio.schema.{folder}.v{version}.{message.kind}")
    except ImportError:
        return None
    return getattr(module, message.name)


@pytest.mark.parametrize("name", [name for name in definitions() if name not in OURS])
def test_same_bytes_as_the_oracle(name: str) -> None:
    message = definitions()[name]
    random = Random(name)
    compared = 0
    for version in range(message.versions[0], message.versions[1] + 1):
        kind = oracle_class(message, version)
        if kind is None:
            continue
        read, write = kio_serial.entity_reader(kind), kio_serial.entity_writer(kind)
        for _ in range(SAMPLES):
            ours = b"".join(encode(random_message(message, version, random), version))
            theirs, size = read(ours, 0)
            assert size == len(ours)
            out = BytesIO()
            write(out, theirs)
            assert out.getvalue() == ours, f"v{version}: {theirs}"
            assert b"".join(encode(decode(message_class(message), version, ours), version)) == ours
            compared += 1
    assert compared
