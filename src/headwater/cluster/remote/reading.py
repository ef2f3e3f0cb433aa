"""From fetch responses to committed batches: what a reader of committed records may see of the bytes a broker sends."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from headwater.wire.records import BatchHeader, batch_headers

Buffer = bytes | bytearray | memoryview


@dataclass(frozen=True)
class Aborted:
    """A transaction that was aborted: all of the producer's batches from `first_offset` to its next marker are void."""

    producer_id: int
    first_offset: int


def committed_batches(data: Buffer, position: int, aborted: Sequence[Aborted]) -> tuple[Buffer, int]:
    """The whole, committed batches of a fetch's `records` and the offset after them.

    A broker sends everything up to the last stable offset, cuts the last batch anywhere, and names the aborted
    transactions instead of leaving them out (KIP-98). Where nothing is to be left out no byte is copied. `position` is
    the offset that was asked for: what is returned when there is no whole batch.
    """
    headers = list(batch_headers(data))
    if not headers:
        return b"", position
    end = headers[-1].start + headers[-1].size
    next_offset = max(position, headers[-1].last_offset + 1)
    view = memoryview(data)
    if not aborted and not any(h.is_control for h in headers):
        return view[:end], next_offset
    kept = list(_committed(headers, aborted))
    return _joined(view, kept), next_offset


def _committed(headers: Iterable[BatchHeader], aborted: Sequence[Aborted]) -> Iterable[BatchHeader]:
    """The batches with records of committed transactions, or of none."""
    pending = sorted(aborted, key=lambda a: a.first_offset, reverse=True)
    void: set[int] = set()
    for header in headers:
        while pending and pending[-1].first_offset <= header.last_offset:
            void.add(pending.pop().producer_id)
        if header.is_control:
            void.discard(header.producer_id)  # either marker ends the producer's transaction
        elif not (header.is_transactional and header.producer_id in void):
            yield header


def _joined(view: memoryview, kept: Sequence[BatchHeader]) -> Buffer:
    if not kept:
        return b""
    first, last = kept[0], kept[-1]
    end = last.start + last.size
    if sum(h.size for h in kept) == end - first.start:
        return view[first.start : end]
    return b"".join(view[h.start : h.start + h.size] for h in kept)
