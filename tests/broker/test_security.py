"""SCRAM logins, users made by clients, and ACLs: what is decided and that every API asks."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from headwater.broker.access import ANONYMOUS, Access
from headwater.broker.acls import OPERATIONS, Acl, AclFilter, Acls, Operation, Pattern, Permission, Resource
from headwater.broker.auth import ApiKeys
from headwater.broker.errors import Code
from headwater.broker.scram import ScramCredential, ScramError, ScramExchange, ScramMechanism
from headwater.broker.security import SecurityStore
from headwater.core.clock import SystemClock
from headwater.log.log import Log
from headwater.log.storage import MemoryStorage
from headwater.wire.messages import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
    CreateAclsRequest,
    CreateAclsResponse,
    DeleteAclsRequest,
    DeleteAclsResponse,
    DescribeAclsRequest,
    DescribeAclsResponse,
    DescribeClusterRequest,
    DescribeClusterResponse,
    DescribeGroupsRequest,
    DescribeGroupsResponse,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
    FetchRequest,
    FetchResponse,
    InitProducerIdRequest,
    InitProducerIdResponse,
    MetadataRequest,
    MetadataResponse,
    SaslAuthenticateRequest,
    SaslAuthenticateResponse,
    SaslHandshakeRequest,
    SaslHandshakeResponse,
)
from tests.broker.server import RawClient, Running, running_broker

# The example of RFC 7677, section 3.
RFC_NONCE = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
RFC_SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
RFC_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
RFC_SERVER_FIRST = b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
RFC_FINAL = (
    b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
)
RFC_SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="


def rfc_exchange() -> ScramExchange:
    credential = ScramCredential.from_password(ScramMechanism.SHA_256, "pencil", RFC_SALT, 4096)
    return ScramExchange(
        ScramMechanism.SHA_256, lambda user, _: credential if user == "user" else None, lambda: RFC_NONCE
    )


def test_the_exchange_is_that_of_the_rfc() -> None:
    exchange = rfc_exchange()
    assert exchange.first(RFC_FIRST) == RFC_SERVER_FIRST
    assert exchange.final(RFC_FINAL) == RFC_SERVER_FINAL
    assert exchange.username == "user"


def final_with(nonce: bytes) -> bytes:
    """The client's final message of the example with another nonce, and the proof for that."""
    salted = hashlib.pbkdf2_hmac("sha256", b"pencil", RFC_SALT, 4096)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    without_proof = b"c=biws,r=" + nonce
    signed = b",".join([RFC_FIRST.removeprefix(b"n,,"), RFC_SERVER_FIRST, without_proof])
    signature = hmac.digest(hashlib.sha256(client_key).digest(), signed, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return without_proof + b",p=" + base64.b64encode(proof)


CLIENT_NONCE = b"rOprNGfwEbeRWgbNEkqO"
COMBINED_NONCE = CLIENT_NONCE + RFC_NONCE.encode()


def test_the_doubled_nonce_of_older_librdkafka_is_taken() -> None:
    exchange = rfc_exchange()
    exchange.first(RFC_FIRST)
    assert final_with(COMBINED_NONCE) == RFC_FINAL
    assert exchange.final(final_with(CLIENT_NONCE + COMBINED_NONCE)).startswith(b"v=")


@pytest.mark.parametrize(
    ("first", "final"),
    [
        (b"", b""),
        (b"\xff", b""),
        (b"p=tls-unique,,n=user,r=x", b""),
        (b"n,a=other,n=user,r=x", b""),
        (b"n,,n=nobody,r=x", b""),
        (b"n,,n=user,r=", b""),
        (b"n,,m=x,n=user,r=x", b""),
        (b"n,,n=user,r=x" + b"x" * 5_000, b""),
        (RFC_FIRST, b""),
        (RFC_FIRST, RFC_FINAL.replace(b"biws", b"eSws")),
        (RFC_FIRST, RFC_FINAL.replace(b"rOpr", b"rOps")),
        (RFC_FIRST, RFC_FINAL.replace(b"p=dHz", b"p=dHy")),
        (RFC_FIRST, RFC_FINAL[:-4]),
        (RFC_FIRST, RFC_FINAL + b"!"),
        (RFC_FIRST, final_with(CLIENT_NONCE)),
        (RFC_FIRST, final_with(CLIENT_NONCE * 2)),
        (RFC_FIRST, final_with(b"x" + COMBINED_NONCE)),
        (RFC_FIRST, final_with(CLIENT_NONCE * 2 + COMBINED_NONCE)),
    ],
)
def test_a_wrong_message_is_refused(first: bytes, final: bytes) -> None:
    exchange = rfc_exchange()

    def log_in() -> None:
        exchange.first(first)
        exchange.final(final)

    with pytest.raises(ScramError):
        log_in()


ANNA, BERT = "User:anna", "User:bert"
READ_T = Acl(Resource.TOPIC, "t", Pattern.LITERAL, ANNA, "*", Operation.READ, Permission.ALLOW)


def topic_acl(
    name: str, operation: Operation, *, prefixed: bool = False, who: str = ANNA, host: str = "*", deny: bool = False
) -> Acl:
    pattern = Pattern.PREFIXED if prefixed else Pattern.LITERAL
    return Acl(Resource.TOPIC, name, pattern, who, host, operation, Permission.DENY if deny else Permission.ALLOW)


@pytest.mark.parametrize(
    ("entries", "operation", "allowed"),
    [
        ([], Operation.READ, False),
        ([READ_T], Operation.READ, True),
        ([READ_T], Operation.DESCRIBE, True),
        ([READ_T], Operation.WRITE, False),
        ([topic_acl("t", Operation.ALL)], Operation.WRITE, True),
        ([topic_acl("*", Operation.READ)], Operation.READ, True),
        ([topic_acl("or", Operation.READ, prefixed=True)], Operation.READ, False),
        ([topic_acl("", Operation.READ, prefixed=True)], Operation.READ, True),
        ([topic_acl("u", Operation.READ)], Operation.READ, False),
        ([topic_acl("t", Operation.READ, who=BERT)], Operation.READ, False),
        ([topic_acl("t", Operation.READ, who="User:*")], Operation.READ, True),
        ([topic_acl("t", Operation.READ, host="10.0.0.1")], Operation.READ, False),
        ([READ_T, topic_acl("t", Operation.READ, deny=True)], Operation.READ, False),
        ([READ_T, topic_acl("*", Operation.ALL, deny=True, who="User:*")], Operation.READ, False),
        ([topic_acl("t", Operation.WRITE), topic_acl("t", Operation.READ, deny=True)], Operation.DESCRIBE, True),
        ([topic_acl("t", Operation.ALTER_CONFIGS)], Operation.DESCRIBE_CONFIGS, True),
    ],
)
def test_what_entries_allow(entries: list[Acl], operation: Operation, allowed: bool) -> None:
    assert Acls(entries).allows(ANNA, "127.0.0.1", operation, Resource.TOPIC, "t") is allowed


@pytest.mark.parametrize(
    ("name", "pattern", "found"),
    [
        (None, Pattern.ANY, 3),
        ("orders", Pattern.LITERAL, 1),
        ("or", Pattern.PREFIXED, 1),
        ("orders", Pattern.MATCH, 3),
        ("other", Pattern.MATCH, 1),
        ("orders", Pattern.ANY, 1),
    ],
)
def test_what_filters_select(name: str | None, pattern: Pattern, found: int) -> None:
    entries = [
        topic_acl("orders", Operation.READ),
        topic_acl("or", Operation.READ, prefixed=True),
        topic_acl("*", Operation.READ),
    ]
    wanted = AclFilter(Resource.TOPIC, name, pattern, None, None, Operation.ANY, Permission.ANY)
    assert sum(map(wanted.selects, entries)) == found


async def log_in(running: Running, user: str, password: str, mechanism: ScramMechanism) -> RawClient | None:
    """A connection after a SCRAM login; None if that was refused."""
    client = await RawClient.connect(running.port)
    handshake = SaslHandshakeRequest(mechanism=mechanism.sasl_name)
    assert (await client.ask(handshake, 1, SaslHandshakeResponse)).error_code == 0
    bare = f"n={user},r=nonce"
    first = await client.ask(SaslAuthenticateRequest(auth_bytes=f"n,,{bare}".encode()), 2, SaslAuthenticateResponse)
    if first.error_code:
        await client.close()
        return None
    challenge = bytes(first.auth_bytes).decode()
    fields = {part[0]: part[2:] for part in challenge.split(",")}
    name = mechanism.hash_name
    salted = hashlib.pbkdf2_hmac(name, password.encode(), base64.b64decode(fields["s"]), int(fields["i"]))
    client_key = hmac.digest(salted, b"Client Key", name)
    final = f"c=biws,r={fields['r']}"
    signed = f"{bare},{challenge},{final}".encode()
    signature = hmac.digest(hashlib.new(name, client_key).digest(), signed, name)
    proof = base64.b64encode(bytes(a ^ b for a, b in zip(client_key, signature, strict=True))).decode()
    answer = await client.ask(
        SaslAuthenticateRequest(auth_bytes=f"{final},p={proof}".encode()), 2, SaslAuthenticateResponse
    )
    if answer.error_code:
        await client.close()
        return None
    expected = hmac.digest(hmac.digest(salted, b"Server Key", name), signed, name)
    assert bytes(answer.auth_bytes) == b"v=" + base64.b64encode(expected)
    return client


async def make_user(client: RawClient, name: str, password: str, mechanism: ScramMechanism, **change: int) -> int:
    iterations = change.get("iterations", 4096)
    upsertion = AlterUserScramCredentialsRequest.ScramCredentialUpsertion(
        name=name,
        mechanism=int(mechanism),
        iterations=iterations,
        salt=b"salt",
        salted_password=hashlib.pbkdf2_hmac(mechanism.hash_name, password.encode(), b"salt", iterations),
    )
    response = await client.ask(
        AlterUserScramCredentialsRequest(upsertions=[upsertion]), 0, AlterUserScramCredentialsResponse
    )
    return response.results[0].error_code


async def operator(running: Running) -> RawClient:
    client = await log_in(running, "root", "secret", ScramMechanism.SHA_512)
    assert client is not None
    return client


@pytest.mark.parametrize("mechanism", ScramMechanism)
async def test_users_made_by_clients_can_log_in_also_after_a_restart(mechanism: ScramMechanism) -> None:
    storage = MemoryStorage()
    async with running_broker(storage=storage, verifier=ApiKeys({"root": "secret"})) as running:
        client = await operator(running)
        assert await make_user(client, "anna", "pass", mechanism) == 0
        assert await make_user(client, "root", "mine now", mechanism) == Code.UNACCEPTABLE_CREDENTIAL
        assert await make_user(client, "anna", "x", mechanism, iterations=10) == Code.UNACCEPTABLE_CREDENTIAL
        assert await make_user(client, "", "x", mechanism) == Code.UNACCEPTABLE_CREDENTIAL
        assert await log_in(running, "anna", "wrong", mechanism) is None
        assert await log_in(running, "bert", "pass", mechanism) is None
        await client.close()
    async with running_broker(storage=storage, verifier=ApiKeys({"root": "secret"})) as running:
        anna = await log_in(running, "anna", "pass", mechanism)
        assert anna is not None
        assert running.broker.access.verify("anna", "pass")
        assert not running.broker.access.verify("anna", "pass ")
        assert await make_user(anna, "anna", "x", mechanism) == Code.CLUSTER_AUTHORIZATION_FAILED
        await anna.close()
        client = await operator(running)
        described = await client.ask(
            DescribeUserScramCredentialsRequest(users=None), 0, DescribeUserScramCredentialsResponse
        )
        assert [(r.user, [(c.mechanism, c.iterations) for c in r.credential_infos]) for r in described.results] == [
            ("anna", [(int(mechanism), 4096)])
        ]
        deletion = AlterUserScramCredentialsRequest.ScramCredentialDeletion(name="anna", mechanism=int(mechanism))
        request = AlterUserScramCredentialsRequest(deletions=[deletion])
        for code in (Code.NONE, Code.RESOURCE_NOT_FOUND):
            answer = await client.ask(request, 0, AlterUserScramCredentialsResponse)
            assert answer.results[0].error_code == code
        assert await log_in(running, "anna", "pass", mechanism) is None
        await client.close()


def creation(acl: Acl) -> CreateAclsRequest.AclCreation:
    return CreateAclsRequest.AclCreation(
        resource_type=int(acl.resource),
        resource_name=acl.name,
        resource_pattern_type=int(acl.pattern),
        principal=acl.principal,
        host=acl.host,
        operation=int(acl.operation),
        permission_type=int(acl.permission),
    )


async def fetch_code(client: RawClient, topic: str) -> int:
    place = FetchRequest.FetchPartition(partition=0, fetch_offset=0, partition_max_bytes=1_000)
    request = FetchRequest(max_bytes=1_000, topics=[FetchRequest.FetchTopic(topic=topic, partitions=[place])])
    response = await client.ask(request, 11, FetchResponse)
    return response.responses[0].partitions[0].error_code


async def test_rights_are_given_and_taken() -> None:
    async with running_broker(verifier=ApiKeys({"root": "secret"})) as running:
        for name in ("t", "secret"):
            running.broker.log.create_topic(name)
        root = await operator(running)
        await make_user(root, "anna", "pass", ScramMechanism.SHA_256)
        anna = await log_in(running, "anna", "pass", ScramMechanism.SHA_256)
        assert anna is not None
        assert await fetch_code(root, "t") == 0
        assert await fetch_code(anna, "t") == Code.TOPIC_AUTHORIZATION_FAILED
        bad = [
            Acl(Resource.ANY, "t", Pattern.LITERAL, ANNA, "*", Operation.READ, Permission.ALLOW),
            Acl(Resource.CLUSTER, "t", Pattern.LITERAL, ANNA, "*", Operation.READ, Permission.ALLOW),
            Acl(Resource.TOPIC, "t", Pattern.LITERAL, "anna", "*", Operation.READ, Permission.ALLOW),
        ]
        request = CreateAclsRequest(creations=[creation(acl) for acl in (READ_T, *bad)])
        created = await root.ask(request, 3, CreateAclsResponse)
        assert [r.error_code for r in created.results] == [0, *[Code.INVALID_REQUEST] * 3]
        denied = await anna.ask(request, 3, CreateAclsResponse)
        assert {r.error_code for r in denied.results} == {Code.CLUSTER_AUTHORIZATION_FAILED}
        assert await fetch_code(anna, "t") == 0
        assert await fetch_code(anna, "secret") == Code.TOPIC_AUTHORIZATION_FAILED
        seen = await anna.ask(MetadataRequest(topics=None), 9, MetadataResponse)
        assert [t.name for t in seen.topics] == ["t"]
        asked = [MetadataRequest.MetadataRequestTopic(name=name) for name in ("secret", "new")]
        seen = await anna.ask(MetadataRequest(topics=asked), 9, MetadataResponse)
        assert {t.error_code for t in seen.topics} == {Code.TOPIC_AUTHORIZATION_FAILED}
        owner = InitProducerIdRequest(transactional_id="x", transaction_timeout_ms=1_000)
        refused = await anna.ask(owner, 4, InitProducerIdResponse)
        assert refused.error_code == Code.TRANSACTIONAL_ID_AUTHORIZATION_FAILED
        everything = DescribeAclsRequest(
            resource_type_filter=1, pattern_type_filter=1, operation=1, permission_type=1,
            resource_name_filter=None, principal_filter=None, host_filter=None,
        )  # fmt: skip
        described = await root.ask(everything, 3, DescribeAclsResponse)
        assert [(r.resource_name, [a.principal for a in r.acls]) for r in described.resources] == [("t", [ANNA])]
        wanted = DeleteAclsRequest.DeleteAclsFilter(
            resource_type_filter=2, pattern_type_filter=3, operation=1, permission_type=1,
            resource_name_filter="t", principal_filter=ANNA, host_filter=None,
        )  # fmt: skip
        deleted = await root.ask(DeleteAclsRequest(filters=[wanted]), 3, DeleteAclsResponse)
        assert [acl.principal for acl in deleted.filter_results[0].matching_acls] == [ANNA]
        assert await fetch_code(anna, "t") == Code.TOPIC_AUTHORIZATION_FAILED
        await root.close()
        await anna.close()


def operations(bits: int) -> set[Operation]:
    return {operation for operation in Operation if bits & 1 << operation}


async def test_who_asks_what_it_may_do_is_told() -> None:
    async with running_broker(verifier=ApiKeys({"root": "secret"})) as running:
        running.broker.log.create_topic("t")
        root = await operator(running)
        await make_user(root, "anna", "pass", ScramMechanism.SHA_256)
        anna = await log_in(running, "anna", "pass", ScramMechanism.SHA_256)
        assert anna is not None
        group = Acl(Resource.GROUP, "g", Pattern.LITERAL, ANNA, "*", Operation.DELETE, Permission.ALLOW)
        await root.ask(CreateAclsRequest(creations=[creation(READ_T), creation(group)]), 3, CreateAclsResponse)

        async def told(client: RawClient) -> dict[Resource, set[Operation]]:
            named = [MetadataRequest.MetadataRequestTopic(name="t")]
            asked = MetadataRequest(
                topics=named, include_topic_authorized_operations=True, include_cluster_authorized_operations=True
            )
            seen = await client.ask(asked, 10, MetadataResponse)
            cluster = await client.ask(
                DescribeClusterRequest(include_cluster_authorized_operations=True), 1, DescribeClusterResponse
            )
            assert cluster.cluster_authorized_operations == seen.cluster_authorized_operations
            groups = await client.ask(
                DescribeGroupsRequest(groups=["g"], include_authorized_operations=True), 5, DescribeGroupsResponse
            )
            return {
                Resource.TOPIC: operations(seen.topics[0].topic_authorized_operations),
                Resource.GROUP: operations(groups.groups[0].authorized_operations),
                Resource.CLUSTER: operations(cluster.cluster_authorized_operations),
            }

        assert await told(root) == {resource: set(known) for resource, known in OPERATIONS.items()}
        assert await told(anna) == {
            Resource.TOPIC: {Operation.READ, Operation.DESCRIBE},
            Resource.GROUP: {Operation.DELETE, Operation.DESCRIBE},
            Resource.CLUSTER: set(),
        }
        unasked = await anna.ask(MetadataRequest(topics=None), 10, MetadataResponse)
        assert unasked.topics[0].topic_authorized_operations == -(1 << 31)
        await root.close()
        await anna.close()


async def test_without_logins_there_are_no_rights_to_administer() -> None:
    async with running_broker() as running:
        client = await RawClient.connect(running.port)
        answer = await client.ask(CreateAclsRequest(creations=[creation(READ_T)]), 2, CreateAclsResponse)
        assert answer.results[0].error_code == Code.SECURITY_DISABLED
        await client.close()


@pytest.mark.parametrize(
    ("entries", "topic", "allowed"),
    [
        ([], "t", True),
        ([topic_acl("t", Operation.READ, who="User:ANONYMOUS")], "t", True),
        ([topic_acl("t", Operation.READ)], "t", False),
        ([topic_acl("t", Operation.READ)], "other", True),
        ([topic_acl("t", Operation.ALL, prefixed=True)], "tea", False),
        ([topic_acl("*", Operation.READ)], "t", False),
        ([topic_acl("t", Operation.ALL, who="User:*", deny=True)], "t", False),
    ],
)
def test_where_everyone_may_do_what_no_acl_is_about_those_without_login_are_under_acls_too(
    entries: list[Acl], topic: str, allowed: bool
) -> None:
    log = Log(MemoryStorage(), SystemClock())
    log.open()
    security = SecurityStore(log)
    for entry in entries:
        security.acls.add(entry)
    access = Access(None, security, open_without_acl=True)
    assert access.allows(ANONYMOUS, "127.0.0.1", Operation.READ, Resource.TOPIC, topic) is allowed
    log.close()
