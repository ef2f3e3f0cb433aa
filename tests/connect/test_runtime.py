"""The life of connectors and tasks: states, failures, retries, offsets, what stays after a restart."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from headwater.cluster.api import TopicPartition
from headwater.connect.errors import ConnectError, RetriableError, UsageError
from headwater.connect.tasks.counts import TaskName
from headwater.testing.connect_rig import ConnectRig
from tests.connect.toy import AWAY, SINK, SOURCE, Held, Numbers

ITEMS = [(n, {"id": n}) for n in range(10)]


async def arrived(rig: ConnectRig, count: int, topic: str = "numbers") -> None:
    async def there() -> bool:
        return len(await rig.records(topic)) >= count

    await rig.until(there, f"{count} records in {topic}")


async def test_a_source_moves_its_records_with_their_offsets_in_the_shapes_of_kafka_connect(
    rig: ConnectRig, numbers: Numbers
) -> None:
    numbers.end = 25
    await rig.create("n", SOURCE)
    await arrived(rig, 25)
    assert await rig.values("numbers") == [{"n": n} for n in range(25)]
    await rig.until(lambda: len(numbers.committed) == 3, "the source to be told")
    last = (await rig.records("connect-offsets"))[-1]
    assert json.loads(last.key or b"") == ["n", {"numbers": "all"}]
    assert json.loads(last.value or b"") == {"next": 25}
    assert await rig.worker.offsets("n") == [{"partition": {"numbers": "all"}, "offset": {"next": 25}}]
    configs = {r.key: json.loads(r.value or b"null") for r in await rig.records("connect-configs")}
    assert configs[b"connector-n"] == {"properties": {"name": "n", **SOURCE}}
    assert configs[b"commit-n"] == {"tasks": 1}
    assert rig.worker.topics("n") == ["numbers"]


async def test_a_failed_start_is_told_without_its_secret(rig: ConnectRig) -> None:
    await rig.worker.create("n", {**SOURCE, "fail": "true", "secret": "${env:TOY_SECRET}"})
    trace = await rig.failed("n")
    assert "no entry with ****************" in trace
    assert "very-secret" not in json.dumps([rig.worker.info("n"), rig.worker.status("n"), rig.worker.tasks("n")])
    assert rig.worker.config("n")["secret"] == "${env:TOY_SECRET}"
    assert b"very-secret" not in b"".join([r.value or b"" for r in await rig.records("connect-configs")])


async def test_a_variable_that_is_not_set_fails_the_connector_and_a_restart_mends_it(rig: ConnectRig) -> None:
    await rig.worker.create("n", {**SOURCE, "secret": "${env:NOT_SET}"})
    assert "Cannot look up ${env:NOT_SET}" in await rig.failed("n")
    await rig.worker.put_config("n", {**SOURCE, "secret": "${env:TOY_SECRET}"})
    await rig.running("n")


async def test_what_may_succeed_later_is_tried_again(rig: ConnectRig, numbers: Numbers) -> None:
    numbers.errors = [RetriableError("the source is away"), RetriableError("still")]
    numbers.end = 5
    await rig.create("n", {**SOURCE, "errors.retry.delay.max.ms": "1"})
    await arrived(rig, 5)
    assert rig.states("n") == ["RUNNING", "RUNNING"]


async def test_what_fails_for_too_long_fails_the_task_with_the_cause(rig: ConnectRig, numbers: Numbers) -> None:
    numbers.errors = [RetriableError("wrong address")] * 1_000
    await rig.worker.create("n", {**SOURCE, "errors.retry.delay.max.ms": "1", "errors.retry.timeout": "20"})
    trace = await rig.failed("n")
    assert "Gave up to read from the source" in trace
    assert "wrong address" in trace
    assert numbers.stopped == 1


async def test_a_failed_task_is_restarted_alone(rig: ConnectRig, numbers: Numbers) -> None:
    numbers.errors = [ConnectError("no more")]
    await rig.worker.create("n", SOURCE)
    await rig.failed("n")
    numbers.end = 3
    told = await rig.worker.restart("n", include_tasks=True, only_failed=True)
    assert [task["state"] for task in told["tasks"]] == ["RESTARTING"]
    await arrived(rig, 3)


@pytest.mark.parametrize(
    ("config", "status", "words"),
    [
        ({"connector.class": "Numbers"}, 400, 'Missing required configuration "topic" which has no default value.'),
        (
            {**SOURCE, "tasks.max": "many"},
            400,
            "Invalid value many for configuration tasks.max: Not a number of type INT",
        ),
        ({**SOURCE, "fail": "perhaps"}, 400, "Expected value to be either true or false"),
        ({"connector.class": "Numbres", "topic": "t"}, 400, "Did you mean Numbers"),
        ({"topic": "t"}, 400, "contains no connector type"),
        ({**SOURCE, "transforms": "a"}, 400, "could not be found. Transformations are: "),
        ({**SOURCE, "transforms": "a", "transforms.a.type": "Nope"}, 400, "Class Nope could not be found"),
        ({**SOURCE, "value.converter": "Nope"}, 400, "Class Nope could not be found"),
        ({**SINK, "topics.regex": "x"}, 400, "mutually exclusive"),
        ({"connector.class": "Held"}, 400, "Must configure one of topics or topics.regex"),
        ({"connector.class": "Held", "topics.regex": "["}, 400, "Invalid value [ for configuration topics.regex"),
        (
            {"connector.class": "Held", "topics.regex": "a.*", "errors.deadletterqueue.topic.name": "ab"},
            400,
            "The dead-letter topic ab is one of the topics to read",
        ),
        ({**SOURCE, "name": "other"}, 400, "doesn't match connector name"),
    ],
)
async def test_a_wrong_configuration_is_refused(
    rig: ConnectRig, config: dict[str, str], status: int, words: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        await rig.worker.create("n", config)
    assert refusal.value.status == status
    assert words in str(refusal.value)
    assert rig.worker.names() == []


async def test_a_name_is_given_once(rig: ConnectRig) -> None:
    await rig.create("n", SOURCE)
    with pytest.raises(UsageError, match="Connector n already exists") as refusal:
        await rig.worker.create("n", SOURCE)
    assert refusal.value.status == 409


async def test_after_a_restart_of_the_node_each_connector_does_what_it_did(rig: ConnectRig, numbers: Numbers) -> None:
    numbers.end = 5
    for name in ("runs", "rests", "ends"):
        await rig.create(name, {**SOURCE, "topic": name})
    await rig.worker.pause("rests")
    await rig.worker.stop("ends")
    await rig.worker.delete("runs")
    await rig.create("runs", {**SOURCE, "topic": "runs"})
    await rig.restart()
    await rig.running("runs")
    await rig.running("rests")
    assert rig.states("runs") == ["RUNNING", "RUNNING"]
    assert rig.states("rests") == ["PAUSED", "PAUSED"]
    assert rig.states("ends") == ["STOPPED"]


async def test_a_configuration_with_stars_keeps_its_secret(rig: ConnectRig) -> None:
    url = "http://ada:within@host/x"
    await rig.create("n", {**SOURCE, "secret": "hush", "legacy.url": url})
    await rig.worker.put_config("n", {**rig.worker.config("n"), "topic": "other"})
    configs = [json.loads(r.value or b"{}") for r in await rig.records("connect-configs") if r.key == b"connector-n"]
    assert configs[-1]["properties"] == {"name": "n", **SOURCE, "topic": "other", "secret": "hush", "legacy.url": url}


async def test_offsets_are_changed_only_of_a_connector_that_is_stopped(rig: ConnectRig, numbers: Numbers) -> None:
    numbers.end = 4
    await rig.create("n", SOURCE)
    await arrived(rig, 4)
    with pytest.raises(UsageError, match="must be in the STOPPED state"):
        await rig.worker.reset_offsets("n")
    await rig.worker.stop("n")
    await rig.worker.alter_offsets("n", [({"numbers": "all"}, {"next": 2})])
    await rig.worker.resume("n")
    await arrived(rig, 6)
    assert [value["n"] for value in await rig.values("numbers")] == [0, 1, 2, 3, 2, 3]


async def test_topics_are_made_as_the_configuration_says(rig: ConnectRig, numbers: Numbers) -> None:
    numbers.end = 40
    creation = {
        "topic.creation.default.partitions": "3",
        "topic.creation.default.cleanup.policy": "compact",
    }
    await rig.create("n", {**SOURCE, **creation})
    await arrived(rig, 40)
    info = rig.cluster.topic("numbers")
    assert info is not None
    assert (info.partitions, info.configs["cleanup.policy"]) == (3, "compact")
    assert all([await rig.cluster.list_offset(TopicPartition("numbers", p), -1) for p in range(3)])


async def test_transformations_and_predicates_stand_in_the_way_of_a_source(rig: ConnectRig, numbers: Numbers) -> None:
    numbers.end = 6
    steps = {
        "transforms": "route,drop",
        "transforms.route.type": "org.apache.kafka.connect.transforms.RegexRouter",
        "transforms.route.regex": "num(.*)",
        "transforms.route.replacement": "prefix.$1",
        "transforms.drop.type": "org.apache.kafka.connect.transforms.Filter",
        "transforms.drop.predicate": "other",
        "transforms.drop.negate": "true",
        "predicates": "other",
        "predicates.other.type": "org.apache.kafka.connect.transforms.predicates.TopicNameMatches",
        "predicates.other.pattern": "prefix.*",
    }
    await rig.create("n", {**SOURCE, **steps})
    await arrived(rig, 6, "prefix.bers")


async def test_a_put_that_may_succeed_later_is_repeated_with_the_same_records(rig: ConnectRig, held: Held) -> None:
    held.errors = [AWAY, AWAY]
    await rig.produce("items", ITEMS)
    await rig.create("h", SINK)
    await rig.until(lambda: held.ids == list(range(10)), "all records")


async def test_a_pause_during_retries_loses_nothing(rig: ConnectRig, held: Held) -> None:
    held.errors = [AWAY] * 1_000
    await rig.produce("items", ITEMS)
    await rig.create("h", {**SINK, "errors.retry.timeout": "-1"})
    await rig.until(lambda: "the target is away" in rig.trace("h"), "the notice of a retry")
    await rig.worker.pause("h")
    await rig.until(lambda: set(rig.states("h")) == {"PAUSED"}, "the pause")
    held.errors = []
    await rig.worker.resume("h")
    await rig.until(lambda: held.ids == list(range(10)), "all records")
    await rig.until(lambda: rig.trace("h") == "", "the notice to go")
    assert rig.worker.counts()[TaskName("h", 0)].retries > 0


async def test_a_record_that_the_target_refuses_goes_to_the_dead_letter_topic_with_its_offset_committed(
    rig: ConnectRig, held: Held
) -> None:
    held.refused = {3, 7}
    await rig.produce("items", ITEMS)
    tolerant = {
        "errors.tolerance": "all",
        "errors.deadletterqueue.topic.name": "dead",
        "errors.deadletterqueue.context.headers.enable": "true",
    }
    await rig.create("h", {**SINK, **tolerant})
    await arrived(rig, 2, "dead")
    dead = await rig.records("dead")
    assert [json.loads(record.value or b"")["id"] for record in dead] == [3, 7]
    headers = {key: (value or b"").decode() for key, value in dead[0].headers}
    expected: dict[str, Any] = {
        "topic": "items",
        "partition": "0",
        "offset": "3",
        "connector.name": "h",
        "task.id": "0",
        "stage": "TASK_PUT",
        "class.name": "HeldTask",
        "exception.class.name": "builtins.ValueError",
        "exception.message": "the target wants no such thing",
    }
    assert {key: headers[f"__connect.errors.{key}"] for key in expected} == expected
    assert await rig.worker.offsets("h") == [
        {"partition": {"kafka_partition": 0, "kafka_topic": "items"}, "offset": {"kafka_offset": 10}}
    ]
    assert held.ids == [0, 1, 2, 4, 5, 6, 8, 9]
    (counts,) = rig.worker.counts().values()
    assert (counts.read, counts.written, counts.failed, counts.dead_letters, counts.retries) == (10, 8, 2, 2, 0)
    await rig.worker.delete("h")
    assert rig.worker.counts() == {}


async def test_a_refused_record_fails_a_task_that_tolerates_none(rig: ConnectRig, held: Held) -> None:
    held.refused = {3}
    await rig.produce("items", ITEMS)
    await rig.worker.create("h", SINK)
    trace = await rig.failed("h")
    assert "delivering it failed for the record at offset 3 of items-0" in trace


async def test_offsets_of_what_a_target_keeps_back_are_not_committed(rig: ConnectRig, held: Held) -> None:
    held.keep_back = True
    await rig.produce("items", ITEMS)
    await rig.create("h", SINK)
    await rig.until(lambda: len(held.flushed) > 2, "some flushes")
    assert await rig.worker.offsets("h") == []
    held.keep_back = False

    async def committed() -> bool:
        return len(await rig.worker.offsets("h")) == 1

    await rig.until(committed, "the commit")


async def test_a_target_that_knows_its_progress_says_where_to_read_on(rig: ConnectRig, held: Held) -> None:
    held.seek_to = 6
    await rig.produce("items", ITEMS)
    await rig.create("h", SINK)
    await rig.until(lambda: held.ids == [6, 7, 8, 9], "what is behind the seek")


async def test_a_target_that_takes_its_time_holds_up_its_own_topics_and_nothing_else(
    rig: ConnectRig, held: Held, numbers: Numbers
) -> None:
    held.gate = asyncio.Event()
    numbers.end = 50
    await rig.produce("items", [(n, {"id": n}) for n in range(100)])
    await rig.create("h", {**SINK, "consumer.override.max.poll.records": "10"})
    await rig.create("n", SOURCE)
    await rig.until(lambda: held.waiting == 1, "the first put")
    await arrived(rig, 50)
    assert (held.waiting, held.records, await rig.worker.offsets("h")) == (1, [], [])
    held.gate.set()
    await rig.until(lambda: held.ids == list(range(100)), "everything, in order")


async def test_tasks_of_a_sink_share_the_partitions_of_all_topics_that_match(rig: ConnectRig, held: Held) -> None:
    for topic in ("a.one", "a.two", "b"):
        await rig.topic(topic, 3)
    config = {key: value for key, value in SINK.items() if key != "topics"}
    await rig.create("h", {**config, "topics.regex": r"a\..*", "tasks.max": "4"})
    for topic in ("a.one", "a.two", "b"):
        await rig.produce(topic, [(n, {"id": n}) for n in range(30)])
    await rig.until(lambda: len(held.records) == 60, "both topics")
    assert rig.states("h") == ["RUNNING"] * 5
    await rig.produce("a.three", ITEMS)
    await rig.until(lambda: len(held.records) == 70, "the topic that is new")


async def test_a_topic_that_is_deleted_and_made_anew_is_read_from_its_start(rig: ConnectRig, held: Held) -> None:
    await rig.produce("items", ITEMS)
    await rig.create("h", SINK)
    await rig.until(lambda: len(held.records) == 10, "the first ten")
    await rig.cluster.delete_topics(["items"])
    await rig.produce("items", ITEMS[:3])
    await rig.until(lambda: held.ids[10:] == [0, 1, 2], "the three of the new topic")


async def test_secrets_in_files_are_looked_up_at_the_start(rig: ConnectRig, tmp_path: Any) -> None:
    (tmp_path / "secrets.properties").write_text("# of the test\npassword = from-a-file\n")
    await rig.worker.create(
        "n", {**SOURCE, "fail": "true", "secret": f"${{file:{tmp_path}/secrets.properties:password}}"}
    )
    assert "no entry with ****************" in await rig.failed("n")
