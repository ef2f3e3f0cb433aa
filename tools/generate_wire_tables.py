"""Writes Kafka's message definitions as one compact table, and the type stub of the classes made from it.

The facts come from the protocol definitions that `kafka-python` ships. Run it after upgrading that package; `--check`
fails when the committed files differ from what it would write.

    python tools/generate_wire_tables.py [--check]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "src"))

from headwater.wire.definitions import ArrayType, Field, PrimitiveType, StructType, WireType, parse_tables  # noqa: E402

WIRE = ROOT / "src" / "headwater" / "wire"
TABLE = WIRE / "messages.txt"
STUB = WIRE / "messages.pyi"

APIS = """
    Produce Fetch ListOffsets Metadata OffsetCommit OffsetFetch FindCoordinator JoinGroup Heartbeat LeaveGroup SyncGroup
    DescribeGroups ListGroups SaslHandshake ApiVersions CreateTopics DeleteTopics DeleteRecords InitProducerId
    OffsetForLeaderEpoch AddPartitionsToTxn AddOffsetsToTxn EndTxn WriteTxnMarkers TxnOffsetCommit
    DescribeAcls CreateAcls DeleteAcls DescribeConfigs AlterConfigs DescribeLogDirs SaslAuthenticate CreatePartitions
    DeleteGroups IncrementalAlterConfigs OffsetDelete DescribeClientQuotas AlterClientQuotas
    DescribeUserScramCredentials
    AlterUserScramCredentials DescribeCluster DescribeProducers DescribeTransactions ListTransactions
    DescribeTopicPartitions
    ElectLeaders AlterPartitionReassignments ListPartitionReassignments AlterReplicaLogDirs DescribeQuorum
    ListConfigResources UpdateFeatures
""".split()
DATA = ["ConsumerProtocolSubscription", "ConsumerProtocolAssignment"]

OWN_TABLE = """
data GroupMetadataValue 0-4 flexible 4
  protocol_type string
  generation int32
  protocol string ?0-4 =null
  leader string ?0-4 =null
  current_state_timestamp int64 2-4 =-1
  members []MemberMetadata
    member_id string
    group_instance_id string 3-4 ?3-4 =null
    client_id string
    client_host string
    rebalance_timeout int32 1-4
    session_timeout int32
    subscription bytes
    assignment bytes

data TransactionLogValue 0-1 flexible 1
  producer_id int64
  previous_producer_id int64 1 #0:1 =-1
  next_producer_id int64 1 #1:1 =-1
  producer_epoch int16
  transaction_timeout_ms int32
  transaction_status int8
  transaction_partitions []PartitionsSchema ?0-1
    topic string
    partition_ids []int32
  transaction_last_update_timestamp_ms int64
  transaction_start_timestamp_ms int64
  client_transaction_version int16 1 #2:1

data ConsumerGroupMetadataValue 0 flexible 0
  epoch int32
  metadata_hash int64 #0:0

data ConsumerGroupMemberMetadataValue 0 flexible 0
  instance_id string ?0
  rack_id string ?0
  client_id string
  client_host string
  subscribed_topic_names []string
  subscribed_topic_regex string ?0
  rebalance_timeout_ms int32 =-1
  server_assignor string ?0

data ConsumerGroupTargetAssignmentMetadataValue 0 flexible 0
  assignment_epoch int32

data ConsumerGroupTargetAssignmentMemberValue 0 flexible 0
  topic_partitions []TopicPartition
    topic_id uuid
    partitions []int32

data ConsumerGroupCurrentMemberAssignmentValue 0 flexible 0
  member_epoch int32
  previous_member_epoch int32
  state int8
  assigned_partitions []TopicPartitions
    topic_id uuid
    partitions []int32
  partitions_pending_revocation []TopicPartitions
    topic_id uuid
    partitions []int32
"""
"""What no package brings: the layout of Kafka's own records in `__consumer_offsets` and `__transaction_state`."""

