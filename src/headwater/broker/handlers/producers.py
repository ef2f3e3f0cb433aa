"""Producers: InitProducerId and DescribeProducers."""

from __future__ import annotations

from asyncio import Future
from typing import TYPE_CHECKING

from headwater.broker.acls import Operation, Resource
from headwater.broker.durability import when_durable
from headwater.broker.errors import Code
from headwater.broker.session import Context
from headwater.broker.transactions.coordinator import NOBODY
from headwater.broker.transactions.transaction import ProducerId
from headwater.core.errors import HeadwaterError, LogError
from headwater.log.partition import Partition
from headwater.wire.messages import (
    DescribeProducersRequest,
    DescribeProducersResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

FIRST_WITH_FENCED = 4
"""Before it (KIP-588) clients know a fenced producer as INVALID_PRODUCER_EPOCH."""

ProducerState = DescribeProducersResponse.ProducerState


def init_producer_id(
    broker: Broker, context: Context, request: InitProducerIdRequest
) -> InitProducerIdResponse | Future[InitProducerIdResponse]:
    """A producer id: one nobody had before, or for a transactional id its own under the next epoch (KIP-98).

    The answer comes when the older owner is fenced for good.
    """
    if request.enable2_pc or request.keep_prepared_txn:
        # As Kafka without `transaction.two.phase.commit.enable` (KIP-939).
        code = Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        return InitProducerIdResponse(error_code=code, producer_id=-1, producer_epoch=-1)
    if request.transactional_id is None:
        return InitProducerIdResponse(producer_id=broker.log.next_producer_id(), producer_epoch=0)
    if not broker.allows(context, Operation.WRITE, Resource.TRANSACTIONAL_ID, request.transactional_id):
        code = Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        return InitProducerIdResponse(error_code=code, producer_id=-1, producer_epoch=-1)
    known = ProducerId(request.producer_id, request.producer_epoch) if request.producer_id >= 0 else None
    try:
        code, producer = broker.transactions.init_producer(
            request.transactional_id, request.transaction_timeout_ms, known
        )
    except LogError:
        code, producer = Code.COORDINATOR_NOT_AVAILABLE, NOBODY
    if code is Code.PRODUCER_FENCED and context.version < FIRST_WITH_FENCED:
        code = Code.INVALID_PRODUCER_EPOCH
    response = InitProducerIdResponse(error_code=code, producer_id=producer.id, producer_epoch=producer.epoch)
    return response if code else when_durable(broker.log, response, _not_durable)


def _not_durable(_: InitProducerIdResponse, error: HeadwaterError) -> InitProducerIdResponse:
    return InitProducerIdResponse(error_code=Code.COORDINATOR_NOT_AVAILABLE, producer_id=-1, producer_epoch=-1)


def describe_producers(
    broker: Broker, context: Context, request: DescribeProducersRequest
) -> DescribeProducersResponse:
    """Who has written to partitions, and since where a transaction is open (KIP-664)."""
    topics = []
    for wanted in request.topics:
        partitions = []
        for index in wanted.partition_indexes:
            partition = broker.partition(wanted.name, index)
            result = DescribeProducersResponse.PartitionResponse(partition_index=index)
            if not broker.allows(context, Operation.READ, Resource.TOPIC, wanted.name):
                result.error_code = Code.TOPIC_AUTHORIZATION_FAILED
            elif partition is None:
                result.error_code = Code.UNKNOWN_TOPIC_OR_PARTITION
            else:
                result.active_producers = _producers(partition)
            partitions.append(result)
        topics.append(DescribeProducersResponse.TopicResponse(name=wanted.name, partitions=partitions))
    return DescribeProducersResponse(topics=topics)


def _producers(partition: Partition) -> list[ProducerState]:
    known = {} if partition.producers is None else partition.producers.by_id
    return [
        ProducerState(
            producer_id=number,
            producer_epoch=producer.epoch,
            last_sequence=producer.batches[-1].last_sequence if producer.batches else -1,
            last_timestamp=producer.timestamp,
            coordinator_epoch=0,
            current_txn_start_offset=producer.transaction_start,
        )
        for number, producer in known.items()
    ]
