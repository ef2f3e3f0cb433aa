"""Orders, deliveries and their attempts without end, through the web service; a minute passes in 0.4 seconds."""

from __future__ import annotations

import argparse
import time
from collections.abc import Mapping
from typing import Any

from common.rest import call
from data import World, endless

MINUTE_MS = 400


class WebService:
    """The service, as a client of its REST API sees it."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def create(self, table: str, given: Mapping[str, Any]) -> dict[str, Any]:
        made: dict[str, Any] = call("POST", self._path(table), dict(given))
        return made

    def update(self, table: str, number: int, given: Mapping[str, Any]) -> Any:
        return call("PUT", f"{self._path(table)}/{number}", dict(given))

    def delete(self, table: str, number: int) -> None:
        call("DELETE", f"{self._path(table)}/{number}")

    def rows(self, table: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = call("GET", self._path(table))
        return found

    def _path(self, table: str) -> str:
        return f"{self._url}/{table.replace('_', '-')}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--web", default="http://127.0.0.1:3000", help="the web service")
    args = parser.parse_args()
    for _ in endless(
        World(MINUTE_MS), WebService(args.web), lambda: time.time() * 1000,
        lambda at: time.sleep(max(0.0, at / 1000 - time.time())),
    ):  # fmt: skip
        pass


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
