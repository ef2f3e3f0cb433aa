"""Faust: two workers share the partitions of an agent with a table; one is killed and nothing is lost."""

from __future__ import annotations

import logging
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.broker.groups.classic_group import ClassicGroup, State
from tests.broker.server import Running
from tests.compat.programs import faust_worker
from tests.compat.test_confluent_kafka import create, poll_until, produce, quiet
from tests.conftest import required, skip_or_fail
from tests.kafka_fixture import CannotRunError

kafka = required("confluent_kafka")

pytestmark = [pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(700), pytest.mark.xdist_group("faust")]

NAME = "faust-app"
Start = Callable[[str], "subprocess.Popen[bytes]"]


@pytest.fixture(scope="module")
def command() -> list[str]:
    try:
        return faust_worker()
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise AssertionError("unreachable") from error


@pytest.fixture
def start(command: list[str], broker: Running, tmp_path: Path) -> Iterator[Start]:
    """A function that starts a worker under a name of its own; those that still run are stopped at the end."""
    workers: list[subprocess.Popen[bytes]] = []

    def go(name: str) -> subprocess.Popen[bytes]:
        environment = os.environ | {
            "APP_NAME": NAME,
            "APP_BROKER": broker.address,
            "APP_FOLDER": str(tmp_path / name),
        }
        with (tmp_path / f"{name}.log").open("wb") as log:
            arguments = [*command, "worker", "--without-web", "-l", "warn"]
            worker = subprocess.Popen(arguments, env=environment, stdout=log, stderr=subprocess.STDOUT)
        workers.append(worker)
        return worker

    yield go
    for worker in workers:
        worker.kill()
        worker.wait()
    for log in sorted(tmp_path.glob("*.log")):
        # pytest shows it when the test has failed
        logging.getLogger(__name__).warning("%s: %s", log.name, log.read_text()[-3000:])


def members(broker: Running, group: str) -> int:
    """How many members share the group's partitions now, once it is stable."""
    found = broker.broker.groups.groups.get(group)
    return len(found.members) if isinstance(found, ClassicGroup) and found.state is State.STABLE else 0


def committed(broker: Running, topic: str) -> int:
    """How many of the topic's records the workers' group is done with."""
    return sum(at.offset for (name, _), at in broker.broker.offsets.fetch(NAME).items() if name == topic)


def produced(broker: Running, topic: str) -> int:
    """How many records the topic has."""
    return sum(partition.log_end for partition in broker.broker.log.topics()[topic].partitions)


def takes_words(broker: Running, topic: str, found: set[bytes], workers: int) -> bool:
    """Whether so many workers are there, and copy words from every partition: they are sent some until they do.

    Faust may drop what it is sent while it takes over a partition.
    """
    if members(broker, NAME) != workers:
        return False
    probes = [(f"k{i}", f"probe-{i}") for i in range(40)]  # in every partition
    produce(broker, topic, probes)
    return {value.encode() for _, value in probes} <= found


def test_killing_one_of_two_workers_loses_nothing(broker: Running, start: Start) -> None:
    words, copies = f"{NAME}-words", f"{NAME}-copies"
    create(broker, words, 4)
    create(broker, copies, 4)
    reader = kafka.Consumer(quiet(broker, group_id=f"{NAME}-reader", auto_offset_reset="earliest"))
    reader.subscribe([copies])
    found: set[bytes] = set()

    class Reading:
        def poll(self, seconds: float) -> Any:
            found.update(m.value() for m in reader.consume(500, seconds) if m.error() is None)

    first, _ = start("first"), start("second")
    poll_until(lambda: takes_words(broker, words, found, 2), Reading(), seconds=150)
    produce(broker, words, [(f"k{i % 40}", f"before-{i}") for i in range(400)])
    poll_until(lambda: committed(broker, words) == produced(broker, words), Reading(), seconds=150)
    first.kill()
    found -= {value for value in found if value.startswith(b"probe")}
    poll_until(lambda: takes_words(broker, words, found, 1), Reading(), seconds=150)
    produce(broker, words, [(f"k{i % 40}", f"after-{i}") for i in range(2_000)])
    wanted = {b"before-%d" % i for i in range(400)} | {b"after-%d" % i for i in range(2_000)}
    poll_until(lambda: found >= wanted, Reading(), seconds=150)
    reader.close()
