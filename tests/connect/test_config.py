"""A configuration that is declared once: typed, checked, hidden, rendered."""

from __future__ import annotations

from typing import Any

import pytest

from headwater.connect.config import HIDDEN, Config, ConfigDef, Importance, Key, Type
from headwater.connect.config_render import form, key_infos, markdown, validation


def _in_order(config: Config) -> dict[str, str]:
    return {} if config.integer("low") <= config.integer("high") else {"low": "low is above high"}


DEFINITION = ConfigDef(
    Key("host", Type.STRING, "Where | to.", importance=Importance.HIGH, aliases=("connection.host",)),
    Key("password", Type.PASSWORD, "Secret.", default=""),
    Key("low", Type.INT, "Low.", default=1, minimum=0, maximum=10),
    Key("high", Type.LONG, "High.", default=5),
    Key("ratio", Type.DOUBLE, "Ratio.", default=0.5),
    Key("on", Type.BOOLEAN, "Switch.", default=True),
    Key("names", Type.LIST, "Names.", default=("a", "b")),
    Key("mode", Type.STRING, "Mode.", default="insert", choices=("insert", "upsert"), group="Writing"),
    Key("even", Type.INT, "Even.", default=2, validator=lambda n: "must be even" if n % 2 else None),
    ignored=("confluent.*",),
    check=_in_order,
)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("host", " example.com ", "example.com"),
        ("connection.host", "example.com", "example.com"),
        ("password", " kept as it is ", " kept as it is "),
        ("low", " 3 ", 3),
        ("ratio", "1e3", 1000.0),
        ("on", "FALSE", False),
        ("names", "x, y ,,z", ["x", "y", "z"]),
        ("mode", "UPSERT", "upsert"),
        ("low", "${env:LOW}", "${env:LOW}"),
        ("undeclared", "text", "text"),
    ],
)
def test_a_value_has_its_type(key: str, text: str, value: Any) -> None:
    parsed = DEFINITION.parse({"host": "h", key: text})
    assert parsed.errors == {}
    assert parsed.config[DEFINITION.canonical(key)] == value


@pytest.mark.parametrize(
    ("key", "text", "problem"),
    [
        ("host", None, 'Missing required configuration "host" which has no default value.'),
        ("host", "", "Invalid value  for configuration host: must not be empty"),
        ("low", "many", "Invalid value many for configuration low: Not a number of type INT"),
        ("low", "99999999999", "Invalid value 99999999999 for configuration low: Not a number of type INT"),
        ("low", "1_0", "Invalid value 1_0 for configuration low: Not a number of type INT"),
        ("low", "11", "Invalid value 11 for configuration low: Value must be no more than 10"),
        ("low", "-1", "Invalid value -1 for configuration low: Value must be at least 0"),
        ("ratio", "half", "Invalid value half for configuration ratio: Not a number of type DOUBLE"),
        ("on", "yes", "Invalid value yes for configuration on: Expected value to be either true or false"),
        ("mode", "merge", "Invalid value merge for configuration mode: String must be one of: insert, upsert"),
        ("even", "3", "Invalid value 3 for configuration even: must be even"),
        ("low", "6", "low is above high"),
    ],
)
def test_a_wrong_value_is_an_error_of_its_field(key: str, text: str | None, problem: str) -> None:
    parsed = DEFINITION.parse({"host": "h", key: text})
    assert parsed.errors == {key: [problem]}


def test_an_unknown_key_is_a_warning_unless_the_original_knows_it() -> None:
    parsed = DEFINITION.parse({"host": "h", "hots": "x", "confluent.license": ""})
    assert parsed.warnings == ["The configuration 'hots' is not known and has no effect; did you mean 'host'?"]


def test_secrets_are_hidden_by_declaration_and_by_name() -> None:
    shown = DEFINITION.masked({"password": "a", "aws.secret.access.key": "b", "host": "c", "x.token": "${env:T}"})
    assert shown == {"password": HIDDEN, "aws.secret.access.key": HIDDEN, "host": "c", "x.token": "${env:T}"}


@pytest.mark.parametrize(
    ("value", "secrets"),
    [
        ("http://ada:s3cr@t@host:80/x", ["s3cr@t"]),
        ("redis://:hush@host", ["hush"]),
        ("jdbc:postgresql://host/db?user=ada&password=hush&ssl=true", ["hush"]),
        ("jdbc:sqlserver://host;password=hush;x=y", ["hush"]),
        ("http://a:one@h1,http://b:two@h2/", ["one", "two"]),
        ("X-Id: 7|Authorization: Bearer hush|Accept: */*", ["Bearer hush"]),
        ("http://ada:${env:PASSWORD}@host", []),
        ("http://host:80/a@b:c", []),
        ("orders:2024", []),
    ],
)
def test_passwords_within_a_value_are_hidden_and_the_rest_is_not(value: str, secrets: list[str]) -> None:
    hidden = value
    for secret in secrets:
        hidden = hidden.replace(secret, HIDDEN)
    assert DEFINITION.masked({"host": value}) == {"host": hidden}
    assert DEFINITION.secrets({"host": value, "password": "pw"}) == ["pw", *secrets]


def test_the_same_declaration_is_an_answer_a_reference_and_a_form() -> None:
    answer = validation("c", DEFINITION, {"connection.host": "h", "password": "p"}, {"stray": ["no"]}, [])
    assert answer["groups"] == ["Connector", "Writing"]
    assert answer["error_count"] == 1
    values = {entry["value"]["name"]: entry["value"]["value"] for entry in answer["configs"]}
    assert (values["host"], values["password"], values["names"], values["on"]) == ("h", HIDDEN, "a,b", "true")
    assert [info["name"] for info in key_infos(DEFINITION)] == list(DEFINITION.keys)
    page = markdown(DEFINITION).splitlines()
    assert page[2] == "| `host` | string | required | Where \\| to. |"
    connector, writing = form(DEFINITION, {"password": "p"})
    inputs = {field["name"]: (field["input"], field["value"]) for field in connector["fields"]}
    assert (inputs["password"], inputs["low"], inputs["on"]) == (
        ("password", HIDDEN),
        ("number", None),
        ("checkbox", None),
    )
    assert writing["fields"][0]["options"] == ["insert", "upsert"]
