"""Whom clients of https doors trust: the system's authorities, or one that they are told of."""

from __future__ import annotations

import os
import ssl

from headwater.core.errors import ConfigError

CA_FILE = "HEADWATER_CA_FILE"
"""Environment variable that names a PEM file of authorities, such as the `ca.pem` of a node (`headwater trust`)."""


def client_context(ca_file: str = "") -> ssl.SSLContext:
    """Checks servers' certificates against `ca_file`, else the file that `HEADWATER_CA_FILE` names, else the system's.

    Raises `ConfigError` for a file that is none.
    """
    file = os.path.expanduser(ca_file or os.environ.get(CA_FILE, ""))
    try:
        return ssl.create_default_context(cafile=file or None)
    except OSError as error:  # of which `SSLError` is one
        raise ConfigError(f"cannot read the authorities in {file}: {error.strerror or error}") from error


def why_not(server: str, error: Exception | str) -> str:
    """Why the server at a URL was not reached, and what to do about it; a text says how a connection ended."""
    from http.client import BadStatusLine

    if isinstance(error, ssl.SSLCertVerificationError):
        return (
            f"its certificate is not trusted ({error.verify_message}). `headwater trust` on the server writes the file "
            f"of its authority: name that in the environment variable {CA_FILE}, or with --ca-file for `headwater sql`"
        )
    if isinstance(error, BadStatusLine) and not isinstance(error, ConnectionError):
        error = "it does not speak HTTP"
    reason = error if isinstance(error, str) else getattr(error, "strerror", None) or str(error) or type(error).__name__
    secure = server.startswith("https:")
    if secure and isinstance(error, ssl.SSLError):
        return f"{reason}. It may not speak https: try http:{server.partition(':')[2]}"
    if not secure and isinstance(error, str | ConnectionResetError | BrokenPipeError):
        return f"{reason}. It may speak https: try https:{server.partition(':')[2]}"
    return f"{reason}. Start one with `headwater up`"
