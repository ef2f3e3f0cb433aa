"""Certificates that a node makes: names, renewal, file modes; truststores and the system's bundle."""

from __future__ import annotations

import asyncio
import datetime
import ssl
import stat
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import pkcs12

from headwater.app.tls import ServerTls, certificate_names, tls_folder
from headwater.app.tls_authority import CA_DAYS, RENEW_DAYS, SERVER_DAYS, Authority, Names
from headwater.app.trust import TrustError, advice, install, truststore
from headwater.broker.settings import BrokerSettings
from headwater.core.clock import SystemClock
from headwater.core.errors import ConfigError
from headwater.core.settings import KafkaSettings, NodeSettings, Settings, TlsSettings
from headwater.testing.clock import ManualClock
from tests.broker.server import running_broker, until

DAY_MS = 24 * 3_600_000
NAMES = Names.of(["localhost", "127.0.0.1", "::1"])


def loaded(file: Path) -> x509.Certificate:
    return x509.load_pem_x509_certificate(file.read_bytes())


def settings_in(folder: Path, tls: TlsSettings | None = None, kafka: KafkaSettings | None = None) -> Settings:
    return Settings(node=NodeSettings(data=folder), tls=tls or TlsSettings(), kafka=kafka or KafkaSettings())


def test_the_authority_signs_a_certificate_for_all_names(tmp_path: Path) -> None:
    settings = settings_in(
        tmp_path,
        TlsSettings(names="broker.example, 10.1.2.3"),
        KafkaSettings(listeners={"out.port": "0", "out.advertised_host": "outside.example"}),
    )
    authority = Authority(tls_folder(settings), ManualClock())
    certificate, key = authority.ensure_server(certificate_names(settings))
    names = loaded(certificate).extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    hosts = set(names.get_values_for_type(x509.DNSName))
    assert {"localhost", "host.docker.internal", "broker.example", "outside.example"} <= hosts
    addresses = {str(a) for a in names.get_values_for_type(x509.IPAddress)}
    assert {"127.0.0.1", "::1", "10.1.2.3"} <= addresses
    loaded(certificate).verify_directly_issued_by(loaded(authority.ca_file))
    assert [stat.S_IMODE(f.stat().st_mode) for f in (key, tmp_path / "tls" / "ca-key.pem")] == [0o600, 0o600]


@pytest.mark.parametrize(
    ("days", "names", "is_new", "ca_is_new"),
    [
        (1, NAMES, False, False),
        (SERVER_DAYS - RENEW_DAYS - 1, NAMES, False, False),
        (SERVER_DAYS - RENEW_DAYS + 1, NAMES, True, False),
        (0, Names.of(["localhost", "new.example"]), True, False),
        (CA_DAYS - RENEW_DAYS + 1, NAMES, True, True),
    ],
)
def test_a_certificate_is_renewed_before_it_ends_and_when_names_change(
    tmp_path: Path, days: int, names: Names, is_new: bool, ca_is_new: bool
) -> None:
    clock = ManualClock()
    authority = Authority(tmp_path, clock)
    before = loaded(authority.ensure_server(NAMES)[0]).serial_number
    ca_before = loaded(authority.ca_file).serial_number
    clock.set(clock.now_ms() + days * DAY_MS)
    after = loaded(authority.ensure_server(names)[0])
    assert (after.serial_number != before) is is_new
    assert (loaded(authority.ca_file).serial_number != ca_before) is ca_is_new
    now = datetime.datetime.fromtimestamp(clock.now_ms() / 1000, datetime.UTC)
    assert after.not_valid_before_utc < now < after.not_valid_after_utc
    after.verify_directly_issued_by(loaded(authority.ca_file))


def test_a_running_listener_takes_a_renewed_certificate(tmp_path: Path) -> None:
    clock = ManualClock()
    tls = ServerTls(settings_in(tmp_path), clock)
    context, stamp = tls.context, tls._stamp
    tls.renew()
    assert tls._stamp == stamp
    clock.set(clock.now_ms() + SERVER_DAYS * DAY_MS)
    tls.renew()
    assert tls._stamp != stamp
    assert tls.context is context


