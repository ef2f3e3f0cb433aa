"""What analysis refuses, and in which words: people search for ksqlDB's."""

from __future__ import annotations

import pytest

from headwater.core.errors import AnalysisError, FunctionError
from headwater.core.types import BIGINT, INTEGER, STRING, SqlType
from headwater.plan.expressions import evaluate_constant, type_of
from headwater.sql.ast import ColumnRef
from headwater.sql.parser import parse_expression
from tests.plan.evaluating import FUNCTIONS, evaluate

COLUMNS: dict[str, tuple[str, object]] = {
    "I": ("INT", 1),
    "L": ("BIGINT", 1),
    "D": ("DOUBLE", 1.0),
    "S": ("STRING", "s"),
    "T": ("BOOLEAN", True),
    "BORN": ("DATE", 0),
    "ITEMS": ("ARRAY<INT>", []),
    "M": ("MAP<STRING, INT>", {}),
    "R": ("STRUCT<A INT>", (1,)),
    "N": ("DECIMAL(50, 30)", None),
}

REFUSED: list[tuple[str, str]] = [
    ("I + NULL", "Arithmetic on types INTEGER and null are not supported."),
    ("TRUE + 1.5", "Error processing expression: (true + 1.5). Unsupported arithmetic types. BOOLEAN DECIMAL"),
    ("-S", "Negation"),
    ("I >= 'not an int'", "Cannot compare I (INTEGER) to 'not an int' (STRING) with GREATER_THAN_OR_EQUAL."),
    ("ITEMS < ITEMS", "Cannot compare ITEMS (ARRAY<INTEGER>) to ITEMS (ARRAY<INTEGER>) with LESS_THAN."),
    ("R < R", "Cannot compare R (STRUCT<`A` INTEGER>) to R (STRUCT<`A` INTEGER>) with LESS_THAN."),
    ("T < TRUE", "with LESS_THAN."),
    ("BORN > 5", "Cannot compare BORN (DATE) to 5 (INTEGER) with GREATER_THAN."),
    ("I = NULL", "Comparison with NULL not supported: INTEGER = NULL\nUse 'IS NULL' or 'IS NOT NULL' instead."),
    ("NULL <> NULL", "Comparison with NULL not supported: NULL <> NULL"),
    ("I AND T", "AND operand must be BOOLEAN, but I is INTEGER"),
    ("I LIKE 'a'", "The column type for Like condition must be VARCHAR. The column type is INTEGER"),
    ("CASE WHEN T THEN 1 ELSE 'x' END", "Type for the default clause should be the same as for 'THEN' clauses."),
    ("CASE WHEN T THEN 1 WHEN T THEN 'x' END", "Type for all 'THEN' clauses should be the same."),
    ("CASE WHEN I THEN 1 END", "WHEN operand type should be boolean."),
    ("CASE WHEN T THEN NULL ELSE NULL END", "All case branches have NULL type"),
    ("CAST(S AS ARRAY<INT>)", "Cast of STRING to ARRAY<INTEGER> is not supported"),
    ("CAST(T AS INT)", "Cast of BOOLEAN to INTEGER is not supported"),
    ("ARRAY[]", "Array constructor cannot be empty. Please supply at least one element"),
    ("ARRAY[NULL]", "Cannot construct an array with all NULL elements"),
    ("ARRAY[1, 'not a number']", 'invalid input syntax for type INTEGER: "not a number"'),
    ("MAP()", "Map constructor cannot be empty. Please supply at least one key value pair"),
    ("MAP(NULL := 1)", "Cannot construct a map with all NULL keys"),
    ("MAP(S := NULL)", "Cannot construct a map with all NULL values"),
    ("STRUCT(A := 1, a := 2)", "Duplicate field names found in STRUCT"),
    ("T IN (TRUE, 'Not a boolean')", 'Invalid Predicate: invalid input syntax for type BOOLEAN: "Not a boolean".'),
    (
        "T IN (TRUE, 10)",
        "Invalid Predicate: operator does not exist: BOOLEAN = INTEGER (10)"
        "\nHint: You might need to add explicit type casts.",
    ),
    ("L IN (10, S)", "operator does not exist: BIGINT = STRING (S)"),
    ("S IN (10, D)", "operator does not exist: STRING = DOUBLE (D)"),
    ("ITEMS IN (ARRAY['1', 'x'])", 'invalid input syntax for type INTEGER: "x"'),
    ("R->B", "Could not find field 'B' in 'R'. Its fields are: A."),
    ("S->B", "Expected STRUCT type for S, got: STRING"),
    ("ITEMS['x']", "Array index must be INTEGER or BIGINT, but is STRING"),
    ("S[1]", "Subscripting applies to ARRAY and MAP only"),
    ("MISSING + 1", "column 'MISSING' cannot be resolved"),
    ("UPPERCASE(S)", "Can't find any functions with the name 'UPPERCASE'."),
    ("SUBSTR(S, 1)", "Did you mean SUBSTRING"),
    ("SUM(I)", "Function 'SUM' is an aggregate function and cannot be used as a scalar function here."),
    ("GREATEST()", "Function 'GREATEST' does not accept parameters ()."),
    ("LEAST(I, L, N)", "cannot be resolved due to ambiguous method parameters (INTEGER, BIGINT, DECIMAL(50, 30))."),
    ("DATEADD(BORN, 5, BORN)", "Function 'DATEADD' does not accept parameters (DATE, INTEGER, DATE)."),
    (
        "GEO_DISTANCE(D, D, 'foo', 0)",
        "Function 'GEO_DISTANCE' does not accept parameters (DOUBLE, DOUBLE, STRING, INTEGER)",
    ),
    ("TRANSFORM(ITEMS, (a, b) => a)", "does not accept parameters (ARRAY<INTEGER>, LAMBDA)"),
    ("TRANSFORM(ITEMS, s => s)", "Lambda function argument can't reuse the name of a source column: S."),
    ("FILTER(ITEMS, x => x + 1)", "gives INTEGER but BOOLEAN is expected"),
    ("ROWTIME > 'no time'", "column 'ROWTIME' cannot be resolved"),
]


