"""Generated source and careful evaluation agree on random expressions over random rows."""

from __future__ import annotations

import math
import random
from decimal import Decimal

import pytest

from headwater.core.errors import AnalysisError
from tests.plan.evaluating import evaluate

LEAVES = {
    "INT": ["I", "J", "3", "-1", "2147483647", "LEN(S)", "A[1]", "A[I]", "M['k']"],
    "BIGINT": ["L", "9223372036854775807", "CAST(I AS BIGINT)"],
    "DOUBLE": ["D", "1.5E0", "CAST(I AS DOUBLE)", "SQRT(D)"],
    "DECIMAL": ["N", "1.25", "CAST(I AS DECIMAL(12, 2))"],
    "STRING": ["S", "U", "'x'", "UCASE(S)", "CAST(D AS STRING)", "SUBSTRING(S, I, J)", "TRIM(U)"],
    "BOOLEAN": ["T", "TRUE", "(S LIKE 'a%')", "(I IS NULL)", "(I IN (1, 2, J))", "(A = A)"],
}
NUMBERS = ["INT", "BIGINT", "DOUBLE", "DECIMAL"]
NUMBER_FORMS = [
    "({0} + {1})", "({0} - {1})", "({0} * {1})", "({0} / {1})", "({0} % {1})", "(- {0})", "ABS({0})",
    "IFNULL({0}, {1})", "COALESCE({0}, {1}, {0})", "CASE WHEN {2} THEN {0} ELSE {1} END",
    "CASE {0} WHEN {1} THEN {1} END", "REDUCE(A, {0}, (x, y) => x + {1})",
]  # fmt: skip
TEXT_FORMS = ["({} + {})", "({} || {})", "IFNULL({}, {})", "COALESCE(U, {}, {})", "REPLACE({}, {}, 'y')"]
CONDITION_FORMS = [
    "({0} AND {1})", "({0} OR {1})", "(NOT {0})", "({2} {6} {3})", "({4} {6} {5})", "({2} BETWEEN {3} AND {2})",
    "({2} IN ({3}, {2}))", "({4} LIKE '%a_')", "({4} LIKE {5})", "({4} NOT IN ('a', {5}))", "(({0}) IS NOT NULL)",
]  # fmt: skip
COMPARISONS = ["=", "<>", "<", "<=", ">", ">=", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"]
TYPES = {
    "I": "INT", "J": "INT", "L": "BIGINT", "D": "DOUBLE", "N": "DECIMAL(4, 2)", "S": "STRING", "U": "STRING",
    "T": "BOOLEAN", "A": "ARRAY<INT>", "M": "MAP<STRING, INT>",
}  # fmt: skip


class Generator:
    """Texts of expressions of roughly a kind (numbers may come out wider), and rows to evaluate them over."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self._choose = self._random.choice

    def kind(self) -> str:
        return self._choose([*LEAVES])

    def expression(self, kind: str, depth: int = 3) -> str:
        if depth == 0 or self._random.random() < 0.3:
            return self._choose(LEAVES[kind])
        inner = depth - 1
        if kind == "BOOLEAN":
            number = self._choose(NUMBERS)
            return self._choose(CONDITION_FORMS).format(
                self.expression("BOOLEAN", inner),
                self.expression("BOOLEAN", inner),
                self.expression(number, inner),
                self.expression(self._choose([number, *NUMBERS]), inner),
                self.expression("STRING", inner),
                self.expression("STRING", inner),
                self._choose(COMPARISONS),
            )
        forms = TEXT_FORMS if kind == "STRING" else NUMBER_FORMS
        condition = self.expression("BOOLEAN", inner)
        return self._choose(forms).format(self.expression(kind, inner), self.expression(kind, inner), condition)

    def row(self) -> dict[str, object]:
        pick, whole = self._random, self._random.randint
        text = "".join(self._choose("ab \n\U0001f600\uffff") for _ in range(whole(0, 4)))
        values: dict[str, object] = {
            "I": self._choose([whole(-3, 3), whole(-(2**31), 2**31 - 1), -(2**31), 2**31 - 1]),
            "J": whole(-5, 5),
            "L": self._choose([whole(-(2**63), 2**63 - 1), -(2**63), 2**53 + 1, 0]),
            "D": self._choose([0.0, -0.0, 1.5, math.nan, math.inf, pick.uniform(-1e9, 1e9)]),
            "N": Decimal(whole(-9999, 9999)).scaleb(-2),
            "S": text,
            "U": self._choose(["", " x ", "\tab\x01", "é", "Ab"]),
            "T": pick.random() < 0.5,
            "A": [self._choose([None, 1, 2]) for _ in range(whole(0, 3))],
            "M": self._choose([{}, {"k": 1}, {"k": None}]),
        }
        return {name: None if pick.random() < 0.15 else value for name, value in values.items()}


@pytest.mark.parametrize("seed", range(8))
def test_source_gives_what_careful_evaluation_gives_or_raises(seed: int) -> None:
    generator = Generator(seed)
    compared = 0
    for _ in range(50):
        text = generator.expression(generator.kind())
        for _ in range(2):
            row = generator.row()
            try:
                evaluate(text, {name: (TYPES[name], value) for name, value in row.items()})
            except AnalysisError:
                break  # a random combination that does not type
            compared += 1
    assert compared > 40
