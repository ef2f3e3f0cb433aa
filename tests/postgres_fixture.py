"""One real PostgreSQL server (logical replication on, loopback, a free port) for tests, and a new database per test.

It runs from the Debian package `postgresql` in a temporary folder, as an unprivileged user: it refuses to run as root.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg import sql

from tests.kafka_fixture import CannotRunError
from tests.ports import take_ports

USER, PASSWORD = "headwater", "headwater-secret"
START_SECONDS = 30
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "wal_level": "logical",
    "max_replication_slots": "40",
    "max_wal_senders": "40",
    "max_connections": "80",
    "shared_buffers": "64MB",
    "fsync": "off",  # the folder goes with the test
    "full_page_writes": "off",
    "autovacuum": "off",
    "timezone": "UTC",
    "wal_sender_timeout": "20s",
}


def programs() -> Path:
    """The folder with `initdb` and `postgres`. Raises `CannotRunError`."""
    found = shutil.which("initdb")
    if found:
        return Path(found).resolve().parent
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda folder: int(folder.parent.name))
    if not folders:
        raise CannotRunError("needs PostgreSQL 10 or newer (the Debian package `postgresql`), which is not installed")
    return folders[-1]


class PostgresServer:
    """A server with storage in a folder of its own. The superuser is `USER` with `PASSWORD`."""

    def __init__(self, folder: Path, port: int, **settings: str) -> None:
        self._programs = programs()
        self._user = _unprivileged()
        self._folder = folder
        self._data = folder / "data"
        self._log = folder / "server.log"
        self.settings = {**SETTINGS, **settings}
        self._process: subprocess.Popen[bytes] | None = None
        self.host, self.port = "127.0.0.1", port
        (folder / "password").write_text(PASSWORD, "utf-8")
        if self._user is not None:
            for path in (folder, folder / "password"):
                shutil.chown(path, self._user)
        self._run(
            "initdb", "-D", str(self._data), "-U", USER, f"--pwfile={folder / 'password'}", "-A", "scram-sha-256",
            "-E", "UTF8", "--locale=C.UTF-8", "--no-sync", "--no-instructions",
        )  # fmt: skip

    def start(self) -> None:
        """Start, and return when it accepts connections. Raises `CannotRunError`."""
        options = [f"-c{name}={value}" for name, value in self.settings.items()]
        command = [str(self._programs / "postgres"), "-D", str(self._data), "-p", str(self.port), *options]
        command += [f"-cunix_socket_directories={self._folder}"]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self._folder, stdout=log, stderr=subprocess.STDOUT, user=self._user, env=_environment()
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._accepts():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise CannotRunError(f"PostgreSQL did not start: {self._log.read_text('utf-8', 'replace')[-500:]}")
            time.sleep(0.05)  # nothing announces that another process is ready

    def stop(self) -> None:
        """End it and all its connections at once, storage in order."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGQUIT)

    def dsn(self, database: str = "postgres") -> str:
        """How psycopg connects as the superuser."""
        return f"host={self.host} port={self.port} user={USER} password={PASSWORD} dbname={database}"

    def log_text(self) -> str:
        """What the server has logged so far."""
        return self._log.read_text("utf-8", "replace")

    def _accepts(self) -> bool:
        try:
            with socket.create_connection((self.host, self.port), timeout=1), psycopg.connect(self.dsn()):
                return True
        except (OSError, psycopg.OperationalError):
            return False

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.send_signal(how)
            process.wait(START_SECONDS)

    def _run(self, program: str, *arguments: str) -> None:
        result = subprocess.run(
            [str(self._programs / program), *arguments], cwd=self._folder, user=self._user, env=_environment(),
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        if result.returncode:
            raise CannotRunError(f"PostgreSQL's {program} failed: {(result.stderr or result.stdout).strip()[-500:]}")


@dataclass(frozen=True)
class Database:
    """A database of the test's own on a running server."""

    server: PostgresServer
    name: str
    slot: str
    """A name for a replication slot that no other test uses: slots are the server's, not the database's."""

    @property
    def dsn(self) -> str:
        """How psycopg connects to it as the superuser."""
        return self.server.dsn(self.name)

    def execute(self, *statements: str) -> list[tuple[Any, ...]]:
        """Run each statement in its own transaction; gives the rows of the last."""
        rows: list[tuple[Any, ...]] = []
        with psycopg.connect(self.dsn, autocommit=True) as connection:
            for statement in statements:
                cursor = connection.execute(statement.encode())
                rows = cursor.fetchall() if cursor.description else []
        return rows

    def transaction(self, *statements: str) -> None:
        """Run all statements in one transaction."""
        with psycopg.connect(self.dsn) as connection:
            for statement in statements:
                connection.execute(statement.encode())


@contextmanager
def running_postgres(port: int, **settings: str) -> Iterator[PostgresServer]:
    """A running server with fresh storage, stopped at the end."""
    folder = Path(tempfile.mkdtemp(prefix="headwater-postgres-"))
    try:
        server = PostgresServer(folder, port, **settings)
        try:
            server.start()
            yield server
        finally:
            server.kill()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def fresh_database(server: PostgresServer) -> Iterator[Database]:
    """A new database, dropped at the end with its replication slots."""
    name = f"db_{uuid.uuid4().hex[:10]}"
    with psycopg.connect(server.dsn(), autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield Database(server, name, f"slot_{name}")
    finally:
        with psycopg.connect(server.dsn(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])
            _drop_slots(connection, name)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_slots(connection: psycopg.Connection[Any], database: str) -> None:
    deadline = time.monotonic() + START_SECONDS
    query = "SELECT slot_name FROM pg_replication_slots WHERE database = %s"
    while slots := connection.execute(query, [database]).fetchall():
        for (slot,) in slots:
            try:
                connection.execute("SELECT pg_drop_replication_slot(%s)", [slot])
            except psycopg.errors.ObjectInUse:  # the sender was told to end a moment ago
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)


def _unprivileged() -> str | None:
    """Whom to become, None to stay who we are."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    for name in ("postgres", "nobody"):
        if name in known:
            return name
    raise CannotRunError("PostgreSQL does not run as root, and there is neither a user `postgres` nor `nobody`")


def _environment() -> dict[str, str]:
    return {"PATH": os.environ.get("PATH", "/usr/bin:/bin"), "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[PostgresServer]:
    """A real PostgreSQL; skips with the reason where it cannot run (fails in CI)."""
    from tests.conftest import skip_or_fail

    try:
        with running_postgres(take_ports(1)[0]) as server:
            yield server
    except CannotRunError as error:
        skip_or_fail(str(error))


@pytest.fixture
def own_postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL of the test's own, to be killed and started again."""
    from tests.conftest import skip_or_fail

    try:
        with running_postgres(take_ports(1)[0]) as server:
            yield server
    except CannotRunError as error:
        skip_or_fail(str(error))


@pytest.fixture
def postgres(postgres_server: PostgresServer) -> Iterator[Database]:
    """A fresh database on a real PostgreSQL."""
    with fresh_database(postgres_server) as database:
        yield database
