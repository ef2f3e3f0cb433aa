"""Produce: record batches from a client into partitions."""

from __future__ import annotations

import logging
from asyncio import Future
from collections.abc import Sequence
from struct import Struct
from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.durability import when_durable
from headwater.broker.errors import Code, code_of
from headwater.broker.session import Context
from headwater.broker.transactions.coordinator import TV2
from headwater.broker.transactions.transaction import Place, ProducerId
from headwater.core.errors import HeadwaterError
from headwater.log.errors import RefusedRecordsError
from headwater.log.partition import Partition
from headwater.log.topic import Topic
from headwater.wire.messages import ProduceRequest, ProduceResponse
from headwater.wire.records import HEADER_SIZE, LENGTH_END, Buffer

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

logger = logging.getLogger(__name__)

ALL = -1
"""acks: answer when the records are as safe as the log makes them."""
NO_ANSWER = 0
FIRST_VERSION_WITH_IDS = 13
FIRST_VERSION_THAT_ADDS = 12
_FIRST_VERSION_WITH_ABORTABLE = 11

_LENGTH_AT, _MAGIC_AT, _ATTRIBUTES_LOW, _PRODUCER_AT = 8, 16, 22, 43
"""Where in a batch the length, the magic, the low byte of the attributes and the producer are."""
_TRANSACTIONAL = 0x10
_BATCH_LENGTH = Struct(">i")
_PRODUCER = Struct(">qh")

PartitionResult = ProduceResponse.PartitionProduceResponse


def produce(
    broker: Broker, context: Context, request: ProduceRequest
) -> ProduceResponse | Future[ProduceResponse] | None:
    """Append every batch; with acks=all the answer comes when they are durable, with acks=0 there is none.

    The records are views of the receive buffer: they are written before this returns. So the requests behind this one
    need not wait for its answer.
    """
    visible = True
    topics = []
    failed = False
    by_id = context.version >= FIRST_VERSION_WITH_IDS
    for wanted in request.topic_data:
        topic = broker.log.topic_by_id(wanted.topic_id) if by_id else broker.log.topic(wanted.name)
        results = []
        for data in wanted.partition_data:
            result, partition = _take(broker, context, request, wanted, topic, data)
            failed = failed or bool(result.error_code)
            visible = visible and (partition is None or partition.high_watermark == partition.log_end)
            results.append(result)
        topics.append(
            ProduceResponse.TopicProduceResponse(
                name=wanted.name, topic_id=wanted.topic_id, partition_responses=results
            )
        )
    if request.acks == NO_ANSWER:
        # The client does not listen for errors: a closed connection is the only way to tell it (as Kafka does).
        context.session.closing = failed
        return None
    response = ProduceResponse(responses=topics)
    # What is visible to readers is as safe as the log promises, so there is nothing to wait for.
    return response if visible or request.acks != ALL else when_durable(broker.log, response, _not_durable)


def _take(
    broker: Broker,
    context: Context,
    request: ProduceRequest,
    wanted: ProduceRequest.TopicProduceData,
    topic: Topic | None,
    data: ProduceRequest.PartitionProduceData,
) -> tuple[PartitionResult, Partition | None]:
    """Append a partition's batch: the result, and the partition if it was appended to."""
    index = data.index
    if request.acks not in (ALL, 0, 1):
        return _error(index, Code.INVALID_REQUIRED_ACKS, f"acks must be -1, 0 or 1, not {request.acks}"), None
    if topic is None and context.version >= FIRST_VERSION_WITH_IDS:
        return _error(index, Code.UNKNOWN_TOPIC_ID, f"There is no topic with id {wanted.topic_id.hex()}"), None
    if topic is None or not 0 <= index < len(topic.partitions):
        name = wanted.name if topic is None else topic.name
        return _error(index, Code.UNKNOWN_TOPIC_OR_PARTITION, f"There is no partition {name}-{index}"), None
    if not broker.allows(context, Operation.WRITE, Resource.TOPIC, topic.name):
        return _error(index, Code.TOPIC_AUTHORIZATION_FAILED, f"Writing to {topic.name} is not allowed"), None
    if topic.name in broker.reserved_topics:
        return _error(index, Code.TOPIC_AUTHORIZATION_FAILED, f"{topic.name} is written by this node only"), None
    refusal = _refusal(topic, index, data.records) or _rejection(broker, topic, index, data.records or b"")
    if refusal is None and data.records and data.records[_ATTRIBUTES_LOW] & _TRANSACTIONAL:
        refusal = _outside_transaction(broker, context, request.transactional_id, (topic.name, index), data.records)
    return (refusal, None) if refusal is not None else _append(broker, context, topic.partitions[index], data)


