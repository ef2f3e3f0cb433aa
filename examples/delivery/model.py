"""The tables: an order has deliveries, a delivery has attempts, and an attempt has changes of its state."""

from __future__ import annotations

from typing import Any

Row = dict[str, Any]

DETAILS = tuple(
    f"{end}_{name}" for end in ("from", "to")
    for name in ("instructions", "contact_name", "address", "city", "state", "zip", "country", "phone_number")
)  # fmt: skip

_STAMPS = {"created_at": "timestamptz", "updated_at": "timestamptz"}
TABLES: dict[str, dict[str, str]] = {
    "orders": {"id": "bigint", "organization_id": "bigint", **_STAMPS},
    "deliveries": {
        "id": "bigint", "delivery_type": "text", "notes": "text", "status": "text", "dispatch_at": "timestamptz",
        "mileage": "integer", "order_id": "bigint", **_STAMPS,
    },
    "delivery_details": {"id": "bigint", **dict.fromkeys(DETAILS, "text"), "delivery_id": "bigint", **_STAMPS},
    "attempts": {"id": "bigint", "delivery_id": "bigint", "number": "integer", "status": "text", **_STAMPS},
    "state_changes": {"id": "bigint", "attempt_id": "bigint", "state": "text", **_STAMPS},
}  # fmt: skip
"""Columns and their types, as PostgreSQL names them; the key is `id`."""

PARENTS = {
    "deliveries": ("order_id", "orders"), "delivery_details": ("delivery_id", "deliveries"),
    "attempts": ("delivery_id", "deliveries"), "state_changes": ("attempt_id", "attempts"),
}  # fmt: skip
"""The column that says whose a row is, and the table of that."""


def ddl() -> list[str]:
    """What makes the tables in PostgreSQL."""
    made = []
    for name, columns in TABLES.items():
        lines = [f"{column} {kind}" for column, kind in columns.items() if column != "id"]
        made.append(f"CREATE TABLE IF NOT EXISTS {name} (id bigserial PRIMARY KEY, {', '.join(lines)})")
    return made
