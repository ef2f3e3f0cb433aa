"""PRINT guesses formats, and windowed keys are taken apart."""

from __future__ import annotations

import json
import struct

import pytest

from headwater.core import types as t
from headwater.core.errors import DeserializationError
from headwater.core.schema import Column
from headwater.formats import guess, windowed
from headwater.formats.api import SerdeOptions
from headwater.formats.registry import get
from headwater.formats.schema_registry import LocalSchemaRegistry


def guessed(*payloads: bytes | None, is_key: bool = False) -> tuple[str, list[str]]:
    guesser = guess.Guesser(LocalSchemaRegistry(), is_key)
    guesser.learn(payloads)
    return guesser.description, [guesser.text(p) for p in payloads]


@pytest.mark.parametrize(
    ("payloads", "description", "texts"),
    [
        ((b'{"b": 1, "a": [1.50, null]}',), "JSON or KAFKA_STRING", ['{"b":1,"a":[1.50,null]}']),
        ((b'{"a": 1}', b"hello"), "KAFKA_STRING", ['{"a": 1}', "hello"]),
        ((b"\0\0\0\7",), "KAFKA_INT or KAFKA_STRING", ["7"]),
        ((struct.pack(">q", -1),), "KAFKA_BIGINT or KAFKA_DOUBLE", ["-1"]),
        ((b"12",), "KAFKA_STRING", ["12"]),
        ((b"\xff",), guess.RAW, ["\\xFF"]),
        ((None,), guess.NO_DATA, ["<null>"]),
        ((None, b"x"), "KAFKA_STRING", ["<null>", "x"]),
    ],
)
def test_values_are_guessed(payloads: tuple[bytes | None, ...], description: str, texts: list[str]) -> None:
    assert guessed(*payloads) == (description, texts)


def test_windowed_keys_are_guessed() -> None:
    description, texts = guessed(windowed.time_key(b"customer-1", 1000), is_key=True)
    assert description.startswith("HOPPING(KAFKA_STRING) or TUMBLING(KAFKA_STRING)")
    assert texts == ["[customer-1@1000/-]"]
    description, texts = guessed(windowed.session_key(b"customer-1", 1000, 2000), is_key=True)
    assert description.startswith("SESSION(KAFKA_STRING)")
    assert texts == ["[customer-1@1000/2000]"]
    assert guessed(b"a-long-customer-name-without-a-window", is_key=True)[0] == "KAFKA_STRING"


@pytest.mark.parametrize(
    ("name", "text"), [("AVRO", '{"A": 1, "B": "x"}'), ("PROTOBUF", 'A: 1 B: "x"'), ("JSON_SR", '{"A":1,"B":"x"}')]
)
def test_data_with_schemas_is_shown(name: str, text: str) -> None:
    registry = LocalSchemaRegistry()
    columns = (Column("A", t.INTEGER), Column("B", t.STRING))
    payload = get(name).writer(columns, SerdeOptions(is_key=False), "t", registry).encode(1, "x")
    guesser = guess.Guesser(registry, is_key=False)
    guesser.learn([payload])
    assert guesser.description.split(" or ")[0] == name
    assert guesser.text(payload).strip() == text
    assert guesser.text(b"\1") == guess.FAILED
    assert json.loads(registry.by_id(1).schema) if name != "PROTOBUF" else True


def test_window_bounds_are_after_the_key() -> None:
    assert windowed.split_time_key(windowed.time_key(b"k", 5), 10) == (b"k", 5, 15)
    assert windowed.split_session_key(windowed.session_key(b"k", 5, 7)) == (b"k", 5, 7)
    assert windowed.session_key(b"", 1, 2) == b"\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0\1"
    with pytest.raises(DeserializationError, match="Not a windowed key"):
        windowed.split_time_key(b"short", 1)
    with pytest.raises(DeserializationError, match="Not a windowed key"):
        windowed.split_session_key(b"too short")
