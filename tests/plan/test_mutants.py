"""Mutated statements are planned and compiled, or refused with one of our own errors: nothing else comes out.

`HEADWATER_PLAN_MUTANTS` sets how many; the nightly run takes 100,000.
"""

from __future__ import annotations

import json
import os
import random
import re
from functools import cache
from pathlib import Path

import pytest

from headwater.core.errors import HeadwaterError
from headwater.engine.compiler import CompileOptions, compile_plan
from headwater.formats.schema_registry import LocalSchemaRegistry
from headwater.plan.functions import builtin_functions
from headwater.sql.parser import parse_script
from tests.plan.planning import catalog

ROOT = Path(__file__).parents[2]
CONFORMANCE = ROOT.parent / "shared" / "conformance" / "qtt"
PER_SEED = 500
MUTANTS = int(os.environ.get("HEADWATER_PLAN_MUTANTS", "2000"))

_TOKEN = re.compile(r"\s+|'(?:[^']|'')*'|`[^`]*`|\"[^\"]*\"|\w+|->|:=|=>|<>|<=|>=|\|\||.", re.DOTALL)
_PIECES = (
    "NULL, 1, -1, 0, 1.5, 1e3, 9223372036854775807, 'x', '', '2020-01-01', TRUE, `a`, *, COUNT(*), SUM(1), ARRAY[1], "
    "MAP('a' := 1), STRUCT(f := 1), x => x, ROWTIME, WINDOWSTART, ROWKEY, CAST('1' AS DECIMAL(3, 1)), EXPLODE(ARRAY[1])"
).split(", ")


@cache
def scripts() -> tuple[tuple[str, ...], ...]:
    """The statements to mutate: the examples', and the conformance data's where it is at hand."""
    found = [(path.read_text(),) for path in sorted((ROOT / "examples").glob("*/*.sql"))]
    for path in sorted(CONFORMANCE.glob("*.json")):
        found += [tuple(case["statements"]) for case in json.loads(path.read_text())["tests"] if "format" not in case]
    return tuple(found)


def mutant(choice: random.Random, text: str) -> str:
    """A token removed, doubled, swapped, replaced by another of the text, or by something from the list."""
    tokens = _TOKEN.findall(text)
    for _ in range(choice.randrange(1, 4)):
        if not tokens:
            break
        at, other = choice.randrange(len(tokens)), choice.randrange(len(tokens))
        kind = choice.randrange(5)
        if kind == 0:
            del tokens[at]
        elif kind == 1:
            tokens.insert(at, tokens[other])
        elif kind == 2:
            tokens[at], tokens[other] = tokens[other], tokens[at]
        elif kind == 3:
            tokens[at] = tokens[other]
        else:
            tokens[at] = f" {choice.choice(_PIECES)} "
    return "".join(tokens)


@pytest.mark.parametrize("seed", range(max(1, MUTANTS // PER_SEED)))
def test_a_mutant_is_planned_and_compiled_or_refused(seed: int) -> None:
    choice = random.Random(seed)
    functions = builtin_functions()
    for _ in range(PER_SEED):
        *setup, last = choice.choice(scripts())
        text = mutant(choice, last)
        session = catalog()
        try:
            for statement in parse_script("\n".join([*setup, text])):
                session.execute(statement)
            for plan in session.plans:
                compile_plan(plan, functions, LocalSchemaRegistry(), CompileOptions(single_task=choice.random() < 0.5))
        except HeadwaterError:
            continue
        except Exception as error:
            error.add_note(f"setup: {setup}\nmutant: {text}")
            raise
