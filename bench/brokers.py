"""The two brokers that are measured beside each other: a Headwater node, and Apache Kafka with its defaults."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.kafka_fixture import running_kafka
from tests.ports import take_ports

_DEFAULTS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SECOND://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SECOND://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECOND:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
"""
"""What one node cannot do without; everything else is Kafka's default."""

_JVM = (
    "-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20", "-XX:InitiatingHeapOccupancyPercent=35",
    "-XX:+ExplicitGCInvokesConcurrent",
)  # fmt: skip
"""What `kafka-server-start.sh` gives the JVM."""


@dataclass(frozen=True)
class Broker:
    """A broker to send to."""

    name: str
    bootstrap: str
    pid: int
    ksql: str = ""


@contextmanager
def apache_kafka() -> Iterator[Broker]:
    """Apache Kafka in KRaft mode, one node, fresh storage. Raises `CannotRunError`."""
    with running_kafka(take_ports(3), _DEFAULTS, _JVM) as server:
        yield Broker("kafka", server.addresses.bootstrap_servers, server.pid)


@contextmanager
def headwater(folder: Path | None = None, *options: str, ready: bool = True) -> Iterator[Broker]:
    """A node as `headwater up` starts it, on disk: in `folder`, or in one of its own. Without `ready` it is given at
    once, its addresses unknown."""
    with tempfile.TemporaryDirectory(prefix="headwater-bench-") as own:
        command = [sys.executable, "-m", "headwater.cli.main", "up", "--free-ports", "--data", str(folder or own)]
        process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, text=True)
        try:
            endpoints: dict[str, str] = {}
            assert process.stdout is not None
            while ready and "ksqldb" not in endpoints:
                line = process.stdout.readline()
                if not line:
                    raise RuntimeError("the node did not start")
                name, _, address = line.strip().partition(" ")
                endpoints[name] = address.strip()
            yield Broker("headwater", endpoints.get("kafka", ""), process.pid, endpoints.get("ksqldb", ""))
        finally:
            process.send_signal(signal.SIGINT)
            process.wait()
