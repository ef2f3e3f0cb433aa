"""Hostile input: damaged requests, nonsense, lengths that lie, and batches that are bombs; all from a `Random`."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from random import Random

import cramjam
from crc32c import crc32c

from headwater.broker.apis import APIS
from headwater.wire.frames import request_frame
from headwater.wire.messages import ProduceRequest, definition
from headwater.wire.records import build_batch
from tests.wire.random_messages import random_message

TOPIC = "hostile"
_PRODUCE = 0
_HEADER = 61
"""Bytes of a v2 batch before its records."""
_BOMB = bytes(cramjam.gzip.compress(bytes(1 << 26)))
"""64 MB of zeros."""


def valid_frames(random: Random) -> list[bytes]:
    """One random request of every served version, without length bytes."""
    frames = []
    for api in APIS.values():
        for version in range(api.first, api.last + 1):
            request = random_message(definition(f"{api.name}Request"), version, random)
            frames.append(request_frame(api.key, version, random.randrange(1 << 31), "fuzz", request)[4:])
    return frames


def damage(frame: bytes, random: Random) -> bytes:
    """The frame with some bytes changed, cut off, put in or repeated; the API and version stay mostly right."""
    data = bytearray(frame)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(4 if random.random() < 0.9 else 0, len(data)) if len(data) > 4 else 0
        match random.randrange(5):
            case 0:
                data[at : at + 1] = random.randbytes(1)
            case 1:
                data[at : at + 4] = random.choice((b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\x80\x80\x80\x80\x80"))
            case 2:
                del data[at:]
            case 3:
                data[at:at] = random.randbytes(random.randrange(1, 20))
            case 4:
                data += data[at:]
    return bytes(data)


def produce_frame(records: bytes, compressed: str = "") -> bytes:
    """A Produce request with these bytes as records of `TOPIC`, without length bytes."""
    data = [ProduceRequest.PartitionProduceData(index=0, records=records)]
    topics = [ProduceRequest.TopicProduceData(name=TOPIC, partition_data=data)]
    return request_frame(_PRODUCE, 9, 1, "fuzz", ProduceRequest(acks=1, timeout_ms=1000, topic_data=topics))[4:]


def bomb() -> bytes:
    """A batch of few bytes that says it has 20 records in 64 MB."""
    head = bytearray(build_batch([(b"key", b"value", 0, ()) for _ in range(20)])[:_HEADER])
    batch = head + _BOMB
    struct.pack_into(">i", batch, 8, len(batch) - 12)
    batch[22] = (batch[22] & ~7) | 1  # gzip
    struct.pack_into(">I", batch, 17, crc32c(bytes(batch[21:])))
    return bytes(batch)


def inputs(random: Random) -> Iterator[bytes]:
    """For ever, what a connection may be sent, with length bytes that are mostly right."""
    whole = build_batch([(b"key", b"value" * 20, 0, ()) for _ in range(20)])
    bombed = produce_frame(bomb())
    while True:
        for frame in valid_frames(random):
            yield framed(damage(frame, random))
            if random.random() < 0.1:
                yield framed(frame)
            if random.random() < 0.1:
                yield framed(produce_frame(damage(whole, random)))
        yield framed(bombed)
        yield random.randbytes(random.randrange(1, 200))
        yield random.choice((b"\x7f\xff\xff\xff", b"\xff\xff\xff\xff", b"\0\0\0\0")) + random.randbytes(50)
        yield framed(random.randbytes(random.randrange(1, 2_000)))


def framed(frame: bytes) -> bytes:
    """With its length before it."""
    return len(frame).to_bytes(4, "big") + frame
