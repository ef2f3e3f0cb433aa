"""Every format writes text that no encoding has as Java does, with a question mark."""

from __future__ import annotations

import pytest

from headwater.core import types as t
from headwater.core.schema import Column
from headwater.formats.api import SerdeOptions
from headwater.formats.registry import get
from headwater.formats.schema_registry import LocalSchemaRegistry

LONE, PAIR = "a\ud83d", "\ud83d\ude00"
NESTED = t.Array(t.Struct((t.Field("F", t.Map(t.STRING, t.STRING)),)))


@pytest.mark.parametrize("name", ["JSON", "KAFKA", "DELIMITED", "AVRO", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR"])
@pytest.mark.parametrize("is_key", [False, True])
def test_lone_surrogates_are_question_marks(name: str, is_key: bool) -> None:
    columns, options = (Column("V", t.STRING),), SerdeOptions(is_key)
    writer = get(name).writer(columns, options, "topic", LocalSchemaRegistry())
    for text, expected in ((LONE, "a?"), (PAIR, "😀"), (LONE + PAIR, "a?😀"), ("\ude00\ud83d", "??")):
        assert writer.encode(text) == writer.encode(expected)


@pytest.mark.parametrize("name", ["JSON", "AVRO", "JSON_SR", "PROTOBUF", "PROTOBUF_NOSR"])
def test_lone_surrogates_are_found_at_any_depth(name: str) -> None:
    columns = (Column("V", NESTED), Column("N", t.DOUBLE))
    writer = get(name).writer(columns, SerdeOptions(is_key=False), "topic", LocalSchemaRegistry())
    assert writer.encode([({LONE: LONE},)], 1.5) == writer.encode([({"a?": "a?"},)], 1.5)


def test_a_column_may_even_be_called_so() -> None:
    columns = (Column(LONE, t.STRING),)
    assert get("JSON").writer(columns, SerdeOptions(is_key=False), "topic", None).encode("x") == b'{"a?":"x"}'
