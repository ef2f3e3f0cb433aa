"""Finds a format by name. Formats are imported when first asked for, so that unused libraries cost nothing."""

from __future__ import annotations

from functools import cache
from importlib import import_module

from headwater.core.errors import AnalysisError
from headwater.formats.api import Format

_MODULES = {
    "NONE": "none",
    "KAFKA": "kafka",
    "DELIMITED": "delimited",
    "JSON": "json_format",
    "JSON_SR": "json_sr",
    "AVRO": "avro_format",
    "PROTOBUF": "protobuf_format",
    "PROTOBUF_NOSR": "protobuf_nosr",
}

FORMATS: tuple[str, ...] = tuple(_MODULES)
"""The names of all formats."""


@cache
def get(name: str) -> Format:
    """The format of this name, in any case. Raises `AnalysisError` for an unknown one."""
    module = _MODULES.get(name.upper())
    if module is None:
        raise AnalysisError(f"Unknown format: {name.upper()}")
    found: Format = import_module(f"headwater.formats.{module}").FORMAT
    return found
