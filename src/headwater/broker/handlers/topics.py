"""Topic administration: CreateTopics, DeleteTopics, CreatePartitions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Sequence
from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.handlers.configs import topic_entries
from headwater.broker.handlers.quotas import mutations
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.slices import run_in_slices
from headwater.log.topic import INTERNAL_TOPICS, NewTopic, Topic
from headwater.wire.messages import (
    CreatePartitionsRequest,
    CreatePartitionsResponse,
    CreateTopicsRequest,
    CreateTopicsResponse,
    DeleteTopicsRequest,
    DeleteTopicsResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

MAX_REPLICATION = 3
"""The largest replication factor that may be asked for: the usual one. What asks for more wants to see the refusal."""

CreatableTopic = CreateTopicsRequest.CreatableTopic
CreatedTopic = CreateTopicsResponse.CreatableTopicResult
DeletableTopicResult = DeleteTopicsResponse.DeletableTopicResult
PartitionsResult = CreatePartitionsResponse.CreatePartitionsTopicResult


class _Refusal(Exception):
    """A request that breaks a rule of the protocol, with the code that says so."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code


async def create_topics(broker: Broker, context: Context, request: CreateTopicsRequest) -> CreateTopicsResponse:
    """Create each topic or say why not. Replication above one node is accepted, so that scripts for clusters work."""
    seen = Counter(topic.name for topic in request.topics)
    results = []
    accepted: list[tuple[NewTopic, CreatedTopic]] = []
    wait = 0.0
    for wanted in request.topics:
        result = CreatedTopic(name=wanted.name)
        results.append(result)
        try:
            if seen[wanted.name] > 1:
                raise _Refusal(Code.INVALID_REQUEST, f"The request names topic '{wanted.name}' more than once.")
            if not broker.allows_creation(context, wanted.name):
                raise _Refusal(Code.TOPIC_AUTHORIZATION_FAILED, f"Creating topic '{wanted.name}' is not allowed.")
            new = _new_topic(broker, wanted)
            if not request.validate_only:
                wait = max(wait, _charge(broker, context, new.partitions, strict=context.version >= 6))
            accepted.append((new, result))
        except _Refusal as refusal:
            result.error_code, result.error_message = refusal.code, str(refusal)
    await (_validate if request.validate_only else _create)(broker, accepted)
    return CreateTopicsResponse(topics=results, throttle_time_ms=int(wait * 1000))


def _charge(broker: Broker, context: Context, partitions: int, *, strict: bool) -> float:
    """Charge a change of so many partitions to the client's quota; the seconds it has to wait (KIP-599)."""
    wait = mutations(broker, context, partitions, strict=strict)
    if wait is None:
        raise _Refusal(Code.THROTTLING_QUOTA_EXCEEDED, "The quota of changes to topics is used up for the moment.")
    return wait


def _new_topic(broker: Broker, wanted: CreatableTopic) -> NewTopic:
    partitions, replication = _shape(broker, wanted)
    if wanted.name in INTERNAL_TOPICS:
        raise _Refusal(Code.INVALID_TOPIC_EXCEPTION, f"Topic '{wanted.name}' is created by the broker only.")
    configs = {config.name: config.value or "" for config in wanted.configs}
    return NewTopic(wanted.name, partitions, replication, configs)


async def _create(broker: Broker, accepted: Sequence[tuple[NewTopic, CreatedTopic]]) -> None:
    made: Sequence[Topic | HeadwaterError]
    try:
        made = await run_in_slices(broker.log.create_topics(new for new, _ in accepted))
    except HeadwaterError as error:
        made = [error] * len(accepted)
    await run_in_slices(_describe(broker, accepted, made))


async def _validate(broker: Broker, accepted: Sequence[tuple[NewTopic, CreatedTopic]]) -> None:
    checked: list[HeadwaterError | None] = []
    for new, _ in accepted:
        try:
            broker.log.check_create_topic(new.name, new.partitions, new.configs)
            checked.append(None)
        except HeadwaterError as error:
            checked.append(error)
    await run_in_slices(_describe(broker, accepted, checked))


def _describe(
    broker: Broker,
    accepted: Sequence[tuple[NewTopic, CreatedTopic]],
    made: Sequence[Topic | HeadwaterError | None],
) -> Generator[None, None, None]:
    """Fill in what became of the topics; None is one that could be created."""
    for (new, result), topic in zip(accepted, made, strict=True):
        if isinstance(topic, HeadwaterError):
            result.error_code, result.error_message = code_of(topic), str(topic)
            continue
        if topic is not None:
            result.topic_id = topic.topic_id
        result.num_partitions, result.replication_factor = new.partitions, new.replication
        result.configs = [
            CreateTopicsResponse.CreatableTopicConfigs(name=e.name, value=e.value, config_source=e.config_source)
            for e in topic_entries(broker, new.configs)
        ]
        yield


def _shape(broker: Broker, wanted: CreatableTopic) -> tuple[int, int]:
    """Partition count and replication, defaults filled in."""
    if wanted.assignments:
        if wanted.num_partitions != -1 or wanted.replication_factor != -1:
            raise _Refusal(Code.INVALID_REQUEST, "Give either partition count and replication factor, or assignments.")
        indexes = sorted(a.partition_index for a in wanted.assignments)
        if indexes != list(range(len(indexes))):
            raise _Refusal(Code.INVALID_REPLICA_ASSIGNMENT, "The assignments must be for partitions 0, 1, 2 and so on.")
        return len(indexes), _replication(len(wanted.assignments[0].broker_ids))
    partitions = broker.settings.default_partitions if wanted.num_partitions == -1 else wanted.num_partitions
    replication = 1 if wanted.replication_factor == -1 else _replication(wanted.replication_factor)
    if partitions < 1:
        raise _Refusal(Code.INVALID_PARTITIONS, f"Number of partitions must be larger than 0, not {partitions}.")
    return partitions, replication


