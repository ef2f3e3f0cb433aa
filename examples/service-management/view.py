"""The live view: decisions as they are made, and where every truck is. Two push queries, drawn with rich."""

from __future__ import annotations

from collections import deque

from common.ksql import Client
from common.view import show
from rich.columns import Columns
from rich.console import Group
from rich.table import Table
from rich.text import Text

DECISIONS = 14


class Board:
    """What is on show; rows come in one by one."""

    def __init__(self) -> None:
        self.decisions: deque[list[object]] = deque(maxlen=DECISIONS)
        self.trucks: dict[str, list[object]] = {}
        self.counts = {"ACCEPTED": 0, "REJECTED": 0}

    def decide(self, row: list[object]) -> None:
        self.decisions.appendleft(row)
        self.counts[str(row[-1])] += 1

    def move(self, row: list[object]) -> None:
        self.trucks[str(row[0])] = row

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


def show_board(client: Client) -> None:
    """Draw until interrupted."""
    board = Board()
    decisions = "SELECT O_JOB_ID, CUSTOMER_ID, SERVICE_OPTION, PRICE, CURRENT_STATUS FROM job_status EMIT CHANGES;"
    trucks = "SELECT JOB_ID, VEHICLE_ID, DISTANCE_FROM_DESTINATION, ETA_SECONDS FROM TRUCK_TRACKER EMIT CHANGES;"
    show(client, {decisions: board.decide, trucks: board.move}, board.drawn)
