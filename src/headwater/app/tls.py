"""Certificates of the listeners: the user's own files, or an authority and a certificate that the node makes.

What is made is in the folder `tls` of the data folder: `ca.pem` is for clients, only the owner can read the keys.
"""

from __future__ import annotations

import logging
import socket
import ssl
from dataclasses import dataclass
from pathlib import Path

from headwater.app.listeners import listeners
from headwater.app.tls_authority import Authority, Names
from headwater.core.clock import Clock
from headwater.core.errors import ConfigError
from headwater.core.settings import Settings, TlsSettings

logger = logging.getLogger(__name__)

FOLDER = "tls"
_MODES = {"none": ssl.CERT_NONE, "requested": ssl.CERT_OPTIONAL, "required": ssl.CERT_REQUIRED}


def tls_folder(settings: Settings) -> Path:
    """Where a node with these settings keeps what it makes; also one whose log is in memory."""
    return settings.node.data / FOLDER


def certificate_names(settings: Settings) -> Names:
    """What the generated certificate has to be valid for."""
    configured = [part.strip() for part in settings.tls.names.split(",")]
    advertised = [listener.advertised_host for listener in listeners(settings)]
    hosts = [settings.node.host, *(listener.host for listener in listeners(settings))]
    everywhere = ("0.0.0.0", "::", "")  # noqa: S104 - compared, not bound
    return Names.of(
        [
            *("localhost", "127.0.0.1", "::1", "host.docker.internal"),
            *local_names(),
            *(host for host in hosts if host not in everywhere),
            *filter(None, advertised),
            *filter(None, configured),
        ]
    )


def local_names() -> list[str]:
    """What this machine calls itself."""
    name = socket.gethostname()
    return [part for part in dict.fromkeys((name, name.partition(".")[0])) if part]


@dataclass(frozen=True)
class Files:
    """A certificate with its chain, and its key."""

    certificate: Path
    key: Path

    @property
    def stamp(self) -> tuple[int, int]:
        """Changes whenever either does. Raises `OSError`."""
        return self.certificate.stat().st_mtime_ns, self.key.stat().st_mtime_ns


class ServerTls:
    """The context that listeners accept with. It stays the same object when the certificate is renewed."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        """Raises `ConfigError` naming the setting whose file is no use, or the missing library."""
        self._tls = settings.tls
        self._authority = Authority(tls_folder(settings), clock)
        self._names = certificate_names(settings)
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.verify_mode = _MODES[self._tls.client_auth]
        self._files = self._current()
        self._load()
        if self._tls.client_auth != "none":
            self._load_client_authorities()

    def renew(self) -> None:
        """Make a new certificate when the old one ends soon, or take one put in its place. Raises `ConfigError`."""
        files = self._current()
        try:
            stamp = files.stamp
        except OSError as error:
            raise ConfigError(f"cannot read the certificate {files.certificate}: {error}") from error
        if stamp != self._stamp:
            self._load()
            logger.info("Listeners use the new certificate %s", files.certificate)

    def _current(self) -> Files:
        if bool(self._tls.certificate_file) != bool(self._tls.key_file):
            raise ConfigError("tls.certificate_file and tls.key_file belong together: set both or none")
        if self._tls.certificate_file:
            return Files(Path(self._tls.certificate_file).expanduser(), Path(self._tls.key_file).expanduser())
        certificate, key = self._authority.ensure_server(self._names)
        return Files(certificate, key)

    def _load(self) -> None:
        files = self._files
        try:
            self.context.load_cert_chain(files.certificate, files.key)
            self._stamp = files.stamp
        except (OSError, ValueError) as error:  # of which `SSLError` is one
            raise ConfigError(
                f"cannot use the certificate {files.certificate} with the key {files.key}: {error}. "
                "Both must be PEM files, the key without a password"
            ) from error

    def _load_client_authorities(self) -> None:
        file = client_authorities(self._tls, self._authority)
        try:
            self.context.load_verify_locations(file)
        except OSError as error:
            raise ConfigError(f"cannot use the setting tls.client_ca_file, {file}: {error}") from error


def client_authorities(tls: TlsSettings, authority: Authority) -> Path:
    """The file of authorities for clients' certificates: the configured one, or the node's own."""
    if tls.client_ca_file:
        return Path(tls.client_ca_file).expanduser()
    if tls.certificate_file:
        raise ConfigError("tls.client_auth with a certificate of your own needs tls.client_ca_file")
    return authority.ca_file
