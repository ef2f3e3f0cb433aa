"""Secrets come back as stars: they stay where they were, and go nowhere else."""

from __future__ import annotations

import pytest

from headwater.connect.config import HIDDEN
from headwater.connect.connectors.postgres import PostgresConnector
from headwater.connect.connectors.redis import RedisSink
from headwater.connect.errors import UsageError
from headwater.connect.kept_secrets import says_where, with_kept_secrets

OLD = {
    "connector.class": "Postgres", "database.hostname": "db", "database.password": "hush", "topic.prefix": "a",
    "x.headers": "Authorization: Bearer t",
}  # fmt: skip
SHOWN = {**OLD, "database.password": HIDDEN, "x.headers": f"Authorization: {HIDDEN}"}
DEFINITION = PostgresConnector.config


def test_what_is_sent_back_as_it_was_shown_is_what_it_was() -> None:
    assert with_kept_secrets(DEFINITION, {**SHOWN, "topic.prefix": "b"}, OLD) == {**OLD, "topic.prefix": "b"}


@pytest.mark.parametrize(
    "change", [{"database.hostname": "evil"}, {"database.port": "1"}, {"connector.class": "HttpSink"},
               {"http.api.url": "http://evil"}],
)  # fmt: skip
def test_a_secret_goes_nowhere_else_unless_it_is_given_anew(change: dict[str, str]) -> None:
    (key,) = change
    with pytest.raises(UsageError, match=f"database.password is given as stars, but {key} has changed") as refusal:
        with_kept_secrets(DEFINITION, {**SHOWN, **change}, OLD)
    assert "hush" not in str(refusal.value)
    anew = {**SHOWN, **change, "database.password": "other", "x.headers": "none"}
    assert with_kept_secrets(DEFINITION, anew, OLD) == anew


def test_without_its_address_a_secret_is_not_kept() -> None:
    left_out = {key: value for key, value in SHOWN.items() if key != "database.hostname"}
    with pytest.raises(UsageError, match=r"database\.hostname has changed"):
        with_kept_secrets(DEFINITION, left_out, OLD)


def test_another_name_of_a_key_is_the_same_address() -> None:
    old = {"redis.hostname": "cache:1", "redis.password": "hush"}
    same = {"redis.hosts": "cache:1", "redis.password": HIDDEN}
    assert with_kept_secrets(RedisSink.config, same, old)["redis.password"] == "hush"


def test_an_address_with_a_password_in_it_is_the_same_when_it_is_shown() -> None:
    old = {"connection.url": "http://u:hush@h/", "connection.password": "p"}
    shown = {"connection.url": f"http://u:{HIDDEN}@h/", "connection.password": HIDDEN}
    assert with_kept_secrets(DEFINITION, shown, old) == old
    with pytest.raises(UsageError):
        with_kept_secrets(DEFINITION, {**shown, "connection.url": f"http://u:{HIDDEN}@evil/"}, old)


@pytest.mark.parametrize(
    ("key", "is_address"),
    [("redis.hosts", True), ("database.port", True), ("exactly.once.support", False), ("topics", False),
     ("value.converter.schema.registry.url", True), ("transforms", False), ("azblob.account.name", True)],
)  # fmt: skip
def test_keys_say_by_their_names_that_they_are_addresses(key: str, is_address: bool) -> None:
    assert says_where(key) is is_address
