"""SCRAM credentials of users: DescribeUserScramCredentials and AlterUserScramCredentials (KIP-554)."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from headwater.broker.access import ANONYMOUS
from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.scram import MAX_ITERATIONS, MIN_ITERATIONS, ScramCredential, ScramMechanism
from headwater.broker.session import Context
from headwater.core.errors import LogError
from headwater.wire.messages import (
    AlterUserScramCredentialsRequest,
    AlterUserScramCredentialsResponse,
    DescribeUserScramCredentialsRequest,
    DescribeUserScramCredentialsResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

Described = DescribeUserScramCredentialsResponse.DescribeUserScramCredentialsResult
Altered = AlterUserScramCredentialsResponse.AlterUserScramCredentialsResult
_NUMBERS = {int(mechanism) for mechanism in ScramMechanism}


def describe_user_scram_credentials(
    broker: Broker, context: Context, request: DescribeUserScramCredentialsRequest
) -> DescribeUserScramCredentialsResponse:
    """Mechanisms and iterations of some users, or of all."""
    if not broker.allows(context, Operation.DESCRIBE, Resource.CLUSTER, CLUSTER_NAME):
        return DescribeUserScramCredentialsResponse(error_code=Code.CLUSTER_AUTHORIZATION_FAILED)
    known: dict[str, list[ScramCredential]] = {}
    for (user, _), credential in sorted(broker.security.credentials.items()):
        known.setdefault(user, []).append(credential)
    wanted = Counter(user.name for user in request.users or ()) or Counter(known.keys())
    return DescribeUserScramCredentialsResponse(
        results=[_describe(name, count, known.get(name)) for name, count in wanted.items()]
    )


def _describe(name: str, count: int, credentials: list[ScramCredential] | None) -> Described:
    if count > 1:
        return Described(user=name, error_code=Code.DUPLICATE_RESOURCE, error_message=f"{name} is named twice.")
    if credentials is None:
        return Described(user=name, error_code=Code.RESOURCE_NOT_FOUND, error_message=f"There is no user {name}.")
    infos = [
        DescribeUserScramCredentialsResponse.CredentialInfo(mechanism=int(c.mechanism), iterations=c.iterations)
        for c in credentials
    ]
    return Described(user=name, credential_infos=infos)


def alter_user_scram_credentials(
    broker: Broker, context: Context, request: AlterUserScramCredentialsRequest
) -> AlterUserScramCredentialsResponse:
    """Make, change and delete users. One user's changes happen together or not at all."""
    names = [d.name for d in request.deletions] + [u.name for u in request.upsertions]
    if not broker.allows(context, Operation.ALTER, Resource.CLUSTER, CLUSTER_NAME):
        errors = dict.fromkeys(names, (Code.CLUSTER_AUTHORIZATION_FAILED, "Altering users is not allowed."))
    else:
        errors = _errors(broker, request)
        _apply(broker, request, errors)
    return AlterUserScramCredentialsResponse(
        results=[
            Altered(
                user=name,
                error_code=errors.get(name, (Code.NONE, ""))[0],
                error_message=errors[name][1] if name in errors else None,
            )
            for name in dict.fromkeys(names)
        ]
    )


def _errors(broker: Broker, request: AlterUserScramCredentialsRequest) -> dict[str, tuple[Code, str]]:
    """What is wrong, by user."""
    errors: dict[str, tuple[Code, str]] = {}
    keys = Counter((d.name, d.mechanism) for d in request.deletions)
    keys.update((u.name, u.mechanism) for u in request.upsertions)
    for (name, mechanism), count in keys.items():
        problem = _problem(broker, name, mechanism, count)
        if problem is not None:
            errors[name] = problem
    limits = Code.UNACCEPTABLE_CREDENTIAL, f"Iterations must be {MIN_ITERATIONS} to {MAX_ITERATIONS}."
    for wanted in request.upsertions:
        if not MIN_ITERATIONS <= wanted.iterations <= MAX_ITERATIONS:
            errors.setdefault(wanted.name, limits)
    for gone in request.deletions:
        if gone.name not in errors:
            mechanism = ScramMechanism(gone.mechanism)
            if broker.security.credential(gone.name, mechanism) is None:
                errors[gone.name] = Code.RESOURCE_NOT_FOUND, f"{gone.name} has no {mechanism.sasl_name}."
    return errors


def _problem(broker: Broker, name: str, mechanism: int, count: int) -> tuple[Code, str] | None:
    """What is wrong with a change to this user that is asked for `count` times."""
    if count > 1:
        return Code.DUPLICATE_RESOURCE, f"{name} is named twice for one mechanism."
    if mechanism not in _NUMBERS:
        return Code.UNSUPPORTED_SASL_MECHANISM, f"There is no SCRAM mechanism {mechanism}."
    if not name:
        return Code.UNACCEPTABLE_CREDENTIAL, "A user name must not be empty."
    if name == ANONYMOUS:
        return Code.UNACCEPTABLE_CREDENTIAL, f"{name} stands for clients without a login."
    if broker.access.is_operators(name):
        return Code.UNACCEPTABLE_CREDENTIAL, f"{name} is an API key of the node; its operator changes it."
    return None


def _apply(broker: Broker, request: AlterUserScramCredentialsRequest, errors: dict[str, tuple[Code, str]]) -> None:
    """Carry out what has no error; if it cannot be stored that becomes everybody's error."""
    put = [
        (
            entry.name,
            ScramCredential.from_salted_password(
                ScramMechanism(entry.mechanism), bytes(entry.salt), entry.iterations, bytes(entry.salted_password)
            ),
        )
        for entry in request.upsertions
        if entry.name not in errors
    ]
    removed = [(d.name, ScramMechanism(d.mechanism)) for d in request.deletions if d.name not in errors]
    if not put and not removed:
        return
    try:
        broker.security.change_users(put, removed)
    except LogError as error:
        failed = code_of(error), str(error)
        errors.update(dict.fromkeys([name for name, _ in put] + [name for name, _ in removed], failed))
