"""Which object stores there are: their keys, how each is opened, and what connectors of all of them have in common."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import urlsplit

from headwater.connect.allowed import a_file, a_file_url, path_of_url
from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.object_store import formats
from headwater.connect.connectors.object_store.parquet import arrow
from headwater.connect.connectors.object_store.store import Store, check_answers, cloud_store, folder_store
from headwater.connect.errors import ConnectError
from headwater.connect.spi import Connector

EMBEDDED = "object-store"
"""Folder in the node's embedded data that holds a folder per container."""


def _inside(name: Any) -> str | None:
    """A bucket may be a folder beneath another one."""
    return "must not lead out of the store" if ".." in name.split("/") or name.startswith("/") else None


def _a_folder(text: str, services: Path) -> list[Path]:
    """Relative ones are in the node's embedded data."""
    return [services / EMBEDDED / (path_of_url(text) or text)]


def _of_url(url: str, bucket: str) -> Store | None:
    """The folder that stands for a bucket beneath `file:///folder`; None for other URLs."""
    path = path_of_url(url)
    return None if path is None else folder_store(str(path / bucket))


_AZURE_KEYS = ConfigDef(
    Key("azblob.account.name", Type.STRING, "Storage account. Empty: a folder of the node stands in for the account.",
        default="", importance=Importance.HIGH, group="Store"),
    Key("azblob.account.key", Type.PASSWORD, "Key of the account.", default="", importance=Importance.HIGH,
        group="Store"),
    Key("azblob.sas.token", Type.PASSWORD, "Token in place of the key.", default="", group="Store"),
    Key("azblob.connection.string", Type.PASSWORD, "Connection string in place of name and key.", default="",
        group="Store"),
    Key("azblob.container.name", Type.STRING, "Container.", importance=Importance.HIGH, group="Store",
        validator=_inside),
    Key("azblob.endpoint", Type.STRING,
        "Address of another server that speaks the protocol (http://127.0.0.1:10000), or file:///folder.", default="",
        group="Store", aliases=("store.url",), path=a_file_url),
    ignored=("azblob.*",),
)  # fmt: skip
_S3_KEYS = ConfigDef(
    Key("s3.bucket.name", Type.STRING, "Bucket.", importance=Importance.HIGH, group="Store", validator=_inside),
    Key("s3.region", Type.STRING, "Region.", default="us-west-2", group="Store"),
    Key("aws.access.key.id", Type.STRING, "Access key. Empty, with no store.url: a folder of the node stands in.",
        default="", importance=Importance.HIGH, group="Store", secret=True),
    Key("aws.secret.access.key", Type.PASSWORD, "Secret key.", default="", importance=Importance.HIGH, group="Store"),
    Key("store.url", Type.STRING, "Address of another server that speaks S3, or file:///folder.", default="",
        group="Store", path=a_file_url),
    ignored=("s3.*", "aws.*"),
)  # fmt: skip
_GCS_KEYS = ConfigDef(
    Key("gcs.bucket.name", Type.STRING, "Bucket.", importance=Importance.HIGH, group="Store", validator=_inside),
    Key("gcs.credentials.path", Type.STRING, "File with the service account's key. Empty, with no store.url: a folder "
        "of the node stands in.", default="", group="Store", path=a_file),
    Key("gcs.credentials.json", Type.PASSWORD, "The service account's key itself.", default="", group="Store"),
    Key("store.url", Type.STRING, "Address of another server that speaks the protocol, or file:///folder.", default="",
        group="Store", path=a_file_url),
    ignored=("gcs.*",),
)  # fmt: skip
_FOLDER_KEYS = ConfigDef(
    Key("folder", Type.STRING, "Folder of this machine.", importance=Importance.HIGH, group="Store",
        aliases=("store.url",), path=_a_folder),
)  # fmt: skip


