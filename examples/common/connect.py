"""Connectors, through Kafka Connect's REST API."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from common.kafka import PATIENCE_SECONDS
from common.rest import RestError, call, quoted


class Connectors:
    """The connectors of one worker, such as http://127.0.0.1:8083."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def put(self, name: str, config: Mapping[str, str]) -> None:
        """Make the connector, or configure it anew, and wait until all of it runs. Raises `RestError`."""
        call("PUT", f"{self._one(name)}/config", dict(config))
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (states := self.states(name)) != {"RUNNING"}:
            if "FAILED" in states or time.monotonic() > deadline:
                raise RestError(500, f"Connector {name} does not run: {call('GET', f'{self._one(name)}/status')}")
            time.sleep(0.05)

    def states(self, name: str) -> set[str]:
        """Of the connector and its tasks; `{"UNASSIGNED"}` while there is none."""
        try:
            status: dict[str, Any] = call("GET", f"{self._one(name)}/status")
        except RestError as error:
            if error.status in (404, 409):
                return {"UNASSIGNED"}
            raise
        tasks = {task["state"] for task in status["tasks"]} or {"UNASSIGNED"}
        return {status["connector"]["state"], *tasks}

    def remove(self, name: str) -> bool:
        """Delete the connector and what it knows of its progress; False if there is none. Raises `RestError`."""
        if name not in call("GET", f"{self._url}/connectors"):
            return False
        call("PUT", f"{self._one(name)}/stop")
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:  # offsets can be forgotten once the tasks have ended
            try:
                call("DELETE", f"{self._one(name)}/offsets")
                break
            except RestError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        call("DELETE", self._one(name))
        return True

    def _one(self, name: str) -> str:
        return f"{self._url}/connectors/{quoted(name)}"
