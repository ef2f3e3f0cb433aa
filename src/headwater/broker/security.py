"""Users and rights that clients administer: SCRAM credentials and ACLs, kept beside the log's own metadata.

They are not in a topic on purpose: whoever may read topics must not get at what logins are checked with.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from typing import Any

from headwater.broker.acls import Acl, Acls, Operation, Pattern, Permission, Resource
from headwater.broker.scram import ScramCredential, ScramMechanism
from headwater.core.errors import StartupError
from headwater.log.log import Log

FILE = "security.json"
_VERSION = 1

Credentials = Mapping[tuple[str, ScramMechanism], ScramCredential]


class SecurityStore:
    """The one place that knows and changes them. Every change is on disk when the call returns."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self._credentials: dict[tuple[str, ScramMechanism], ScramCredential] = {}
        self.acls = Acls()

    def load(self) -> None:
        """Read the file, if there is one. Raises `StartupError` if it is damaged, `LogError` if it cannot be read."""
        data = self._log.read_metadata(FILE)
        if data is None:
            return
        try:
            document: dict[str, Any] = json.loads(data)
            if document["version"] != _VERSION:
                raise ValueError(f"version {document['version']}")
            self._credentials = {
                (entry["user"], ScramMechanism(entry["mechanism"])): credential_from(entry)
                for entry in document["users"]
            }
            self.acls = Acls(_acl(entry) for entry in document["acls"])
        except (ValueError, KeyError, TypeError) as error:
            raise StartupError(f"{FILE} is damaged ({error!r}). Restore it from a copy of the data folder.") from error

    @property
    def credentials(self) -> Credentials:
        """Every user's credential by name and mechanism."""
        return self._credentials

    def credential(self, user: str, mechanism: ScramMechanism) -> ScramCredential | None:
        return self._credentials.get((user, mechanism))

    def change_users(
        self, put: Iterable[tuple[str, ScramCredential]], removed: Iterable[tuple[str, ScramMechanism]]
    ) -> None:
        """Store and forget credentials. Raises `LogError`; then nothing has changed."""
        changed = dict(self._credentials)
        for key in removed:
            changed.pop(key, None)
        changed.update(((user, credential.mechanism), credential) for user, credential in put)
        self._write(changed, self.acls)
        self._credentials = changed

    def change_acls(self, put: Iterable[Acl], removed: Iterable[Acl]) -> None:
        """Add and remove entries. Raises `LogError`; then nothing has changed."""
        changed = Acls({*self.acls, *put} - set(removed))
        self._write(self._credentials, changed)
        self.acls = changed

    def _write(self, credentials: Credentials, acls: Acls) -> None:
        document = {
            "version": _VERSION,
            "users": [
                {"user": user, **credential_to(credential)} for (user, _), credential in sorted(credentials.items())
            ],
            "acls": [
                {
                    "resource": acl.resource.name,
                    "name": acl.name,
                    "pattern": acl.pattern.name,
                    "principal": acl.principal,
                    "host": acl.host,
                    "operation": acl.operation.name,
                    "permission": acl.permission.name,
                }
                for acl in sorted(acls)
            ],
        }
        self._log.write_metadata(FILE, json.dumps(document, indent=1).encode())


def credential_from(entry: Mapping[str, Any]) -> ScramCredential:
    """What `credential_to` made. Raises `ValueError`, `KeyError` or `TypeError`."""
    return ScramCredential(
        ScramMechanism(entry["mechanism"]),
        base64.b64decode(entry["salt"]),
        int(entry["iterations"]),
        base64.b64decode(entry["stored_key"]),
        base64.b64decode(entry["server_key"]),
    )


def credential_to(credential: ScramCredential) -> dict[str, Any]:
    """For JSON."""
    return {
        "mechanism": int(credential.mechanism),
        "salt": _base64(credential.salt),
        "iterations": credential.iterations,
        "stored_key": _base64(credential.stored_key),
        "server_key": _base64(credential.server_key),
    }


def _acl(entry: Mapping[str, str]) -> Acl:
    return Acl(
        Resource[entry["resource"]],
        entry["name"],
        Pattern[entry["pattern"]],
        entry["principal"],
        entry["host"],
        Operation[entry["operation"]],
        Permission[entry["permission"]],
    )


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()