@pytest.mark.parametrize(("text", "message"), REFUSED, ids=[text for text, _ in REFUSED])
def test_analysis_refuses(text: str, message: str) -> None:
    with pytest.raises(AnalysisError) as refusal:
        evaluate(text, COLUMNS)
    assert message in str(refusal.value)


def test_an_error_points_at_the_innermost_part_that_is_wrong() -> None:
    with pytest.raises(AnalysisError) as refusal:
        evaluate("I + 1 > 2 AND LEN(WHAT) > 1", COLUMNS)
    assert refusal.value.position is not None
    assert refusal.value.position.column == len("I + 1 > 2 AND LEN(")


def test_chains_too_long_to_analyse_are_refused() -> None:
    with pytest.raises(AnalysisError, match="nested too deeply"):
        evaluate(" - ".join(["D"] * 5000), COLUMNS)


@pytest.mark.parametrize("text", [" - ".join(["D"] * 150), " || ".join(["S"] * 150), " + ".join(["I"] * 150)])
def test_chains_too_deep_for_generated_source_are_evaluated_all_the_same(text: str) -> None:
    found = evaluate(text, COLUMNS)
    assert found.value in (-148.0, "s" * 150, 150)
    assert not found.raised


def test_a_case_with_hundreds_of_branches_is_evaluated() -> None:
    branches = " ".join(f"WHEN I = {i} THEN {i}" for i in range(400, 0, -1))
    assert evaluate(f"CASE {branches} END", COLUMNS).value == 1


def _types(column: ColumnRef) -> SqlType:
    return {"I": INTEGER, "L": BIGINT, "S": STRING}[column.name]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("COUNT(*)", "BIGINT"),
        ("SUM(I) * 2", "INTEGER"),
        ("COLLECT_LIST(S)", "ARRAY<STRING>"),
        ("TOPK(L, 2)", "ARRAY<BIGINT>"),
        ("TOPK(L, S, 2)", "ARRAY<STRUCT<`sort_col` BIGINT, `col0` STRING>>"),
        ("EXPLODE(ARRAY[S])", "STRING"),
        ("NULL", "None"),
    ],
)
def test_types_are_known_before_aggregation_and_table_functions(text: str, expected: str) -> None:
    assert str(type_of(parse_expression(text), _types, FUNCTIONS)) == expected


def test_constants_are_evaluated() -> None:
    assert evaluate_constant(parse_expression("LCASE('ABC') || CAST(1 + 1 AS STRING)"), FUNCTIONS) == ("abc2", STRING)
    assert evaluate_constant(parse_expression("NULL"), FUNCTIONS) == (None, None)


def test_a_constant_has_no_columns_and_does_not_fail() -> None:
    with pytest.raises(AnalysisError, match="Only constants are allowed here, but A is a column"):
        evaluate_constant(parse_expression("A + 1"), FUNCTIONS)
    with pytest.raises(FunctionError):
        evaluate_constant(parse_expression("1 / 0"), FUNCTIONS)
