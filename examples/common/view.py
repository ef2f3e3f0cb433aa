"""A live view: one push query per table of the screen, each followed by a thread and drawn with rich."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rich.console import Console, RenderableType
from rich.live import Live

from common.ksql import Client

Row = list[object]


def show(
    client: Client, queries: dict[str, Callable[[Row], None]], drawn: Callable[[], RenderableType],
    since: str = "latest",
) -> None:  # fmt: skip
    """Hand each row of each query to its function and draw four times a second; raises what ended a query. With `since`
    "earliest" what was there before is shown, too."""
    problems: list[Exception] = []

    def follow(query: str, take: Callable[[Row], None]) -> None:
        try:
            rows = client.query(query, {"auto.offset.reset": since})
            next(rows)
            for row in rows:
                take(row)
        except Exception as error:  # noqa: BLE001 - raised by the main thread
            problems.append(error)

    for query, take in queries.items():
        threading.Thread(target=follow, args=(query, take), daemon=True).start()
    pause = threading.Event()
    # A screen of its own, drawn from its top: lines that other processes log to the terminal would shift any other.
    console = Console()
    try:
        with Live(drawn(), console=console, refresh_per_second=4, screen=True) as screen:
            while not problems:
                pause.wait(0.25)
                screen.update(drawn())
    finally:
        if console.is_terminal:
            console.print(drawn())
    raise problems[0]