CONSUMER_GROUP_TABLE = """
request 68 ConsumerGroupHeartbeatRequest 0-1 flexible 0
  group_id string
  member_id string
  member_epoch int32
  instance_id string ?0-1 =null
  rack_id string ?0-1 =null
  rebalance_timeout_ms int32 =-1
  subscribed_topic_names []string ?0-1 =null
  subscribed_topic_regex string 1 ?1 =null
  server_assignor string ?0-1 =null
  topic_partitions []TopicPartitions ?0-1 =null
    topic_id uuid
    partitions []int32

response 68 ConsumerGroupHeartbeatResponse 0-1 flexible 0
  throttle_time_ms int32
  error_code int16
  error_message string ?0-1 =null
  member_id string ?0-1 =null
  member_epoch int32
  heartbeat_interval_ms int32
  assignment Assignment ?0-1 =null
    topic_partitions []TopicPartitions
      topic_id uuid
      partitions []int32

request 69 ConsumerGroupDescribeRequest 0-1 flexible 0
  group_ids []string
  include_authorized_operations bool

response 69 ConsumerGroupDescribeResponse 0-1 flexible 0
  throttle_time_ms int32
  groups []DescribedGroup
    error_code int16
    error_message string ?0-1 =null
    group_id string
    group_state string
    group_epoch int32
    assignment_epoch int32
    assignor_name string
    members []Member
      member_id string
      instance_id string ?0-1 =null
      rack_id string ?0-1 =null
      member_epoch int32
      client_id string
      client_host string
      subscribed_topic_names []string
      subscribed_topic_regex string ?0-1 =null
      assignment Assignment
        topic_partitions []TopicPartitions
          topic_id uuid
          topic_name string
          partitions []int32
      target_assignment Assignment
        topic_partitions []TopicPartitions
          topic_id uuid
          topic_name string
          partitions []int32
      member_type int8 1 =-1
    authorized_operations int32 =-2147483648
"""
"""KIP-848, which `kafka-python` does not speak; the test oracle does."""

OLDER = {
    "OffsetCommitRequest": ("2-10", "1-10", "committed_metadata", "commit_timestamp int64 1 =-1"),
    "OffsetCommitResponse": ("2-10", "1-10", "", ""),
}
"""Versions that clients still in use send though Kafka 4 has dropped them: the range given, the range served, and the
field that only they have, put before another one."""

HEADER = """\
# The messages of Kafka's protocol: names, types and versions. Written by tools/generate_wire_tables.py; do not edit.
#
# kind [API key] Name, versions, "flexible" and the first version with compact lengths and tagged fields ("-": none).
# One line per field: name, type, then as needed: its versions (default: all of the enclosing struct's), "?" and the
# versions in which it may be null, "#" tag and ":" versions in which it is tagged, "=" default. Deeper lines are the
# fields of the struct that the line above names.
"""


