"""The functions that exist only in the test tree the conformance cases come from, declared as users declare theirs."""

from __future__ import annotations

import decimal
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from headwater.core.errors import FunctionError
from headwater.core.types import INTEGER, STRING, Array, Decimal, SqlType
from headwater.plan.casts import value_text
from headwater.plan.functions import udaf, udf, udtf
from headwater.plan.functions.types import Bigint, Dec, Double, Int, struct

A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
Plain = TypeVar("Plain", Int, Bigint, Double, bool, str)
TextStruct = Annotated[tuple[str | None], struct(A=STRING)]
Pair = Annotated[tuple[int | None, int | None], struct(A=INTEGER, B=INTEGER)]


@udf("TEST_UDF", description="Names the overload that was chosen")
def test_udf_int_string(number: Int, text: str | None) -> str:
    return "doStuffIntString"


@udf("TEST_UDF")
def test_udf_long_string(number: Bigint, text: str | None) -> str:
    return "doStuffLongString"


@udf("TEST_UDF")
def test_udf_long_long_string(first: Bigint, second: Bigint, text: str | None) -> str:
    return "doStuffLongLongString"


@udf("TEST_UDF")
def test_udf_long_varargs(*numbers: Bigint) -> str:
    return "doStuffLongVarargs"


@udf("TEST_UDF")
def test_udf_struct(value: TextStruct) -> str | None:
    return value[0]


@udf("TEST_UDF")
def test_udf_nothing() -> TextStruct:
    return ("foo",)


@udf("BAD_UDF", description="Fails")
def bad_udf_int(number: Int | None) -> Int:
    raise FunctionError("boom!")


@udf("BAD_UDF")
def bad_udf_boolean(fail: bool | None) -> Int:
    if fail:
        raise FunctionError("boom!")
    return 0


@udf("BAD_UDF")
class BadUdfString:
    """NULL on every other call."""

    def __init__(self) -> None:
        self._calls = 0

    def __call__(self, text: str | None) -> str | None:
        self._calls += 1
        return None if self._calls % 2 else text


@udf("WHENCONDITION", description="Fails when it should not have been evaluated")
def when_condition(result: bool, evaluated: bool) -> bool:
    if not evaluated:
        raise FunctionError("When condition in case is not running lazily!")
    return result


@udf("WHENRESULT", description="Fails when it should not have been evaluated")
def when_result(result: Int, evaluated: bool) -> Int:
    if not evaluated:
        raise FunctionError("When result in case is not running lazily!")
    return result


@udf("TOSTRUCT", description="A string as a struct")
def to_struct(text: str | None) -> TextStruct:
    return (text,)


@udtf("TEST_UDTF", description="One row with the argument, or one per argument with its text")
def test_udtf_plain(value: Plain | None) -> list[Plain | None]:
    return [value]


@udtf("TEST_UDTF", returns=lambda types: Array(Decimal(30, 10)))
def test_udtf_decimal(value: Dec | None) -> list[Dec | None]:
    return [None if value is None else value.quantize(decimal.Decimal("1e-10"))]


@udtf("TEST_UDTF")
def test_udtf_struct(value: TextStruct | None) -> list[TextStruct | None]:
    return [value]


@udtf("TEST_UDTF")
def test_udtf_seven(
    a: Int, b: Bigint, c: Double, d: bool, e: str, f: Dec, g: TextStruct, *, types: Sequence[SqlType]
) -> list[str]:
    return [value_text(value, sql_type) for value, sql_type in zip((a, b, c, d, e, f, g), types, strict=True)]


@udtf("TEST_UDTF")
def test_udtf_seven_arrays(
    a: list[Int],
    b: list[Bigint],
    c: list[Double],
    d: list[bool],
    e: list[str],
    f: list[Dec],
    g: list[TextStruct],
    *,
    types: Sequence[Any],
) -> list[str]:
    firsts = (values[0] for values in (a, b, c, d, e, f, g))
    return [value_text(value, sql_type.element) for value, sql_type in zip(firsts, types, strict=True)]


@udtf("TEST_UDTF")
def test_udtf_seven_maps(
    a: dict[str, Int],
    b: dict[str, Bigint],
    c: dict[str, Double],
    d: dict[str, bool],
    e: dict[str, str],
    f: dict[str, Dec],
    g: dict[str, TextStruct],
    *,
    types: Sequence[Any],
) -> list[str]:
    maps: tuple[dict[str, Any], ...] = (a, b, c, d, e, f, g)
    firsts = (next(iter(values.values())) for values in maps)
    return [value_text(value, sql_type.value) for value, sql_type in zip(firsts, types, strict=True)]


