"""What the REST doors of a node share: who may come in, from which web pages, and how they listen."""

from __future__ import annotations

import ssl

from starlette.types import ASGIApp

from headwater.app.access import address
from headwater.app.node_login import or_node
from headwater.app.rest_access import RestAccess
from headwater.broker.access import Access
from headwater.core.clock import Clock
from headwater.core.settings import Settings
from headwater.engine.settings import EngineSettings
from headwater.http.listener import RestListener
from headwater.http.origins import Origins, for_pages


class RestDoors:
    """With `tls` they all speak https."""

    def __init__(self, settings: Settings, access: Access, clock: Clock, tls: ssl.SSLContext | None = None) -> None:
        self.host = settings.node.host
        self.tls = tls
        self._about_pages = EngineSettings(settings.ksql.properties)
        self.origins = Origins.of(self._about_pages, self.host)
        delay = settings.kafka.failed_login_delay_ms
        self.identify = RestAccess(access, clock, delay).identify
        self.identify_or_node = or_node(self.identify, settings.cluster.node_secret, clock, delay)
        """For the one door that takes what other nodes forward."""

    def listener(self, title: str, app: ASGIApp, port: int, setting: str) -> RestListener:
        """One that has yet to be started; `title` and `setting`, that of its port, name it in errors."""
        return RestListener(title, for_pages(app, self._about_pages), self.host, port, setting=setting, tls=self.tls)

    def url(self, port: int) -> str:
        """Where a door is that listens on the port."""
        return f"{'http' if self.tls is None else 'https'}://{address(self.host, port)}"
