"""Masking: characters replaced by one per class (upper case, lower case, digit, other)."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from headwater.core.errors import FunctionError
from headwater.plan.functions import utf16
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import RequiredInt

_DEFAULTS = ("X", "x", "n", "-")
_CLASSES = {"Lu": 0, "Ll": 1, "Nd": 2}


def _mask(text: str, masks: Sequence[str | None]) -> str:
    """The text with every UTF-16 code unit replaced by its class's mask, where that is not None."""
    for mask in masks:
        if mask is not None and len(mask) != 1:
            raise FunctionError(f"Invalid mask character: '{mask}', must be a single character or NULL")
    return "".join(masks[_CLASSES.get(unicodedata.category(char), 3)] or char for char in utf16.units(text))


def _count(n: int) -> int:
    if n < 0:
        raise FunctionError(f"function requires a non-negative number, but was {n}")
    return n


def _left(text: str, n: int, masks: Sequence[str | None]) -> str:
    units, n = utf16.units(text), _count(n)
    return utf16.join(_mask(units[:n], masks) + units[n:])


def _right(text: str, n: int, masks: Sequence[str | None]) -> str:
    units = utf16.units(text)
    at = max(len(units) - _count(n), 0)
    return utf16.join(units[:at] + _mask(units[at:], masks))


def _keep_left(text: str, n: int, masks: Sequence[str | None]) -> str:
    units, n = utf16.units(text), _count(n)
    return utf16.join(units[:n] + _mask(units[n:], masks))


def _keep_right(text: str, n: int, masks: Sequence[str | None]) -> str:
    units = utf16.units(text)
    at = max(len(units) - _count(n), 0)
    return utf16.join(_mask(units[:at], masks) + units[at:])


@udf("MASK", category="STRING", description="All characters masked", masking=True)
def mask(text: str) -> str:
    return utf16.join(_mask(text, _DEFAULTS))


@udf("MASK", category="STRING", masking=True)
def mask_with(text: str, upper: str | None, lower: str | None, digit: str | None, other: str | None) -> str:
    return utf16.join(_mask(text, (upper, lower, digit, other)))


@udf("MASK_LEFT", category="STRING", description="The first characters masked", masking=True)
def mask_left(text: str, n: RequiredInt) -> str:
    return _left(text, n, _DEFAULTS)


@udf("MASK_LEFT", category="STRING", masking=True)
def mask_left_with(
    text: str, n: RequiredInt, upper: str | None, lower: str | None, digit: str | None, other: str | None
) -> str:
    return _left(text, n, (upper, lower, digit, other))


@udf("MASK_RIGHT", category="STRING", description="The last characters masked", masking=True)
def mask_right(text: str, n: RequiredInt) -> str:
    return _right(text, n, _DEFAULTS)


@udf("MASK_RIGHT", category="STRING", masking=True)
def mask_right_with(
    text: str, n: RequiredInt, upper: str | None, lower: str | None, digit: str | None, other: str | None
) -> str:
    return _right(text, n, (upper, lower, digit, other))


@udf("MASK_KEEP_LEFT", category="STRING", description="All but the first characters masked", masking=True)
def mask_keep_left(text: str, n: RequiredInt) -> str:
    return _keep_left(text, n, _DEFAULTS)


@udf("MASK_KEEP_LEFT", category="STRING", masking=True)
def mask_keep_left_with(
    text: str, n: RequiredInt, upper: str | None, lower: str | None, digit: str | None, other: str | None
) -> str:
    return _keep_left(text, n, (upper, lower, digit, other))


@udf("MASK_KEEP_RIGHT", category="STRING", description="All but the last characters masked", masking=True)
def mask_keep_right(text: str, n: RequiredInt) -> str:
    return _keep_right(text, n, _DEFAULTS)


@udf("MASK_KEEP_RIGHT", category="STRING", masking=True)
def mask_keep_right_with(
    text: str, n: RequiredInt, upper: str | None, lower: str | None, digit: str | None, other: str | None
) -> str:
    return _keep_right(text, n, (upper, lower, digit, other))
