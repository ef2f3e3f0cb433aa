"""API keys in the data folder: made, listed, revoked; what is kept of a secret; what a running node notices."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from headwater.app.keys import KeyFile, KeyRefusedError, KeyRing
from headwater.broker.access import Access
from headwater.broker.acls import Operation, Resource
from headwater.broker.auth import Role
from headwater.broker.scram import ScramMechanism
from headwater.core.errors import ConfigError, StartupError


@pytest.fixture
def file(tmp_path: Path) -> KeyFile:
    return KeyFile(tmp_path / "data" / "keys.json")


def test_a_secret_is_not_kept(file: KeyFile) -> None:
    name, secret = file.create("", Role.ADMIN, "for tests", 1)
    text = file.path.read_text()
    assert name in text
    assert secret not in text
    assert len(secret) >= 40
    assert stat.S_IMODE(file.path.stat().st_mode) == 0o600
    (key,) = file.read().values()
    assert (key.name, key.role, key.description, key.created_ms) == (name, Role.ADMIN, "for tests", 1)


def test_a_running_node_notices_keys_that_come_and_go(file: KeyFile) -> None:
    ring = KeyRing({"fixed": "s"}, file)
    assert ring.verify("fixed", "s")
    file.create("app", Role.READ_ONLY, "", 1, "geheim")
    assert not ring.verify("app", "geheim")
    ring.refresh()
    assert ring.verify("app", "geheim")
    assert ring.verify("app", "geheim"), "also from what is remembered"
    assert not ring.verify("app", "Geheim")
    assert ring.role("app") is Role.READ_ONLY
    for mechanism in ScramMechanism:
        credential = ring.credential("app", mechanism)
        assert credential is not None
        assert credential.matches("geheim")
    file.revoke("app")
    file.create("app", Role.ADMIN, "", 2, "neu")
    ring.refresh()
    assert not ring.verify("app", "geheim")
    assert ring.verify("app", "neu")
    file.revoke("app")
    ring.refresh()
    assert ring.role("app") is None


@pytest.mark.parametrize("name", ["a b", "ä", "a:b", "ANONYMOUS", "x" * 101, "a/b"])
def test_names_that_could_be_misread_are_refused(file: KeyFile, name: str) -> None:
    with pytest.raises(KeyRefusedError, match="cannot be the name"):
        file.create(name, Role.ADMIN, "", 1)


def test_a_key_is_made_once_and_revoked_once(file: KeyFile) -> None:
    file.create("app", Role.ADMIN, "", 1)
    with pytest.raises(KeyRefusedError, match="already"):
        file.create("app", Role.ADMIN, "", 1)
    file.revoke("app")
    with pytest.raises(KeyRefusedError, match="no key app"):
        file.revoke("app")


@pytest.mark.parametrize("text", ["", "[]", '{"version": 2, "keys": []}', '{"version": 1, "keys": [{"name": "x"}]}'])
def test_a_damaged_file_is_named(file: KeyFile, text: str) -> None:
    file.path.parent.mkdir()
    file.path.write_text(text)
    with pytest.raises(StartupError, match=r"keys\.json is damaged"):
        KeyRing({}, file)


def test_a_key_of_the_settings_may_not_be_anonymous(file: KeyFile) -> None:
    with pytest.raises(ConfigError, match="ANONYMOUS"):
        KeyRing({"ANONYMOUS": "s"}, file)


@pytest.mark.parametrize(
    ("role", "reads", "writes"), [(Role.ADMIN, True, True), (Role.READ_ONLY, True, False), (Role.USER, False, False)]
)
def test_what_roles_may_do(file: KeyFile, role: Role, reads: bool, writes: bool) -> None:
    file.create("app", role, "", 1)
    access = Access(KeyRing({}, file), required=True)
    for resource in (Resource.TOPIC, Resource.GROUP, Resource.SUBJECT):
        assert access.allows("app", "::1", Operation.READ, resource, "x") is reads
        assert access.allows("app", "::1", Operation.DESCRIBE, resource, "x") is reads
    for operation in (Operation.WRITE, Operation.CREATE, Operation.DELETE, Operation.ALTER, Operation.ALTER_CONFIGS):
        assert access.allows("app", "::1", operation, Resource.TOPIC, "x") is writes
    assert not access.allows("nobody", "::1", Operation.READ, Resource.TOPIC, "x")
    assert not access.allows(None, "::1", Operation.READ, Resource.TOPIC, "x")


@pytest.mark.parametrize("required", [True, False])
def test_who_did_not_log_in_may_do_everything_only_where_nobody_has_to(required: bool) -> None:
    access = Access(required=required)
    assert access.allows("ANONYMOUS", "::1", Operation.DELETE, Resource.TOPIC, "x") is not required
