"""Who may use the REST doors: the same names, secrets and rights as on the Kafka listeners."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection

from headwater.app.keys import KeyFile, KeyRing
from headwater.app.rest_access import RestAccess
from headwater.broker.access import Access, Principal
from headwater.broker.acls import CLUSTER_NAME, KSQL_NAME, Acl, Operation, Pattern, Permission, Resource
from headwater.broker.auth import Role
from headwater.broker.scram import ScramCredential, ScramMechanism
from headwater.broker.security import SecurityStore
from headwater.core.clock import SystemClock
from headwater.engine.errors import ErrorCode, RequestError
from headwater.http.bodies import DEFAULT_LIMIT_BYTES
from headwater.http.errors import HttpError
from headwater.http.origins import Origins
from headwater.http.permissions import check_statements
from headwater.http.server import KsqlDoor
from headwater.log.log import Log
from headwater.log.storage import MemoryStorage
from headwater.testing import ManualClock
from tests.engine.sql_node import sql_node

USERS = ("anna", "bert")
"""Made through Kafka's admin API; anna may query."""


@pytest.fixture
def security() -> Iterator[SecurityStore]:
    log = Log(MemoryStorage(), SystemClock())
    log.open()
    store = SecurityStore(log)
    store.change_users([(u, ScramCredential.from_password(ScramMechanism.SHA_512, "pass")) for u in USERS], ())
    may_query = Acl(Resource.KSQL, KSQL_NAME, Pattern.LITERAL, "User:anna", "*", Operation.READ, Permission.ALLOW)
    store.change_acls([may_query], ())
    yield store
    log.close()


@pytest.fixture
def keys(tmp_path: Path) -> KeyRing:
    file = KeyFile(tmp_path / "keys.json")
    for role in Role:
        file.create(role.value, role, "", 1, "pass")
    return KeyRing({}, file)


def request(name: str | None, secret: str = "pass", *, scheme: str = "Basic") -> HTTPConnection:
    token = base64.b64encode(f"{name}:{secret}".encode())
    headers = [] if name is None else [(b"authorization", scheme.encode() + b" " + token)]
    scope = {"type": "http", "method": "GET", "path": "/ksql", "headers": headers, "client": ("127.0.0.1", 1)}
    return HTTPConnection(scope)


@pytest.mark.parametrize(
    ("connection", "required", "open_to"),
    [
        (request("admin"), "admin", "admin"),
        (request("read-only"), "read-only", "read-only"),
        (request("anna"), "anna", "anna"),
        (request("anna", scheme="basic"), "anna", "anna"),
        (request("anna", "wrong"), None, None),
        (request("admin", "wrong"), None, None),
        (request("nobody"), None, "ANONYMOUS"),
        (request("anna", scheme="Bearer"), None, "ANONYMOUS"),
        (request(None), None, "ANONYMOUS"),
    ],
)
async def test_who_sent_a_request(
    security: SecurityStore, keys: KeyRing, connection: HTTPConnection, required: str | None, open_to: str | None
) -> None:
    for is_required, name in ((True, required), (False, open_to)):
        access = Access(keys, security, required=is_required)
        found = await RestAccess(access, failed_login_ms=0).identify(connection)
        assert (None if found is None else found.name) == name


@pytest.mark.parametrize(
    ("name", "method", "path", "code"),
    [
        ("admin", "POST", "/ksql/terminate", None),
        ("admin", "POST", "/inserts-stream", None),
        ("read-only", "POST", "/ksql", None),
        ("read-only", "POST", "/inserts-stream", ErrorCode.FORBIDDEN),
        ("read-only", "POST", "/ksql/terminate", ErrorCode.FORBIDDEN),
        ("anna", "POST", "/query-stream", None),
        ("anna", "POST", "/inserts-stream", ErrorCode.FORBIDDEN),
        ("bert", "GET", "/info", ErrorCode.FORBIDDEN),
        ("user", "GET", "/info", ErrorCode.FORBIDDEN),
        ("nobody", "GET", "/info", ErrorCode.UNAUTHORIZED),
    ],
)
async def test_who_may_use_the_sql_engine(
    security: SecurityStore, keys: KeyRing, name: str, method: str, path: str, code: ErrorCode | None
) -> None:
    identify = RestAccess(Access(keys, security, required=True), failed_login_ms=0).identify
    async with sql_node() as node:
        door = KsqlDoor(node.engine, identify, Origins(), DEFAULT_LIMIT_BYTES)
        transport = httpx.ASGITransport(door)
        async with httpx.AsyncClient(transport=transport, base_url="http://ksql", auth=(name, "pass")) as client:
            answer = await client.request(method, path)
        found = ErrorCode(answer.json()["error_code"]) if answer.status_code in (401, 403) else None
        assert found is code


