"""The HTTP sink: records sent to an address, one or many at a time, again where that may help."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import ssl
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.converters.java_values import java_text
from headwater.connect.converters.json_values import plain
from headwater.connect.errors import ConnectError, RetriableError
from headwater.connect.record import SinkRecord
from headwater.connect.spi import SinkConnector, SinkContext, SinkTask
from headwater.core.errors import DataError

_ENCODE = msgspec.json.Encoder(decimal_format="number").encode


def _is_address(value: str) -> str | None:
    parts = urlsplit(value)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return "must begin with http:// or https://"
    if "@" in parts.netloc:
        return "must be without user:password@. Set auth.type=BASIC, connection.user and connection.password"
    return None


def _check(config: Config) -> Mapping[str, str]:
    kind = config.text("auth.type")
    needed = {"BASIC": "connection.user", "BEARER": "auth.token", "OAUTH2": "oauth2.token.url", "API_KEY": "auth.token"}
    key = needed.get(kind)
    return {key: f"Must be set with auth.type={kind}"} if key is not None and not config.text(key) else {}


CONFIG = ConfigDef(
    Key("http.api.url", Type.STRING, "Address; ${topic} and ${key} stand for the record's.", validator=_is_address,
        importance=Importance.HIGH, aliases=("http.url",)),
    Key("request.method", Type.STRING, "Method.", default="POST", choices=("POST", "PUT", "PATCH"),
        importance=Importance.HIGH),
    Key("headers", Type.STRING, "Headers, name:value, parted by `header.separator`.", default=""),
    Key("header.separator", Type.STRING, "Between headers.", default="|"),
    Key("content.type", Type.STRING, "Content-Type.", default="application/json",
        aliases=("http.headers.content.type",)),
    Key("batch.max.size", Type.INT, "Most records of one request. With 1 the body is the value itself.", default=1,
        minimum=1, importance=Importance.HIGH),
    Key("batch.json.as.array", Type.BOOLEAN, "Whether a batch is a JSON array; else the values are joined.",
        default=False, aliases=("batching.enabled",)),
    Key("batch.prefix", Type.STRING, "Before the values of a batch.", default=""),
    Key("batch.suffix", Type.STRING, "After them.", default=""),
    Key("batch.separator", Type.STRING, "Between them.", default=","),
    Key("request.body.format", Type.STRING, "`json`: structures as JSON; `string`: as Java prints them.",
        default="json", choices=("json", "string")),
    Key("behavior.on.null.values", Type.STRING, "What becomes of tombstones.", default="ignore",
        choices=("ignore", "delete", "fail")),
    Key("auth.type", Type.STRING, "How the request is authorised.", default="NONE",
        choices=("NONE", "BASIC", "BEARER", "OAUTH2", "API_KEY"), aliases=("http.authorization.type",)),
    Key("connection.user", Type.STRING, "User of BASIC.", default=""),
    Key("connection.password", Type.PASSWORD, "Password of BASIC.", default=""),
    Key("auth.token", Type.PASSWORD, "Token of BEARER, key of API_KEY.", default="", aliases=("bearer.token",)),
    Key("auth.header", Type.STRING, "Header of API_KEY.", default="X-API-Key"),
    Key("oauth2.token.url", Type.STRING, "Where OAUTH2 tokens are given.", default=""),
    Key("oauth2.client.id", Type.STRING, "Client.", default=""),
    Key("oauth2.client.secret", Type.PASSWORD, "Its secret.", default=""),
    Key("oauth2.client.scope", Type.STRING, "Scope.", default=""),
    Key("request.timeout.ms", Type.LONG, "Longest wait for an answer, in ms.", default=30_000, minimum=1,
        aliases=("http.timeout",)),
    Key("retry.on.status.codes", Type.STRING, "Answers after which the request is repeated: numbers, ranges (500-599, "
        "500-).", default="408,425,429,500-"),
    Key("https.ssl.verify", Type.BOOLEAN, "Whether certificates are checked.", default=True),
    ignored=("max.retries", "retry.backoff.ms", "reporter.*", "report.errors.as", "regex.*", "https.*", "http.*",
             "sensitive.headers", "confluent.*", "http.request.*"),
    check=_check,
)  # fmt: skip


class HttpSinkTask(SinkTask):
    """Sends the records of each address in their order."""

    async def start(self, config: Config, context: SinkContext) -> None:
        self._config, self._context = config, context
        self._size, self._url = config.integer("batch.max.size"), config.text("http.api.url")
        self._retried = _codes(config.text("retry.on.status.codes"))
        self._token: str | None = None
        tls = ssl.create_default_context()
        if not config.flag("https.ssl.verify"):
            tls.check_hostname, tls.verify_mode = False, ssl.CERT_NONE
        self._opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=tls), _NoRedirects)
        self._sent: dict[tuple[str, int], int] = {}

    async def put(self, records: Sequence[SinkRecord]) -> None:
        batch: list[SinkRecord] = []
        for record in records:
            place = (record.original_topic, record.partition)
            if record.offset < self._sent.get(place, 0):
                continue  # sent already, before a request of the same batch failed
            is_null = record.value is None
            if batch and (is_null or len(batch) >= self._size or self._address(batch[0]) != self._address(record)):
                await self._send(batch)  # a tombstone comes behind what was there before it
                batch = []
            if is_null:
                await self._null(record)
            else:
                batch.append(record)
        if batch:
            await self._send(batch)
        # All of it is delivered. A topic that is made anew begins with the same offsets.
        self._sent.clear()

    async def _null(self, record: SinkRecord) -> None:
        behaviour = self._config.text("behavior.on.null.values")
        if behaviour == "delete":
            try:
                await self._request(record, "DELETE", b"")
            except DataError as error:
                self._context.report(record, error)
        elif behaviour == "fail":
            self._context.report(record, DataError("A null value cannot be sent"))

    async def _send(self, batch: Sequence[SinkRecord]) -> None:
        texts = [self._text(record) for record in batch]
        if self._config.flag("batch.json.as.array"):
            body = "[" + ",".join(texts) + "]"
        else:
            separator = self._config.text("batch.separator")
            joined = separator.join(texts)
            body = f"{self._config.text('batch.prefix')}{joined}{self._config.text('batch.suffix')}"
        try:
            await self._request(batch[0], self._config.text("request.method"), body.encode())
        except DataError as error:
            if len(batch) > 1:
                for record in batch:
                    await self._send([record])
                return
            self._context.report(batch[0], error)
        for record in batch:
            self._sent[record.original_topic, record.partition] = record.offset + 1

    def _text(self, record: SinkRecord) -> str:
        value = record.value
        if isinstance(value, str):
            return value
        if self._config.text("request.body.format") == "string":
            return java_text(value, record.value_schema)
        return value.decode("utf-8", "replace") if isinstance(value, bytes) else _ENCODE(plain(value)).decode()

    def _address(self, record: SinkRecord) -> str:
        key = "" if record.key is None else java_text(record.key)
        return self._url.replace("${topic}", quote(record.topic, safe="")).replace("${key}", quote(key, safe=""))

    async def _request(self, record: SinkRecord, method: str, body: bytes) -> None:
        """Raises `RetriableError`, `ConnectError`, or `DataError` where the record is to blame."""
        url = self._address(record)
        headers = {"Content-Type": self._config.text("content.type"), "User-Agent": "headwater"}
        headers |= dict(_header(part) for part in self._parts())
        was_new = self._token is None
        status, text = await self._call(url, method, headers | await self._authorization(), body)
        if status == 401 and self._token is not None and not was_new:  # tokens are good for an hour or so
            self._token = None
            status, text = await self._call(url, method, headers | await self._authorization(), body)
        if status < 300:
            return
        message = f"{method} {_shown(url)} was answered with {status}: {text[:300]}"
        if status in (401, 403):
            self._token = None
            raise ConnectError(f"{message}. Check auth.type and the credentials.")
        if self._retried(status):
            raise RetriableError(message)
        raise DataError(message)

    def _parts(self) -> list[str]:
        text = self._config.text("headers")
        return [part for part in text.split(self._config.text("header.separator")) if ":" in part]

    async def _authorization(self) -> dict[str, str]:
        config = self._config
        match config.text("auth.type"):
            case "BASIC":
                pair = f"{config.text('connection.user')}:{config.text('connection.password')}"
                return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
            case "BEARER":
                return {"Authorization": f"Bearer {config.text('auth.token')}"}
            case "API_KEY":
                return {config.text("auth.header"): config.text("auth.token")}
            case "OAUTH2":
                return {"Authorization": f"Bearer {await self._oauth_token()}"}
        return {}

    async def _oauth_token(self) -> str:
        if self._token is None:
            config = self._config
            pair = f"{config.text('oauth2.client.id')}:{config.text('oauth2.client.secret')}"
            headers = {
                "Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}",
                "Content-Type": "application/x-www-form-urlencoded",
            }
            scope = config.text("oauth2.client.scope")
            form = {"grant_type": "client_credentials"} | ({"scope": scope} if scope else {})
            url = config.text("oauth2.token.url")
            status, text = await self._call(url, "POST", headers, urlencode(form).encode())
            if status >= 500:
                raise RetriableError(f"{_shown(url)} gives no token now: {status}")
            try:
                self._token = str(json.loads(text)["access_token"])
            except (ValueError, KeyError, TypeError):
                raise ConnectError(f"{_shown(url)} gives no token: {status} {text[:200]}") from None
        return self._token

    async def _call(self, url: str, method: str, headers: Mapping[str, str], body: bytes) -> tuple[int, str]:
        timeout = self._config.integer("request.timeout.ms") / 1000
        try:
            return await asyncio.to_thread(self._blocking, url, method, headers, body, timeout)
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", None) or error
            raise RetriableError(f"{_shown(url)} does not answer: {reason}") from error
        except ValueError as error:
            raise ConnectError(f"{_shown(url)} is no address: {error}") from error

    def _blocking(
        self, url: str, method: str, headers: Mapping[str, str], body: bytes, timeout: float
    ) -> tuple[int, str]:
        request = urllib.request.Request(url, body, dict(headers), method=method)  # noqa: S310 - checked to be http
        try:
            with self._opener.open(request, timeout=timeout) as answer:
                return int(answer.status), answer.read(1 << 20).decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(1 << 16).decode("utf-8", "replace")


class _NoRedirects(urllib.request.HTTPRedirectHandler):
    """A redirect is an answer like any other. Followed, it would be a GET without the record, and credentials would go
    to whom the answer names."""

    def redirect_request(self, *args: Any) -> None:
        return None


def _header(part: str) -> tuple[str, str]:
    name, _, value = part.partition(":")
    return name.strip(), value.strip()


def _shown(url: str) -> str:
    """Without a password or query, which may hold secrets."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}{f':{parts.port}' if parts.port else ''}{parts.path}"


def _codes(text: str) -> Any:
    """A function that says whether a status is in a list of numbers and ranges."""
    ranges = []
    for part in re.findall(r"(\d+)(-(\d+)?)?", text):
        low = int(part[0])
        ranges.append((low, int(part[2]) if part[2] else 999 if part[1] else low))
    return lambda status: any(low <= status <= high for low, high in ranges)


class HttpSink(SinkConnector):
    """Sends records to an address."""

    names = ("io.confluent.connect.http.HttpSinkConnector", "HttpSink")
    title, config, task = "HTTP sink", CONFIG, HttpSinkTask
