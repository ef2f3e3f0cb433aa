"""Regular expression functions, in Java's dialect."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from headwater.core.types import STRING
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.java_regex import Regex, compile_regex, compile_replacement
from headwater.plan.functions.types import Int, Prepared

_CATEGORY = "REGULAR EXPRESSION"
Pattern = Annotated[Regex, STRING, Prepared(compile_regex)]
Replacement = Annotated[Callable[[Any], str], STRING, Prepared(compile_replacement)]


@udf("REGEXP_EXTRACT", category=_CATEGORY, description="The first match, or a group of it")
def regexp_extract(pattern: Pattern, text: str) -> str | None:
    return _extract(pattern, text, 0)


@udf("REGEXP_EXTRACT", category=_CATEGORY)
def regexp_extract_group(pattern: Pattern, text: str, group: Int) -> str | None:
    return _extract(pattern, text, group)


def _extract(regex: Regex, text: str, group: int) -> str | None:
    if group > regex.groups:
        return None
    found = regex.search(text)
    return None if found is None else found[group]


@udf("REGEXP_EXTRACT_ALL", category=_CATEGORY, description="All matches, or a group of each")
def regexp_extract_all(pattern: Pattern, text: str) -> list[str]:
    return [found[0] for found in pattern.find_all(text)]


@udf("REGEXP_EXTRACT_ALL", category=_CATEGORY)
def regexp_extract_all_group(pattern: Pattern, text: str, group: Int) -> list[str] | None:
    return None if group > pattern.groups else [found[group] for found in pattern.find_all(text)]


@udf("REGEXP_REPLACE", category=_CATEGORY, description="Every match replaced; $1 stands for a group")
def regexp_replace(text: str, pattern: Pattern, new: Replacement) -> str:
    return pattern.replace(new, text)


@udf("REGEXP_SPLIT_TO_ARRAY", category=_CATEGORY, description="The pieces between matches")
def regexp_split_to_array(text: str, pattern: Pattern) -> list[str]:
    if pattern.matches_nothing:
        return _split_with_empty_matches(pattern, text)
    return [text[start:end] for start, end in _pieces(pattern, text)]


def _pieces(regex: Regex, text: str) -> list[tuple[int, int]]:
    found, start = [], 0
    for match in regex.find_all(text):
        found.append((start, match.start()))
        start = match.end()
    return [*found, (start, len(text))]


def _split_with_empty_matches(regex: Regex, text: str) -> list[str]:
    """A regex that matches nothing splits between characters; empty pieces at the end go away."""
    found, start = [], 0
    for match in regex.find_all(text):
        if match.end() == 0:
            continue  # no leading empty piece before an empty match
        if match.start() == len(text) and match.start() == match.end():
            break
        found.append(text[start : match.start()])
        start = match.end()
    found.append(text[start:])
    while len(found) > 1 and not found[-1]:
        found.pop()
    return found
