"""Kafka's client properties files: from what every client is configured with to how Headwater logs in to a cluster."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from headwater.app.tls_authority import require_library
from headwater.core.config import load
from headwater.core.errors import ConfigError
from headwater.core.settings import ClusterSettings

DEFAULT_HOST = "127.0.0.1"
_JAAS = re.compile(r"""(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)'|([^\s;]+))""")
_LINE = re.compile(r"((?:[^\\=:\s]|\\.)+)\s*[=:\s]?\s*(.*)")


def cluster_settings(
    config: Path | None, bootstrap_servers: str | None, environment: Mapping[str, str]
) -> ClusterSettings:
    """How to reach the cluster a command is about: options first, then the properties file, then the environment
    (`HEADWATER_CLUSTER_…`, `HEADWATER_CONFIG`), then the node that runs here by default. Raises `ConfigError`."""
    settings = load(None, environment)
    found = settings.cluster
    if not found.bootstrap_servers:
        host = DEFAULT_HOST if settings.node.host in ("0.0.0.0", "::", "") else settings.node.host  # noqa: S104
        address = f"[{host}]" if ":" in host else host
        found = replace(found, bootstrap_servers=f"{address}:{settings.kafka.port or 9092}")
    if config is not None:
        found = apply(parse(_read(config)), found, config)
    return replace(found, bootstrap_servers=bootstrap_servers) if bootstrap_servers else found


def _read(path: Path) -> str:
    try:
        return path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the client properties {path}: {error}") from error


def parse(text: str) -> dict[str, str]:
    """Java's format: `name=value`, `#` or `!` for comments, a backslash at the end goes on in the next line.

    >>> parse("a = 1\\n# no\\nb:2\\\\\\n  3")
    {'a': '1', 'b': '23'}
    """
    found: dict[str, str] = {}
    lines = iter(text.splitlines())
    for line in lines:
        whole = line.strip()
        if not whole or whole[0] in "#!":
            continue
        while whole.endswith("\\") and not whole.endswith("\\\\"):
            whole = whole[:-1] + next(lines, "").strip()
        matched = _LINE.fullmatch(whole)
        if matched is not None:
            found[matched[1].replace("\\", "")] = matched[2].replace("\\\\", "\\")
    return found


def apply(properties: Mapping[str, str], base: ClusterSettings, where: Path) -> ClusterSettings:
    """`base` with what the properties say; what is not about connecting is passed over. Raises `ConfigError`."""
    changes: dict[str, object] = {}
    for name, (field, convert) in _FIELDS.items():
        if name in properties:
            changes[field] = convert(properties[name].strip())
    jaas = properties.get("sasl.jaas.config", "")
    login = {found[1]: _unquoted(found) for found in _JAAS.finditer(jaas)}
    if "username" in login:
        changes["sasl_username"] = login["username"]
    if "password" in login:
        changes["sasl_password"] = login["password"]
    changes |= _truststore(properties, where)
    made = replace(base, **changes)  # type: ignore[arg-type] # the table below has the fields' types
    protocols = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
    if made.security_protocol not in protocols:
        raise ConfigError(f"security.protocol in {where} must be one of {', '.join(protocols)}")
    mechanisms = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
    if made.sasl_mechanism not in mechanisms:
        raise ConfigError(f"sasl.mechanism in {where} must be one of {', '.join(mechanisms)} here")
    return made


def _unquoted(found: re.Match[str]) -> str:
    text = next(part for part in (found[2], found[3], found[4]) if part is not None)
    return re.sub(r"\\(.)", r"\1", text)


def _truststore(properties: Mapping[str, str], where: Path) -> dict[str, object]:
    """The file of authorities, made from a Java truststore where it is one."""
    location = properties.get("ssl.truststore.location", "").strip()
    if not location:
        return {}
    data = Path(location)
    if properties.get("ssl.truststore.type", "JKS").upper() == "PEM":
        return {"ssl_ca_file": location}
    require_library()
    from cryptography.hazmat.primitives.serialization import Encoding, pkcs12

    try:
        password = properties.get("ssl.truststore.password", "").encode() or None
        found = pkcs12.load_pkcs12(data.read_bytes(), password)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"cannot read the truststore {location} of {where} ({error}): it must be PKCS12, or PEM with "
            "ssl.truststore.type=PEM"
        ) from error
    certificates = [entry.certificate for entry in found.additional_certs]
    with tempfile.NamedTemporaryFile("wb", suffix=".pem", delete=False) as file:
        for certificate in certificates:
            file.write(certificate.public_bytes(Encoding.PEM))
    return {"ssl_ca_file": file.name}


def _is_checked(algorithm: str) -> bool:
    return algorithm.lower() not in ("", "none")


_FIELDS: dict[str, tuple[str, Callable[[str], object]]] = {
    "bootstrap.servers": ("bootstrap_servers", str),
    "security.protocol": ("security_protocol", str.upper),
    "sasl.mechanism": ("sasl_mechanism", str.upper),
    "sasl.mechanisms": ("sasl_mechanism", str.upper),
    "sasl.username": ("sasl_username", str),
    "sasl.password": ("sasl_password", str),
    "ssl.ca.location": ("ssl_ca_file", os.path.expanduser),
    "ssl.certificate.location": ("ssl_certificate_file", os.path.expanduser),
    "ssl.key.location": ("ssl_key_file", os.path.expanduser),
    "ssl.endpoint.identification.algorithm": ("ssl_check_hostname", _is_checked),
    "client.id": ("client_id", str),
}
"""The client property to the setting of [cluster], and how to read it."""
