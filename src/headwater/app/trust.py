"""Handing the node's authority to clients: as PEM, as a truststore for Java, into the system's bundle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from headwater.app.keys import replace_private
from headwater.app.tls import tls_folder
from headwater.app.tls_authority import Authority
from headwater.core.clock import SystemClock
from headwater.core.errors import ConfigError, HeadwaterError
from headwater.core.settings import Settings

ALIAS = "headwater"
JAVA_PASSWORD = "changeit"  # noqa: S105 - Java's own default; what is inside is public
_INSTALL_SECONDS = 120
Run = Callable[[Sequence[str]], None]


class TrustError(HeadwaterError):
    """The certificate could not be put somewhere; says what to do instead."""


def authority_file(settings: Settings) -> Path:
    """The PEM file that clients have to trust, made if the node has none yet. Raises `HeadwaterError`."""
    if settings.tls.certificate_file:
        raise ConfigError(
            "this node uses the certificate of the setting tls.certificate_file: clients have to trust its issuer"
        )
    return Authority(tls_folder(settings), SystemClock()).ensure_ca()


def make_client(settings: Settings, name: str, folder: Path = Path()) -> tuple[Path, Path]:
    """Files with certificate and key of a client, in the folder. Raises `HeadwaterError`."""
    if not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise ConfigError(f"`{name}` cannot be the name of a client: use letters, digits, `.`, `_` and `-`")
    authority_file(settings)
    certificate, key = Authority(tls_folder(settings), SystemClock()).make_client(name)
    files = folder / f"{name}.pem", folder / f"{name}-key.pem"
    write(files[0], certificate)
    try:
        replace_private(files[1], key)
    except OSError as error:
        raise TrustError(f"Cannot write {files[1]}: {error.strerror}") from error
    return files


def write(path: Path, data: bytes) -> None:
    """Raises `TrustError`."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise TrustError(f"Cannot write {path}: {error.strerror}") from error


def truststore(pem: bytes, password: str) -> bytes:
    """A PKCS12 file that Java takes as a truststore (also under the name `.jks`: it tells by the content)."""
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12

    certificate = pkcs12.PKCS12Certificate(x509.load_pem_x509_certificate(pem), ALIAS.encode())
    return pkcs12.serialize_java_truststore([certificate], BestAvailableEncryption(password.encode()))


@dataclass(frozen=True)
class Store:
    """One way to make a system trust an authority: a folder to put it in, and the command that takes note."""

    folder: str
    command: tuple[str, ...]


_LINUX_STORES = (
    Store("/usr/local/share/ca-certificates", ("update-ca-certificates",)),  # Debian, Ubuntu, Alpine
    Store("/etc/pki/ca-trust/source/anchors", ("update-ca-trust", "extract")),  # Fedora, Red Hat
    Store("/etc/ca-certificates/trust-source/anchors", ("trust", "extract-compat")),  # Arch
    Store("/usr/share/pki/trust/anchors", ("update-ca-certificates",)),  # SUSE
)
_BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem")
_MAC_COMMAND = ("security", "add-trusted-cert", "-d", "-r", "trustRoot", "-k", "/Library/Keychains/System.keychain")


def _run(command: Sequence[str]) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=_INSTALL_SECONDS)


def install(ca: Path, root: Path = Path("/"), platform: str = sys.platform, run: Run = _run) -> str:
    """Make the system trust the authority; what was done, for a person. Raises `TrustError` that says what to do
    otherwise. `root`, `platform` and `run` are those of this machine unless a test brings its own."""
    try:
        if platform == "darwin":
            run([*_MAC_COMMAND, str(ca)])
            return "The authority is in the system's keychain."
        if platform.startswith("linux"):
            return _install_on_linux(ca, root, run)
    except PermissionError as error:
        raise TrustError(
            f"This needs more rights ({error.filename}: {error.strerror}). As root: {advice(ca, platform)}"
        ) from error
    except subprocess.CalledProcessError as error:
        said = (error.stderr or error.stdout or b"").decode(errors="replace").strip()
        raise TrustError(f"`{' '.join(error.cmd)}` failed: {said}. As root: {advice(ca, platform)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TrustError(f"Cannot install the authority: {error}. By hand: {advice(ca, platform)}") from error
    raise TrustError(f"Headwater does not know how this system trusts authorities. By hand: {advice(ca, platform)}")


def _install_on_linux(ca: Path, root: Path, run: Run) -> str:
    for store in _LINUX_STORES:
        folder = root / store.folder.lstrip("/")
        if folder.is_dir() and shutil.which(store.command[0]):
            target = folder / f"{ALIAS}.crt"
            shutil.copyfile(ca, target)
            run(store.command)
            return f"The authority is in {target}, and `{' '.join(store.command)}` took note of it."
    for bundle in (root / name.lstrip("/") for name in _BUNDLES):
        if bundle.is_file():
            return _append(ca, bundle)
    raise TrustError(f"This system has no bundle of authorities that Headwater knows. By hand: {advice(ca, 'linux')}")


def _append(ca: Path, bundle: Path) -> str:
    """Containers often have the bundle without the command that makes it."""
    pem, known = ca.read_text(), bundle.read_text()
    if pem.strip() in known:
        return f"The authority is in {bundle} already."
    if not os.access(bundle, os.W_OK):
        raise PermissionError(13, "Permission denied", str(bundle))
    with bundle.open("a") as file:
        file.write(f"{'' if known.endswith(chr(10)) else chr(10)}{pem}")
    return f"The authority was added to {bundle}."


def advice(ca: Path, platform: str = sys.platform) -> str:
    """How to trust the authority by hand."""
    if platform == "darwin":
        return f"sudo {' '.join(_MAC_COMMAND)} {ca}"
    if platform == "win32":
        return f"certutil -addstore Root {ca}"
    return (
        f"cp {ca} /usr/local/share/ca-certificates/{ALIAS}.crt && update-ca-certificates (Debian, Ubuntu, Alpine), or "
        f"cp {ca} /etc/pki/ca-trust/source/anchors/{ALIAS}.pem && update-ca-trust (Fedora, Red Hat). Or tell clients: "
        f"ssl.ca.location={ca}"
    )
