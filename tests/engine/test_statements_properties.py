"""Properties: one canonical name each, checked values, and what a session may not touch."""

from __future__ import annotations

import pytest

from headwater.engine.properties import (
    PropertyError,
    canonical_name,
    check_override,
    check_request_property,
    known_properties,
    shown_name,
)
from headwater.engine.session import Session
from headwater.engine.settings import EngineSettings

NAMES = [
    ("auto.offset.reset", "auto.offset.reset"),
    ("ksql.streams.auto.offset.reset", "auto.offset.reset"),
    ("ksql.streams.consumer.max.poll.records", "consumer.max.poll.records"),
    ("producer.linger.ms", "producer.linger.ms"),
    ("ksql.streams.topic.retention.ms", "topic.retention.ms"),
    ("ksql.streams.shutdown.timeout.ms", "ksql.streams.shutdown.timeout.ms"),
    ("ksql.functions.my_udf.key", "ksql.functions.my_udf.key"),
    ("ksql.query.pull.table.scan.enabled", "ksql.query.pull.table.scan.enabled"),
    ("ksql.nope", None),
    ("consumer.nope", None),
    ("ksql.streams.ksql.service.id", None),
]


@pytest.mark.parametrize(("name", "canonical"), NAMES)
def test_names_have_one_form(name: str, canonical: str | None) -> None:
    assert canonical_name(name) == canonical


ACCEPTED = [
    ("auto.offset.reset", "earliest", "earliest"),
    ("ksql.fail.on.deserialization.error", True, "true"),
    ("commit.interval.ms", 100, "100"),
    ("ksql.suppress.buffer.size.bytes", -1, "-1"),
    ("ksql.persistence.default.format.value", "AVRO", "AVRO"),
]


@pytest.mark.parametrize(("name", "value", "kept"), ACCEPTED)
def test_values_are_kept_as_text(name: str, value: object, kept: str) -> None:
    assert check_override(name, value, {}) == (canonical_name(name), kept)


REFUSED = [
    ("auto.offset.reset", "none"),
    ("num.stream.threads", 0),
    ("commit.interval.ms", "1.5"),
    ("commit.interval.ms", 2**63),
    ("ksql.fail.on.deserialization.error", "perhaps"),
    ("ksql.service.id", "x"),
    ("bootstrap.servers", "x:1"),
    ("ssl.truststore.location", "x"),
    ("ksql.properties.overrides.denylist", ""),
    ("request.ksql.debug.request", "true"),
    ("no.such", "1"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED)
def test_refusals_name_the_property(name: str, value: object) -> None:
    with pytest.raises(PropertyError, match=f"'{name}'"):
        check_override(name, value, {})


def test_a_near_miss_is_pointed_out() -> None:
    with pytest.raises(PropertyError, match=r"Did you mean 'auto\.offset\.reset'"):
        check_override("auto.offset.rest", "earliest", {})


def test_the_server_decides_what_sessions_may_change() -> None:
    denied = {"ksql.properties.overrides.denylist": "ksql.streams.commit.interval.ms, linger.ms"}
    with pytest.raises(PropertyError):
        check_override("commit.interval.ms", 1, denied)
    assert check_override("auto.offset.reset", "latest", denied)
    allowed = {
        "ksql.properties.overrides.validation.mode": "allowlist",
        "ksql.properties.overrides.allowlist": "auto.offset.reset",
    }
    assert check_override("ksql.streams.auto.offset.reset", "latest", allowed)
    with pytest.raises(PropertyError):
        check_override("commit.interval.ms", 1, allowed)


def test_null_removes_an_override() -> None:
    assert Session.of({"commit.interval.ms": None, "linger.ms": 1}, {}, {}).properties == {"linger.ms": "1"}


def test_request_properties_are_a_world_of_their_own() -> None:
    assert check_request_property("request.ksql.debug.request", True) == ("request.ksql.debug.request", "true")
    with pytest.raises(PropertyError):
        check_request_property("auto.offset.reset", "earliest")


def test_every_default_is_a_value_of_its_type() -> None:
    for entry in known_properties().values():
        if entry.default:
            assert entry.check(entry.default) == entry.default


def test_the_effective_value_is_the_sessions_then_the_servers_then_the_default() -> None:
    settings = EngineSettings(properties={"ksql.streams.commit.interval.ms": "5"})
    assert settings.integer("commit.interval.ms") == 5
    assert settings.integer("commit.interval.ms", {"commit.interval.ms": "6"}) == 6
    assert settings.text("auto.offset.reset") == "latest"
    assert settings.effective({})["commit.interval.ms"] == "5"


def test_listings_spell_client_settings_with_their_prefix() -> None:
    assert shown_name("commit.interval.ms") == "ksql.streams.commit.interval.ms"
    assert shown_name("ksql.service.id") == "ksql.service.id"
