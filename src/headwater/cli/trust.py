"""`headwater trust`: hand the node's certificate authority to clients."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer


def trust(
    *,
    out: Annotated[Path | None, typer.Option(help="Write it to this PEM file instead of printing it.")] = None,
    truststore: Annotated[
        Path | None, typer.Option(help="Make a truststore for Java (PKCS12) in this file instead.")
    ] = None,
    password: Annotated[str, typer.Option(help="Of the truststore.")] = "changeit",  # noqa: S107 - Java's own default
    install: Annotated[bool, typer.Option("--install", help="Make this system trust it; usually needs root.")] = False,
    client: Annotated[
        str,
        typer.Option(help="Make a certificate for a client of this name: NAME.pem and NAME-key.pem."),
    ] = "",
    data: Annotated[Path | None, typer.Option(help="Folder of the node (default .headwater).")] = None,
    config: Annotated[Path | None, typer.Option(help="The node's TOML file with settings.")] = None,
) -> None:
    """Print the authority that issued the node's certificate (PEM), or put it where clients look for it."""
    from headwater.app.trust import authority_file, make_client, write
    from headwater.app.trust import install as install_authority
    from headwater.app.trust import truststore as make_truststore
    from headwater.cli.node_settings import node_settings

    ca = authority_file(node_settings(config, data))
    if out is not None:
        write(out, ca.read_bytes())
        print(f"Wrote {out}. For librdkafka: ssl.ca.location={out}")
    if truststore is not None:
        write(truststore, make_truststore(ca.read_bytes(), password))
        print(
            f"Wrote {truststore}. For Java: ssl.truststore.location={truststore} ssl.truststore.type=PKCS12 "
            f"ssl.truststore.password={password}"
        )
    if install:
        print(install_authority(ca.resolve()))
    if client:
        certificate, key = make_client(node_settings(config, data), client)
        print(f"Wrote {certificate} and {key}. With them it is User:CN={client},O=Headwater on SSL listeners.")
    if out is None and truststore is None and not install and not client:
        sys.stdout.write(ca.read_text())
