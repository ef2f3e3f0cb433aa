"""A live view: one push query per table of the screen, each followed by a thread and drawn with rich."""

from __future__ import annotations

import threading
from collections.abc import Callable

from rich.console import RenderableType
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
    with Live(drawn(), refresh_per_second=4, screen=False) as screen:
        while not problems:
            pause.wait(0.25)
            screen.update(drawn())
    raise problems[0]
