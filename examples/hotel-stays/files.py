"""The site's files: searches in Avro, in folders of partitions, here or in a container of Azure Blob Storage."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from common.kafka import Event
from fastavro import parse_schema, reader
from fastavro.write import Writer

CONNECTOR = "azure-source-expedia"
CONTAINER = "data"
PARTITIONS = 3

_OPTIONAL = {"orig_destination_distance": "double", "srch_ci": "string", "srch_co": "string"}
_PLAIN = (
    "id", "date_time", "site_name", "posa_container", "user_location_country", "user_location_region",
    "user_location_city", "orig_destination_distance", "user_id", "is_mobile", "is_package", "channel", "srch_ci",
    "srch_co", "srch_adults_cnt", "srch_children_cnt", "srch_rm_cnt", "srch_destination_id", "srch_destination_type_id",
    "hotel_id",
)  # fmt: skip
_LONG = ("id", "hotel_id")
SCHEMA = parse_schema({
    "type": "record", "name": "expedia", "fields": [
        {"name": name, "type": ["null", _OPTIONAL[name]], "default": None} if name in _OPTIONAL
        else {"name": name, "type": "string" if name == "date_time" else "long" if name in _LONG else "int"}
        for name in _PLAIN
    ],
})  # fmt: skip


def azure_options(parser: argparse.ArgumentParser) -> None:
    """The options that put Azure Blob Storage in the place of a folder."""
    parser.add_argument("--azure-account", help="storage account, whose container `data` the files go through")
    parser.add_argument("--azure-key", default=os.environ.get("AZURE_STORAGE_KEY"), help="key of the account")
    parser.add_argument("--azure-endpoint", help="another server of the protocol, as Azurite: http://127.0.0.1:10000")


def path(partition: int, first: int) -> str:
    """Where the records of a partition are, from the `first` on."""
    return f"topics/expedia/partition={partition}/expedia+{partition}+{first:010d}.avro"


def write(container: Path, events: Iterable[Event], first: int = 0) -> list[Path]:
    """A file per partition with every third of the searches; each appears when it is complete."""
    made = [container / path(number, first) for number in range(PARTITIONS)]
    partial = [file.with_name(f".{file.name}") for file in made]
    for file in partial:
        file.parent.mkdir(parents=True, exist_ok=True)
    opened: list[IO[bytes]] = [file.open("wb") for file in partial]
    try:
        writers = [Writer(file, SCHEMA) for file in opened]
        for number, event in enumerate(events):
            writers[number % PARTITIONS].write(event.value)
        for writer in writers:
            writer.flush()
    finally:
        for file in opened:
            file.close()
    for before, after in zip(partial, made, strict=True):
        before.replace(after)
    return made


def read(container: Path) -> Iterator[dict[str, Any]]:
    """All searches in the files that are there."""
    for file in sorted(container.glob("topics/expedia/partition=*/*.avro")):
        with file.open("rb") as opened:
            yield from reader(opened)  # type: ignore[misc]


def config(args: argparse.Namespace, folder: Path) -> dict[str, str]:
    """The connector's: `folder` stands in for the storage account unless one is named."""
    account = {"azblob.account.name": args.azure_account or "", "azblob.account.key": args.azure_key or ""}
    endpoint = args.azure_endpoint or ("" if args.azure_account else folder.absolute().as_uri())
    return {
        "connector.class": "io.confluent.connect.azure.blob.storage.AzureBlobStorageSourceConnector",
        "format.class": "io.confluent.connect.cloud.storage.source.format.CloudStorageAvroFormat",
        "tasks.max": "3",
        "mode": "GENERIC",
        **account,
        "azblob.container.name": CONTAINER,
        **({"azblob.endpoint": endpoint} if endpoint else {}),
        "topic": "expedia",
        "topics.dir": "topics",
        "topic.regex.list": "expedia:.*",
        "poll.interval.ms": "1000",
    }


def upload(args: argparse.Namespace, container: Path, made: Iterable[Path]) -> None:
    """Bring files of the folder into the account's container. Needs `pip install 'headwater[azure]'`."""
    if args.azure_account:
        with _client(args) as client:
            if not client.exists():
                client.create_container()
            for file in made:
                with file.open("rb") as opened:
                    client.upload_blob(file.relative_to(container).as_posix(), opened, overwrite=True)


def forget(args: argparse.Namespace) -> None:
    """Take the files away from the account's container."""
    if args.azure_account:
        with _client(args) as client:
            names = [blob.name for blob in client.list_blobs("topics/expedia/")] if client.exists() else []
            for name in names:
                client.delete_blob(name)


def _client(args: argparse.Namespace) -> Any:
    from azure.storage.blob import ContainerClient

    endpoint = args.azure_endpoint or f"https://{args.azure_account}.blob.core.windows.net"
    if args.azure_endpoint and not endpoint.endswith(f"/{args.azure_account}"):
        endpoint = f"{endpoint.rstrip('/')}/{args.azure_account}"
    login = {"account_name": args.azure_account, "account_key": args.azure_key}
    return ContainerClient(endpoint, CONTAINER, credential=login)