def snake(name: str) -> str:
    """FetchableTopicId as fetchable_topic_id."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def load(name: str) -> dict[str, Any]:
    """The definition, comments removed."""
    text = (files("kafka.protocol.schemas") / "resources" / f"{name}.json").read_text()
    definition: dict[str, Any] = json.loads(re.sub(r"^\s*//.*$|(?<=[,{\[])\s*//.*$", "", text, flags=re.M))
    return definition


def versions(text: str, limit: tuple[int, int]) -> tuple[int, int] | None:
    """A text like "3+", "0-4" or "none" as an inclusive range inside `limit`; None when nothing is left."""
    if text == "none":
        return None
    low, _, high = text.partition("-")
    first = int(low.rstrip("+"))
    last = limit[1] if text.endswith("+") else int(high or low)
    span = max(first, limit[0]), min(last, limit[1])
    return span if span[0] <= span[1] else None


def show(span: tuple[int, int]) -> str:
    return str(span[0]) if span[0] == span[1] else f"{span[0]}-{span[1]}"


def field_lines(field: dict[str, Any], limit: tuple[int, int], common: dict[str, Any], depth: int) -> list[str]:
    """The line of the field and those of its struct; none if no version in `limit` has it."""
    span = versions(field["versions"], limit)
    if span is None:
        return []
    words = [snake(field["name"]), field["type"]]
    if span != limit:
        words.append(show(span))
    if nullable := versions(field.get("nullableVersions", "none"), span):
        words.append("?" + show(nullable))
    if tagged := versions(field.get("taggedVersions", "none"), span):
        words.append(f"#{field['tag']}:{show(tagged)}")
    if field.get("flexibleVersions") == "none":
        raise ValueError(f"{field['name']}: only request headers have such fields, and those are written by hand")
    default = field.get("default")
    if default not in (None, "", "0", 0, False, "false"):
        words.append(f"={str(default).lower() if isinstance(default, bool) else default}")
    lines = ["  " * depth + " ".join(words)]
    struct = field.get("fields") or common.get(field["type"].removeprefix("[]"))
    for inner in struct or []:
        lines += field_lines(inner, span, common, depth + 1)
    return lines


def message_lines(name: str) -> list[str]:
    definition = load(name)
    span = versions(definition["validVersions"], (0, 99))
    assert span is not None, name
    flexible = definition["flexibleVersions"].rstrip("+")
    kind = definition["type"]
    key = f" {definition['apiKey']}" if "apiKey" in definition else ""
    common = {s["name"]: s["fields"] for s in definition.get("commonStructs", [])}
    lines = [f"{kind}{key} {name} {show(span)} flexible {'-' if flexible == 'none' else flexible}"]
    for field in definition["fields"]:
        lines += field_lines(field, span, common, 1)
    return with_older(name, lines)


def with_older(name: str, lines: list[str]) -> list[str]:
    """The lines of a message with the versions that its definition has no longer."""
    if name not in OLDER:
        return lines
    given, served, before, field = OLDER[name]
    head, *rest = lines
    if f" {given} " not in head:
        raise ValueError(f"{head}: expected the versions {given}")
    out = [head.replace(f" {given} ", f" {served} ")]
    for line in rest:
        if before and line.split()[0] == before:
            out.append(line[: len(line) - len(line.lstrip())] + field)
        out.append(line.replace("?2-", "?1-") if "metadata" in line else line.replace(" 2-9", " 1-9"))
    return out


PYTHON_TYPES = {"bool": "bool", "float64": "float", "string": "str", "uuid": "bytes", "bytes": "bytes"}


def annotation(kind: WireType) -> str:
    if isinstance(kind, ArrayType):
        return f"list[{annotation(kind.element)}]"
    if isinstance(kind, StructType):
        return kind.path
    assert isinstance(kind, PrimitiveType)
    return "Buffer" if kind.name == "records" else PYTHON_TYPES.get(kind.name, "int")


def structs(fields: tuple[Field, ...]) -> dict[str, StructType]:
    """Every struct below these fields by name, inner ones first."""
    found: dict[str, StructType] = {}
    for field in fields:
        kind = field.type.element if isinstance(field.type, ArrayType) else field.type
        if isinstance(kind, StructType):
            for struct in (*structs(kind.fields).values(), kind):
                known = found.setdefault(struct.name, struct)
                if [f.name for f in known.fields] != [f.name for f in struct.fields]:
                    raise ValueError(f"Two different structs are named {struct.path}")
    return found


def stub_class(name: str, fields: tuple[Field, ...], inner: list[str], pad: str = "") -> list[str]:
    pairs = [
        (f.name, annotation(f.type) + (" | None" if f.nullable or isinstance(f.type, StructType) else ""))
        for f in fields
    ]
    arguments = "".join(f", {field}: {kind} = ..." for field, kind in pairs)
    return [
        f"{pad}class {name}(Struct):",
        *inner,
        *(f"{pad}    {field}: {kind}" for field, kind in pairs),
        f"{pad}    def __init__(self{', *' if arguments else ''}{arguments}) -> None: ...",
    ]


def stub(table: str) -> str:
    lines = [
        '"""Types of the message classes. Written by tools/generate_wire_tables.py; do not edit."""',
        "",
        "# ruff: noqa",
        "from headwater.wire.definitions import Buffer as Buffer",
        "from headwater.wire.definitions import Message, Struct as Struct",
        "",
        "def message_class(message: Message) -> type[Struct]: ...",
        "def definition(name: str) -> Message: ...",
        "def api_names() -> dict[int, str]: ...",
        "def definitions() -> dict[str, Message]: ...",
    ]
    for message in parse_tables(table).values():
        inner = [
            line
            for struct in structs(message.fields).values()
            for line in stub_class(struct.name, struct.fields, [], "    ")
        ]
        lines += ["", *stub_class(message.name, message.fields, inner)]
    return "\n".join(lines) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the committed files differ")
    check = parser.parse_args().check
    names = [api + suffix for api in APIS for suffix in ("Request", "Response")] + DATA
    table = (
        HEADER
        + "".join("\n" + "\n".join(message_lines(name)) + "\n" for name in names)
        + CONSUMER_GROUP_TABLE
        + OWN_TABLE
    )
    stale = []
    for path, text in ((TABLE, table), (STUB, stub(table))):
        if not path.exists() or path.read_text() != text:
            stale.append(path.name)
            if not check:
                path.write_text(text)
    if check and stale:
        print(f"{', '.join(stale)} differ from the definitions: run tools/generate_wire_tables.py")
    return 1 if check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
