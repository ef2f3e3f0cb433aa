"""Embedded stores keep their changes for a while, and say when a reader comes too late."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.connect.embedded.documents import DocumentStore, Write
from headwater.connect.embedded.history import LONGEST_MS, History, HistoryLostError
from headwater.connect.embedded.sqlite import connected

NOW_MS = 1_700_000_000_000
FEW = History("sequence", "at_ms", "space", most=10)


def write(store: DocumentStore, count: int, now_ms: int = NOW_MS) -> None:
    for number in range(count):
        store.write([Write("c", str(number), {"n": number})], now_ms)


def kept(folder: Path) -> int:
    with connected(folder / "documents.db") as connection:
        return int(connection.execute("SELECT COUNT(*) FROM changes").fetchone()[0])


def test_the_newest_changes_are_kept_and_documents_all(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path, "shop", FEW)
    store.write([Write("c", str(number), {"n": number}) for number in range(3_000)], NOW_MS)
    assert kept(tmp_path) == 10
    assert [one.sequence for one in store.changes(2_990)] == list(range(2_991, 3_001))
    with pytest.raises(HistoryLostError, match="Changes of shop up to 2990 are not kept any more; 2989 was read last"):
        store.changes(2_989)
    assert len(store.find("c")) == 3_000
    assert store.last_change() == 3_000


def test_a_file_grows_by_no_more_than_what_is_looked_for_at_once(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path, "shop", FEW)
    for _ in range(40):
        store.write([Write("c", str(number), {"n": number}) for number in range(100)], NOW_MS)
        assert kept(tmp_path) <= 10 + 1_000 + 100


def test_changes_of_the_last_week_are_kept(tmp_path: Path) -> None:
    store = DocumentStore(tmp_path, "shop")
    write(store, 5)
    write(store, 1, NOW_MS + LONGEST_MS)
    assert kept(tmp_path) == 6
    write(store, 1, NOW_MS + LONGEST_MS + 3_600_000)
    assert kept(tmp_path) == 2
    assert [one.sequence for one in store.changes(5)] == [6, 7]


def test_what_another_space_has_lost_is_nothing_to_a_reader(tmp_path: Path) -> None:
    shop, search = DocumentStore(tmp_path, "shop", FEW), DocumentStore(tmp_path, "search", FEW)
    write(shop, 1)
    search.write([Write("c", str(number), {"n": number}) for number in range(3_000)], NOW_MS)
    assert shop.changes(1) == []
    with pytest.raises(HistoryLostError):
        shop.changes(0)
    assert shop.last_change() == 3_001
    write(shop, 1)
    assert [one.sequence for one in shop.changes(1)] == [3_002]
