"""The registry, overload choice, users' functions and how they are loaded."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.core.errors import AnalysisError, ConfigError
from headwater.plan.functions import Kind, builtin_functions
from headwater.plan.functions.extensions import load
from headwater.plan.functions.registry import FunctionRegistry
from tests.plan.evaluating import FUNCTIONS, evaluate

EXTENSIONS = Path(__file__).parents[2] / "extensions"


def test_there_are_all_the_functions_of_the_sheet() -> None:
    kinds = [kind for _, kind, _ in FUNCTIONS.all()]
    assert {kind: kinds.count(kind) for kind in Kind} == {Kind.SCALAR: 129, Kind.AGGREGATE: 18, Kind.TABLE: 2}


def test_every_function_describes_itself() -> None:
    categories = {
        "OTHER", "CONDITIONAL", "DATE / TIME", "MATHEMATICAL", "JSON", "STRING", "REGULAR EXPRESSION", "URL", "ARRAY",
        "MAP", "LAMBDA", "CONVERSIONS", "AGGREGATE", "TABLE",
    }  # fmt: skip
    for name, _, category in FUNCTIONS.all():
        described = FUNCTIONS.describe(name.lower())
        assert described is not None
        assert described.description, name
        assert described.variants, name
        assert category in categories, name


def test_an_unknown_function_has_no_description() -> None:
    assert FUNCTIONS.describe("NOPE") is None
    assert "NOPE" not in FUNCTIONS


@pytest.fixture(scope="module")
def extended() -> FunctionRegistry:
    functions = builtin_functions()
    assert load(functions, EXTENSIONS) == [str(EXTENSIONS / "conformance_functions.py")]
    return functions


OVERLOADS = [
    ("TEST_UDF(1, 'foo')", "doStuffIntString"),
    ("TEST_UDF(2147483648, 'foo')", "doStuffLongString"),
    ("TEST_UDF(2147483648, NULL)", "doStuffLongString"),
    ("TEST_UDF(2147483648, 2147483648, NULL)", "doStuffLongLongString"),
    ("TEST_UDF(1, 2147483648, 'x')", "doStuffLongLongString"),
    ("TEST_UDF(1, 2, 3, 4)", "doStuffLongVarargs"),
    ("TEST_UDF(STRUCT(A := 'x'))", "x"),
]


@pytest.mark.parametrize(("text", "expected"), OVERLOADS)
def test_the_best_overload_is_chosen(text: str, expected: str, extended: FunctionRegistry) -> None:
    assert evaluate(text, functions=extended).value == expected


def test_a_function_object_keeps_state_per_place_of_use(extended: FunctionRegistry) -> None:
    found = evaluate("ARRAY[COALESCE(BAD_UDF('x'), 'none'), BAD_UDF('y')]", functions=extended, check=False)
    assert found.value == ["x", "y"]  # the second evaluation of each


def test_users_functions_load_from_files(tmp_path: Path) -> None:
    (tmp_path / "greetings.py").write_text(
        "from headwater.plan.functions import udf\n\n"
        "@udf('GREET', category='STRING', description='Greets')\n"
        "def greet(name: str, times: int) -> str:\n    return f'Hello {name}' * times\n"
    )
    functions = builtin_functions()
    load(functions, tmp_path)
    assert evaluate("GREET('you', CAST(1 AS BIGINT))", functions=functions).value == "Hello you"
    assert "GREET" not in builtin_functions()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("import nothing_like_this", "cannot be loaded: ModuleNotFoundError"),
        ("x = 1", "declares no functions"),
        ("from headwater.plan.functions import udf\n@udf('F')\ndef f(a: set) -> str: ...", "does not name a SQL type"),
        ("from headwater.plan.functions import udf\n@udf('SUM')\ndef f(a: str) -> str: ...", "Rename one of them"),
    ],
)
def test_files_that_cannot_be_used_are_named(source: str, message: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.py"
    file.write_text(source)
    with pytest.raises(ConfigError) as refusal:
        load(builtin_functions(), file)
    assert "mine.py" in str(refusal.value)
    assert message in str(refusal.value)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no file or folder"):
        load(builtin_functions(), tmp_path / "absent")


def test_a_name_is_of_one_kind() -> None:
    declared = builtin_functions()
    with pytest.raises(AnalysisError, match="'EXPLODE' is a table function"):
        declared.scalar("EXPLODE")
