"""Reads the tables of cases: a sentence, two schemas, and the kinds of what is found in either direction."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).with_name("cases")
PRIMITIVES = ("null", "boolean", "int", "long", "float", "double", "bytes", "string")
READ_BY_OTHERS = {"int": ("long", "float", "double"), "long": ("float", "double"), "float": ("double",),
                  "string": ("bytes",), "bytes": ("string",)}  # fmt: skip
"""What the specification's table of promotions says, from the side of the writer."""


@dataclass(frozen=True)
class Case:
    sentence: str
    kind: str
    old: str
    new: str
    backward: tuple[str, ...]
    """Kinds of what the new schema cannot read of the old one's data."""
    forward: tuple[str, ...]


def all_cases() -> list[Case]:
    return [*table("avro"), *promotions(), *table("json"), *table("protobuf")]


def table(name: str) -> list[Case]:
    """The cases of a file."""
    lines = (FOLDER / f"{name}.txt").read_text("utf-8").splitlines()
    return [_case(name, line) for line in lines if line and not line.startswith("#")]


def promotions() -> list[Case]:
    """Every primitive type read as every other one."""
    return [
        Case(f"{old} becomes {new}", "AVRO", f'"{old}"', f'"{new}"', _mismatch(old, new), _mismatch(new, old))
        for old in PRIMITIVES
        for new in PRIMITIVES
    ]


def _mismatch(written: str, read: str) -> tuple[str, ...]:
    return () if written == read or read in READ_BY_OTHERS.get(written, ()) else ("TYPE_MISMATCH",)


def _case(name: str, line: str) -> Case:
    sentence, old, new, backward, forward = _parts(line)
    texts = (_schema(name, old), _schema(name, new))
    return Case(sentence, name.upper(), *texts, _kinds(backward), _kinds(forward))


def _parts(line: str) -> list[str]:
    found = [part.strip() for part in line.split("|")]
    assert len(found) == 5, line
    return found


def _kinds(text: str) -> tuple[str, ...]:
    return tuple(text.split(",")) if text else ()


def _schema(name: str, text: str) -> str:
    if name == "avro" and text.startswith("R["):
        return f'{{"type":"record","name":"R","fields":{text[1:]}}}'
    if name == "protobuf" and not text.startswith(("syntax", "edition")):
        return f'syntax = "proto3"; {text}'.replace("<br>", "\n")
    return text
