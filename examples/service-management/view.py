"""The live view: decisions as they are made, and where every truck is. Two push queries, drawn with rich."""

from __future__ import annotations

import threading
from collections import deque

from ksql import Client
from rich.columns import Columns
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

DECISIONS = 14


class Board:
    """What is on show; filled by one thread per query, drawn by the main one."""

    def __init__(self) -> None:
        self.decisions: deque[list[object]] = deque(maxlen=DECISIONS)
        self.trucks: dict[str, list[object]] = {}
        self.counts = {"ACCEPTED": 0, "REJECTED": 0}
        self.problem: Exception | None = None

    def follow_decisions(self, client: Client) -> None:
        rows = client.query(
            "SELECT O_JOB_ID, CUSTOMER_ID, SERVICE_OPTION, PRICE, CURRENT_STATUS FROM job_status EMIT CHANGES;"
        )
        next(rows)
        for row in rows:
            self.decisions.appendleft(row)
            self.counts[row[-1]] += 1

    def follow_trucks(self, client: Client) -> None:
        rows = client.query(
            "SELECT JOB_ID, VEHICLE_ID, DISTANCE_FROM_DESTINATION, ETA_SECONDS FROM TRUCK_TRACKER EMIT CHANGES;"
        )
        next(rows)
        for row in rows:
            self.trucks[row[0]] = row

    def drawn(self) -> Group:
        decisions = Table(title="Order decisions", min_width=52)
        for name in ("Job", "Customer", "Service", "Price", "Status"):
            decisions.add_column(name, justify="right" if name in ("Job", "Price") else "left")
        for *cells, status in list(self.decisions):
            decisions.add_row(*map(str, cells), Text(str(status), "green" if status == "ACCEPTED" else "red"))
        trucks = Table(title="Trucks on their way", min_width=44)
        for name in ("Job", "Truck", "km left", "ETA s"):
            trucks.add_column(name, justify="left" if name in ("Job", "Truck") else "right")
        nearest = sorted(self.trucks.values(), key=lambda row: float(str(row[2])))
        for job, truck, distance, eta in nearest[: DECISIONS + 6]:
            there = "green" if float(str(distance)) == 0 else ""
            trucks.add_row(str(job), str(truck), Text(f"{distance:.2f}", there), f"{eta:.1f}")
        summary = f"accepted {self.counts['ACCEPTED']}   rejected {self.counts['REJECTED']}   Ctrl-C stops"
        return Group(Columns([decisions, trucks]), Text(summary, "dim"))


def show(client: Client) -> None:
    """Draw until interrupted; raises what ended a query."""
    board = Board()

    def run(follow: object) -> None:
        try:
            follow(client)  # type: ignore[operator]
        except Exception as error:  # noqa: BLE001 - shown by the main thread, which raises it
            board.problem = error

    for follow in (board.follow_decisions, board.follow_trucks):
        threading.Thread(target=run, args=(follow,), daemon=True).start()
    pause = threading.Event()
    with Live(board.drawn(), refresh_per_second=4, screen=False) as screen:
        while board.problem is None:
            pause.wait(0.25)
            screen.update(board.drawn())
    raise board.problem
