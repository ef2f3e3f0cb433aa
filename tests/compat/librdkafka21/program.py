"""What confluent-kafka 2.1.1 does with a broker: `program.py BOOTSTRAP PREFIX`; ends with 0 if all came out right.

It runs in an environment of its own: two versions of the library cannot share one.
"""

import sys
from functools import partial

import confluent_kafka
from confluent_kafka import OFFSET_BEGINNING, Consumer, Producer, TopicPartition
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

COUNT = 2_000


def main(bootstrap: str, prefix: str) -> None:
    assert confluent_kafka.version()[0] == "2.1.1", confluent_kafka.version()
    admin = AdminClient({"bootstrap.servers": bootstrap})
    for codec in ("none", "gzip", "snappy", "lz4", "zstd"):
        topic = f"{prefix}-{codec}"
        admin.create_topics([NewTopic(topic, 3, 1)])[topic].result(30)
        produce(bootstrap, topic, {"compression.type": codec, "enable.idempotence": True})
        expect(read_all(bootstrap, topic, 3), COUNT, f"records with {codec}")
    transactions(bootstrap, admin, f"{prefix}-transactions")
    group(bootstrap, f"{prefix}-lz4", f"{prefix}-group")


def produce(bootstrap: str, topic: str, options: dict[str, object]) -> None:
    failed: list[object] = []
    producer = Producer({"bootstrap.servers": bootstrap, **options})
    for n in range(COUNT):
        producer.produce(topic, f"value {n}", f"key {n % 50}", on_delivery=partial(note, failed))
        producer.poll(0)
    producer.flush(30)
    assert not failed, failed[0]


def note(failed: list[object], error: object, _message: object) -> None:
    if error is not None:
        failed.append(error)


def read_all(bootstrap: str, topic: str, partitions: int, **options: str) -> int:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reads", "enable.partition.eof": True, **options})
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in range(partitions)])
    count = 0
    ended: set[int] = set()
    while len(ended) < partitions:
        message = consumer.poll(10)
        assert message is not None, f"nothing from {topic} after {count} records"
        if (error := message.error()) is not None:
            assert error.code() == confluent_kafka.KafkaError._PARTITION_EOF, error
            ended.add(message.partition() or 0)
        else:
            count += 1
    consumer.close()
    return count


def transactions(bootstrap: str, admin: AdminClient, topic: str) -> None:
    admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    producer = Producer({"bootstrap.servers": bootstrap, "transactional.id": topic})
    producer.init_transactions(30)
    for commit in (True, False, True):
        producer.begin_transaction()
        for n in range(10):
            producer.produce(topic, str(n))
        producer.flush(30)
        if commit:
            producer.commit_transaction(30)
        else:
            producer.abort_transaction(30)
    expect(read_all(bootstrap, topic, 1, **{"isolation.level": "read_committed"}), 20, "committed records")
    expect(read_all(bootstrap, topic, 1, **{"isolation.level": "read_uncommitted"}), 30, "records of all transactions")


def group(bootstrap: str, topic: str, name: str) -> None:
    """Two members share the partitions; the second goes on where the first left off."""
    options = {"bootstrap.servers": bootstrap, "group.id": name, "auto.offset.reset": "earliest",
               "enable.auto.commit": False}  # fmt: skip
    seen = 0
    for _ in range(2):
        consumer = Consumer(options)
        consumer.subscribe([topic])
        wanted = seen + COUNT // 2
        while seen < wanted:
            seen += len([message for message in consumer.consume(min(100, wanted - seen), 5) if not message.error()])
        consumer.commit(asynchronous=False)
        consumer.close()
    left = Consumer(options)
    committed = left.committed([TopicPartition(topic, number) for number in range(3)], timeout=60)
    expect(sum(place.offset for place in committed), COUNT, "committed offsets in all")
    left.close()


def expect(found: int, wanted: int, what: str) -> None:
    if found != wanted:
        raise SystemExit(f"{found} {what} instead of {wanted}")


if __name__ == "__main__":
    main(*sys.argv[1:])
