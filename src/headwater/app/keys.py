"""API keys: those of the settings, and those that `headwater keys` keeps in a file of the data folder.

Why a file: whoever may write the data folder may do everything anyway, so no login is needed to make the first key; it
works before the first start, while the node runs, and in front of an Apache Kafka cluster. A running node notices a
change by the file's time, within a second and at every login. Only what checks a secret is kept, never the secret.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import secrets
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from headwater.broker.access import ANONYMOUS
from headwater.broker.auth import ApiKeys, Role, VerifiedSecrets
from headwater.broker.scram import ScramCredential, ScramMechanism
from headwater.broker.security import credential_from, credential_to
from headwater.core.errors import ConfigError, HeadwaterError, StartupError
from headwater.core.settings import Settings

FILE = "keys.json"
NODE_USER = "headwater-node"
"""Who the nodes on one Apache Kafka are to each other (`cluster.node_secret`)."""
_VERSION = 1
_ITERATIONS = 4_096
"""As Kafka's own tools have it. A generated secret has 256 bits, so guessing is hopeless whatever this is."""
_SECRET_BYTES = 32
_NAME = re.compile(r"[A-Za-z0-9._-]{1,100}")


class KeyRefusedError(HeadwaterError):
    """A key cannot be made or revoked; says why."""


def key_ring(settings: Settings) -> KeyRing:
    """The keys of a node with these settings. Raises `ConfigError` or `StartupError`."""
    if settings.cluster.node_secret and NODE_USER in settings.node.api_keys:
        raise ConfigError(f"an API key in the setting node.api_keys must not be named `{NODE_USER}`")
    return KeyRing(settings.node.api_keys, key_file(settings))


def key_file(settings: Settings) -> KeyFile:
    """The file of a node with these settings."""
    return KeyFile(settings.node.data / FILE)


@dataclass(frozen=True)
class ApiKey:
    """One key as it is kept."""

    name: str
    role: Role
    description: str
    created_ms: int
    credentials: Mapping[ScramMechanism, ScramCredential]


class KeyFile:
    """The file of keys."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, ApiKey]:
        """The keys by name; none if there is no file. Raises `StartupError` if it cannot be understood."""
        try:
            text = self.path.read_text("utf-8")
        except FileNotFoundError:
            return {}
        except NotADirectoryError as error:
            file = next(path for path in self.path.parents if path.exists())
            raise StartupError(f"Cannot use the data folder {self.path.parent}: {file} is not a folder.") from error
        except (OSError, UnicodeDecodeError) as error:
            raise StartupError(f"Cannot read the API keys in {self.path}: {error}") from error
        try:
            document = json.loads(text)
            if document["version"] != _VERSION:
                raise ValueError(f"version {document['version']}")
            return {key.name: key for key in map(_key_from, document["keys"])}
        except (ValueError, KeyError, TypeError) as error:
            raise StartupError(f"{self.path} is damaged ({error!r}). Restore it from a copy, or remove it.") from error

    def create(
        self, name: str, role: Role, description: str, now_ms: int, secret: str | None = None
    ) -> tuple[str, str]:
        """Make a key; its name and its secret, both made up where not given. Raises `HeadwaterError`."""
        name = name or f"HW{secrets.token_hex(7).upper()}"
        if not _NAME.fullmatch(name) or name == ANONYMOUS:
            raise KeyRefusedError(
                f"`{name}` cannot be the name of a key: use up to 100 letters, digits, `.`, `_` and `-`"
            )
        secret = secrets.token_urlsafe(_SECRET_BYTES) if secret is None else secret
        if not secret:
            raise KeyRefusedError("A secret must not be empty")
        made = {
            mechanism: ScramCredential.from_password(mechanism, secret, iterations=_ITERATIONS)
            for mechanism in ScramMechanism
        }
        with self._changing() as keys:
            if name in keys:
                raise KeyRefusedError(f"There is a key {name} already; revoke it first, or take another name")
            keys[name] = ApiKey(name, role, description, now_ms, made)
        return name, secret

    def revoke(self, name: str) -> None:
        """Forget a key. Raises `HeadwaterError` if there is none of the name."""
        with self._changing() as keys:
            if keys.pop(name, None) is None:
                raise KeyRefusedError(f"There is no key {name} in {self.path}; `headwater keys list` shows all")

    def stamp(self) -> tuple[int, int, int] | None:
        """Changes whenever the file does; None if there is none."""
        try:
            found = self.path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino

    @contextmanager
    def _changing(self) -> Iterator[dict[str, ApiKey]]:
        """The keys, to be changed and written back by one process at a time."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with (self.path.parent / f".{FILE}.lock").open("w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                keys = self.read()
                yield keys
                document = {"version": _VERSION, "keys": [_key_to(key) for key in keys.values()]}
                replace_private(self.path, json.dumps(document, indent=1).encode())
        except OSError as error:
            raise KeyRefusedError(f"Cannot write the API keys to {self.path}: {error.strerror}") from error


def replace_private(path: Path, data: bytes) -> None:
    """Give the file this content at once, readable by its owner only, on disk on return. Raises `OSError`."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")  # mode 0600
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(temporary).unlink()
        raise


def _key_from(entry: Mapping[str, object]) -> ApiKey:
    credentials = entry["credentials"]
    if not isinstance(credentials, list):
        raise TypeError("credentials")
    found = map(credential_from, credentials)
    return ApiKey(
        str(entry["name"]),
        Role(str(entry["role"])),
        str(entry["description"]),
        int(str(entry["created_ms"])),
        {credential.mechanism: credential for credential in found},
    )


def _key_to(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "role": key.role.value,
        "description": key.description,
        "created_ms": key.created_ms,
        "credentials": [credential_to(credential) for credential in key.credentials.values()],
    }


class KeyRing:
    """The keys of settings and file together: the `Verifier` of every door."""

    def __init__(self, fixed: Mapping[str, str], file: KeyFile) -> None:
        """Raises `ConfigError` or `StartupError`."""
        if ANONYMOUS in fixed or "" in fixed:
            raise ConfigError(f"an API key in the setting node.api_keys must not be named `{ANONYMOUS}` or nothing")
        self._fixed = ApiKeys(fixed)
        self._file = file
        self._verified = VerifiedSecrets()
        self._stamp = file.stamp()
        self._keys = file.read()

    def __bool__(self) -> bool:
        """Whether there is any key in the file."""
        return bool(self._keys)

    def refresh(self) -> None:
        """Take note of changes to the file. Raises `StartupError` if it is damaged; what was known stays."""
        stamp = self._file.stamp()
        if stamp != self._stamp:
            self._keys = self._file.read()
            self._stamp = stamp

    def verify(self, username: str, password: str) -> bool:
        if self._fixed.role(username) is not None:
            return self._fixed.verify(username, password)
        credential = self._credential(username, ScramMechanism.SHA_256)
        return credential is not None and self._verified.matches(username, credential, password)

    def credential(self, username: str, mechanism: ScramMechanism) -> ScramCredential | None:
        return self._fixed.credential(username, mechanism) or self._credential(username, mechanism)

    def role(self, username: str) -> Role | None:
        """From memory: asked for by every request."""
        found = self._keys.get(username)
        return self._fixed.role(username) or (None if found is None else found.role)

    def _credential(self, username: str, mechanism: ScramMechanism) -> ScramCredential | None:
        found = self._keys.get(username)
        return None if found is None else found.credentials.get(mechanism)
