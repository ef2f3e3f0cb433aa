"""The broker's own assignment strategies, and the regular expressions that choose topics."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.broker.groups.assignors import ASSIGNORS, Assignment, Subscriber, assign_ranges, assign_uniform
from headwater.broker.groups.patterns import InvalidPatternError, compile_pattern, matching
from headwater.broker.groups.reconciliation import Holding, MemberState, reconcile

T, U = b"t", b"u"


def member(name: str, *topics: bytes, instance: str | None = None, previous: str = "") -> Subscriber:
    """`previous` as "t0 t1 u0"."""
    had = frozenset((place[:1].encode(), int(place[1:])) for place in previous.split())
    return Subscriber(name, instance, frozenset(topics), had)


def shown(assignment: Assignment) -> dict[str, str]:
    return {
        name: " ".join(f"{topic.decode()}{index}" for topic, index in sorted(partitions))
        for name, partitions in assignment.items()
    }


@pytest.mark.parametrize(
    ("members", "counts", "expected"),
    [
        ([], {}, {}),
        ([member("a", T)], {T: 2}, {"a": "t0 t1"}),
        ([member("a", T), member("b", T)], {T: 4}, {"a": "t0 t2", "b": "t1 t3"}),
        ([member("a", T), member("b", T)], {T: 1}, {"a": "t0", "b": ""}),
        ([member("a", T, previous="t0 t1 t2 t3"), member("b", T)], {T: 4}, {"a": "t0 t1", "b": "t2 t3"}),
        ([member("a", T, previous="t0 t3"), member("b", T, previous="t1")], {T: 3}, {"a": "t0 t2", "b": "t1"}),
        ([member("a", T, previous="u0 u1"), member("b", T)], {T: 2}, {"a": "t0", "b": "t1"}),
        ([member("a", T), member("b", T, U)], {T: 2, U: 2}, {"a": "t0 t1", "b": "u0 u1"}),
        ([member("a", T, U), member("b", U)], {T: 4, U: 2}, {"a": "t0 t1 t2 t3", "b": "u0 u1"}),
        ([member("a"), member("b", T)], {T: 2}, {"a": "", "b": "t0 t1"}),
    ],
)
def test_uniform(members: list[Subscriber], counts: Mapping[bytes, int], expected: dict[str, str]) -> None:
    assert shown(assign_uniform(members, counts)) == expected


@pytest.mark.parametrize(
    ("members", "counts", "expected"),
    [
        ([member("a", T, U), member("b", T, U)], {T: 3, U: 2}, {"a": "t0 t1 u0", "b": "t2 u1"}),
        ([member("b", T), member("a", T, instance="z")], {T: 2}, {"b": "t1", "a": "t0"}),
        ([member("a", T), member("b", U), member("c", T, U)], {T: 2, U: 1}, {"a": "t0", "b": "u0", "c": "t1"}),
        ([member("a", T), member("b", T), member("c", T)], {T: 1}, {"a": "t0", "b": "", "c": ""}),
    ],
)
def test_range(members: list[Subscriber], counts: Mapping[bytes, int], expected: dict[str, str]) -> None:
    assert shown(assign_ranges(members, counts)) == expected


topics = st.sampled_from([b"a", b"b", b"c", b"d"])


@given(
    st.sampled_from(sorted(ASSIGNORS)),
    st.lists(st.frozensets(topics), min_size=1, max_size=6),
    st.dictionaries(topics, st.integers(1, 9)),
    st.dictionaries(topics, st.integers(1, 9)),
)
def test_every_wanted_partition_has_one_reader_who_wants_it(
    name: str, wishes: list[frozenset[bytes]], counts: dict[bytes, int], later: dict[bytes, int]
) -> None:
    previous: Assignment = {}
    for present in (counts, later):
        members = [
            Subscriber(f"m{n}", None, frozenset(wish & present.keys()), previous.get(f"m{n}", frozenset()))
            for n, wish in enumerate(wishes)
        ]
        assignment = ASSIGNORS[name](members, present)
        given_out = sorted(place for partitions in assignment.values() for place in partitions)
        wanted = {topic for one in members for topic in one.topics}
        assert given_out == sorted((topic, index) for topic in wanted for index in range(present[topic]))
        assert all(topic in one.topics for one in members for topic, _ in assignment[one.member_id])
        previous = assignment
    if name == "uniform" and len(set(wishes)) == 1:
        sizes = [len(partitions) for partitions in assignment.values()]
        assert max(sizes) - min(sizes) <= 1
        assert (
            assign_uniform([Subscriber(m.member_id, None, m.topics, assignment[m.member_id]) for m in members], later)
            == assignment
        ), "what is even stays"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.*", {"a", "ab"}),
        ("^a|c$", {"a", "c"}),
        ("b", {"b"}),
        (r"\.x", {".x"}),
        (r"[+*]+|\++", {"+"}),
        ("(?i)AB", {"ab"}),
        (r"\p{L}b", {"ab"}),
        ("(?P<first>a)b", {"ab"}),
    ],
)
def test_expressions_match_whole_names(text: str, expected: set[str]) -> None:
    assert matching(text, ["a", "ab", "b", "c", ".x", "+"], lambda: 0.0) == expected


@pytest.mark.parametrize("text", ["(", "[", "*", r"(a)\1", "(?=a)b", "(?<!a)b", "(?>a)", "a++", r"(?P<x>a)(?P=x)"])
def test_what_re2_does_not_know_is_refused(text: str) -> None:
    with pytest.raises(InvalidPatternError):
        compile_pattern(text)


def test_an_expression_that_takes_too_long_is_refused() -> None:
    with pytest.raises(InvalidPatternError, match="takes longer than"):
        matching("(?:a|aa)+c", ["a" * 60 + "bc"], lambda: 0.0, limit=0.01)


STABLE, UNREVOKED, UNRELEASED = MemberState
ONE, TWO, THREE = ((T, n) for n in range(3))


@pytest.mark.parametrize(
    ("holding", "target", "taken", "owned", "expected"),
    [
        (Holding(), {ONE}, {}, None, Holding(2, 0, STABLE, frozenset({ONE}))),
        (Holding(2, 1), {ONE}, {}, None, Holding(2, 1)),
        (Holding(1), {ONE}, {ONE}, None, Holding(2, 1, UNRELEASED)),
        (
            Holding(1, 0, STABLE, frozenset({ONE, TWO})), {ONE, THREE}, {}, {ONE, TWO},
            Holding(1, 1, UNREVOKED, frozenset({ONE}), frozenset({TWO})),
        ),
        (
            Holding(1, 1, UNREVOKED, frozenset({ONE}), frozenset({TWO})), {ONE, THREE}, {}, None,
            Holding(1, 1, UNREVOKED, frozenset({ONE}), frozenset({TWO})),
        ),
        (
            Holding(1, 1, UNREVOKED, frozenset({ONE}), frozenset({TWO})), {ONE, THREE}, {}, {ONE},
            Holding(2, 1, STABLE, frozenset({ONE, THREE})),
        ),
        (
            Holding(1, 0, STABLE, frozenset({ONE, TWO})), {ONE}, {}, {ONE},
            Holding(2, 1, STABLE, frozenset({ONE})),
        ),
        (
            Holding(2, 1, UNRELEASED, frozenset({ONE})), {ONE, TWO, THREE}, {THREE}, None,
            Holding(2, 2, UNRELEASED, frozenset({ONE, TWO})),
        ),
    ],
)  # fmt: skip
def test_the_next_step_towards_the_target(
    holding: Holding,
    target: set[tuple[bytes, int]],
    taken: set[tuple[bytes, int]],
    owned: set[tuple[bytes, int]] | None,
    expected: Holding,
) -> None:
    owns = None if owned is None else frozenset(owned)
    assert reconcile(holding, 2, frozenset(target), lambda place: place in taken, owns) == expected
