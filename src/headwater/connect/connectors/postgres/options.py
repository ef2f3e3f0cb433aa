"""How values are to be mapped: the part of the configuration that `types.py` reads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Options:
    """Debezium's handling modes, with its defaults."""

    decimals: str = "precise"
    """decimal.handling.mode: precise, double, string."""
    times: str = "adaptive"
    """time.precision.mode: adaptive, adaptive_time_microseconds, connect, isostring, microseconds, nanoseconds."""
    binary: str = "bytes"
    """binary.handling.mode: bytes, base64, base64-url-safe, hex."""
    hstore: str = "json"
    """hstore.handling.mode: json, map."""
    intervals: str = "numeric"
    """interval.handling.mode: numeric, string."""
    money_digits: int = 2
    """money.fraction.digits"""
    unknown_types: bool = False
    """include.unknown.datatypes"""
    placeholder: str = "__debezium_unavailable_value"
    """unavailable.value.placeholder: what stands for a large value that an update did not touch."""
