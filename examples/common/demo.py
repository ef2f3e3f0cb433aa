"""What every demo.py does: its command line, the choice between live and --check, and the report of a check."""

from __future__ import annotations

import argparse
import math
import operator
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from common.kafka import PATIENCE_SECONDS, DeliveryError
from common.ksql import Client, StatementError
from common.processes import end_in_order, start, stop
from common.rest import RestError
from common.teardown import Parts, tear_down

Row = tuple[object, ...]


class CheckError(Exception):
    """A check cannot go on: what the next part of the load builds on is not there."""


def run(
    description: str, check: Callable[[argparse.Namespace], list[str]], live: Callable[[argparse.Namespace], None],
    more_options: Callable[[argparse.ArgumentParser], None] = lambda _parser: None, parts: Parts | None = None,
) -> int:  # fmt: skip
    """The exit code: 0, 1 if `check` returned problems, 2 if the platform does not answer or refuses."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--server", default=os.environ.get("KSQL_SERVER", "http://127.0.0.1:8088"))
    parser.add_argument("--registry", default=os.environ.get("REGISTRY", "http://127.0.0.1:8081"))
    parser.add_argument("--connect", default=os.environ.get("CONNECT", "http://127.0.0.1:8083"))
    parser.add_argument("--services", type=Path, default=Path(os.environ.get("SERVICES", ".headwater/services")),
                        help="the node's folder of what stands in for databases")  # fmt: skip
    parser.add_argument("--kafka-elsewhere", action="store_true", help="the topics are on an Apache Kafka cluster")
    parser.add_argument("--check", action="store_true", help="load finite data, compare all results, exit with 0 or 1")
    if parts is not None:
        parser.add_argument("--tear-down", action="store_true", help="take all of the example away from the node")
    more_options(parser)
    args = parser.parse_args()
    end_in_order()
    try:
        if parts is not None and args.tear_down:
            tear_down(args, parts)
            return 0
        if not args.check:
            live(args)
            return 0
        problems = check(args)
    except CheckError as error:
        problems = [str(error)]
    except KeyboardInterrupt:
        return 0
    except (DeliveryError, RestError, StatementError) as error:
        print(error, file=sys.stderr)
        if parts is not None and "already exists" in str(error):
            print("The example is on this node already: --tear-down takes it away.", file=sys.stderr)
        return 2
    for problem in problems[:20]:
        print(f"WRONG        {problem}")
    print("all results are as calculated" if not problems else f"{len(problems)} differences")
    return 1 if problems else 0


def with_programs(programs: Iterable[Path], arguments: list[str], work: Callable[[], None]) -> None:
    """Do `work` while Python programs run as processes of their own."""
    running = [start(path, *arguments, cwd=path.parent) for path in programs]
    try:
        work()
    finally:
        stop(*running)


def refusal(client: Client, statements: Path, reason: str) -> list[str]:
    """Statements with a mistake in them must be refused, for the right reason."""
    try:
        client.execute(statements.read_text())
    except StatementError as error:
        if reason not in str(error):
            return [f"{statements.name} was refused for another reason: {error}"]
        print(f"refused      {statements.name}: {reason}")
        return []
    return [f"{statements.name} was accepted in spite of its mistake"]


def same_row(actual: Row, wanted: Row) -> bool:
    """Equal, numbers to one unit of the second decimal: where both sides round, the last digit may differ."""
    return len(actual) == len(wanted) and all(
        math.isclose(a, e, abs_tol=0.0101) if isinstance(e, float) and isinstance(a, int | float) else a == e
        for a, e in zip(actual, wanted, strict=True)
    )


def await_rows(
    query: Callable[[], Mapping[Any, Row]], wanted: Mapping[Any, Row], what: str,
    same: Callable[[Row, Row], bool] = operator.eq,
) -> list[str]:  # fmt: skip
    """Ask until the answer is as wanted; returns the differences that are left after all patience."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        problems = differences(what, query(), wanted, same)
        if not problems or time.monotonic() > deadline:
            return problems
        time.sleep(0.1)


def differences(
    what: str, found: Mapping[Any, Row], wanted: Mapping[Any, Row], same: Callable[[Row, Row], bool] = operator.eq
) -> list[str]:
    """A line for every key whose row is not the wanted one."""
    problems = [
        f"{what} has {found.get(key)} for {key}, not {row}"
        for key, row in wanted.items() if key not in found or not same(found[key], row)
    ]  # fmt: skip
    return problems + [f"{what} has a row too many: {key}" for key in found.keys() - wanted.keys()]


def count_differences(what: str, found: Counter[Row], wanted: Counter[Row]) -> list[str]:
    """A line for every row that is there too seldom or too often."""
    return [f"{what} lacks {row}, {n} times" for row, n in (wanted - found).items()] + [
        f"{what} has {row}, {n} times too often" for row, n in (found - wanted).items()
    ]
