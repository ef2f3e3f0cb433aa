"""One real Apache Kafka broker (KRaft, loopback, small heap) for the tests marked `kafka`.

The server's jars are resolved with Maven, once, into a cache folder (`$HEADWATER_CACHE`, else `~/.cache/headwater`).
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
import time
import uuid
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

import pytest

from tests.ports import take_ports

KAFKA_VERSION = "4.1.0"
MAVEN_SECONDS = 300
START_SECONDS = 60
"""A cold JVM beside a full test run on two cores takes about 10 s."""

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headwater.tests</groupId>
  <artifactId>kafka-server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
  </dependencies>
</project>
"""

SMALL = ("-Xmx384m", "-Xms128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto")
"""One compiler tier and the serial collector: a broker that lives for seconds beside the tests on a small machine."""

_PROPERTIES = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SASL://127.0.0.1:{sasl}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SASL:SASL_PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=PLAIN
listener.name.sasl.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required \
user_alice="alice-secret";
log.dirs={data}
auto.create.topics.enable=false
offsets.topic.num.partitions=1
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
num.network.threads=1
num.io.threads=2
log.cleaner.enable=false
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=2000
"""


class CannotRunError(Exception):
    """This machine lacks something that Apache Kafka needs; the message names it."""


@dataclass(frozen=True)
class Kafka:
    """A running broker."""

    bootstrap_servers: str
    sasl_bootstrap_servers: str
    """The listener that asks for SASL/PLAIN: user `alice`, password `alice-secret`."""


def cache_folder() -> Path:
    """Where downloads are kept between runs."""
    return Path(os.environ.get("HEADWATER_CACHE") or Path.home() / ".cache" / "headwater")


def kafka_libraries() -> Path:
    """The folder of the server's jars, downloaded if need be; raises `CannotRunError`."""
    folder = cache_folder() / f"kafka-{KAFKA_VERSION}"
    libraries = folder / "libs"
    if (folder / "complete").exists():
        return libraries
    if shutil.which("mvn") is None:
        raise CannotRunError("needs Maven (the command `mvn`) to fetch Apache Kafka, which is not installed")
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "complete").exists():
            _download(folder, libraries)
    return libraries


def _download(folder: Path, libraries: Path) -> None:
    (folder / "pom.xml").write_text(_POM, "utf-8")
    command = ["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={libraries}"]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotRunError(f"Maven did not fetch Apache Kafka {KAFKA_VERSION} in {MAVEN_SECONDS} s") from error
    if result.returncode:
        first = next((line for line in result.stdout.splitlines() if "ERROR" in line), "no output")
        raise CannotRunError(f"Maven could not fetch Apache Kafka {KAFKA_VERSION}: {first}")
    (folder / "complete").touch()


class Server:
    """A broker on three loopback ports (plain, SASL, controller) with storage in a folder of its own."""

    def __init__(
        self, folder: Path, ports: Sequence[int], properties: str = _PROPERTIES, tuning: Sequence[str] = SMALL
    ) -> None:
        if shutil.which("java") is None:
            raise CannotRunError("needs Java 17 or newer (the command `java`) to run Apache Kafka: it is not installed")
        self._libraries = kafka_libraries()
        self._folder = folder
        self._config = folder / "server.properties"
        self._log = folder / "server.log"
        self._process: subprocess.Popen[bytes] | None = None
        plain, sasl, controller = ports
        self.addresses = Kafka(f"127.0.0.1:{plain}", f"127.0.0.1:{sasl}")
        self._ports = (plain, sasl)
        self._tuning = tuning
        text = properties.format(plain=plain, sasl=sasl, controller=controller, data=folder / "data")
        self._config.write_text(text, "utf-8")
        # As one argument: an id may begin with a dash.
        options = (f"--cluster-id={_cluster_id()}", "-c", str(self._config))
        _java(self._libraries, folder, "kafka.tools.StorageTool", "format", *options)

    def start(self) -> None:
        """Start, and return when it accepts connections. Raises `CannotRunError`."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                _command(self._libraries, self._folder, self._tuning, "kafka.Kafka", str(self._config)),
                cwd=self._folder,
                stdout=log,
                stderr=subprocess.STDOUT,
            )
        _await_ready(self._process, self._ports, self._log)

    @property
    def pid(self) -> int:
        """Of the running process."""
        assert self._process is not None
        return self._process.pid

    def kill(self) -> None:
        """Stop it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None


@contextmanager
def running_kafka(
    ports: Sequence[int], properties: str = _PROPERTIES, tuning: Sequence[str] = SMALL
) -> Iterator[Server]:
    """A running broker with fresh storage, stopped at the end. `properties` is the text of its configuration, with its
    ports in braces; `tuning` is what its JVM is told."""
    with tempfile.TemporaryDirectory(prefix="headwater-kafka-") as folder:
        server = Server(Path(folder), ports, properties, tuning)
        try:
            server.start()
            yield server
        finally:
            # Its storage goes with the folder, so there is nothing to shut down in order.
            server.kill()


def _cluster_id() -> str:
    return urlsafe_b64encode(uuid.uuid4().bytes).rstrip(b"=").decode()


def _command(libraries: Path, folder: Path, tuning: Sequence[str], main: str, *arguments: str) -> list[str]:
    (folder / "log4j2.yaml").write_text(
        "Configuration:\n  Appenders:\n    Console:\n      name: out\n"
        "      PatternLayout:\n        pattern: '%d %p %m (%c)%n'\n"
        "  Loggers:\n    Root:\n      level: WARN\n      AppenderRef:\n        ref: out\n",
        "utf-8",
    )
    logging = f"-Dlog4j2.configurationFile=file:{folder / 'log4j2.yaml'}"
    return ["java", *tuning, logging, "-cp", f"{libraries}/*", main, *arguments]


def _java(libraries: Path, folder: Path, main: str, *arguments: str) -> None:
    command = _command(libraries, folder, SMALL, main, *arguments)
    result = subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, check=False)
    if result.returncode:
        raise CannotRunError(f"Apache Kafka's {main} failed: {(result.stderr or result.stdout).strip()[-500:]}")


def _await_ready(server: subprocess.Popen[bytes], ports: tuple[int, ...], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    waiting = list(ports)
    while waiting:
        if server.poll() is not None or time.monotonic() > deadline:
            why = f"ended with code {server.returncode}" if server.returncode is not None else "did not listen in time"
            raise CannotRunError(f"Apache Kafka {why}: {log.read_text('utf-8', 'replace')[-500:]}")
        try:
            socket.create_connection(("127.0.0.1", waiting[0]), timeout=1).close()
            waiting.pop(0)
        except OSError:
            time.sleep(0.1)  # nothing announces a port that begins to listen in another process


@pytest.fixture
def own_kafka() -> Iterator[Server]:
    """A real broker of the test's own, to be killed and started again."""
    from tests.conftest import skip_or_fail

    try:
        with running_kafka(take_ports(3)) as server:
            yield server
    except CannotRunError as error:
        skip_or_fail(str(error))


@pytest.fixture(scope="session")
def kafka() -> Iterator[Kafka]:
    """A real broker; skips with the reason where it cannot run (fails in CI)."""
    from tests.conftest import skip_or_fail

    try:
        with running_kafka(take_ports(3)) as server:
            yield server.addresses
    except CannotRunError as error:
        skip_or_fail(str(error))
