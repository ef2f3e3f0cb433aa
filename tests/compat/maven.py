"""Java libraries from Maven Central, and our programs for them: fetched and compiled once, then cached."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from fcntl import LOCK_EX, flock
from pathlib import Path

from tests.kafka_fixture import MAVEN_SECONDS, CannotRunError, cache_folder

SOURCE = Path(__file__).with_name("java") / "Compat.java"
ARTIFACTS = ("kafka-streams", "kafka-tools", "kafka_2.13")
"""Streams bring the clients; the tools are in two artifacts."""
CHECKERS_SOURCE = SOURCE.with_name("Checkers.java")
CHECKERS = (
    "io.apicurio:apicurio-registry-schema-util-json:3.0.7",
    "io.apicurio:apicurio-registry-schema-util-protobuf:3.0.7",
    "org.apache.avro:avro:1.12.0",
)
"""Other checkers of compatibility. Of Apicurio's later versions Maven Central lacks the parent pom or an artifact."""
COMPILE_SECONDS = 120

_POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headwater.tests</groupId>
  <artifactId>java-libraries</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
{dependencies}
  </dependencies>
</project>
"""
_DEPENDENCY = (
    "    <dependency><groupId>{group}</groupId>"
    "<artifactId>{artifact}</artifactId><version>{version}</version></dependency>"
)


@dataclass(frozen=True)
class JavaKafka:
    """Libraries and a program on one class path; `version` is Kafka's, where it is about Kafka."""

    version: str
    classpath: str

    def run(self, main: str, *arguments: str, seconds: float = 90, lines: str | None = None) -> str:
        """The output of a program, which reads `lines`; fails with all of it if the program does."""
        # One compiler tier and the serial collector: these programs live for seconds, on a small machine.
        tuning = ["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData"]
        result = subprocess.run(
            ["java", *tuning, "-cp", self.classpath, main, *arguments],
            input=lines,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        assert result.returncode == 0, f"{main} {arguments}\n{result.stdout[-3000:]}\n{result.stderr[-5000:]}"
        return result.stdout


def java_kafka(version: str, source: Path = SOURCE) -> JavaKafka:
    """The libraries of a version, and the program over them. Raises `CannotRunError` naming what is missing."""
    coordinates = [f"org.apache.kafka:{artifact}:{version}" for artifact in ARTIFACTS]
    return JavaKafka(version, _classpath(f"kafka-java-{version}", coordinates, source))


def java_checkers() -> JavaKafka:
    """Apicurio's and Apache Avro's checkers of compatibility. Raises `CannotRunError` naming what is missing."""
    digest = hashlib.sha256(" ".join(CHECKERS).encode()).hexdigest()[:16]
    return JavaKafka("", _classpath(f"java-checkers-{digest}", CHECKERS, CHECKERS_SOURCE))


def _classpath(name: str, coordinates: Sequence[str], source: Path) -> str:
    for command, package in (("java", "Java 17"), ("javac", "a Java compiler"), ("mvn", "Maven")):
        if shutil.which(command) is None:
            raise CannotRunError(f"needs {package} (the command `{command}`), which is not installed")
    folder = cache_folder() / name
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "complete").exists():
            _download(coordinates, folder)
        classes = folder / f"classes-{hashlib.sha256(source.read_bytes()).hexdigest()[:16]}"
        if not classes.exists():
            _compile(source, folder, classes)
    return f"{classes}:{folder}/libs/*"


def _download(coordinates: Sequence[str], folder: Path) -> None:
    parts = [dict(zip(("group", "artifact", "version"), each.split(":"), strict=True)) for each in coordinates]
    dependencies = "\n".join(_DEPENDENCY.format(**each) for each in parts)
    (folder / "pom.xml").write_text(_POM.format(dependencies=dependencies), "utf-8")
    command = ["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={folder}/libs"]
    try:
        result = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False)
    except subprocess.TimeoutExpired as error:
        raise CannotRunError(f"Maven did not fetch {', '.join(coordinates)} in {MAVEN_SECONDS} s") from error
    if result.returncode:
        first = next((line for line in result.stdout.splitlines() if "ERROR" in line), "no output")
        raise CannotRunError(f"Maven could not fetch {', '.join(coordinates)}: {first}")
    (folder / "complete").touch()


def _compile(source: Path, folder: Path, classes: Path) -> None:
    partial = classes.with_suffix(".partial")
    command = ["javac", "-nowarn", "-d", str(partial), "-cp", f"{folder}/libs/*", str(source)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=COMPILE_SECONDS, check=False)
    assert result.returncode == 0, result.stderr
    partial.rename(classes)
