"""`make bench`: all benchmarks, or one of them, as tables."""

from __future__ import annotations

import argparse
import resource
from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

from bench import broker_node, cdc, kafka_peer, startup, throughput
from headwater.app.loop import tune_process

PARTS = ["queries", "startup", "broker", "kafka", "cdc"]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", choices=PARTS, help="default: all")
    parser.add_argument("--pipeline", default="", help="only pipelines with this in their name")
    parser.add_argument("--records", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--peer-records", type=int, default=2_000_000)
    parser.add_argument("--peer-rounds", type=int, default=3)
    parser.add_argument("--cdc-changes", type=int, default=200_000)
    args = parser.parse_args()
    parts = [args.only] if args.only else PARTS
    console = Console()
    if "broker" in parts:
        show(console, "Broker", broker_node.measure())
    if "kafka" in parts:
        show(console, f"Beside Apache Kafka, {args.peer_records:,} records of 150 bytes, median of {args.peer_rounds}",
             kafka_peer.measure(args.peer_records, args.peer_rounds))  # fmt: skip
    tune_process()  # as a node's process does; it holds for the hand-written loops, too
    if "queries" in parts:
        show(console, f"Queries, {args.records:,} records of about 140 bytes, median of {args.rounds}",
             throughput.measure(args.records, args.rounds, args.pipeline))  # fmt: skip
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000
        console.print(f"peak memory of the process that ran all of these, data included: {peak:.0f} MB\n")
    if "cdc" in parts:
        show(console, "Change data capture of PostgreSQL, beside Debezium", cdc.measure(args.cdc_changes))
    if "startup" in parts:
        measured = startup.measure(args.rounds)
        show(console, "Node", [{"measure": name, "value": value} for name, value in measured.items()])


def show(console: Console, title: str, rows: Sequence[Mapping[str, object]]) -> None:
    """Draw rows as a table; columns are the first row's keys."""
    table = Table(title=title)
    for name in rows[0]:
        table.add_column(name, justify="left" if name in ("pipeline", "measure") else "right")
    for row in rows:
        table.add_row(
            *("" if value is None else f"{value:,}" if isinstance(value, int) else str(value) for value in row.values())
        )
    console.print(table)


if __name__ == "__main__":
    main()
