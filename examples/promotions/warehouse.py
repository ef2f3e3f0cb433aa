"""The table of promotions in the data warehouse: BigQuery's, or what stands in for it inside the node."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Protocol


class Warehouse(Protocol):
    """One dataset."""

    settings: Mapping[str, str]
    """What the connector is told about where it is."""

    def rows(self, table: str) -> list[dict[str, Any]]: ...

    def drop(self, table: str) -> None: ...


def options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bigquery", metavar="PROJECT", help="a real project in place of the datasets inside the node")
    parser.add_argument("--keyfile", help="file with the key of a service account of that project")


def opened(args: argparse.Namespace, dataset: str) -> Warehouse:
    """The one that the command line names."""
    return BigQuery(args, dataset) if args.bigquery else EmbeddedWarehouse(args, dataset)


class EmbeddedWarehouse:
    """Tables inside a Headwater node on this machine."""

    settings: Mapping[str, str] = {"project": "embedded"}

    def __init__(self, args: argparse.Namespace, dataset: str) -> None:
        from headwater.connect.embedded.datasets import DatasetStore

        self._store, self._dataset = DatasetStore(args.services), dataset

    def rows(self, table: str) -> list[dict[str, Any]]:
        if (self._dataset, table) not in self._store.tables():
            return []
        return self._store.rows(self._dataset, table, limit=-1)

    def drop(self, table: str) -> None:
        self._store.drop(self._dataset, table)


class BigQuery:
    """A dataset of Google's. It must be there."""

    def __init__(self, args: argparse.Namespace, dataset: str) -> None:
        from google.cloud import bigquery

        self.settings = {"project": args.bigquery, **({"keyfile": args.keyfile} if args.keyfile else {})}
        self._client: Any = (
            bigquery.Client.from_service_account_json(args.keyfile, project=args.bigquery)
            if args.keyfile else bigquery.Client(project=args.bigquery)
        )  # fmt: skip
        self._dataset = f"{args.bigquery}.{dataset}"

    def rows(self, table: str) -> list[dict[str, Any]]:
        query = f"SELECT * FROM `{self._dataset}.{table}`"
        return [dict(row) for row in self._client.query_and_wait(query)]

    def drop(self, table: str) -> None:
        self._client.delete_table(f"{self._dataset}.{table}", not_found_ok=True)
