"""The cases for Avro against Apache Avro's own checker of compatibility: it agrees everywhere."""

from __future__ import annotations

import json
from typing import Any

import pytest
from avro.compatibility import ReaderWriterCompatibilityChecker, SchemaCompatibilityType
from avro.schema import make_avsc_object

from headwater.registry.compatibility import differences
from headwater.registry.parsing import parse
from tests.registry.compatibility.case_files import Case, promotions, table


@pytest.mark.parametrize("case", [*table("avro"), *promotions()], ids=lambda case: str(case.sentence))
def test_apache_avro_agrees(case: Case) -> None:
    old, new = parse("AVRO", case.old, {}), parse("AVRO", case.new, {})
    ours = (not differences(new, old), not differences(old, new))
    theirs = (_reads(case.new, case.old), _reads(case.old, case.new))
    assert ours == theirs


def _reads(reader: str, writer: str) -> bool:
    checker: Any = ReaderWriterCompatibilityChecker
    found = checker().get_compatibility(*(make_avsc_object(json.loads(text)) for text in (reader, writer)))
    return bool(found.compatibility is SchemaCompatibilityType.compatible)
