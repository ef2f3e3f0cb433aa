"""How the embedded log behaves: the settings of one node, each declared once with its default and its reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum


class FsyncPolicy(Enum):
    """When appended bytes are forced to the disk, and so what a failure can lose.

    A crash or `kill -9` of the process loses nothing under any policy: the bytes are in the operating system's cache
    by then, and half-written commits are rolled back at the next start. The policies differ when the *machine* stops
    (power cut, kernel crash):

    - NONE: the operating system writes when it likes, usually within 30 s. A power cut can lose everything since then,
      also what was acknowledged, and a multi-partition commit can come back in part.
    - INTERVAL: at least once per `fsync_interval_ms` while there is anything to write. A power cut loses at most that
      much time, acknowledged or not.
    - ADAPTIVE (default): a sync starts as soon as something is appended, off the event loop; what arrives meanwhile
      goes into the next one. Records become visible to consumers and `Log.durable` returns only when they are on disk:
      a power cut loses nothing that was acknowledged with acks=all or read by anybody. Records acknowledged with
      acks=1 or acks=0 can be lost for the duration of one sync. A multi-partition commit that was not acknowledged yet
      comes back whole or not at all, unless the system wrote its data out before its journal in that moment.

    The default is the one that keeps the promise that Kafka keeps by replication: one node has no other copy. Its price
    is one sync of latency (about 0.3 ms on a good virtual disk, 1-10 ms on slow ones), not throughput.
    """

    NONE = "none"
    INTERVAL = "interval"
    ADAPTIVE = "adaptive"


@dataclass(frozen=True)
class LogSettings:
    """Settings of one log; times in ms, sizes in bytes."""

    fsync: FsyncPolicy = FsyncPolicy.ADAPTIVE
    fsync_interval_ms: int = 1_000
    """Only for INTERVAL."""
    checkpoint_interval_ms: int = 30_000
    """`Log.maintenance` notes at most this often up to where the files are known good: bounds what an unclean start
    has to scan to what was written in this time."""
    retention_check_interval_ms: int = 300_000
    """`Log.maintenance` deletes at most this often what retention does not keep, as Kafka does
    (`log.retention.check.interval.ms`): old records that are loaded into a topic can be read before they go."""
    topic_defaults: Mapping[str, str] = field(default_factory=dict)
    """Topic configs that hold where a topic sets none itself, over Kafka's own defaults."""
    offsets_partitions: int = 1
    """Partitions of `__consumer_offsets`. Kafka has 50; on one node they bring nothing but files."""
    offsets_segment_bytes: int = 16 << 20
    """Segment size of `__consumer_offsets`: only closed segments are compacted."""
    max_partitions_per_topic: int = 10_000
    """More are refused: a partition costs about 0.6 KB from the start, and files once it is written to, so that a
    typing error must not take the node down."""
    max_partitions: int = 200_000
    """Of all topics together: about 120 MB of memory."""
    producer_id_expiration_ms: int = 24 * 3_600_000
    """An idempotent producer that wrote nothing for so long is forgotten."""
