"""An authority of the node's own: its certificate, and the server's certificate that it signs. Needs `cryptography`.

The keys are on the curve P-256: every client understands it, and a handshake costs a fraction of RSA's.
"""

from __future__ import annotations

import datetime
import ipaddress
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from headwater.app.keys import replace_private
from headwater.core.clock import Clock
from headwater.core.errors import ConfigError, StartupError

if TYPE_CHECKING:
    from cryptography import x509
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

CA_DAYS = 3_650
"""Clients have to be told of a new authority, so it lives long."""
SERVER_DAYS = 397
"""The longest that Apple's systems accept is 398 days."""
RENEW_DAYS = 30
"""A certificate with less than this left is replaced: a node that runs for months notices, with time to spare."""
_BACKDATED = datetime.timedelta(hours=1)
"""Clocks of clients that are behind by less still accept a new certificate."""
_ORGANISATION = "Headwater"


@dataclass(frozen=True)
class Names:
    """Host names and addresses in a certificate."""

    hosts: frozenset[str]
    addresses: frozenset[str]

    @classmethod
    def of(cls, names: Iterable[str]) -> Names:
        """Addresses are told from names by their form."""
        hosts, addresses = set(), set()
        for name in names:
            try:
                addresses.add(str(ipaddress.ip_address(name.strip("[]").partition("%")[0])))
            except ValueError:
                hosts.add(name.lower())
        return cls(frozenset(hosts), frozenset(addresses))


class Authority:
    """The files of one folder. Everything is made when first asked for."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock
        self.ca_file = folder / "ca.pem"
        self._ca_key = folder / "ca-key.pem"
        self._certificate = folder / "server.pem"
        self._key = folder / "server-key.pem"

    def ensure_ca(self) -> Path:
        """The authority's certificate, made or renewed if need be. Raises `ConfigError` or `StartupError`."""
        require_library()
        try:
            if not self._lasts(self.ca_file) or not self._ca_key.exists():
                self._make_ca()
        except (OSError, ValueError) as error:
            raise StartupError(f"Cannot make a certificate authority in {self._folder}: {error}") from error
        return self.ca_file

    def ensure_server(self, names: Names) -> tuple[Path, Path]:
        """Certificate (with its authority's) and key for the names, made or renewed if need be.

        Raises `ConfigError` or `StartupError`.
        """
        self.ensure_ca()
        try:
            if not self._key.exists() or not self._lasts(self._certificate) or not self._fits(names):
                self._make_server(names)
        except (OSError, ValueError) as error:
            raise StartupError(f"Cannot make a certificate in {self._folder}: {error}") from error
        return self._certificate, self._key

    def _now(self) -> datetime.datetime:
        return datetime.datetime.fromtimestamp(self._clock.now_ms() / 1000, datetime.UTC)

    def _lasts(self, file: Path) -> bool:
        from cryptography import x509

        if not file.exists():
            return False
        certificate = x509.load_pem_x509_certificate(file.read_bytes())
        return self._now() + datetime.timedelta(days=RENEW_DAYS) < certificate.not_valid_after_utc

    def _fits(self, names: Names) -> bool:
        """Whether the server's certificate has these names and comes from the present authority."""
        from cryptography import x509
        from cryptography.exceptions import InvalidSignature

        certificate = x509.load_pem_x509_certificate(self._certificate.read_bytes())
        found = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        has = Names(
            frozenset(found.get_values_for_type(x509.DNSName)),
            frozenset(str(address) for address in found.get_values_for_type(x509.IPAddress)),
        )
        try:
            certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(self.ca_file.read_bytes()))
        except (InvalidSignature, ValueError, TypeError):
            return False
        return has == names

    def _make_ca(self) -> None:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ec

        key = ec.generate_private_key(ec.SECP256R1())
        name = _name(f"{_ORGANISATION} CA of {socket.gethostname()}")
        made = (
            self._builder(name, name, key.public_key(), CA_DAYS)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .sign(key, hashes.SHA256())
        )
        self._write(self._ca_key, _key_pem(key))
        self._write(self.ca_file, _pem(made), mode=0o644)

    def _make_server(self, names: Names) -> None:
        from cryptography import x509

        alternatives: list[x509.GeneralName] = [x509.DNSName(host) for host in sorted(names.hosts)]
        alternatives += [x509.IPAddress(ipaddress.ip_address(address)) for address in sorted(names.addresses)]
        certificate, key = self._issue("localhost", x509.oid.ExtendedKeyUsageOID.SERVER_AUTH, alternatives)
        self._write(self._key, key)
        self._write(self._certificate, certificate, mode=0o644)

    def make_client(self, name: str) -> tuple[bytes, bytes]:
        """Certificate (with the authority's) and key, in PEM, of a client that will be `User:CN=name,O=Headwater`.

        Nothing is kept. Raises `ConfigError` or `StartupError`.
        """
        from cryptography import x509

        self.ensure_ca()
        try:
            return self._issue(name, x509.oid.ExtendedKeyUsageOID.CLIENT_AUTH, ())
        except (OSError, ValueError) as error:
            raise StartupError(f"Cannot make a certificate for {name}: {error}") from error

    def _issue(
        self, name: str, use: x509.ObjectIdentifier, alternatives: Sequence[x509.GeneralName]
    ) -> tuple[bytes, bytes]:
        from cryptography import x509
        from cryptography.hazmat.primitives import hashes, serialization
        from cryptography.hazmat.primitives.asymmetric import ec

        ca = x509.load_pem_x509_certificate(self.ca_file.read_bytes())
        ca_key = serialization.load_pem_private_key(self._ca_key.read_bytes(), None)
        if not isinstance(ca_key, ec.EllipticCurvePrivateKey):
            raise ValueError(f"{self._ca_key} is not the key that was made here")
        key = ec.generate_private_key(ec.SECP256R1())
        wanted = (
            self._builder(_name(name), ca.subject, key.public_key(), SERVER_DAYS)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([use]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
        )
        if alternatives:
            wanted = wanted.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        return _pem(wanted.sign(ca_key, hashes.SHA256())) + _pem(ca), _key_pem(key)

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: EllipticCurvePublicKey, days: int
    ) -> x509.CertificateBuilder:
        from cryptography import x509

        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now() - _BACKDATED)
            .not_valid_after(self._now() + datetime.timedelta(days=days))
        )

    def _write(self, file: Path, data: bytes, mode: int = 0o600) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_private(file, data)
        file.chmod(mode)


def require_library() -> None:
    """Raise `ConfigError` if `cryptography` is not installed."""
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise ConfigError(
            "certificates of a node's own, Java's truststores and signed tokens need a library: "
            "pip install 'headwater[tls]'. With the settings tls.certificate_file and tls.key_file, certificates of "
            "your own work without it"
        ) from error


def _name(common: str) -> x509.Name:
    from cryptography import x509

    oid = x509.oid.NameOID
    return x509.Name(
        [x509.NameAttribute(oid.ORGANIZATION_NAME, _ORGANISATION), x509.NameAttribute(oid.COMMON_NAME, common[:64])]
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    from cryptography import x509

    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _pem(certificate: x509.Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return certificate.public_bytes(Encoding.PEM)


def _key_pem(key: EllipticCurvePrivateKey) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
