"""A client of BigQuery for a configuration. It imports Google's libraries: import it where a client is needed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from google.api_core.client_options import ClientOptions
from google.auth import credentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import bigquery
from google.oauth2 import service_account

from headwater.connect.config import Config
from headwater.connect.connectors.bigquery.settings import EMBEDDED
from headwater.connect.errors import ConnectError

_SCOPE = "https://www.googleapis.com/auth/bigquery"


class _TokenOnly(credentials.Credentials):
    """Logs in as a service account, and asks Google nothing else about it: for servers that are not Google's."""

    def __init__(self, account: service_account.Credentials) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._account = account

    def refresh(self, request: Any) -> None:
        self._account.refresh(request)  # type: ignore[no-untyped-call]
        self.token, self.expiry = self._account.token, self._account.expiry


def client(config: Config) -> bigquery.Client:
    """It connects when it is first used. Raises `ConnectError` for a key that is none."""
    endpoint = config.text("bigquery.endpoint")
    found: credentials.Credentials | None = None
    if config.text("keyfile"):
        account = _account(config)
        found = _TokenOnly(account) if endpoint else account
    elif endpoint:
        found = credentials.AnonymousCredentials()  # type: ignore[no-untyped-call]
    options = ClientOptions(api_endpoint=endpoint) if endpoint else None
    try:
        return bigquery.Client(config.text("project") or EMBEDDED, credentials=found, client_options=options)
    except (GoogleAuthError, OSError) as error:
        raise ConnectError(f"keyfile: it is not set, and the machine is not logged in with Google: {error}") from error


def _account(config: Config) -> service_account.Credentials:
    try:
        return service_account.Credentials.from_service_account_info(_key(config), scopes=[_SCOPE])  # type: ignore[no-untyped-call, no-any-return]
    except (ValueError, GoogleAuthError):  # its text may have parts of the key
        raise ConnectError("keyfile: it is no key of a service account: make one in the Cloud Console") from None


def _key(config: Config) -> dict[str, Any]:
    """The service account's key: the setting itself, or the file that it names."""
    text = config.text("keyfile")
    try:
        found = json.loads(text if text.lstrip().startswith("{") else Path(text).read_text("utf-8"))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no JSON"
        raise ConnectError(f"keyfile: it is neither JSON nor the name of a file with JSON: {reason}") from None
    if not isinstance(found, dict):
        raise ConnectError("keyfile: it is no JSON object")
    return found
