"""Committed offsets: Kafka's layout, replay, transactions, deletion."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.log import Log
from headwater.log.markers import build_marker
from headwater.log.offsets import (
    OFFSETS_TOPIC,
    Offset,
    OffsetAndMetadata,
    OffsetStore,
    _java_hash,
    group_key,
    offset_key,
    offset_value,
    parse_offset_value,
)
from headwater.testing import ManualClock
from headwater.testing.clock import START_MS
from headwater.testing.storage import FaultyStorage
from headwater.wire.records import build_batch
from tests.log.support import open_log

KEY = ("t", 0)


def new_store(storage: FaultyStorage | None = None) -> tuple[Log, OffsetStore]:
    clock = ManualClock()
    log = open_log(storage or FaultyStorage(), clock)
    store = OffsetStore(log, clock)
    store.load()
    return log, store


def commit(
    log: Log, store: OffsetStore, group: str, offsets: dict[tuple[str, int], Offset], producer: int = -1
) -> None:
    append = store.commit_batch(group, offsets, producer_id=producer, producer_epoch=0 if producer >= 0 else -1)
    log.commit([append])
    store.applied(group, offsets, producer_id=producer)


def test_offsets_are_there_after_the_commit_and_after_a_restart() -> None:
    storage = FaultyStorage()
    log, store = new_store(storage)
    commit(log, store, "g", {KEY: (5, 2, "meta"), ("u", 1): (6, -1, "")})
    commit(log, store, "g", {KEY: (7, 2, "more")})
    commit(log, store, "other", {KEY: (1, -1, "")})
    expected = {
        KEY: OffsetAndMetadata(7, 2, "more", START_MS),
        ("u", 1): OffsetAndMetadata(6, -1, "", START_MS),
    }
    assert store.fetch("g") == expected
    storage.kill()
    storage.restart()
    _, again = new_store(storage)
    assert again.fetch("g") == expected
    assert again.get("g", KEY) == expected[KEY]
    assert again.groups() == {"g", "other"}
    assert again.fetch("nobody") == {}


def test_the_topic_is_internal_and_compacted() -> None:
    log, _ = new_store()
    topic = log.topics()[OFFSETS_TOPIC]
    assert topic.internal
    assert topic.config("cleanup.policy") == ("compact",)


def test_the_layout_is_kafkas() -> None:
    assert offset_key("g", "to", 3) == b"\0\x01\0\x01g\0\x02to\0\0\0\x03"
    assert group_key("g") == b"\0\x02\0\x01g"
    expected = b"\0\x03" + (9).to_bytes(8, "big") + b"\xff\xff\xff\xff" + b"\0\x01m" + (5).to_bytes(8, "big")
    assert offset_value(9, -1, "m", 5) == expected


@pytest.mark.parametrize(
    "value",
    [
        b"\0\0" + bytes(7) + b"\x09" + b"\0\x01m" + bytes(7) + b"\x05",
        b"\0\x01" + bytes(7) + b"\x09" + b"\0\x01m" + bytes(7) + b"\x05" + bytes(8),
        offset_value(9, -1, "m", 5),
    ],
    ids=["version 0", "version 1", "version 3"],
)
def test_every_version_of_a_value_is_read(value: bytes) -> None:
    assert parse_offset_value(value) == OffsetAndMetadata(9, -1, "m", 5)


@given(st.text(max_size=20), st.integers(0, 1 << 62), st.integers(-1, 1 << 30), st.integers(0, 1 << 62))
def test_values_read_back(metadata: str, offset: int, epoch: int, timestamp: int) -> None:
    value = offset_value(offset, epoch, metadata, timestamp)
    assert parse_offset_value(value) == OffsetAndMetadata(offset, epoch, metadata, timestamp)


@pytest.mark.parametrize(("text", "value"), [("", 0), ("group", 98629247), ("my-group", 0), ("ä€😀", 0)])
def test_the_hash_is_javas(text: str, value: int) -> None:
    expected = 0
    for unit in text.encode("utf-16-be").hex(" ", 2).split():
        expected = (31 * expected + int(unit, 16)) % (1 << 32)
    assert _java_hash(text) == expected
    assert not value or _java_hash(text) == value


def test_offsets_of_a_transaction_count_once_it_commits() -> None:
    for decided, restarted in ((d, r) for d in ("commit", "abort", "open") for r in (False, True)):
        storage = FaultyStorage()
        log, store = new_store(storage)
        commit(log, store, "g", {KEY: (1, -1, "")})
        commit(log, store, "g", {KEY: (2, -1, "")}, producer=9)
        assert store.fetch("g")[KEY].offset == 1
        assert store.has_pending("g", KEY)
        if decided != "open":
            marker = build_marker(9, 0, commit=decided == "commit", timestamp=START_MS)
            log.commit([(store.partition("g"), marker)])
            store.end_transaction(9, commit=decided == "commit")
        if restarted:
            storage.kill()
            storage.restart()
            _, store = new_store(storage)
        assert store.fetch("g")[KEY].offset == (2 if decided == "commit" else 1), (decided, restarted)
        assert store.has_pending("g", KEY) == (decided == "open")


def test_deleted_offsets_stay_deleted() -> None:
    storage = FaultyStorage()
    log, store = new_store(storage)
    commit(log, store, "g", {KEY: (1, -1, ""), ("u", 0): (2, -1, "")})
    commit(log, store, "h", {KEY: (3, -1, "")})
    store.store_group("h", {group_key("h"): b"members", b"\0\5\0\1hmore": b"about it"})
    store.delete("g", [KEY, ("unknown", 0)])
    store.delete("h")
    store.delete("nobody")
    for current in (store, new_store(_restarted(storage))[1]):
        assert {key: at.offset for key, at in current.fetch("g").items()} == {("u", 0): 2}
        assert current.groups() == {"g"}
        assert current.group_records() == {}


def test_offsets_of_a_deleted_topic_go() -> None:
    log, store = new_store()
    commit(log, store, "g", {KEY: (1, -1, ""), ("u", 0): (2, -1, "")})
    store.delete_topics(["t"])
    assert list(store.fetch("g")) == [("u", 0)]


def test_records_of_groups_are_kept_as_given() -> None:
    storage = FaultyStorage()
    _, store = new_store(storage)
    key, another = group_key("g"), b"\0\5\0\1gmember"
    store.store_group("g", {key: b"one", another: b"1"})
    store.store_group("g", {key: b"two"})
    store.store_group("h", {group_key("h"): b"x"})
    store.store_group("h", {group_key("h"): None})
    for current in (store, new_store(_restarted(storage))[1]):
        assert current.group_records() == {"g": {key: b"two", another: b"1"}}
        assert current.groups() == {"g"}


def test_records_nobody_understands_are_left_out(caplog: pytest.LogCaptureFixture) -> None:
    storage = FaultyStorage()
    log, store = new_store(storage)
    commit(log, store, "g", {KEY: (1, -1, "")})
    strange = [
        (key, b"?", START_MS, ()) for key in (None, b"", b"\0", b"\0\x01\0\xff", b"\0\x09", offset_key("g", "x", 0))
    ]
    log.commit([(store.partition("g"), build_batch(strange))])
    _, again = new_store(_restarted(storage))
    assert list(again.fetch("g")) == [KEY]
    assert "not understood" in caplog.text


def _restarted(storage: FaultyStorage) -> FaultyStorage:
    storage.kill()
    storage.restart()
    return storage