def _azure(config: Config, folder: Path) -> Store:
    """The container that a configuration names, or the folder that stands in."""
    container, account = config.text("azblob.container.name"), config.text("azblob.account.name")
    endpoint, connection = config.text("azblob.endpoint"), config.text("azblob.connection.string")
    if (local := _of_url(endpoint, container)) is not None:
        return local
    if not account and not connection:
        return folder_store(str(folder / EMBEDDED / container))
    check_answers(endpoint)
    options: dict[str, Any] = {}
    if connection:
        options["connection_string"] = connection
    elif endpoint:
        scheme = urlsplit(endpoint).scheme or "http"
        base = endpoint.rstrip("/")
        base = base if base.endswith(f"/{account}") else f"{base}/{account}"
        options["connection_string"] = (
            f"DefaultEndpointsProtocol={scheme};AccountName={account};"
            f"AccountKey={config.text('azblob.account.key')};BlobEndpoint={base};"
        )
    else:
        options |= {"account_name": account}
        options |= {"sas_token": config.text("azblob.sas.token")} if config.text("azblob.sas.token") else {
            "account_key": config.text("azblob.account.key")
        }  # fmt: skip
    return cloud_store("abfs", "azure", options, container, f"Azure container {container}")


def _s3(config: Config, folder: Path) -> Store:
    """The bucket that a configuration names, or the folder that stands in."""
    bucket, key, url = config.text("s3.bucket.name"), config.text("aws.access.key.id"), config.text("store.url")
    if (local := _of_url(url, bucket)) is not None:
        return local
    if not key and not url:
        return folder_store(str(folder / EMBEDDED / bucket))
    check_answers(url)
    client: dict[str, Any] = {"region_name": config.text("s3.region")}
    options = {"key": key or None, "secret": config.text("aws.secret.access.key") or None, "client_kwargs": client}
    if url:
        client["endpoint_url"] = url
    return cloud_store("s3", "s3", options, bucket, f"S3 bucket {bucket}")


def _gcs(config: Config, folder: Path) -> Store:
    """The bucket that a configuration names, or the folder that stands in."""
    bucket, url = config.text("gcs.bucket.name"), config.text("store.url")
    path, text = config.text("gcs.credentials.path"), config.text("gcs.credentials.json")
    if (local := _of_url(url, bucket)) is not None:
        return local
    if not path and not text and not url:
        return folder_store(str(folder / EMBEDDED / bucket))
    check_answers(url)
    try:
        token: Any = json.loads(text) if text else path or "anon"
    except ValueError:
        raise ConnectError("gcs.credentials.json is not JSON") from None
    options = {"token": token} | ({"endpoint_url": url} if url else {})
    return cloud_store("gs", "gcs", options, bucket, f"GCS bucket {bucket}")


def _folder(config: Config, folder: Path) -> Store:
    """The folder that a configuration names: relative ones are in the node's embedded data."""
    return folder_store(str(*_a_folder(config.text("folder"), folder)))


@dataclass(frozen=True)
class Service:
    """One kind of store: its own keys, the one of them that names the bucket, and what opens it with the folder of the
    node's embedded data."""

    title: str
    config: ConfigDef
    bucket_key: str
    open: Callable[[Config, Path], Store]


AZURE = Service("Azure Blob Storage", _AZURE_KEYS, "azblob.container.name", _azure)
S3 = Service("Amazon S3", _S3_KEYS, "s3.bucket.name", _s3)
GCS = Service("Google Cloud Storage", _GCS_KEYS, "gcs.bucket.name", _gcs)
FOLDER = Service("Folder", _FOLDER_KEYS, "folder", _folder)


class StoreConnector(Connector):
    """A connector of one service: `class S3Sink(ObjectStoreSink, service=S3)`. The class above says `kind`, `keys` and
    `works`."""

    service: ClassVar[Service]
    kind: ClassVar[str]
    """What it is called behind the service's title."""
    keys: ClassVar[ConfigDef]
    """Besides those of the service."""
    works: ClassVar[type[Any]]
    """The task; it finds its service as its own attribute."""

    def __init_subclass__(cls, *, service: Service | None = None) -> None:
        super().__init_subclass__()
        if service is None:
            return
        cls.service = service
        cls.title, cls.config = f"{service.title} {cls.kind}", service.config + cls.keys
        cls.task = type(cls.works.__name__, (cls.works,), {"service": service})  # type: ignore[attr-defined]

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        """An error at the bucket's key when the store cannot be opened or listed; folders are taken as they are."""
        key = self.service.bucket_key
        if formats.format_of_class(config.text("format.class")) == "parquet":
            await asyncio.to_thread(arrow)
        try:
            store = await asyncio.to_thread(self.service.open, config, Path("/nonexistent"))
            if not store.is_local:
                await store.call("list objects", lambda: store.filesystem.ls(store.root, detail=False))
        except FileNotFoundError:
            return {key: [f"There is no such container or bucket: {config.text(key)}"]}
        except ConnectError as error:
            return {key: [str(error)]}
        return {}