def _replication(factor: int) -> int:
    """A replication factor that may be asked for."""
    if 1 <= factor <= MAX_REPLICATION:
        return factor
    raise _Refusal(
        Code.INVALID_REPLICATION_FACTOR,
        f"Replication factor must be from 1 to {MAX_REPLICATION}, not {factor}: there is one node, and what is above 1 "
        "is accepted only for scripts that were made for clusters of the usual size.",
    )


async def delete_topics(broker: Broker, context: Context, request: DeleteTopicsRequest) -> DeleteTopicsResponse:
    """Delete topics by name or, from version 6 on, by id, and the offsets that groups committed for them."""
    results = []
    doomed: dict[str, DeletableTopicResult] = {}
    wait = 0.0
    wanted = [(t.name, t.topic_id) for t in request.topics] if context.version >= 6 else None
    for name, topic_id in wanted if wanted is not None else [(name, bytes(16)) for name in request.topic_names]:
        topic = broker.log.topic_by_id(topic_id) if name is None else broker.log.topic(name)
        result = DeletableTopicResult(name=name, topic_id=topic_id)
        if topic is None or topic.name in doomed:
            result.error_code = Code.UNKNOWN_TOPIC_ID if name is None else Code.UNKNOWN_TOPIC_OR_PARTITION
        elif not broker.allows(context, Operation.DELETE, Resource.TOPIC, topic.name):
            result.error_code = Code.TOPIC_AUTHORIZATION_FAILED
        elif topic.internal:
            result.error_code = Code.INVALID_TOPIC_EXCEPTION
            result.error_message = f"Topic '{topic.name}' belongs to the broker."
        elif topic.name in broker.reserved_topics:
            result.error_code = Code.TOPIC_AUTHORIZATION_FAILED
            result.error_message = f"Topic '{topic.name}' belongs to this node."
        else:
            result.name, result.topic_id = topic.name, topic.topic_id
            try:
                wait = max(wait, _charge(broker, context, len(topic.partitions), strict=context.version >= 5))
                doomed[topic.name] = result
            except _Refusal as refusal:
                result.error_code, result.error_message = refusal.code, str(refusal)
        results.append(result)
    try:
        if doomed:
            await broker.delete_topics(doomed)
    except HeadwaterError as error:
        for result in doomed.values():
            result.error_code, result.error_message = code_of(error), str(error)
    return DeleteTopicsResponse(responses=results, throttle_time_ms=int(wait * 1000))


def create_partitions(broker: Broker, context: Context, request: CreatePartitionsRequest) -> CreatePartitionsResponse:
    """Raise the partition count of topics (KIP-195), of all of them with one write of the metadata."""
    results = []
    totals: dict[str, int] = {}
    by_name: dict[str, PartitionsResult] = {}
    seen = Counter(topic.name for topic in request.topics)
    wait = 0.0
    for wanted in request.topics:
        result = by_name[wanted.name] = PartitionsResult(name=wanted.name)
        results.append(result)
        try:
            if seen[wanted.name] > 1:
                raise _Refusal(Code.INVALID_REQUEST, f"The request names topic '{wanted.name}' more than once.")
            if not broker.allows(context, Operation.ALTER, Resource.TOPIC, wanted.name):
                raise _Refusal(Code.TOPIC_AUTHORIZATION_FAILED, f"Altering topic '{wanted.name}' is not allowed.")
            growth = _growth(broker, wanted)
            if not request.validate_only:
                wait = max(wait, _charge(broker, context, growth, strict=context.version >= 3))
            totals[wanted.name] = wanted.count
        except _Refusal as refusal:
            result.error_code, result.error_message = refusal.code, str(refusal)
        except HeadwaterError as error:
            result.error_code, result.error_message = code_of(error), str(error)
    try:
        errors = {} if request.validate_only else broker.log.grow_topics(totals)
    except HeadwaterError as error:
        errors = dict.fromkeys(totals, error)
    for name, failure in errors.items():
        by_name[name].error_code, by_name[name].error_message = code_of(failure), str(failure)
    return CreatePartitionsResponse(results=results, throttle_time_ms=int(wait * 1000))


def _growth(broker: Broker, wanted: CreatePartitionsRequest.CreatePartitionsTopic) -> int:
    """How many partitions the topic gets; raises if it cannot have that many."""
    topic = broker.log.topic(wanted.name)
    if topic is None:
        raise _Refusal(Code.UNKNOWN_TOPIC_OR_PARTITION, f"The topic '{wanted.name}' does not exist.")
    present = len(topic.partitions)
    if wanted.count <= present:
        raise _Refusal(
            Code.INVALID_PARTITIONS,
            f"The topic {wanted.name} currently has {present} partition(s); {wanted.count} would not be an increase.",
        )
    if wanted.assignments and len(wanted.assignments) != wanted.count - present:
        raise _Refusal(
            Code.INVALID_REPLICA_ASSIGNMENT,
            f"There are {len(wanted.assignments)} assignments for {wanted.count - present} new partition(s).",
        )
    broker.log.check_add_partitions(wanted.name, wanted.count)
    return wanted.count - present
