"""`App`: what a stream application consists of. Declaring runs nothing; `runner` does."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, get_args, get_origin, get_type_hints, overload

from headwater.agents.codec import decoder
from headwater.agents.context import CURRENT
from headwater.agents.errors import AgentError
from headwater.agents.record import SAME, Message
from headwater.agents.stream import Stream
from headwater.agents.table import Table, TableBase

F = TypeVar("F", bound=Callable[..., Any])
V = TypeVar("V")
FAIL, SKIP = "fail", "skip"
_NAME = re.compile(r"[A-Za-z0-9._-]{1,200}")
"""What can be part of a topic's name."""


@dataclass(frozen=True)
class Topic:
    """A topic with the types of its records. With `partitions` it is created when it is missing."""

    name: str
    value: Any = None
    key: Any = bytes
    partitions: int | None = None

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Agent:
    """A function over the records of a topic, as declared."""

    name: str
    function: Callable[..., Any]
    source: Topic
    value: Any
    sinks: tuple[str, ...]
    dead_letter: str | None
    errors: str

    @property
    def is_stream(self) -> bool:
        """Whether the function takes the stream; else it takes one record."""
        return inspect.isasyncgenfunction(self.function) or inspect.iscoroutinefunction(self.function)


@dataclass(frozen=True)
class Timer:
    """A function that is called every `seconds`, for each partition or only for partition 0."""

    name: str
    function: Callable[..., Any]
    seconds: float
    once: bool


class _Sent(Awaitable[None]):
    """What sending gives: there is nothing to wait for, the record goes with the commit."""

    def __await__(self) -> Generator[None, None, None]:
        return
        yield


_SENT = _Sent()


@dataclass
class App:
    """An application under a name, which is its consumer group and its client id.

    `start` is where an app begins that has read nothing yet: `earliest` or `latest`. Workers are members of the group
    as Kafka's consumers are, with their defaults: one of which nothing is heard for `session_timeout` seconds is out,
    and one whose agents stand still for `max_poll_interval` seconds leaves.
    """

    name: str
    start: str = "earliest"
    session_timeout: float = 45.0
    max_poll_interval: float = 300.0
    agents: list[Agent] = field(default_factory=list, init=False)
    tables: dict[str, TableBase[Any, Any]] = field(default_factory=dict, init=False)
    timers: list[Timer] = field(default_factory=list, init=False)
    topics: dict[str, Topic] = field(default_factory=dict, init=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise AgentError(f"`{self.name}` cannot be an app's name: use letters, digits, dots, dashes, underscores")
        if self.start not in ("earliest", "latest"):
            raise AgentError(f"app {self.name}: start is `earliest` or `latest`, not `{self.start}`")

    def topic(self, name: str, *, value: Any = None, key: Any = bytes, partitions: int | None = None) -> Topic:
        """Say of which types a topic's records are, and how many partitions it gets if it has to be made."""
        made = self.topics[name] = Topic(name, value, key, partitions)
        return made

    def agent(
        self,
        source: str | Topic,
        *,
        sink: str | Topic | Sequence[str | Topic] = (),
        value: Any = None,
        name: str | None = None,
        dead_letter: str | Topic | None = None,
        errors: str = FAIL,
    ) -> Callable[[F], F]:
        """Declare a function to be an agent over `source`; the function itself stays as it is.

        A plain function takes a record's value and returns an output, a list of outputs, or None. An asynchronous one
        takes the `Stream` and yields outputs. Outputs go to each topic of `sink`, with key and timestamp of their
        record unless they are a `Message`. The values' type is that of `value`, of the topic, or of the parameter's
        annotation (`Stay`, `Stream[Stay]`), else whatever the JSON is. A record that fails goes to `dead_letter`, or
        is left out (`errors="skip"`), or stops its partition, which is tried again after a pause (`errors="fail"`).
        """
        if errors not in (FAIL, SKIP):
            raise AgentError(f"app {self.name}: errors is `fail` or `skip`, not `{errors}`")
        known = self.topics.get(source, Topic(source)) if isinstance(source, str) else source
        sinks = (sink,) if isinstance(sink, str | Topic) else tuple(sink)

        def declare(function: F) -> F:
            called = name or function.__name__
            if any(agent.name == called for agent in self.agents):
                raise AgentError(f"app {self.name} has two agents called {called}: give one a name=")
            kind = value or known.value or _annotated(function)
            decoder(kind), decoder(known.key)
            dead = None if dead_letter is None else str(dead_letter)
            self.agents.append(Agent(called, function, known, kind, tuple(map(str, sinks)), dead, errors))
            return function

        return declare

    @overload
    def table(self, name: str, *, key: Any = str, value: Any = None) -> Table[Any, Any]: ...
    @overload
    def table(self, name: str, *, default: Callable[[], V], key: Any = str, value: Any = None) -> Table[Any, V]: ...
    def table(
        self, name: str, *, default: Callable[[], Any] | None = None, key: Any = str, value: Any = None
    ) -> Table[Any, Any]:
        """A table that agents of this app share, by the partition they are at. Its topic is `APP-NAME-changelog`.

        `default` makes the value of a key that is missing, and is the values' type unless `value` says otherwise.
        """
        if name in self.tables:
            raise AgentError(f"app {self.name} has two tables called {name}")
        kind = value if value is not None else default if isinstance(default, type) else Any
        made: Table[Any, Any] = Table(self, name, key, kind, default)
        self.tables[name] = made
        return made

    def timer(self, seconds: float, *, once: bool = False) -> Callable[[F], F]:
        """Have a function called every so many seconds, between two records, for each partition with the tables' part
        there; with `once` for partition 0 alone. What it sends and sets is part of the next commit."""
        if seconds <= 0:
            raise AgentError(f"app {self.name}: a timer of {seconds} s")

        def declare(function: F) -> F:
            self.timers.append(Timer(function.__name__, function, seconds, once))
            return function

        return declare

    def send(
        self,
        topic: str | Topic,
        value: Any = None,
        *,
        key: Any = SAME,
        timestamp: int | None = None,
        headers: Sequence[tuple[str, bytes | None]] = (),
    ) -> Awaitable[None]:
        """Write a record, as part of the commit of the one that the calling agent is at. May be awaited or not.

        Raises `AgentError` outside of agents and timers, `TypeError` for a value that JSON cannot hold.
        """
        context = CURRENT.get()
        if context is None or context.app != self.name:
            raise AgentError(f"app {self.name} sends from its agents and timers while they work")
        context.outbox.put(str(topic), Message(value, key, timestamp, headers), context)
        return _SENT


def _annotated(function: Callable[..., Any]) -> Any:
    """The type of the values, from the annotation of the first parameter."""
    parameters = list(inspect.signature(function).parameters)
    if not parameters:
        raise AgentError(f"agent {function.__name__} takes no parameter: it is given a record, or the stream")
    try:
        hint = get_type_hints(function).get(parameters[0], Any)
    except NameError as error:
        raise AgentError(f"agent {function.__name__}: its annotation cannot be resolved: {error}") from error
    if hint is Stream or get_origin(hint) is Stream:
        inner = get_args(hint)
        return inner[0] if inner else Any
    return hint
