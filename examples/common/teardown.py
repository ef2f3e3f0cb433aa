"""Takes an example away from a node: connectors, queries, streams, tables, topics, schemas, groups; nothing else."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.connect import Connectors
from common.kafka import delete_groups, delete_topics
from common.ksql import Client
from common.rest import RestError, call, quoted

_CREATED = re.compile(
    r"^\s*CREATE\s+(?:OR\s+REPLACE\s+)?(?:SOURCE\s+)?(STREAM|TABLE)\s+(?:IF\s+NOT\s+EXISTS\s+)?"
    r"(\"[^\"]+\"|`[^`]+`|\w+)", re.IGNORECASE | re.MULTILINE,
)  # fmt: skip


@dataclass(frozen=True)
class Parts:
    """What an example makes. Topics of its streams and tables need not be named; `more` takes away the rest."""

    statements: Sequence[Path]
    topics: Sequence[str] = ()
    connectors: Sequence[str] = ()
    groups: Sequence[str] = ()
    more: Callable[[argparse.Namespace], None] = lambda _args: None
    extra_sources: Sequence[tuple[str, str]] = ()


def tear_down(args: argparse.Namespace, parts: Parts) -> None:
    """Take it all away, what reads before what is read, and say so; what is not there is left out."""
    connectors = Connectors(args.connect)
    removed = [name for name in parts.connectors if connectors.remove(name)]
    told("connectors", removed)
    topics = {*parts.topics, *drop_sources(Client(args.server), sources(parts))}
    told("topics", delete_topics(args.bootstrap_servers, topics))
    told("subjects", delete_subjects(args.registry.rstrip("/"), topics))
    told("groups", delete_groups(args.bootstrap_servers, parts.groups))
    parts.more(args)


def sources(parts: Parts) -> list[tuple[str, str]]:
    """(STREAM or TABLE, name as the server has it) of all that the statements create, in their order."""
    found = [match.groups() for path in parts.statements for match in _CREATED.finditer(path.read_text())]
    named = [(kind.upper(), name[1:-1] if name[0] in '"`' else name.upper()) for kind, name in found]
    return [*named, *parts.extra_sources]


def run_once(client: Client, statements: Path) -> None:
    """Run the statements of a file, unless all that they create is there from an earlier time."""
    created = {name for _, name in sources(Parts([statements]))}
    if not created <= listed(client).keys():
        client.execute(statements.read_text())


def listed(client: Client) -> dict[str, str]:
    """Streams and tables that there are, and their topics."""
    rows = [*client.execute("SHOW STREAMS;")[0]["streams"], *client.execute("SHOW TABLES;")[0]["tables"]]
    return {row["name"].strip("`"): row["topic"] for row in rows}


def drop_sources(client: Client, created: list[tuple[str, str]]) -> set[str]:
    """End the queries that write these, and drop them, the last first; returns their topics."""
    names = {name for _, name in created}
    there = {name: topic for name, topic in listed(client).items() if name in names}
    queries = [
        row["id"] for row in client.execute("SHOW QUERIES;")[0]["queries"]
        if {sink.strip("`") for sink in row.get("sinks", ())} & names
    ]  # fmt: skip
    for query in queries:
        client.execute(f"TERMINATE `{query}`;")
    told("queries", queries)
    dropped = [(kind, name) for kind, name in reversed(created) if name in there]
    for kind, name in dropped:
        client.execute(f"DROP {kind} IF EXISTS `{name}`;")
    told("sources", [name for _, name in dropped])
    return set(there.values())


def delete_subjects(registry: str, topics: set[str]) -> list[str]:
    """The schemas of keys and values in these topics, for good."""
    wanted = {f"{topic}-{part}" for topic in topics for part in ("key", "value")}
    try:
        found = sorted(wanted.intersection(call("GET", f"{registry}/subjects?deleted=true")))
    except RestError as error:
        if error.status == 0:
            return []
        raise
    living = set(call("GET", f"{registry}/subjects"))
    for subject in found:
        if subject in living:
            call("DELETE", f"{registry}/subjects/{quoted(subject)}")
        call("DELETE", f"{registry}/subjects/{quoted(subject)}?permanent=true")
    return found


def told(what: str, names: Sequence[str]) -> None:
    """A line about what is gone."""
    print(f"{what:<12} {', '.join(names) if names else '(none)'}")