def _refusal(topic: Topic, index: int, records: Buffer | None) -> PartitionResult | None:
    """Why the records cannot be a batch for the topic, as far as a look at its length says."""
    if topic.internal:
        return _error(index, Code.INVALID_TOPIC_EXCEPTION, f"{topic.name} is written by the broker only")
    if not records:
        return _error(index, Code.INVALID_RECORD, "The request has no records for this partition")
    if len(records) < HEADER_SIZE:
        return _error(index, Code.CORRUPT_MESSAGE, f"{len(records)} bytes are not a record batch")
    if records[_MAGIC_AT] == 2 and _BATCH_LENGTH.unpack_from(records, _LENGTH_AT)[0] + LENGTH_END < len(records):
        return _error(index, Code.INVALID_RECORD, "Only one record batch per partition is allowed")
    return None


def _rejection(broker: Broker, topic: Topic, index: int, records: Buffer) -> PartitionResult | None:
    """Why the broker's record check does not let the batch in; None if it does."""
    problems = broker.record_check(topic.name, topic.configs, records)
    if not problems:
        return None
    return _error(index, Code.INVALID_RECORD, "One or more records have been rejected", problems)


def _outside_transaction(
    broker: Broker, context: Context, name: str | None, place: Place, records: Buffer
) -> PartitionResult | None:
    """Why a transactional batch is not part of an open transaction of its producer; None if it is (KIP-890).

    From version 12 on the partition need not be added before: writing to it adds it.
    """
    producer = ProducerId(*_PRODUCER.unpack_from(records, _PRODUCER_AT))
    transactions = broker.transactions
    if name is not None and not broker.allows(context, Operation.WRITE, Resource.TRANSACTIONAL_ID, name):
        code = Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        return _error(place[1], code, f"Transactional id {name} is not allowed")
    if name is not None and context.version >= FIRST_VERSION_THAT_ADDS:
        try:
            code = transactions.add(name, producer, (place,), version=TV2)
        except HeadwaterError as error:
            return _error(place[1], code_of(error), str(error))
    else:
        code = transactions.check(name, producer, place)
    if not code:
        return None
    if code is Code.PRODUCER_FENCED:
        code = Code.INVALID_PRODUCER_EPOCH  # the only word that clients know for it here
    elif code is Code.INVALID_TXN_STATE and context.version >= _FIRST_VERSION_WITH_ABORTABLE:
        code = Code.TRANSACTION_ABORTABLE
    return _error(place[1], code, f"{producer} has no open transaction on {place[0]}-{place[1]}")


def _append(
    broker: Broker, context: Context, partition: Partition, data: ProduceRequest.PartitionProduceData
) -> tuple[PartitionResult, Partition | None]:
    records = data.records or b""
    try:
        result = partition.append(records, from_client=True)
    except HeadwaterError as error:
        logger.info("Refused a batch for %s-%d: %s", partition.topic, data.index, error)
        problems = error.problems if isinstance(error, RefusedRecordsError) else ()
        return _error(data.index, code_of(error), str(error), problems), None
    if not result.duplicate:
        count = result.last_offset - result.base_offset + 1
        broker.observation.produced(context.client_id, partition.topic, len(records), count)
    return (
        PartitionResult(
            index=data.index,
            base_offset=result.base_offset,
            log_append_time_ms=result.append_time,
            log_start_offset=result.log_start,
        ),
        partition,
    )


def _error(index: int, code: Code, message: str, problems: Sequence[tuple[int, str]] = ()) -> PartitionResult:
    """A refusal; `problems` tell the client which records of the batch it is about (KIP-467)."""
    return PartitionResult(
        index=index,
        error_code=code,
        base_offset=-1,
        log_start_offset=-1,
        error_message=message,
        record_errors=[
            ProduceResponse.BatchIndexAndErrorMessage(batch_index=at, batch_index_error_message=why)
            for at, why in problems
        ],
    )


def _not_durable(response: ProduceResponse, error: HeadwaterError) -> ProduceResponse:
    logger.error("Appended records could not be made durable: %s", error)
    for topic in response.responses:
        for result in topic.partition_responses:
            if not result.error_code:
                result.error_code, result.error_message = code_of(error), str(error)
    return response
