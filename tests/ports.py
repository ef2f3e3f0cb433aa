"""Ports for servers that cannot be told to choose one."""

from __future__ import annotations

import random
import socket

_RANGE = range(20_000, 32_000)
"""Below the ports that a system gives to whoever asks for any: nobody is given one of these in between."""


def take_ports(count: int) -> list[int]:
    """So many different TCP ports on loopback that were free a moment ago."""
    probes: list[socket.socket] = []
    try:
        while len(probes) < count:
            probe = socket.socket()
            try:
                probe.bind(("127.0.0.1", random.SystemRandom().choice(_RANGE)))
            except OSError:
                probe.close()
            else:
                probes.append(probe)
        return [probe.getsockname()[1] for probe in probes]
    finally:
        for probe in probes:
            probe.close()
