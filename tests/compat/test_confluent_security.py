"""Users and rights through librdkafka: made with the admin API, used by another client."""

from __future__ import annotations

from typing import Any

import pytest

from tests.broker.server import Running
from tests.compat.conftest import SECRET, USER

kafka = pytest.importorskip("confluent_kafka", reason="confluent-kafka is not installed")
admin = pytest.importorskip("confluent_kafka.admin", reason="confluent-kafka is not installed")

pytestmark = pytest.mark.compat
SECONDS = 20


def login(broker: Running, user: str, secret: str, mechanism: str = "PLAIN", **config: Any) -> dict[str, Any]:
    return {
        "bootstrap.servers": broker.address,
        "log_level": 0,
        "security.protocol": "SASL_PLAINTEXT",
        "sasl.mechanism": mechanism,
        "sasl.username": user,
        "sasl.password": secret,
    } | {k.replace("_", "."): v for k, v in config.items()}


def write(config: dict[str, Any], topic: str) -> Any:
    """The error of writing one record, or None."""
    errors: list[Any] = []
    producer = kafka.Producer(config | {"message.timeout.ms": 5_000})
    producer.produce(topic, b"v", on_delivery=lambda error, _: errors.append(error))
    producer.flush(SECONDS)
    return errors[0]


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "SCRAM-SHA-512"])
def test_a_user_is_made_given_rights_and_deleted(guarded_broker: Running, mechanism: str) -> None:
    name = f"user-{mechanism}"
    operator = admin.AdminClient(login(guarded_broker, USER, SECRET, mechanism))
    kind = getattr(admin.ScramMechanism, mechanism.replace("-", "_"))
    made = admin.UserScramCredentialUpsertion(name, admin.ScramCredentialInfo(kind, 4096), b"pass")
    operator.alter_user_scram_credentials([made])[name].result(SECONDS)
    described = operator.describe_user_scram_credentials([name])[name].result(SECONDS)
    assert [(c.mechanism, c.iterations) for c in described.scram_credential_infos] == [(kind, 4096)]
    operator.create_topics([admin.NewTopic(name, 1, 1)])[name].result(SECONDS)
    theirs = login(guarded_broker, name, "pass", mechanism)
    assert write(theirs, name).code() == kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED
    acl = admin.AclBinding(
        admin.ResourceType.TOPIC,
        "user-",
        admin.ResourcePatternType.PREFIXED,
        f"User:{name}",
        "*",
        admin.AclOperation.WRITE,
        admin.AclPermissionType.ALLOW,
    )
    operator.create_acls([acl])[acl].result(SECONDS)
    assert write(theirs, name) is None
    wanted = admin.AclBindingFilter(
        admin.ResourceType.ANY,
        None,
        admin.ResourcePatternType.ANY,
        f"User:{name}",
        None,
        admin.AclOperation.ANY,
        admin.AclPermissionType.ANY,
    )
    assert operator.describe_acls(wanted).result(SECONDS) == [acl]
    assert operator.delete_acls([wanted])[wanted].result(SECONDS) == [acl]
    assert write(theirs, name).code() == kafka.KafkaError.TOPIC_AUTHORIZATION_FAILED
    operator.alter_user_scram_credentials([admin.UserScramCredentialDeletion(name, kind)])[name].result(SECONDS)
    assert write(theirs, name).code() == kafka.KafkaError._MSG_TIMED_OUT
