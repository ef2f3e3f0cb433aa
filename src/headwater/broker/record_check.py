"""The seam for checks of records before they are appended: the broker is handed one, and knows nothing of schemas."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from headwater.wire.records import Buffer

RecordCheck = Callable[[str, Mapping[str, str], Buffer], Sequence[tuple[int, str]]]
"""Topic, its explicit configs and a record batch to what is wrong: (position of the record in the batch, reason).

It is asked for every batch, so it must cost next to nothing for topics that want no check. Records that cannot be read
are nobody's fault here: appending refuses them."""


def unchecked(topic: str, configs: Mapping[str, str], records: Buffer) -> Sequence[tuple[int, str]]:
    """Every record is taken."""
    return ()
