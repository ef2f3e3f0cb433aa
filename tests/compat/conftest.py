"""Other projects' clients against the broker on a real socket."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from headwater.broker.auth import ApiKeys
from tests.broker.server import Running, broker_in_thread

USER, SECRET = "key-1", "s3cret"


@pytest.fixture(scope="module")
def broker() -> Iterator[Running]:
    """One broker for all tests of a module: they use topics and groups of their own."""
    with broker_in_thread() as running:
        yield running


@pytest.fixture(scope="module")
def guarded_broker() -> Iterator[Running]:
    """A broker that wants an API key."""
    with broker_in_thread(verifier=ApiKeys({USER: SECRET})) as running:
        yield running
