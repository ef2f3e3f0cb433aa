"""Produce: record batches from a client into partitions."""

from __future__ import annotations

import logging
from asyncio import Future
from typing import TYPE_CHECKING

from headwater.broker.errors import Code, code_of
from headwater.broker.session import Context
from headwater.core.errors import HeadwaterError
from headwater.log.partition import Partition
from headwater.log.topic import Topic
from headwater.wire.messages import ProduceRequest, ProduceResponse

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

logger = logging.getLogger(__name__)

ALL = -1
"""acks: answer when the records are as safe as the log makes them."""
NO_ANSWER = 0

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
    for wanted in request.topic_data:
        topic = broker.log.topic(wanted.name)
        results = []
        for data in wanted.partition_data:
            result, partition = _append(topic, wanted.name, data, request.acks)
            failed = failed or bool(result.error_code)
            visible = visible and (partition is None or partition.high_watermark == partition.log_end)
            results.append(result)
        topics.append(ProduceResponse.TopicProduceResponse(name=wanted.name, partition_responses=results))
    if request.acks == NO_ANSWER:
        # The client does not listen for errors: a closed connection is the only way to tell it (as Kafka does).
        context.session.closing = failed
        return None
    response = ProduceResponse(responses=topics)
    # What is visible to readers is as safe as the log promises, so there is nothing to wait for.
    return response if visible or request.acks != ALL else broker.durability.hold(response, _not_durable)


def _append(
    topic: Topic | None, name: str, data: ProduceRequest.PartitionProduceData, acks: int
) -> tuple[PartitionResult, Partition | None]:
    """The result, and the partition if it was appended to."""
    if acks not in (ALL, 0, 1):
        return _error(data.index, Code.INVALID_REQUIRED_ACKS, f"acks must be -1, 0 or 1, not {acks}")
    if topic is None or not 0 <= data.index < len(topic.partitions):
        return _error(data.index, Code.UNKNOWN_TOPIC_OR_PARTITION, f"There is no partition {name}-{data.index}")
    if topic.internal:
        return _error(data.index, Code.INVALID_TOPIC_EXCEPTION, f"{name} is written by the broker only")
    if not data.records:
        return _error(data.index, Code.INVALID_RECORD, "The request has no records for this partition")
    partition = topic.partitions[data.index]
    try:
        result = partition.append(data.records, from_client=True)
    except HeadwaterError as error:
        logger.info("Refused a batch for %s-%d: %s", name, data.index, error)
        return _error(data.index, code_of(error), str(error))
    return (
        PartitionResult(
            index=data.index,
            base_offset=result.base_offset,
            log_append_time_ms=result.append_time,
            log_start_offset=result.log_start,
        ),
        partition,
    )


def _error(index: int, code: Code, message: str) -> tuple[PartitionResult, None]:
    result = PartitionResult(index=index, error_code=code, base_offset=-1, log_start_offset=-1, error_message=message)
    return result, None


def _not_durable(response: ProduceResponse, error: HeadwaterError) -> ProduceResponse:
    logger.error("Appended records could not be made durable: %s", error)
    for topic in response.responses:
        for result in topic.partition_responses:
            if not result.error_code:
                result.error_code, result.error_message = code_of(error), str(error)
    return response
