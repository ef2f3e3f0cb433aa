"""mongo-java-server, a MongoDB server in memory for tests of drivers: fetched with Maven once, run as a process.

It takes what a sink does. Its change streams lack what pymongo asks of them: `change_server` stands in for sources.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, flock
from pathlib import Path

from tests.kafka_fixture import MAVEN_SECONDS, CannotRunError, cache_folder

VERSION = "1.47.0"
_POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>headwater.tests</groupId>
  <artifactId>mongo-server</artifactId>
  <version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency><groupId>de.bwaldvogel</groupId><artifactId>mongo-java-server</artifactId><version>{VERSION}</version></dependency>
  </dependencies>
</project>
"""


def _libraries() -> Path:
    """The folder of its jars. Raises `CannotRunError`."""
    for tool in ("java", "mvn"):
        if shutil.which(tool) is None:
            raise CannotRunError(f"needs the command `{tool}`, which is not installed")
    folder = cache_folder() / f"mongo-java-server-{VERSION}"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("w") as lock:
        flock(lock, LOCK_EX)
        if not (folder / "complete").exists():
            (folder / "pom.xml").write_text(_POM)
            command = ["mvn", "-B", "-q", "dependency:copy-dependencies", f"-DoutputDirectory={folder / 'libs'}"]
            done = subprocess.run(
                command, cwd=folder, capture_output=True, text=True, timeout=MAVEN_SECONDS, check=False
            )
            if done.returncode:
                raise CannotRunError(f"Maven could not fetch mongo-java-server {VERSION}: {done.stdout[-300:]}")
            (folder / "complete").touch()
    return folder / "libs"


@contextmanager
def mongo_server() -> Iterator[str]:
    """A running server; its `host:port`. Raises `CannotRunError`."""
    tuning = ["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
    process = subprocess.Popen(
        ["java", *tuning, "-cp", f"{_libraries()}/*", str(Path(__file__).with_name("Server.java"))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        assert process.stdout is not None
        port = process.stdout.readline().strip()
        if not port:
            raise CannotRunError("mongo-java-server did not start")
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.communicate()