def test_certificates_of_ones_own_are_used_as_they_are(tmp_path: Path) -> None:
    certificate, key = Authority(tmp_path / "mine", ManualClock()).ensure_server(NAMES)
    own = TlsSettings(certificate_file=str(certificate), key_file=str(key))
    ServerTls(settings_in(tmp_path / "node", own), ManualClock())
    assert not (tmp_path / "node").exists()


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"key_file": ""}, "tls.key_file"),
        ({"key_file": "/none.pem"}, "/none.pem"),
        ({"client_auth": "required"}, "tls.client_ca_file"),
        ({"client_auth": "required", "client_ca_file": "/none.pem"}, "tls.client_ca_file"),
    ],
)
def test_files_that_are_no_use_are_named(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    certificate, key = Authority(tmp_path, ManualClock()).ensure_server(NAMES)
    own = replace(TlsSettings(certificate_file=str(certificate), key_file=str(key)), **change)
    with pytest.raises(ConfigError, match=named):
        ServerTls(settings_in(tmp_path / "node", own), ManualClock())


@pytest.mark.parametrize(("choice", "mode"), [("requested", ssl.CERT_OPTIONAL), ("required", ssl.CERT_REQUIRED)])
def test_clients_may_be_asked_for_certificates(tmp_path: Path, choice: str, mode: ssl.VerifyMode) -> None:
    tls = ServerTls(settings_in(tmp_path, TlsSettings(client_auth=choice)), ManualClock())
    assert tls.context.verify_mode is mode
    assert len(tls.context.get_ca_certs()) == 1, "those that the node's own authority has signed"


def test_a_truststore_has_the_authority_alone(tmp_path: Path) -> None:
    pem = Authority(tmp_path, ManualClock()).ensure_ca().read_bytes()
    store = pkcs12.load_pkcs12(truststore(pem, "changeit"), b"changeit")
    assert store.key is None
    assert [entry.certificate for entry in store.additional_certs] == [x509.load_pem_x509_certificate(pem)]


@pytest.fixture
def ca(tmp_path: Path) -> Path:
    return Authority(tmp_path / "node", ManualClock()).ensure_ca()


def no_command(command: Sequence[str]) -> None:
    raise AssertionError(command)


def test_the_authority_is_added_to_a_bundle_once(ca: Path, tmp_path: Path) -> None:
    bundle = tmp_path / "etc" / "ssl" / "certs" / "ca-certificates.crt"
    bundle.parent.mkdir(parents=True)
    bundle.write_text("# others")
    assert "added" in install(ca, tmp_path, "linux", no_command)
    assert "already" in install(ca, tmp_path, "linux", no_command)
    assert bundle.read_text() == f"# others\n{ca.read_text()}"


def test_on_a_mac_the_keychain_is_told(ca: Path, tmp_path: Path) -> None:
    commands: list[Sequence[str]] = []
    assert "keychain" in install(ca, tmp_path, "darwin", commands.append)
    assert commands[0][0] == "security"
    assert commands[0][-1] == str(ca)


def test_where_it_cannot_be_installed_the_way_by_hand_is_told(ca: Path, tmp_path: Path) -> None:
    def refuse(command: Sequence[str]) -> None:
        raise PermissionError(13, "Permission denied", command[0])

    with pytest.raises(TrustError, match="sudo security"):
        install(ca, tmp_path, "darwin", refuse)
    for platform in ("linux", "win32"):
        with pytest.raises(TrustError, match="By hand"):
            install(ca, tmp_path, platform, no_command)
    assert str(ca) in advice(ca, "linux")


@pytest.mark.parametrize(("sent", "said"), [(b"", "taking longer"), (b"GET / HTTP/1.0\r\n\r\n", "SSL")])
async def test_who_does_not_speak_tls_is_disconnected_and_the_log_says_so(
    tmp_path: Path, sent: bytes, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    context = ServerTls(settings_in(tmp_path), SystemClock()).context
    async with running_broker(tls=context, settings=BrokerSettings(login_timeout_ms=200, max_connections=1)) as running:
        reader, writer = await asyncio.open_connection("127.0.0.1", running.port)
        writer.write(sent)
        with suppress(ConnectionError):
            while await reader.read(1_000):
                """Nothing but an alert may come."""
        writer.close()
        await until(lambda: "TLS handshake with 127.0.0.1 failed" in caplog.text)
        assert said in caplog.text
        trusting = ssl.create_default_context(cafile=tmp_path / "tls" / "ca.pem")
        await until(lambda: running.listener._counts.total == 0)
        reader, writer = await asyncio.open_connection("localhost", running.port, ssl=trusting)
        await until(lambda: running.listener.connections == 1)
        writer.close()
        await writer.wait_closed()
