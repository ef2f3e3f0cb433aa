"""A transactional id as a record of `__transaction_state`: Kafka's TransactionLogKey and TransactionLogValue."""

from __future__ import annotations

import struct

from headwater.broker.transactions.transaction import ProducerId, State, Transaction
from headwater.wire.codec import WireError, decode, encode
from headwater.wire.messages import TransactionLogValue

VERSION = 1
"""Of the value, as Apache Kafka 4 writes it: with room for what KIP-890 needs."""

_SHORT = struct.Struct(">h")
_STATES = {State.EMPTY: 0, State.ONGOING: 1, State.COMPLETE_COMMIT: 4, State.COMPLETE_ABORT: 5}
_BY_NUMBER = {number: state for state, number in _STATES.items()}


def transaction_key(name: str) -> bytes:
    """The record key of a transactional id."""
    data = name.encode()
    return _SHORT.pack(0) + _SHORT.pack(len(data)) + data


def name_from_key(key: bytes) -> str:
    """The transactional id. Raises `WireError`."""
    try:
        version, length = _SHORT.unpack_from(key)[0], _SHORT.unpack_from(key, 2)[0]
        if version or len(key) != 4 + length:
            raise WireError(f"A key of version {version} with {len(key)} bytes is not that of a transactional id")
        return key[4:].decode()
    except (struct.error, UnicodeDecodeError) as error:
        raise WireError(f"The key of a transactional id is damaged: {error}") from None


def transaction_to_value(transaction: Transaction) -> bytes:
    """Everything that has to survive a restart."""
    topics: dict[str, list[int]] = {}
    for topic, index in sorted(transaction.partitions):
        topics.setdefault(topic, []).append(index)
    previous = transaction.previous
    value = TransactionLogValue(
        producer_id=transaction.producer.id,
        previous_producer_id=-1 if previous is None else previous.id,
        producer_epoch=transaction.producer.epoch,
        transaction_timeout_ms=transaction.timeout_ms,
        transaction_status=_STATES[transaction.state],
        transaction_partitions=[
            TransactionLogValue.PartitionsSchema(topic=topic, partition_ids=indexes)
            for topic, indexes in topics.items()
        ],
        transaction_last_update_timestamp_ms=transaction.updated_ms,
        transaction_start_timestamp_ms=transaction.started_ms,
        client_transaction_version=transaction.version,
    )
    return _SHORT.pack(VERSION) + b"".join(encode(value, VERSION))


def transaction_from_value(name: str, data: bytes) -> Transaction:
    """The transactional id as it was stored. Raises `WireError`."""
    value = decode(TransactionLogValue, int.from_bytes(data[:2], "big"), data, 2)
    state = _BY_NUMBER.get(value.transaction_status)
    if state is None:
        raise WireError(f"Transactional id {name} has the unknown status {value.transaction_status}")
    places = frozenset((t.topic, i) for t in value.transaction_partitions or () for i in t.partition_ids)
    producer = ProducerId(value.producer_id, value.producer_epoch)
    previous = None
    if value.previous_producer_id == producer.id:
        previous = ProducerId(producer.id, producer.epoch - 1)
    return Transaction(
        name,
        producer,
        value.transaction_timeout_ms,
        state,
        places,
        value.transaction_start_timestamp_ms,
        value.transaction_last_update_timestamp_ms,
        previous,
        value.client_transaction_version,
    )
