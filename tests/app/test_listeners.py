"""Which Kafka listeners settings ask for, and which of them may be opened."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from headwater.app.access import check_exposure
from headwater.app.listeners import Listener, SecurityProtocol, listeners
from headwater.core.config import load
from headwater.core.errors import ConfigError
from headwater.core.settings import Settings

PLAIN, SASL = SecurityProtocol.PLAINTEXT, SecurityProtocol.SASL_PLAINTEXT


def settings(**given: Any) -> Settings:
    return load(None, {}, {name.replace("__", "."): value for name, value in given.items()})


@pytest.mark.parametrize(
    ("given", "protocol"),
    [
        ({}, PLAIN),
        ({"node__api_keys": {"k": "s"}}, SASL),
        ({"node__authentication": "required"}, SASL),
        ({"node__api_keys": {"k": "s"}, "kafka__security_protocol": "SASL_SSL"}, SecurityProtocol.SASL_SSL),
    ],
)
def test_the_simple_case_is_one_listener(given: dict[str, Any], protocol: SecurityProtocol) -> None:
    assert listeners(settings(**given)) == [Listener("kafka", "127.0.0.1", 9092, protocol)]


def test_listeners_have_names_addresses_and_protocols_of_their_own(tmp_path: Path) -> None:
    file = tmp_path / "node.toml"
    file.write_text(
        """
        [kafka]
        tls_port = 9093
        [kafka.listeners.docker]
        port = 19092
        security_protocol = "ssl"
        advertised_host = "host.docker.internal"
        advertised_port = 29092
        [kafka.listeners.other]
        port = 0
        host = "127.0.0.2"
        """
    )
    assert listeners(load(file)) == [
        Listener("kafka", "127.0.0.1", 9092),
        Listener("tls", "127.0.0.1", 9093, SecurityProtocol.SASL_SSL, setting="kafka.tls_port"),
        Listener(
            "docker",
            "127.0.0.1",
            19092,
            SecurityProtocol.SSL,
            "host.docker.internal",
            29092,
            setting="kafka.listeners.docker.port",
        ),
        Listener("other", "127.0.0.2", 0, setting="kafka.listeners.other.port"),
    ]


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({"out.host": "127.0.0.1"}, "kafka.listeners.out.port"),
        ({"out": "1"}, "`out` in the setting"),
        ({"out.prot": "1"}, "kafka.listeners.out.prot"),
        ({"out.port": "70000"}, "kafka.listeners.out.port"),
        ({"out.port": "-1"}, "kafka.listeners.out.port"),
        ({"out.port": "1", "out.security_protocol": "TLS"}, "must be one of PLAINTEXT, SASL_PLAINTEXT"),
        ({"kafka.port": "1"}, "two Kafka listeners are named `kafka`"),
    ],
)
def test_a_mistake_is_named(entries: Mapping[str, str], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        listeners(settings(kafka__listeners=entries))


OUTSIDE = "0.0.0.0"


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"node__host": OUTSIDE}, "clients need no password"),
        ({"node__host": OUTSIDE, "node__insecure": True}, ""),
        ({"node__host": OUTSIDE, "node__authentication": "required"}, ""),
        ({"node__host": OUTSIDE, "node__api_keys": {"k": "s"}}, ""),
        ({"node__host": OUTSIDE, "node__api_keys": {"k": "s"}, "kafka__security_protocol": "PLAINTEXT"}, "`kafka`"),
        ({"kafka__listeners": {"out.port": "0", "out.host": OUTSIDE}}, "`out`"),
        ({"kafka__listeners": {"out.port": "0", "out.host": OUTSIDE, "out.security_protocol": "SSL"}}, "`out`"),
        (
            {
                "kafka__listeners": {"out.port": "0", "out.host": OUTSIDE, "out.security_protocol": "SSL"},
                "tls__client_auth": "required",
            },
            "",
        ),
        ({"kafka__listeners": {"out.port": "0", "out.host": OUTSIDE, "out.security_protocol": "SASL_SSL"}}, ""),
        ({"kafka__listeners": {"out.port": "0", "out.host": "203.0.113.7"}}, "not an address of this machine"),
    ],
)
def test_strangers_find_no_open_door(given: dict[str, Any], refused: str) -> None:
    wanted = settings(**given)
    if refused:
        with pytest.raises(ConfigError, match=refused):
            check_exposure(wanted, listeners(wanted))
    else:
        check_exposure(wanted, listeners(wanted))
