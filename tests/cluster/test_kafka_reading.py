"""Which of a fetch's batches a reader of committed records gets."""

from __future__ import annotations

import struct

from headwater.cluster.remote.reading import Aborted, committed_batches
from headwater.wire.records import assign_offsets, build_batch, read_records

CONTROL = 0x20


def batch(offset: int, value: str, producer_id: int = -1, *, marker: bool = False) -> bytes:
    """A batch of one record; `producer_id` makes it part of that producer's transaction, `marker` its end."""
    transactional = producer_id >= 0
    data = bytearray(
        build_batch([(None, value.encode(), 0, ())], producer_id=producer_id, producer_epoch=0, base_sequence=0,
                    transactional=transactional)
    )  # fmt: skip
    if marker:
        (attributes,) = struct.unpack_from(">h", data, 21)
        struct.pack_into(">h", data, 21, attributes | CONTROL)
    assign_offsets(data, offset)
    return bytes(data)


def seen(data: bytes, position: int = 0, aborted: tuple[Aborted, ...] = ()) -> tuple[list[str], int]:
    kept, next_offset = committed_batches(data, position, aborted)
    return [(r.value or b"").decode() for r in read_records(kept, position)], next_offset


def test_plain_batches_are_passed_on_without_a_copy() -> None:
    data = batch(0, "a") + batch(1, "b")
    kept, next_offset = committed_batches(data, 0, ())
    assert isinstance(kept, memoryview)
    assert kept.obj is data
    assert (len(kept), next_offset) == (len(data), 2)


def test_a_batch_cut_at_the_end_is_left_for_the_next_fetch() -> None:
    whole, cut = batch(0, "a"), batch(1, "b")[:-1]
    assert seen(whole + cut) == (["a"], 1)
    assert seen(cut, 1) == ([], 1)
    assert seen(b"", 4) == ([], 4)


def test_an_aborted_transaction_is_left_out_up_to_its_marker() -> None:
    data = b"".join(
        [
            batch(0, "void", 7),
            batch(1, "other", 8),
            batch(2, "plain"),
            batch(3, "void too", 7),
            batch(4, "", 7, marker=True),
            batch(5, "kept", 7),
            batch(6, "", 8, marker=True),
            batch(7, "", 7, marker=True),
        ]
    )
    assert seen(data, aborted=(Aborted(7, 0),)) == (["other", "plain", "kept"], 8)


def test_only_markers_still_move_the_position() -> None:
    assert seen(batch(3, "", 7, marker=True), 3) == ([], 4)


def test_a_transaction_aborted_before_the_position_does_not_hide_the_next() -> None:
    data = batch(9, "", 7, marker=True) + batch(10, "kept", 7)
    assert seen(data, 9, (Aborted(7, 2),)) == (["kept"], 11)