@udtf("THROWING_UDTF", description="Fails when told to")
def throwing_udtf(fail: bool) -> list[bool]:
    if fail:
        raise FunctionError("You asked me to throw...")
    return [fail]


class _Sum:
    def initial(self) -> int:
        return 0

    def merge(self, left: int, right: int) -> int:
        return left + right

    def result(self, state: int) -> Bigint:
        return state


@udaf("TEST_UDAF", description="A sum")
class TestUdafBigint(_Sum):
    def add(self, state: int, value: Bigint) -> int:
        return state + value

    def undo(self, state: int, value: Bigint) -> int:
        return state - value


@udaf("TEST_UDAF")
class TestUdafInt(_Sum):
    def add(self, state: int, value: Int) -> int:
        return state + value

    def undo(self, state: int, value: Int) -> int:
        return state - value


@udaf("TEST_UDAF")
class TestUdafDouble:
    def initial(self) -> float:
        return 0.0

    def add(self, state: float, value: Double) -> float:
        return state + value

    def merge(self, left: float, right: float) -> float:
        return left + right

    def result(self, state: float) -> Double:
        return state


@udaf("TEST_UDAF")
class TestUdafLength(_Sum):
    def __init__(self, start: str) -> None:
        self._start = len(start)

    def initial(self) -> int:
        return self._start

    def add(self, state: int, text: str) -> int:
        return state + len(text)


@udaf("TEST_UDAF")
class TestUdafStruct:
    def initial(self) -> tuple[int, int]:
        return (0, 0)

    def add(self, state: tuple[int, int], value: Pair) -> tuple[int, int]:
        return (state[0] + (value[0] or 0), state[1] + (value[1] or 0))

    def merge(self, left: tuple[int, int], right: tuple[int, int]) -> tuple[int, int]:
        return (left[0] + right[0], left[1] + right[1])

    def result(self, state: tuple[int, int]) -> Pair:
        return state


def _lengths(texts: Sequence[str | None]) -> int:
    return sum(len(text) for text in texts if text is not None)


@udaf("VAR_ARG", description="A sum of numbers and lengths")
class VarArg(_Sum):
    def add(self, state: int, value: Bigint | None, *texts: str | None) -> int:
        return state + (value or 0) + _lengths(texts)


@udaf("MID_VAR_ARG")
class MidVarArg(_Sum):
    def __init__(self, first: Int, second: Int) -> None:
        self._start = first + second

    def initial(self) -> int:
        return self._start

    def add(self, state: int, value: Bigint | None, *texts: str | None) -> int:
        return state + (value or 0) + _lengths(texts)


@udaf("MULTI_ARG")
class MultiArg(_Sum):
    def __init__(self, start: Int, *texts: str) -> None:
        self._start = start + _lengths(texts)

    def initial(self) -> int:
        return self._start

    def add(self, state: int, value: Bigint | None, text: str | None) -> int:
        return state + (value or 0) + _lengths((text,))


@udaf("FOUR_ARG")
class FourArg(_Sum):
    def __init__(self, start: Int, *texts: str) -> None:
        self._start = start + _lengths(texts)

    def initial(self) -> int:
        return self._start

    def add(self, state: int, value: Bigint | None, a: str | None, b: str | None, c: str | None) -> int:
        return state + (value or 0) + _lengths((a, b, c))


@udaf("FIVE_ARG")
class FiveArg(_Sum):
    def __init__(self, start: Int, *texts: str) -> None:
        self._start = start + _lengths(texts)

    def initial(self) -> int:
        return self._start

    def add(
        self, state: int, value: Bigint | None, a: str | None, b: str | None, c: str | None, number: Int | None
    ) -> int:
        return state + (value or 0) + _lengths((a, b, c)) + (number or 0)


@udaf("GENERIC_VAR_ARG", description="The first values of rows without NULLs")
class GenericVarArg:
    def initial(self) -> list[A]:
        return []

    def add(self, state: list[A], first: A, second: B, *others: C) -> list[A]:
        return [*state, first]

    def merge(self, left: list[A], right: list[A]) -> list[A]:
        return left + right

    def result(self, state: list[A]) -> list[A]:
        return state


@udaf("OBJ_COL_ARG", description="The first values of rows without NULLs")
class ObjColArg:
    def initial(self) -> list[int]:
        return []

    def add(self, state: list[int], first: Int, *others: object) -> list[int]:
        return state if None in others else [*state, first]

    def merge(self, left: list[int], right: list[int]) -> list[int]:
        return left + right

    def result(self, state: list[int]) -> list[Int]:
        return state
