"""What agents do with records: values, outputs, errors, tables, windows, timers, restarts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from headwater.agents import AgentError, App, Message, Record, Stream, current
from headwater.agents.loading import load_app
from headwater.agents.sharing import assign, assigned
from headwater.core.config import load
from headwater.core.errors import ConfigError
from headwater.testing.agents import AgentRig
from headwater.testing.record import Record as Fed


class Stay(Record):
    id: int
    hotel: str = "?"


class Rated(Stay):
    stars: int


def test_the_function_itself_stays_callable() -> None:
    app = App("a")

    @app.agent("in", sink="out")
    def rate(stay: Stay) -> Rated:
        return Rated.of(stay, stars=3)

    assert rate(Stay(id=1)) == Rated(id=1, hotel="?", stars=3)


def test_outputs_have_key_and_time_of_their_record() -> None:
    app = App("a")

    @app.agent("in", sink=["out", "copy"])
    def rate(stay: Stay) -> Rated:
        return Rated.of(stay, stars=current().offset)

    with AgentRig(app, partitions=3) as rig:
        rig.feed("in", [Fed({"id": 7, "unknown": True}, key="k", timestamp=5)])
        for topic in ("out", "copy"):
            (record,) = rig.output(topic)
            assert (record.key, record.timestamp) == (b"k", 5)
            assert json.loads(record.value) == {"id": 7, "hotel": "?", "stars": 0}


def outputs(value: Any) -> Any:
    return {"none": None, "two": ["1", "2"], "message": Message("3", key="x", headers=[("h", b"1")])}[value]


def generated(value: str) -> Iterator[str]:
    yield value
    yield value.upper()


async def streamed(stream: Stream[str]) -> Any:
    async for value in stream:
        await asyncio.sleep(0)
        for out in outputs(value) or ():
            yield out


@pytest.mark.parametrize(
    ("function", "value", "wanted"),
    [
        (outputs, "none", []),
        (outputs, "two", [b"1", b"2"]),
        (outputs, "message", [b"3"]),
        (generated, "a", [b"a", b"A"]),
        (streamed, "two", [b"1", b"2"]),
    ],
)
def test_kinds_of_outputs(function: Any, value: str, wanted: list[bytes]) -> None:
    app = App("a")
    app.agent("in", sink="out", value=str)(function)
    with AgentRig(app) as rig:
        rig.feed("in", [value])
        assert [record.value for record in rig.output("out")] == wanted


def test_a_record_that_fails_goes_to_the_dead_letters_and_leaves_no_trace() -> None:
    app = App("a")
    seen = app.table("seen", default=int)

    @app.agent("in", sink="out", dead_letter="dead")
    def fail_at_two(stay: Stay) -> Stay:
        seen["all"] += 1
        app.send("sent", stay)
        if stay.id == 2:
            raise ValueError("two")
        return stay

    with AgentRig(app) as rig:
        rig.feed("in", [{"id": 1}, {"id": 2}, "no json", {"id": 3}])
        assert [value["id"] for value in rig.values("out")] == [1, 3]
        assert [value["id"] for value in rig.values("sent")] == [1, 3]
        assert rig.values("a-seen-changelog")[-1] == 2
        two, text = rig.output("dead")
        assert json.loads(two.value) == {"id": 2}
        assert dict(two.headers)["__headwater.agents.error"] == b"ValueError: two"
        assert dict(text.headers)["__headwater.agents.offset"] == b"2"


def test_a_stream_agent_goes_on_after_a_record_that_is_skipped() -> None:
    app = App("a")

    @app.agent("in", sink="out", errors="skip")
    async def halves(stream: Stream[int]) -> Any:
        async for number in stream:
            await app.send("sent", number)
            yield 12 // number

    with AgentRig(app) as rig:
        rig.feed("in", [1, 0, 2, "text", 3])
        assert rig.values("out") == [12, 6, 4]
        assert rig.values("sent") == [1, 2, 3]


def test_a_failure_names_the_place_and_is_tried_again() -> None:
    app = App("a")
    broken = [True]

    @app.agent("in", sink="out")
    def fail(number: int) -> int:
        if broken[0] and number == 2:
            raise ValueError("broken")
        return number

    with AgentRig(app) as rig:
        with pytest.raises(
            AssertionError, match=r"agent fail of app a failed at a record \(in, partition 0, offset 1\)"
        ):
            rig.feed("in", [1, 2, 3])
        broken[0] = False
        with pytest.raises(AssertionError):  # still as it was: nothing has been tried yet
            rig.settle()
        rig.advance_until_settled()
        assert rig.values("out") == [1, 2, 3]


def test_tables_outlive_the_process() -> None:
    app = App("a")
    counts = app.table("counts", default=int)

    @app.agent("in", sink="out")
    def count(stay: Stay) -> dict[str, Any]:
        counts[stay.hotel] += 1
        return {"hotel": stay.hotel, "count": counts[stay.hotel]}

    with AgentRig(app, partitions=2) as rig:
        rig.feed("in", [Fed({"id": n, "hotel": hotel}, key=hotel) for n, hotel in enumerate("xyxx")])
        rig.restart()
        rig.feed("in", [Fed({"id": 9, "hotel": "x"}, key="x")])
        assert [v["count"] for v in rig.values("out") if v["hotel"] == "x"] == [1, 2, 3, 4]


def test_a_deleted_entry_stays_deleted() -> None:
    app = App("a")
    known = app.table("known", value=str)

    @app.agent("in", sink="out")
    def remember(word: str) -> str:
        if word.startswith("-"):
            del known[word[1:]]
        else:
            known[word] = word
        return ",".join(sorted(known))

    with AgentRig(app) as rig:
        rig.feed("in", ["a", "b", "-a"])
        rig.restart()
        rig.feed("in", ["c"])
        assert [record.value for record in rig.output("out")] == [b"a", b"a,b", b"b", b"b,c"]


def test_tumbling_windows_count_by_time_and_expire() -> None:
    app = App("a")
    counts = app.table("counts", default=int).tumbling(60, expires=60)

    @app.agent("in", sink="out", value=str)
    def count(word: str) -> int:
        counts[word] += 1
        return counts[word]

    with AgentRig(app) as rig:
        rig.feed("in", [Fed("w", timestamp=at) for at in (0, 59_999, 60_000, 1, 500_000)])
        assert rig.values("out") == [1, 2, 1, 3, 1]
        gone = [record.key for record in rig.output("a-counts-changelog") if record.value is None]
        assert gone == [b'["w",0]', b'["w",60000]']
        rig.restart()
        rig.feed("in", [Fed("w", timestamp=at) for at in (0, 500_001)])
        assert rig.values("out")[5:] == [0, 2]  # what is too late is not kept, also after a restart


def test_hopping_windows_take_a_record_several_times() -> None:
    app = App("a")
    counts = app.table("counts", default=int).hopping(60, 30)

    @app.agent("in", sink="out", value=str)
    def count(word: str) -> list[Message]:
        counts.update(word, lambda before: before + 1)
        return [Message(sorted(counts.items()))]

    with AgentRig(app) as rig:
        rig.feed("in", [Fed("w", timestamp=at) for at in (30_000, 60_000)])
        assert rig.values("out")[-1] == [["w", 0, 1], ["w", 30_000, 2], ["w", 60_000, 1]]


def test_a_timer_sees_the_tables_of_each_partition() -> None:
    app = App("a")
    counts = app.table("counts", default=int)

    @app.agent("in", value=str)
    def count(word: str) -> None:
        counts[word] += 1

    @app.timer(10)
    def report() -> None:
        for word, number in counts.items():
            app.send("out", number, key=word)
            del counts[word]

    with AgentRig(app, partitions=3) as rig:
        rig.feed("in", [Fed(word, key=word) for word in "abcab"])
        rig.advance(9.9)
        rig.advance(0.2)
        rig.advance(10)
        assert sorted((record.key, record.value) for record in rig.output("out")) == [
            (b"a", b"2"),
            (b"b", b"2"),
            (b"c", b"1"),
        ]


def test_two_agents_on_one_topic_both_see_every_record() -> None:
    app = App("a")

    @app.agent("in", sink="plain", value=int)
    def plain(number: int) -> int:
        return number

    @app.agent("in", sink="stream", value=int)
    async def stream(numbers: Stream[int]) -> Any:
        async for number in numbers:
            yield number

    with AgentRig(app, partitions=2) as rig:
        rig.feed("in", [Fed(n, key=str(n)) for n in range(5_000)])
        assert sorted(rig.values("plain")) == sorted(rig.values("stream")) == list(range(5_000))


def no_parameter() -> None: ...


@pytest.mark.parametrize(
    ("declare", "message"),
    [
        (lambda app: App("a b"), "cannot be an app's name"),
        (lambda app: App("a", start="now"), "start is"),
        (lambda app: app.agent("in", errors="ignore"), "errors is"),
        (lambda app: app.agent("in")(no_parameter), "takes no parameter"),
        (lambda app: app.agent("in", value=lambda: None)(outputs), "cannot be the type"),
        (lambda app: [app.agent("in")(outputs) for _ in range(2)], "two agents called outputs"),
        (lambda app: [app.table("t") for _ in range(2)], "two tables called t"),
        (lambda app: app.table("t").hopping(1, 2), "not possible"),
        (lambda app: app.timer(0), "timer of 0 s"),
        (lambda app: app.send("out", 1), "sends from its agents"),
        (lambda app: app.table("t")["k"], "table t of app a is for its agents"),
        (lambda app: current(), "is for agents"),
        (lambda app: AgentRig(app).__enter__(), "neither agents nor timers"),
    ],
)
def test_wrong_use_is_refused(declare: Any, message: str) -> None:
    with pytest.raises(AgentError, match=message):
        declare(App("a"))


def test_tables_need_sources_of_equal_width() -> None:
    app = App("a")
    app.topic("one", partitions=1)
    app.topic("two", partitions=2)
    app.table("t")
    app.agent("one", name="first")(outputs)
    app.agent("two", name="second")(outputs)
    with AgentRig(app) as rig, pytest.raises(AgentError, match=r"one 1, two 2"):
        rig.settle()


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("nosuch_module:app", "cannot import the agents of `nosuch_module:app`"),
        ("tests.agents.shop:other", r"`tests.agents.shop:other` is no headwater.App; there is tests.agents.shop:app"),
    ],
)
def test_an_app_that_is_not_there_is_a_wrong_setting(target: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_app(target)


def test_settings_name_apps_as_a_list(tmp_path: Path) -> None:
    file = tmp_path / "headwater.toml"
    file.write_text('[agents]\nmodules = ["a:app", "b:app"]\n')
    assert load(file).agents.modules == "a:app,b:app"


@pytest.mark.parametrize("members", [["b"], ["b", "a"], ["d", "c", "b", "a", "e"]])
def test_every_partition_has_one_member(members: list[str]) -> None:
    told = assign(members, 4, {"narrow": 2, "wide": 4})
    assert sorted(number for one in told.values() for number in assigned(one)) == [0, 1, 2, 3]
    assert set(told) == set(members)
