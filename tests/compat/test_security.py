"""Encrypted listeners, certificates of clients, and tokens, with the clients of other projects."""

from __future__ import annotations

import base64
import json
import ssl
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiokafka
import aiokafka.helpers
import pytest

from headwater.app.tls import ServerTls, tls_folder
from headwater.app.tls_authority import Authority
from headwater.app.trust import make_client, truststore
from headwater.broker.auth import ApiKeys
from headwater.broker.oauth import Rules, UnsecuredValidator
from headwater.broker.settings import BrokerSettings
from headwater.core.clock import SystemClock
from headwater.core.settings import NodeSettings, Settings, TlsSettings
from tests.broker.server import Running, broker_in_thread
from tests.compat.conftest import SECRET, USER
from tests.compat.maven import JavaKafka, java_kafka
from tests.conftest import required, skip_or_fail
from tests.kafka_fixture import CannotRunError

kafka = required("confluent_kafka")
pytestmark = pytest.mark.compat
SECONDS = 20
REAUTH_MS = 3_000


BEARER = "app-1"
"""Whom tokens name: not an API key, as others give tokens out."""


@dataclass(frozen=True)
class Encrypted:
    """A broker with TLS, and the authority that its clients have to trust."""

    running: Running
    ca: Path

    @property
    def address(self) -> str:
        return f"localhost:{self.running.port}"


def server_tls(folder: Path, **tls: Any) -> tuple[ssl.SSLContext, Path]:
    """The listener's context, and the authority."""
    settings = Settings(node=NodeSettings(data=folder), tls=replace(TlsSettings(), **tls))
    return ServerTls(settings, SystemClock()).context, Authority(tls_folder(settings), SystemClock()).ca_file


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Encrypted]:
    context, ca = server_tls(tmp_path_factory.mktemp("node"))
    settings = BrokerSettings(connections_max_reauth_ms=REAUTH_MS)
    with broker_in_thread(
        verifier=ApiKeys({USER: SECRET}),
        tls=context,
        settings=settings,
        tokens=UnsecuredValidator(Rules(), SystemClock()),
    ) as running:
        running.broker.access._super_users = frozenset({BEARER})
        yield Encrypted(running, ca)


def sasl_ssl(broker: Encrypted, mechanism: str = "PLAIN", **more: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": broker.address,
        "log_level": 0,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(broker.ca),
        "sasl.mechanism": mechanism,
        "sasl.username": USER,
        "sasl.password": SECRET,
    } | more


def produce_and_read(config: dict[str, Any], topic: str, values: int = 100) -> None:
    producer = kafka.Producer(config)
    for number in range(values):
        producer.produce(topic, str(number).encode() * 500)
    assert producer.flush(SECONDS) == 0
    consumer = kafka.Consumer(config | {"group.id": topic, "auto.offset.reset": "earliest"})
    consumer.subscribe([topic])
    read: list[Any] = []
    while len(read) < values:
        batch = consumer.consume(values, SECONDS)
        assert batch
        read += batch
    consumer.close()
    assert [message.value() for message in read] == [str(number).encode() * 500 for number in range(values)]


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256"])
def test_confluent_kafka_over_sasl_ssl(encrypted: Encrypted, mechanism: str) -> None:
    produce_and_read(sasl_ssl(encrypted, mechanism), f"confluent-{mechanism}")


def test_who_does_not_trust_the_authority_does_not_connect(encrypted: Encrypted) -> None:
    config = sasl_ssl(encrypted)
    del config["ssl.ca.location"]
    errors: list[Any] = []
    client = kafka.Producer(config | {"error_cb": errors.append})
    deadline = time.monotonic() + SECONDS
    while not any(error.code() == kafka.KafkaError._SSL for error in errors):
        client.poll(0.1)
        assert time.monotonic() < deadline


async def test_aiokafka_over_sasl_ssl(encrypted: Encrypted) -> None:
    context = aiokafka.helpers.create_ssl_context(cafile=str(encrypted.ca))
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=encrypted.address,
        security_protocol="SASL_SSL",
        ssl_context=context,
        sasl_mechanism="SCRAM-SHA-512",
        sasl_plain_username=USER,
        sasl_plain_password=SECRET,
    ) as producer:
        assert (await producer.send_and_wait("aio-tls", b"v")).offset == 0


def test_a_clients_certificate_is_its_name(tmp_path: Path) -> None:
    context, ca = server_tls(tmp_path, client_auth="required")
    certificate, key = make_client(Settings(node=NodeSettings(data=tmp_path)), "app", tmp_path)
    with broker_in_thread(tls=context, verifier=ApiKeys({USER: SECRET}), login=False) as running:
        name = "CN=app,O=Headwater"
        running.broker.access._super_users = frozenset({name})
        broker = Encrypted(running, ca)
        config = {
            "bootstrap.servers": broker.address,
            "log_level": 0,
            "security.protocol": "SSL",
            "ssl.ca.location": str(ca),
        }
        own = {"ssl.certificate.location": str(certificate), "ssl.key.location": str(key)}
        produce_and_read(config | own, "mtls", 10)
        watcher = kafka.Consumer(config | own | {"group.id": "g"})
        watcher.list_topics(timeout=60)
        principals = {connection.session.principal for connection in running.listener._connections}
        assert principals == {name}
        watcher.close()
        with pytest.raises(kafka.KafkaException):
            kafka.Consumer(config | {"group.id": "g"}).list_topics(timeout=2)


