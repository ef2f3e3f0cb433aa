"""Real Debezium beside ours: its PostgreSQL connector in its own engine, whose records come as JSON lines.

Maven fetches the jars once into the cache folder; our small Java program is compiled once per content.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path
from typing import Any

import pytest

from tests.kafka_fixture import MAVEN_SECONDS, CannotRunError, cache_folder

DEBEZIUM_VERSION = "3.2.3.Final"
SOURCE = Path(__file__).with_name("debezium") / "Records.java"
ARTIFACTS = ("debezium-connector-postgres", "debezium-embedded")
COMPILE_SECONDS = 120
RECORDS_SECONDS = 60
"""How long a cold JVM beside other tests may take until its records are there."""

_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headwater.tests</groupId><artifactId>debezium</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    {
    "".join(
        f"<dependency><groupId>io.debezium</groupId><artifactId>{artifact}</artifactId>"
        f"<version>{DEBEZIUM_VERSION}</version></dependency>"
        for artifact in ARTIFACTS
    )
}
  </dependencies>
</project>
"""


@dataclass(frozen=True)
class DebeziumRecord:
    """What Debezium would have produced. Key and value are the JSON converter's, with or without schemas."""

    topic: str
    key: Any
    value: Any
    offset: dict[str, Any]


class Debezium:
    """A running engine with one connector, writing into a folder."""

    def __init__(self, classpath: str, folder: Path, config: Mapping[str, str], schemas: bool) -> None:
        self._output, self._log = folder / "records.jsonl", folder / "debezium.log"
        self._output.touch()
        properties = {
            "name": "engine",
            "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "offset.storage": "org.apache.kafka.connect.storage.FileOffsetBackingStore",
            "offset.storage.file.filename": str(folder / "offsets.dat"),
            "offset.flush.interval.ms": "1000",
            **config,
        }
        text = "".join(f"{name}={value}\n".replace("\\", "\\\\") for name, value in properties.items())
        (folder / "engine.properties").write_text(text, "utf-8")
        (folder / "log4j.properties").write_text(_LOGGING, "utf-8")
        # The serial collector: this engine lives for seconds, on a small machine.
        tuning = ["-Xmx512m", "-XX:+UseSerialGC", "-XX:-UsePerfData", "-XX:TieredStopAtLevel=1"]
        if not schemas:  # the one that is measured gets the compiler that a server has
            tuning = ["-Xmx1g", "-XX:-UsePerfData"]
        logging = f"-Dlog4j.configuration=file:{folder / 'log4j.properties'}"
        arguments = [str(folder / "engine.properties"), str(self._output), "true" if schemas else "false"]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                ["java", *tuning, logging, "-cp", classpath, "Records", *arguments],
                stdin=subprocess.PIPE, stdout=log, stderr=subprocess.STDOUT, cwd=folder,
            )  # fmt: skip

    def records(self, enough: Callable[[list[DebeziumRecord]], bool] | int) -> list[DebeziumRecord]:
        """All records so far, as soon as there are so many, or they are enough."""
        deadline = time.monotonic() + RECORDS_SECONDS
        while True:
            found = self.so_far()
            if (len(found) >= enough) if isinstance(enough, int) else enough(found):
                return found
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"Debezium gave {len(found)} records: {self.log_text()[-3000:]}")
            time.sleep(0.05)  # another process's file

    def so_far(self) -> list[DebeziumRecord]:
        """All whole records that are there now."""
        lines = self._output.read_text("utf-8").split("\n")[:-1]
        return [DebeziumRecord(topic, *map(json.loads, rest)) for topic, *rest in (line.split("\t") for line in lines)]

    def ended(self) -> bool:
        """Whether the engine has given up."""
        return self._process.poll() is not None

    def log_text(self) -> str:
        """Debezium's own log."""
        return self._log.read_text("utf-8", "replace")

    def close(self) -> None:
        """End it in order: the slot is free afterwards."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


_LOGGING = """\
log4j.rootLogger=WARN, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%p %c %m%n
"""


@dataclass(frozen=True)
class DebeziumProgram:
    """What starts engines."""

    classpath: str

    @contextmanager
    def running(self, folder: Path, config: Mapping[str, str], *, schemas: bool = True) -> Iterator[Debezium]:
        """A running engine, ended in order."""
        folder.mkdir(parents=True, exist_ok=True)
        engine = Debezium(self.classpath, folder, config, schemas)
        try:
            yield engine
        finally:
            engine.close()


def debezium_program() -> DebeziumProgram:
    """Fetch and compile what is not in the cache yet. Raises `CannotRunError` naming what is missing."""
    for command, package in (("java", "Java 17"), ("javac", "a Java compiler"), ("mvn", "Maven")):
        if shutil.which(command) is None:
            raise CannotRunError(f"needs {package} (the command `{command}`), which is not installed")
    folder = cache_folder() / f"debezium-{DEBEZIUM_VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "complete").exists():
            _download(folder)
        classes = folder / f"classes-{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}"
        if not classes.exists():
            _compile(folder, classes)
    return DebeziumProgram(f"{classes}{os.pathsep}{folder}/libs/*")


def _download(folder: Path) -> None:
    (folder / "pom.xml").write_text(_POM, "utf-8")
    command = ["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={folder}/libs"]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotRunError(f"Maven did not fetch Debezium {DEBEZIUM_VERSION} in {MAVEN_SECONDS} s") from error
    if result.returncode:
        first = next((line for line in result.stdout.splitlines() if "ERROR" in line), "no output")
        raise CannotRunError(f"Maven could not fetch Debezium {DEBEZIUM_VERSION}: {first}")
    (folder / "complete").touch()


def _compile(folder: Path, classes: Path) -> None:
    partial = classes.with_suffix(".partial")
    command = ["javac", "-nowarn", "-d", str(partial), "-cp", f"{folder}/libs/*", str(SOURCE)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    assert result.returncode == 0, result.stderr
    partial.rename(classes)


@pytest.fixture(scope="session")
def debezium() -> DebeziumProgram:
    """Real Debezium; skips with the reason where it cannot run (fails in CI)."""
    from tests.conftest import skip_or_fail

    try:
        return debezium_program()
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise
