"""The partition of a keyed record: murmur2 of the key's bytes, as every producer that co-partitions with Java does.

`MurmurHash2` with seed 0x9747b28c over little-endian words (Kafka's `Utils.murmur2`); the sign bit is cleared before
the remainder is taken.
"""

from __future__ import annotations

from struct import unpack_from

_SEED = 0x9747B28C
_M = 0x5BD1E995
_MASK = 0xFFFFFFFF


def murmur2(data: bytes) -> int:
    """The 32-bit hash, unsigned.

    >>> murmur2(b"21") - (1 << 32), murmur2(b"foobar") - (1 << 32)
    (-973932308, -790332482)
    """
    length = len(data)
    h = _SEED ^ length
    words = length >> 2
    for k in unpack_from(f"<{words}I", data):
        k = k * _M & _MASK
        k ^= k >> 24
        h = (h * _M & _MASK) ^ (k * _M & _MASK)
    tail = data[words << 2 :]
    if tail:
        h = (h ^ int.from_bytes(tail, "little")) * _M & _MASK
    h ^= h >> 13
    h = h * _M & _MASK
    return h ^ h >> 15


def partition_for(key: bytes, partitions: int) -> int:
    """The partition, 0-based, of a record with this key among `partitions`."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
