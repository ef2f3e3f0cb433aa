"""Transactions: what they cover, how they end, and their administration."""

from __future__ import annotations

import re
from asyncio import Future
from collections.abc import Sequence
from typing import TYPE_CHECKING

from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.durability import when_durable
from headwater.broker.errors import Code, code_of
from headwater.broker.session import Context
from headwater.broker.transactions.coordinator import NOBODY, TV2
from headwater.broker.transactions.transaction import Place, ProducerId, State, Transaction
from headwater.core.errors import HeadwaterError, LogError
from headwater.log.offsets import Offset
from headwater.wire.messages import (
    AddOffsetsToTxnRequest,
    AddOffsetsToTxnResponse,
    AddPartitionsToTxnRequest,
    AddPartitionsToTxnResponse,
    DescribeTransactionsRequest,
    DescribeTransactionsResponse,
    EndTxnRequest,
    EndTxnResponse,
    ListTransactionsRequest,
    ListTransactionsResponse,
    TxnOffsetCommitRequest,
    TxnOffsetCommitResponse,
    WriteTxnMarkersRequest,
    WriteTxnMarkersResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

_FIRST_IN_BATCHES = 4
_FIRST_WITH_FENCED = 2
"""Before it (KIP-588) clients know a fenced producer as INVALID_PRODUCER_EPOCH."""
_FIRST_END_WITH_NEXT_EPOCH = 5
_FIRST_COMMIT_THAT_ADDS = 5
"""Of TxnOffsetCommit: the group need not be added before (KIP-890)."""

AddTopic = AddPartitionsToTxnRequest.AddPartitionsToTxnTopic
TopicResult = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult
PartitionResult = AddPartitionsToTxnResponse.AddPartitionsToTxnPartitionResult
CommitTopic = TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic
CommitPartition = TxnOffsetCommitResponse.TxnOffsetCommitResponsePartition


def _may_write(broker: Broker, context: Context, name: str) -> bool:
    """Whether the client may use the transactional id."""
    return broker.allows(context, Operation.WRITE, Resource.TRANSACTIONAL_ID, name)


def _may_commit(broker: Broker, context: Context, name: str, group: str) -> Code:
    """Whether the client may commit offsets of the group under the transactional id."""
    if not _may_write(broker, context, name):
        return Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
    allowed = broker.allows(context, Operation.READ, Resource.GROUP, group)
    return Code.NONE if allowed else Code.GROUP_AUTHORIZATION_FAILED


def _fenced_before(version: int, code: Code) -> Code:
    """What a client of before KIP-588 understands."""
    return Code.INVALID_PRODUCER_EPOCH if code is Code.PRODUCER_FENCED and version < _FIRST_WITH_FENCED else code


def add_partitions_to_txn(
    broker: Broker, context: Context, request: AddPartitionsToTxnRequest
) -> AddPartitionsToTxnResponse:
    """Partitions that a transaction is about to write to; from version 4 on several transactions', or only a check."""
    if context.version < _FIRST_IN_BATCHES:
        producer = ProducerId(request.v3_and_below_producer_id, request.v3_and_below_producer_epoch)
        name, topics = request.v3_and_below_transactional_id, request.v3_and_below_topics
        codes = _add(broker, context, name, producer, topics, verify_only=False)
        codes = {place: _fenced_before(context.version, code) for place, code in codes.items()}
        return AddPartitionsToTxnResponse(results_by_topic_v3_and_below=_results(topics, codes))
    return AddPartitionsToTxnResponse(
        results_by_transaction=[
            AddPartitionsToTxnResponse.AddPartitionsToTxnResult(
                transactional_id=t.transactional_id,
                topic_results=_results(
                    t.topics,
                    _add(
                        broker,
                        context,
                        t.transactional_id,
                        ProducerId(t.producer_id, t.producer_epoch),
                        t.topics,
                        verify_only=t.verify_only,
                    ),
                ),
            )
            for t in request.transactions
        ]
    )


def _add(
    broker: Broker, context: Context, name: str, producer: ProducerId, topics: Sequence[AddTopic], *, verify_only: bool
) -> dict[Place, Code]:
    places = [(topic.name, index) for topic in topics for index in topic.partitions]
    if not _may_write(broker, context, name):
        return dict.fromkeys(places, Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    forbidden = {p for p in places if not broker.allows(context, Operation.WRITE, Resource.TOPIC, p[0])}
    if forbidden:
        return {
            place: Code.TOPIC_AUTHORIZATION_FAILED if place in forbidden else Code.OPERATION_NOT_ATTEMPTED
            for place in places
        }
    if verify_only:
        return {place: broker.transactions.check(name, producer, place) for place in places}
    unknown = {place for place in places if broker.partition(*place) is None}
    if unknown:
        return {
            place: Code.UNKNOWN_TOPIC_OR_PARTITION if place in unknown else Code.OPERATION_NOT_ATTEMPTED
            for place in places
        }
    try:
        code = broker.transactions.add(name, producer, places)
    except LogError:
        code = Code.COORDINATOR_NOT_AVAILABLE
    return dict.fromkeys(places, code)


def _results(topics: Sequence[AddTopic], codes: dict[Place, Code]) -> list[TopicResult]:
    return [
        TopicResult(
            name=topic.name,
            results_by_partition=[
                PartitionResult(partition_index=index, partition_error_code=codes[topic.name, index])
                for index in topic.partitions
            ],
        )
        for topic in topics
    ]


def add_offsets_to_txn(broker: Broker, context: Context, request: AddOffsetsToTxnRequest) -> AddOffsetsToTxnResponse:
    """A transaction is about to commit offsets of a group."""
    producer = ProducerId(request.producer_id, request.producer_epoch)
    if not request.group_id:
        return AddOffsetsToTxnResponse(error_code=Code.INVALID_GROUP_ID)
    refusal = _may_commit(broker, context, request.transactional_id, request.group_id)
    if refusal:
        return AddOffsetsToTxnResponse(error_code=refusal)
    try:
        code = broker.transactions.add_group(request.transactional_id, producer, request.group_id)
    except LogError:
        code = Code.COORDINATOR_NOT_AVAILABLE
    return AddOffsetsToTxnResponse(error_code=_fenced_before(context.version, code))


def end_txn(broker: Broker, context: Context, request: EndTxnRequest) -> EndTxnResponse | Future[EndTxnResponse]:
    """Commit or abort; the answer comes when that is durable. From version 5 on the epoch is raised (KIP-890)."""
    if not _may_write(broker, context, request.transactional_id):
        code = Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        return EndTxnResponse(error_code=code, producer_id=-1, producer_epoch=-1)
    bumps = context.version >= _FIRST_END_WITH_NEXT_EPOCH
    producer = ProducerId(request.producer_id, request.producer_epoch)
    try:
        code, following = broker.transactions.end(
            request.transactional_id, producer, commit=request.committed, bumps=bumps
        )
    except LogError:
        code, following = Code.COORDINATOR_NOT_AVAILABLE, NOBODY
    if code:
        return EndTxnResponse(error_code=_fenced_before(context.version, code), producer_id=-1, producer_epoch=-1)
    response = EndTxnResponse(producer_id=following.id, producer_epoch=following.epoch)
    return when_durable(broker.log, response, _end_not_durable)


def _end_not_durable(_: EndTxnResponse, error: HeadwaterError) -> EndTxnResponse:
    return EndTxnResponse(error_code=Code.COORDINATOR_NOT_AVAILABLE, producer_id=-1, producer_epoch=-1)


def txn_offset_commit(
    broker: Broker, context: Context, request: TxnOffsetCommitRequest
) -> TxnOffsetCommitResponse | Future[TxnOffsetCommitResponse]:
    """Positions of a group that count once the transaction is committed (KIP-98, KIP-447)."""
    producer = ProducerId(request.producer_id, request.producer_epoch)
    error = _check_offsets(broker, context, request, producer)
    offsets: dict[Place, Offset] = {}
    topics = []
    for topic in request.topics:
        results = []
        for place in topic.partitions:
            code = error
            if not code and not broker.allows(context, Operation.READ, Resource.TOPIC, topic.name):
                code = Code.TOPIC_AUTHORIZATION_FAILED
            elif not code and broker.partition(topic.name, place.partition_index) is None:
                code = Code.UNKNOWN_TOPIC_OR_PARTITION
            elif not code and len(place.committed_metadata or "") > broker.settings.max_offset_metadata_bytes:
                code = Code.OFFSET_METADATA_TOO_LARGE
            if not code:
                key = topic.name, place.partition_index
                offsets[key] = place.committed_offset, place.committed_leader_epoch, place.committed_metadata or ""
            results.append(CommitPartition(partition_index=place.partition_index, error_code=code))
        topics.append(CommitTopic(name=topic.name, partitions=results))
    response = TxnOffsetCommitResponse(topics=topics)
    if not offsets:
        return response
    try:
        broker.commit_offsets_later(request.group_id, offsets, producer)
    except LogError as failure:
        return _commit_failed(response, failure)
    return when_durable(broker.log, response, _commit_failed)


def _check_offsets(broker: Broker, context: Context, request: TxnOffsetCommitRequest, producer: ProducerId) -> Code:
    """Whether group and transaction allow it. From version 5 on the transaction covers the group from now on."""
    code = _may_commit(
        broker, context, request.transactional_id, request.group_id
    ) or broker.groups.check_transactional_commit(
        request.group_id, request.generation_id, request.member_id, request.group_instance_id
    )
    name, group = request.transactional_id, request.group_id
    if not code and context.version >= _FIRST_COMMIT_THAT_ADDS:
        try:
            code = broker.transactions.add_group(name, producer, group, version=TV2)
        except LogError:
            code = Code.COORDINATOR_NOT_AVAILABLE
    elif not code:
        code = broker.transactions.check_group(name, producer, group)
    # This API has no answer of its own for a fenced producer: clients take the epoch's for it.
    return Code.INVALID_PRODUCER_EPOCH if code is Code.PRODUCER_FENCED else code


def _commit_failed(response: TxnOffsetCommitResponse, error: HeadwaterError) -> TxnOffsetCommitResponse:
    for topic in response.topics:
        for place in topic.partitions:
            if not place.error_code:
                place.error_code = Code.COORDINATOR_NOT_AVAILABLE
    return response


def write_txn_markers(
    broker: Broker, context: Context, request: WriteTxnMarkersRequest
) -> WriteTxnMarkersResponse | Future[WriteTxnMarkersResponse]:
    """End what a producer has open in partitions: how an operator gets rid of a hanging transaction (KIP-664)."""
    allowed = broker.allows(context, Operation.CLUSTER_ACTION, Resource.CLUSTER, CLUSTER_NAME)
    allowed = allowed or broker.allows(context, Operation.ALTER, Resource.CLUSTER, CLUSTER_NAME)
    results = []
    for wanted in request.markers:
        producer = ProducerId(wanted.producer_id, wanted.producer_epoch)
        topics = []
        for topic in wanted.topics:
            partitions = []
            for index in topic.partition_indexes:
                if not allowed:
                    code = Code.CLUSTER_AUTHORIZATION_FAILED
                    partitions.append(
                        WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult(partition_index=index, error_code=code)
                    )
                    continue
                try:
                    code = broker.transactions.write_marker(
                        producer,
                        (topic.name, index),
                        commit=wanted.transaction_result,
                        coordinator_epoch=wanted.coordinator_epoch,
                    )
                except LogError as error:
                    code = code_of(error)
                partitions.append(
                    WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult(partition_index=index, error_code=code)
                )
            topics.append(WriteTxnMarkersResponse.WritableTxnMarkerTopicResult(name=topic.name, partitions=partitions))
        results.append(WriteTxnMarkersResponse.WritableTxnMarkerResult(producer_id=wanted.producer_id, topics=topics))
    return when_durable(broker.log, WriteTxnMarkersResponse(markers=results), _markers_failed)


def _markers_failed(response: WriteTxnMarkersResponse, error: HeadwaterError) -> WriteTxnMarkersResponse:
    for marker in response.markers:
        for topic in marker.topics:
            for place in topic.partitions:
                place.error_code = place.error_code or code_of(error)
    return response


def describe_transactions(
    broker: Broker, context: Context, request: DescribeTransactionsRequest
) -> DescribeTransactionsResponse:
    """State, owner and partitions of transactional ids (KIP-664)."""
    known = broker.transactions.transactions
    return DescribeTransactionsResponse(
        transaction_states=[
            DescribeTransactionsResponse.TransactionState(
                transactional_id=name,
                error_code=Code.TRANSACTIONAL_ID_NOT_FOUND,
                transaction_start_time_ms=-1,
                producer_id=-1,
                producer_epoch=-1,
            )
            if name not in known or not broker.allows(context, Operation.DESCRIBE, Resource.TRANSACTIONAL_ID, name)
            else _describe(known[name])
            for name in request.transactional_ids
        ]
    )


def _describe(transaction: Transaction) -> DescribeTransactionsResponse.TransactionState:
    topics: dict[str, list[int]] = {}
    for topic, index in sorted(transaction.partitions):
        topics.setdefault(topic, []).append(index)
    return DescribeTransactionsResponse.TransactionState(
        transactional_id=transaction.name,
        transaction_state=transaction.state.value,
        transaction_timeout_ms=transaction.timeout_ms,
        transaction_start_time_ms=transaction.started_ms,
        producer_id=transaction.producer.id,
        producer_epoch=transaction.producer.epoch,
        topics=[
            DescribeTransactionsResponse.TopicData(topic=topic, partitions=indexes) for topic, indexes in topics.items()
        ],
    )


def list_transactions(broker: Broker, context: Context, request: ListTransactionsRequest) -> ListTransactionsResponse:
    """All transactional ids, filtered by state, producer, age of what is open, and pattern (KIP-664, KIP-1152)."""
    states = {state.value for state in State}
    unknown = [state for state in request.state_filters if state not in states]
    try:
        pattern = re.compile(request.transactional_id_pattern) if request.transactional_id_pattern else None
    except re.error:
        return ListTransactionsResponse(error_code=Code.INVALID_REGULAR_EXPRESSION)
    now = broker.clock.now_ms()

    def wanted(t: Transaction) -> bool:
        return (
            (not request.state_filters or t.state.value in request.state_filters)
            and (not request.producer_id_filters or t.producer.id in request.producer_id_filters)
            and (request.duration_filter < 0 or (t.is_open and now - t.started_ms > request.duration_filter))
            and (pattern is None or pattern.fullmatch(t.name) is not None)
            and broker.allows(context, Operation.DESCRIBE, Resource.TRANSACTIONAL_ID, t.name)
        )

    return ListTransactionsResponse(
        unknown_state_filters=unknown,
        transaction_states=[
            ListTransactionsResponse.TransactionState(
                transactional_id=t.name, producer_id=t.producer.id, transaction_state=t.state.value
            )
            for t in broker.transactions.transactions.values()
            if wanted(t)
        ],
    )
