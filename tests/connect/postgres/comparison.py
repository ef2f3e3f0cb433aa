"""Compares records of two connectors field by field, but for what must differ between two runs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

Record = tuple[str, Any, Any]
"""Topic, key and value, as JSON with schemas."""

VOLATILE = {"ts_ms", "ts_us", "ts_ns"}
"""When the connector handled the change; inside `source` it is when the database did, which both must agree on."""
SNAPSHOT_VOLATILE = {"ts_ms", "ts_us", "ts_ns", "lsn", "txId", "sequence"}
"""Of a snapshot these tell of the snapshot itself; there are two."""


def difference(ours: Record, theirs: Record) -> list[str]:
    """What differs, a line per place; empty when nothing does."""
    found = [f"topic: {ours[0]} / {theirs[0]}"] if ours[0] != theirs[0] else []
    found += list(walk("key", ours[1], theirs[1]))
    return found + list(walk("value", neutral(ours[2]), neutral(theirs[2])))


def neutral(value: Any) -> Any:
    """A value without what two runs cannot have in common."""
    if not isinstance(value, dict) or not isinstance(value.get("payload"), dict):
        return value
    payload = {name: field for name, field in value["payload"].items() if name not in VOLATILE}
    source = payload.get("source")
    if isinstance(source, Mapping):
        drop = SNAPSHOT_VOLATILE if source.get("snapshot") not in (None, "false") else set()
        shown = {name: field for name, field in source.items() if name not in drop}
        # Debezium leaves the field empty and lets its default speak, which converters write by default.
        shown["snapshot"] = shown["snapshot"] or "false"
        payload["source"] = shown
    return {**value, "payload": payload}


def walk(path: str, ours: Any, theirs: Any) -> Iterator[str]:
    """Lines for all places where two JSON values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for name in dict.fromkeys((*ours, *theirs)):
            if name not in ours or name not in theirs:
                yield f"{path}.{name}: only {'ours' if name in ours else 'theirs'}"
            else:
                yield from walk(f"{path}.{name}", ours[name], theirs[name])
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs, strict=True)):
            label = pair[0].get("field", index) if isinstance(pair[0], dict) else index
            yield from walk(f"{path}[{label}]", *pair)
    elif ours != theirs and not _same_json(ours, theirs):
        yield f"{path}: {json.dumps(ours)[:200]} / {json.dumps(theirs)[:200]}"


def _same_json(ours: Any, theirs: Any) -> bool:
    """Whether two texts are the same JSON object: a hash table's order in Java is not to be had."""
    try:
        return isinstance(ours, str) and ours[:1] == "{" and bool(json.loads(ours) == json.loads(theirs))
    except ValueError:
        return False
