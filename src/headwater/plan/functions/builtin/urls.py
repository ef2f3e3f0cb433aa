"""URL functions, with the syntax of RFC 2396 as java.net.URI reads it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote_plus, unquote, unquote_plus

from headwater.core.errors import FunctionError
from headwater.plan.functions.declarations import udf
from headwater.plan.functions.types import Int

_URL = "URL"
_PARTS = re.compile(r"(?:([^:/?#]+):)?(?://([^/?#]*))?([^?#]*)(?:\?([^#]*))?(?:#(.*))?\Z", re.DOTALL)
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*\Z")
_SERVER = re.compile(r"(?:[^@]*@)?(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9](?:[A-Za-z0-9.-]*))(?::([0-9]*))?\Z")
_ILLEGAL = re.compile(r'[\x00-\x20<>"{}|\\^`\x7f]|%(?![0-9A-Fa-f]{2})')
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True)
class Uri:
    """The parts of a URI, still percent-encoded; None where a part is missing."""

    scheme: str | None
    host: str | None
    port: int | None
    path: str | None
    query: str | None
    fragment: str | None


@lru_cache(maxsize=256)
def parse_uri(text: str) -> Uri:
    """Raises `FunctionError` for what is not a URI."""
    match = _PARTS.match(text)
    illegal = _ILLEGAL.search(text)
    if match is None or illegal is not None:
        raise FunctionError(f"URL input has invalid syntax: {text}")
    scheme, authority, path, query, fragment = match.groups()
    if scheme is not None and (not _SCHEME.match(scheme) or (authority is None and not path)):
        raise FunctionError(f"URL input has invalid syntax: {text}")
    if scheme is not None and authority is None and not path.startswith("/"):
        return Uri(scheme, None, None, None, None, fragment)
    server = _SERVER.match(authority) if authority else None
    host, port = server.groups() if server else (None, None)
    return Uri(scheme, host, int(port) if port else None, path, query, fragment)


def _decoded(part: str | None) -> str | None:
    return None if part is None else unquote(part, errors="replace")


@udf("URL_EXTRACT_PROTOCOL", category=_URL, description="The protocol (scheme) of a URL")
def url_extract_protocol(url: str) -> str | None:
    return parse_uri(url).scheme


@udf("URL_EXTRACT_HOST", category=_URL, description="The host of a URL")
def url_extract_host(url: str) -> str | None:
    return parse_uri(url).host


@udf("URL_EXTRACT_PORT", category=_URL, description="The port of a URL")
def url_extract_port(url: str) -> Int | None:
    return parse_uri(url).port


@udf("URL_EXTRACT_PATH", category=_URL, description="The path of a URL")
def url_extract_path(url: str) -> str | None:
    return _decoded(parse_uri(url).path)


@udf("URL_EXTRACT_QUERY", category=_URL, description="The query of a URL")
def url_extract_query(url: str) -> str | None:
    return _decoded(parse_uri(url).query)


@udf("URL_EXTRACT_FRAGMENT", category=_URL, description="The fragment of a URL")
def url_extract_fragment(url: str) -> str | None:
    return _decoded(parse_uri(url).fragment)


@udf("URL_EXTRACT_PARAMETER", category=_URL, description="A parameter of the query of a URL")
def url_extract_parameter(url: str, name: str) -> str | None:
    query = _decoded(parse_uri(url).query)
    for parameter in (query or "").split("&"):
        key, _, value = parameter.partition("=")
        if key == name:
            return value
    return None


@udf("URL_ENCODE_PARAM", category=_URL, description="Text as it stands in a URL's parameters")
def url_encode_param(text: str) -> str:
    return quote_plus(text, safe="*", errors="replace").replace("~", "%7E")


@udf("URL_DECODE_PARAM", category=_URL, description="The text that a URL's parameter means")
def url_decode_param(text: str) -> str:
    if _BAD_ESCAPE.search(text):
        raise FunctionError(f"URLDecoder: Illegal hex characters in escape (%) pattern: {text}")
    return unquote_plus(text, errors="replace")
