"""The tables of compatibility cases against the checkers of others: Apache Avro's in Java, and Apicurio's registry.

Where they judge otherwise is written down with the reason, in `registry_differences.txt`: a difference that is not
there fails, and one that is there and is gone fails too.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from headwater.registry.compatibility import differences, json_kinds, protobuf
from headwater.registry.compatibility.incompatibility import Difference
from headwater.registry.parsing import parse
from tests.compat.maven import java_checkers
from tests.conftest import skip_or_fail
from tests.kafka_fixture import CannotRunError
from tests.registry.compatibility.case_files import Case, promotions, table

pytestmark = [pytest.mark.compat, pytest.mark.slow, pytest.mark.timeout(400), pytest.mark.xdist_group("java")]

LISTED = Path(__file__).with_name("registry_differences.txt")


@dataclass(frozen=True)
class Question:
    case: Case
    direction: str
    """backward: the new schema reads what the old one wrote; forward: the other way round."""

    @property
    def name(self) -> tuple[str, str, str]:
        return self.case.kind, self.case.sentence, self.direction

    @property
    def reader(self) -> str:
        return self.case.new if self.direction == "backward" else self.case.old

    @property
    def writer(self) -> str:
        return self.case.old if self.direction == "backward" else self.case.new

    def found(self) -> list[Difference]:
        """What keeps the reader from reading, as this registry says."""
        kind = self.case.kind
        compatible = {"JSON": json_kinds.COMPATIBLE, "PROTOBUF": protobuf.COMPATIBLE}.get(kind, frozenset())
        every = differences(parse(kind, self.reader, {}), parse(kind, self.writer, {}))
        return [each for each in every if each.kind not in compatible]


CASES = [*table("avro"), *promotions(), *table("json"), *table("protobuf")]
QUESTIONS = [Question(case, direction) for case in CASES for direction in ("backward", "forward")]


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str, str], dict[str, Any]]:
    """What the others say to every case in both directions."""
    try:
        java = java_checkers()
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise AssertionError("unreachable") from error
    lines = "".join(
        json.dumps({"kind": each.case.kind, "reader": each.reader, "writer": each.writer}) + "\n" for each in QUESTIONS
    )
    found = [json.loads(line) for line in java.run("Checkers", lines=lines).splitlines()]
    return dict(zip((each.name for each in QUESTIONS), found, strict=True))


def verdict(answer: dict[str, Any]) -> str:
    return "fails" if "fails" in answer else "reads" if answer["reads"] else "refuses"


def test_every_verdict_is_the_same_or_listed(answers: dict[tuple[str, str, str], dict[str, Any]]) -> None:
    found = {
        (*each.name, verdict(answers[each.name]))
        for each in QUESTIONS
        if verdict(answers[each.name]) != ("refuses" if each.found() else "reads")
    }
    listed = [tuple(part.strip() for part in line.split("|")) for line in _lines()]
    assert all(len(row) == 5 and row[4] for row in listed), "kind | case | direction | their verdict | reason"
    assert found == {row[:4] for row in listed}


def test_avro_answers_with_the_kinds_places_and_words_of_java(
    answers: dict[tuple[str, str, str], dict[str, Any]],
) -> None:
    """One is told in clearer words: Java compares a lacking enum field, if its type has a default, with the record."""
    lacking = "an enum field with a default symbol, but no default of its own, is added"
    for each in QUESTIONS:
        if each.case.kind == "AVRO" and each.case.sentence != lacking:
            theirs = answers[each.name].get("reasons")
            assert [[found.kind, found.path, found.detail] for found in each.found()] == theirs, each.name


def _lines() -> list[str]:
    return [line for line in LISTED.read_text("utf-8").splitlines() if line and not line.startswith("#")]


@pytest.mark.skip(
    reason="Confluent's Java client is not on Maven Central: io.confluent has neither kafka-schema-registry-client nor "
    "kafka-avro-serializer there. Apicurio's serializers only share the form of payloads; they ask for schemas over "
    "Apicurio's own REST API, which this registry does not have."
)
def test_the_java_client_registers_and_reads() -> None:
    raise AssertionError("unreachable")
