"""Who may do what at the door: nobody without a key, readers only read, users what is allowed to them per subject."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from headwater.app.keys import key_file
from headwater.app.node import Node
from headwater.broker.acls import Acl, Operation, Pattern, Permission, Resource
from headwater.broker.auth import Role
from headwater.core.settings import NodeSettings, RegistrySettings, Settings
from tests.registry.registry_door import RECORD, WIDER, body

Step = tuple[str, str, str, object, int]
"""Who, method, path, body, status."""


@dataclass
class Guarded:
    """A node that asks for keys."""

    node: Node
    url: str

    async def ask(self, who: str, method: str, path: str, content: object = None) -> tuple[int, Any]:
        """`who` has a secret that is their name, backwards."""
        login = (who, who[::-1]) if who else None
        async with httpx.AsyncClient() as client:
            answer = await client.request(method, self.url + path, json=content, auth=login)
            return answer.status_code, answer.json()

    def allow(self, who: str, operation: Operation, name: str, pattern: Pattern = Pattern.LITERAL) -> None:
        """An entry for a subject, or for those with a prefix."""
        acl = Acl(Resource.SUBJECT, name, pattern, f"User:{who}", "*", operation, Permission.ALLOW)
        assert self.node._broker is not None
        self.node._broker.security.change_acls([acl], [])


@pytest.fixture
async def guarded(tmp_path: Path) -> AsyncIterator[Guarded]:
    settings = Settings(node=NodeSettings(data=tmp_path, authentication="required"), registry=RegistrySettings(port=0))
    for name, role in (("admin", Role.ADMIN), ("reader", Role.READ_ONLY), ("team", Role.USER)):
        key_file(settings).create(name, role, "", 0, name[::-1])
    node = Node(settings, listeners=("registry",))
    await node.start()
    yield Guarded(node, node.endpoints[0].address)
    await node.close()


async def test_permissions_are_those_of_the_key_and_the_subject(guarded: Guarded) -> None:
    steps: list[Step] = [
        ("", "GET", "/subjects", None, 401),
        ("stranger", "GET", "/subjects", None, 401),
        ("admin", "POST", "/subjects/team.a/versions", body(RECORD), 200),
        ("admin", "POST", "/subjects/other/versions", body(RECORD), 200),
        ("reader", "GET", "/subjects/team.a/versions/1", None, 200),
        ("reader", "GET", "/schemas/ids/1", None, 200),
        ("reader", "GET", "/config", None, 200),
        ("reader", "GET", "/contexts", None, 200),
        ("reader", "POST", "/subjects/team.a", body(RECORD), 200),
        ("reader", "POST", "/compatibility/subjects/team.a/versions/1", body(WIDER), 200),
        ("reader", "POST", "/subjects/team.a/versions", body(WIDER), 403),
        ("reader", "DELETE", "/subjects/team.a", None, 403),
        ("reader", "PUT", "/config", {"compatibility": "NONE"}, 403),
        ("reader", "PUT", "/mode", {"mode": "READONLY"}, 403),
        ("team", "GET", "/subjects/team.a/versions/1", None, 403),
    ]
    for who, method, path, content, status in steps:
        assert (await guarded.ask(who, method, path, content))[0] == status, (who, method, path)
    guarded.allow("team", Operation.READ, "team.", Pattern.PREFIXED)
    guarded.allow("team", Operation.WRITE, "team.", Pattern.PREFIXED)
    steps = [
        ("team", "GET", "/subjects/team.a/versions/1", None, 200),
        ("team", "POST", "/subjects/team.a/versions", body(WIDER), 200),
        ("team", "GET", "/subjects/other/versions/1", None, 403),
        ("team", "POST", "/subjects/other/versions", body(WIDER), 403),
        ("team", "DELETE", "/subjects/team.a", None, 403),
        ("team", "PUT", "/config/team.a", {"compatibility": "NONE"}, 403),
        ("team", "GET", "/config", None, 403),
        ("team", "GET", "/schemas/ids/1", None, 200),
        ("team", "GET", "/schemas/types", None, 200),
    ]
    for who, method, path, content, status in steps:
        assert (await guarded.ask(who, method, path, content))[0] == status, (who, method, path)
    assert await guarded.ask("team", "GET", "/subjects") == (200, ["team.a"])
    assert [v["subject"] for v in (await guarded.ask("team", "GET", "/schemas"))[1]] == ["team.a", "team.a"]
    assert await guarded.ask("team", "GET", "/schemas/ids/1/subjects") == (200, ["team.a"])
    await guarded.ask("admin", "POST", "/subjects/secret/versions", body("bytes"))
    status, refused = await guarded.ask("team", "GET", "/schemas/ids/3")
    assert (status, refused["error_code"]) == (403, 40301)


async def test_a_refusal_names_the_user_and_what_grants_it(guarded: Guarded) -> None:
    _, refused = await guarded.ask("team", "POST", "/subjects/t1-value/versions", body(RECORD))
    assert refused["message"] == (
        "User is denied operation Write on Subject: t1-value. team needs WRITE on SUBJECT t1-value: see "
        "`headwater acls add --subject`, or use another API key"
    )
    _, refused = await guarded.ask("team", "PUT", "/config", {"compatibility": "NONE"})
    assert "team needs ALTER_CONFIGS on SUBJECT __REGISTRY" in refused["message"]
    guarded.allow("team", Operation.ALTER_CONFIGS, "__REGISTRY")
    assert (await guarded.ask("team", "PUT", "/config", {"compatibility": "NONE"}))[0] == 200


async def test_web_pages_of_others_get_nothing(guarded: Guarded) -> None:
    """Browsers let any page send requests here, and a page's own name may stand for this machine's address."""
    for headers in ({"origin": "https://evil.example"}, {"host": "evil.example"}):
        async with httpx.AsyncClient(auth=("admin", "nimda"), headers=headers) as client:
            answers = [
                await client.get(f"{guarded.url}/subjects"),
                await client.post(f"{guarded.url}/subjects/s/versions", content=b'{"schema": "\\"string\\""}'),
            ]
        assert [(answer.status_code, answer.json()["error_code"]) for answer in answers] == [(403, 40301)] * 2
        assert "under [ksql.properties] in the node's config file" in answers[0].json()["message"]
    assert await guarded.ask("admin", "GET", "/subjects") == (200, [])
