"""The rules of compatibility: tables of cases for the three types, at every level."""

from __future__ import annotations

import pytest

from headwater.registry.compatibility import CompatibilityLevel, check
from headwater.registry.parsing import parse
from tests.registry.compatibility.case_files import Case, all_cases

CASES = all_cases()
IDS = [f"{case.kind}: {case.sentence}" for case in CASES]


def expected(case: Case, level: CompatibilityLevel) -> list[str]:
    backward = case.backward if level.backward else ()
    forward = case.forward if level.forward else ()
    return sorted({*backward, *forward})


@pytest.mark.parametrize("level", CompatibilityLevel, ids=lambda level: level.value)
@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_a_level_forbids_what_its_readers_cannot_read(case: Case, level: CompatibilityLevel) -> None:
    old, new = parse(case.kind, case.old, {}), parse(case.kind, case.new, {})
    found = check(case.kind, level, new, [old])
    assert sorted({each.kind for each in found}) == expected(case, level), [str(each) for each in found]


@pytest.mark.parametrize("case", [case for case in CASES if case.backward], ids=str)
def test_a_message_names_kind_path_and_sides(case: Case) -> None:
    old, new = parse(case.kind, case.old, {}), parse(case.kind, case.new, {})
    for each in check(case.kind, CompatibilityLevel.BACKWARD, new, [old]):
        assert str(each).startswith(
            f"{{errorType:'{each.kind}', description:'"
            if case.kind == "AVRO"
            else f'{{errorType:"{each.kind}", description:"The '
        )
        assert ("additionalInfo:" in str(each)) == (case.kind == "AVRO")
        assert "new" in each.description or "old" in each.description
        assert each.path[:1] in "/#"


@pytest.mark.parametrize("level", ["BACKWARD", "FORWARD", "FULL"])
@pytest.mark.parametrize("case", [case for case in CASES if case.backward and case.forward], ids=str)
def test_only_a_transitive_level_looks_at_versions_before_the_last(case: Case, level: str) -> None:
    first, new = parse(case.kind, case.old, {}), parse(case.kind, case.new, {})
    versions = [first, new]
    assert not check(case.kind, CompatibilityLevel(level), new, versions)
    assert check(case.kind, CompatibilityLevel(f"{level}_TRANSITIVE"), new, versions)


def test_there_are_enough_cases() -> None:
    assert len(CASES) * len(CompatibilityLevel) >= 300
    assert min(sum(case.kind == kind for case in CASES) for kind in ("AVRO", "JSON", "PROTOBUF")) >= 40