@pytest.mark.parametrize(
    ("rights", "statement", "allowed"),
    [
        ((), "LIST STREAMS;", True),
        ((), "CREATE SINK CONNECTOR c WITH (a='b');", False),
        ((Resource.KSQL,), "DROP STREAM s;", True),
        ((Resource.KSQL,), "CREATE SINK CONNECTOR c WITH (a='b');", False),
        ((Resource.KSQL,), "LIST STREAMS; DROP CONNECTOR c;", False),
        ((Resource.CLUSTER,), "DROP CONNECTOR c;", False),
        ((Resource.KSQL, Resource.CLUSTER), "CREATE SINK CONNECTOR c WITH (a='b');", True),
    ],
)
def test_statements_about_connectors_take_what_connects_own_door_asks_for(
    security: SecurityStore, keys: KeyRing, rights: tuple[Resource, ...], statement: str, allowed: bool
) -> None:
    needed = {Resource.KSQL: (KSQL_NAME, Operation.WRITE), Resource.CLUSTER: (CLUSTER_NAME, Operation.ALTER)}
    for resource in rights:
        name, operation = needed[resource]
        acl = Acl(resource, name, Pattern.LITERAL, "User:anna", "*", operation, Permission.ALLOW)
        security.change_acls([acl], ())
    anna = Principal("anna", "127.0.0.1", Access(keys, security, required=True))
    with nullcontext() if allowed else pytest.raises(RequestError):
        check_statements(anna, statement, {})


async def test_guessing_is_slow_and_holds_up_nobody_else(security: SecurityStore, keys: KeyRing) -> None:
    clock = ManualClock()
    access = RestAccess(Access(keys, security, required=True), clock, failed_login_ms=100)
    assert await access.identify(request("admin")) is not None
    guesses = [asyncio.create_task(access.identify(request("admin", f"guess {n}"))) for n in range(12)]
    await clock.until_sleeping(2)
    refused = [guess for guess in guesses if guess.done()]
    assert len(refused) == 1, "of those that would have to wait, only so many may"
    for guess in refused:
        assert isinstance(guess.exception(), HttpError)
    assert await access.identify(request("anna")) is not None, "another name"
    assert await access.identify(request("admin")) is not None, "a secret that is known to be right"
    for left in range(9, -1, -1):
        clock.advance(100)
        await asyncio.wait([guess for guess in guesses if not guess.done()], return_when=asyncio.FIRST_COMPLETED)
        assert sum(not guess.done() for guess in guesses) == left, "one after the other"
        if left:
            await clock.until_sleeping()
    assert [guess.result() for guess in guesses if guess not in refused] == [None] * 11
    assert await access.identify(request("admin")) is not None


async def test_guesses_that_wait_do_not_keep_out_a_right_secret(security: SecurityStore, keys: KeyRing) -> None:
    clock = ManualClock()
    access = RestAccess(Access(keys, security, required=True), clock, failed_login_ms=100)
    guesses = [asyncio.create_task(access.identify(request("admin", f"guess {n}"))) for n in range(10)]
    await clock.until_sleeping()
    assert await access.identify(request("admin")) is not None, "though it is not known to be right"
    for guess in guesses:
        guess.cancel()
    await asyncio.gather(*guesses, return_exceptions=True)


async def test_a_secret_that_was_right_is_checked_again_when_it_has_changed(
    security: SecurityStore, keys: KeyRing
) -> None:
    access = RestAccess(Access(keys, security, required=True), ManualClock(), failed_login_ms=0)
    assert await access.identify(request("anna")) is not None
    security.change_users([("anna", ScramCredential.from_password(ScramMechanism.SHA_512, "new"))], ())
    assert await access.identify(request("anna")) is None
    assert await access.identify(request("anna", "new")) is not None
