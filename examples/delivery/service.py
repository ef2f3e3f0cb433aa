"""What can be done: every function is one transaction, so its changes are captured together."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from databases import Database, NoSuchRow, Transaction, iso
from model import DETAILS, PARENTS, TABLES, Row


class Refused(ValueError):
    """A request that cannot be done as it stands; the message names the field."""


def now() -> str:
    return iso(datetime.now(UTC))


class Service:
    """Orders, deliveries, attempts and state changes; `moment` gives the time that goes into the rows."""

    def __init__(self, database: Database, moment: Callable[[], str] = now) -> None:
        self._database, self._moment = database, moment

    def create(self, table: str, given: Mapping[str, Any]) -> Row:
        """A new row of any table, and what comes of it. Raises `Refused`."""
        values = checked(table, given, details=table == "deliveries")
        at = self._moment()
        with self._database.transaction() as transaction:
            _need_parent(transaction, table, values)
            match table:
                case "deliveries":
                    return _create_delivery(transaction, values, at)
                case "attempts":
                    return _create_attempt(transaction, values, at)
                case "state_changes":
                    return _change_state(transaction, values, at)
            return transaction.insert(table, values | {"created_at": at, "updated_at": at})

    def update(self, table: str, number: int, given: Mapping[str, Any]) -> Row:
        """Other values in a row. Raises `Refused`, `NoSuchRow`."""
        values = checked(table, given)
        with self._database.transaction() as transaction:
            _need_parent(transaction, table, values, required=False)
            return transaction.update(table, number, values | {"updated_at": self._moment()})

    def delete(self, table: str, number: int) -> None:
        with self._database.transaction() as transaction:
            transaction.delete(table, number)

    def get(self, table: str, number: int) -> Row:
        with self._database.transaction() as transaction:
            return transaction.get(table, number)

    def rows(self, table: str) -> list[Row]:
        return self._database.rows(table)


def checked(table: str, given: Mapping[str, Any], *, details: bool = False) -> Row:
    """The values, if the columns and their types are right; `details` may be among them. Raises `Refused`."""
    columns = {name: kind for name, kind in TABLES[table].items() if name not in ("id", "created_at", "updated_at")}
    if details:
        columns |= dict.fromkeys(DETAILS, "text")
    values = {}
    for name, value in given.items():
        if name not in columns:
            raise Refused(f"'{name}' is no column of {table}; there are {', '.join(columns)}")
        values[name] = _typed(name, columns[name], value)
    return values


def _typed(name: str, kind: str, value: Any) -> Any:
    if value is None:
        return None
    try:
        if kind in ("bigint", "integer"):
            whole = int(value) if isinstance(value, str | int) and not isinstance(value, bool) else None
            if whole is None or not 0 <= whole < (1 << (63 if kind == "bigint" else 31)):
                raise ValueError
            return whole
        if kind == "timestamptz":
            return iso(datetime.fromisoformat(value))
    except (TypeError, ValueError):
        raise Refused(f"{name} must be {kind}, not {value!r}") from None
    if not isinstance(value, str) or "\0" in value:
        raise Refused(f"{name} must be a text")
    return value


def _need_parent(transaction: Transaction, table: str, values: Row, *, required: bool = True) -> None:
    if table not in PARENTS:
        return
    column, parent = PARENTS[table]
    number = values.get(column)
    if number is None:
        if required or column in values:
            raise Refused(f"{column} must be given")
        return
    try:
        transaction.get(parent, number)
    except NoSuchRow:
        raise Refused(f"{column}: there is no {number} in {parent}") from None


def _create_delivery(transaction: Transaction, values: Row, at: str) -> Row:
    """The delivery, and where from and where to."""
    stamps = {"created_at": at, "updated_at": at}
    own = {name: value for name, value in values.items() if name in TABLES["deliveries"]}
    row = transaction.insert("deliveries", {"status": "Created"} | own | stamps)
    details = {name: values.get(name) for name in DETAILS}
    return row | {"details": transaction.insert("delivery_details", details | {"delivery_id": row["id"]} | stamps)}


def _create_attempt(transaction: Transaction, values: Row, at: str) -> Row:
    """The attempt; with the first one the delivery is dispatched."""
    stamps = {"created_at": at, "updated_at": at}
    row = transaction.insert("attempts", {"number": 1, "status": "Created"} | values | stamps)
    if row["number"] == 1:
        transaction.update("deliveries", row["delivery_id"], {"dispatch_at": at, "updated_at": at})
    return row


def _change_state(transaction: Transaction, values: Row, at: str) -> Row:
    """The state change becomes the status of its attempt and of the delivery: three changes, one transaction."""
    if not values.get("state"):
        raise Refused("state must be given")
    row = transaction.insert("state_changes", values | {"created_at": at, "updated_at": at})
    status = {"status": row["state"], "updated_at": at}
    attempt = transaction.update("attempts", row["attempt_id"], status)
    transaction.update("deliveries", attempt["delivery_id"], status)
    return row