def unsecured(user: str, seconds: float) -> tuple[str, float]:
    """A token and when it ends."""
    end = time.time() + seconds
    parts = ({"alg": "none"}, {"sub": user, "exp": int(end)})
    texts = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    return ".".join(texts) + ".", end


def test_confluent_kafka_logs_in_with_tokens(encrypted: Encrypted) -> None:
    given: list[str] = []

    def token(_: str) -> tuple[str, float]:
        given.append(BEARER)
        return unsecured(BEARER, 300)

    produce_and_read(sasl_ssl(encrypted, "OAUTHBEARER", oauth_cb=token), "confluent-oauth", 10)
    assert given
    builtin = {"enable.sasl.oauthbearer.unsecure.jwt": "true", "sasl.oauthbearer.config": f"principal={BEARER}"}
    produce_and_read(sasl_ssl(encrypted, "OAUTHBEARER") | builtin, "confluent-oauth-unsecured", 10)


class Tokens(aiokafka.abc.AbstractTokenProvider):  # type: ignore[misc] # the library has no types
    async def token(self) -> str:
        return unsecured(BEARER, 300)[0]


async def test_aiokafka_logs_in_with_tokens(encrypted: Encrypted) -> None:
    async with aiokafka.AIOKafkaProducer(
        bootstrap_servers=encrypted.address,
        security_protocol="SASL_SSL",
        ssl_context=aiokafka.helpers.create_ssl_context(cafile=str(encrypted.ca)),
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_provider=Tokens(),
    ) as producer:
        assert (await producer.send_and_wait("aio-oauth", b"v")).offset == 0


def test_confluent_kafka_logs_in_again_before_its_login_ends(encrypted: Encrypted) -> None:
    errors: list[Any] = []
    config = sasl_ssl(encrypted, "SCRAM-SHA-256", error_cb=errors.append)
    producer = kafka.Producer(config)
    running = encrypted.running
    producer.list_topics(timeout=SECONDS)
    ends: dict[Any, float] = {}
    deadline = time.monotonic() + SECONDS

    def renewed() -> bool:
        now = {c: c.session.expires for c in list(running.listener._connections) if c.session.expires is not None}
        later = [c for c, end in now.items() if end > ends.setdefault(c, end)]
        return bool(later)

    while not renewed():
        producer.poll(0.05)
        assert time.monotonic() < deadline
    assert not errors


@pytest.fixture(scope="module")
def java() -> JavaKafka:
    try:
        return java_kafka("4.1.0")
    except CannotRunError as error:
        skip_or_fail(str(error))
        raise AssertionError("unreachable") from error


def scram() -> str:
    module = "org.apache.kafka.common.security.scram.ScramLoginModule"
    return f'SCRAM-SHA-512\nsasl.jaas.config={module} required username="{USER}" password="{SECRET}";\n'


def token() -> str:
    module = "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule"
    return f'OAUTHBEARER\nsasl.jaas.config={module} required unsecuredLoginStringClaim_sub="{BEARER}";\n'


@pytest.mark.slow
@pytest.mark.timeout(400)
@pytest.mark.xdist_group("java")
@pytest.mark.parametrize("login", [scram, token])
def test_java_over_sasl_ssl(java: JavaKafka, encrypted: Encrypted, tmp_path: Path, login: Callable[[], str]) -> None:
    store = tmp_path / "trust.p12"
    store.write_bytes(truststore(encrypted.ca.read_bytes(), "changeit"))
    config = tmp_path / "client.properties"
    config.write_text(
        f"security.protocol=SASL_SSL\nssl.truststore.location={store}\nssl.truststore.type=PKCS12\n"
        f"ssl.truststore.password=changeit\nsasl.mechanism={login()}"
    )
    topic = f"java-{login.__name__}"
    tool, server = "org.apache.kafka.tools.TopicCommand", ("--bootstrap-server", encrypted.address)
    java.run(tool, *server, "--command-config", str(config), "--create", "--topic", topic)
    sent = java.run(
        "org.apache.kafka.tools.ProducerPerformance",
        *("--topic", topic, "--num-records", "10000", "--record-size", "1000", "--throughput", "2000"),
        *("--producer-props", f"bootstrap.servers={encrypted.address}", "--producer.config", str(config)),
    )
    assert "10000 records sent" in sent, "over more than one login's lifetime"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # kafka-python reads its schemas in an old way
def test_kafka_python_over_sasl_ssl_with_a_token(encrypted: Encrypted) -> None:
    library = required("kafka")
    oauth = required("kafka.net.sasl.oauth")

    class Provider(oauth.AbstractTokenProvider):  # type: ignore[misc,name-defined] # the library has no types
        def token(self) -> str:
            return unsecured(BEARER, 300)[0]

    producer = library.KafkaProducer(
        bootstrap_servers=encrypted.address,
        security_protocol="SASL_SSL",
        ssl_cafile=str(encrypted.ca),
        sasl_mechanism="OAUTHBEARER",
        sasl_oauth_token_provider=Provider(),
    )
    try:
        assert producer.send("kafka-python-oauth", b"v").get(SECONDS).offset == 0
    finally:
        producer.close()
