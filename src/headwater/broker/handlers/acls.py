"""ACLs: DescribeAcls, CreateAcls and DeleteAcls (KIP-140, KIP-290)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from headwater.broker.acls import CLUSTER_NAME, KSQL_NAME, Acl, AclFilter, Operation, Pattern, Permission, Resource
from headwater.broker.errors import Code, code_of
from headwater.broker.session import Context
from headwater.core.errors import LogError
from headwater.wire.messages import (
    CreateAclsRequest,
    CreateAclsResponse,
    DeleteAclsRequest,
    DeleteAclsResponse,
    DescribeAclsRequest,
    DescribeAclsResponse,
)

if TYPE_CHECKING:
    from headwater.broker.broker import Broker

Created = CreateAclsResponse.AclCreationResult
Deleted = DeleteAclsResponse.DeleteAclsFilterResult
_DISABLED = "There are no users here, so there are no rights to administer."


def _refusal(broker: Broker, context: Context, operation: Operation) -> tuple[Code, str | None]:
    """Why ACLs may not be read or changed."""
    if broker.access.verifier is None:
        return Code.SECURITY_DISABLED, _DISABLED
    if not broker.allows(context, operation, Resource.CLUSTER, CLUSTER_NAME):
        return Code.CLUSTER_AUTHORIZATION_FAILED, f"{operation.name} on the cluster is not allowed."
    return Code.NONE, None


def _filter(wanted: DescribeAclsRequest | DeleteAclsRequest.DeleteAclsFilter) -> AclFilter:
    """Raises `ValueError` for a number without a meaning."""
    return AclFilter(
        Resource(wanted.resource_type_filter),
        wanted.resource_name_filter,
        Pattern(wanted.pattern_type_filter),
        wanted.principal_filter,
        wanted.host_filter,
        Operation(wanted.operation),
        Permission(wanted.permission_type),
    )


def describe_acls(broker: Broker, context: Context, request: DescribeAclsRequest) -> DescribeAclsResponse:
    """The entries that a filter selects, by resource."""
    code, message = _refusal(broker, context, Operation.DESCRIBE)
    if code:
        return DescribeAclsResponse(error_code=code, error_message=message)
    try:
        wanted = _filter(request)
    except ValueError as error:
        return DescribeAclsResponse(error_code=Code.INVALID_REQUEST, error_message=str(error))
    resources: dict[tuple[Resource, str, Pattern], list[Acl]] = {}
    for acl in sorted(filter(wanted.selects, broker.security.acls)):
        resources.setdefault((acl.resource, acl.name, acl.pattern), []).append(acl)
    return DescribeAclsResponse(
        resources=[
            DescribeAclsResponse.DescribeAclsResource(
                resource_type=int(resource),
                resource_name=name,
                pattern_type=int(pattern),
                acls=[
                    DescribeAclsResponse.AclDescription(
                        principal=acl.principal,
                        host=acl.host,
                        operation=int(acl.operation),
                        permission_type=int(acl.permission),
                    )
                    for acl in acls
                ],
            )
            for (resource, name, pattern), acls in resources.items()
        ]
    )


def create_acls(broker: Broker, context: Context, request: CreateAclsRequest) -> CreateAclsResponse:
    """Add entries; the good ones are stored together."""
    code, message = _refusal(broker, context, Operation.ALTER)
    if code:
        return CreateAclsResponse(results=[Created(error_code=code, error_message=message) for _ in request.creations])
    results, made = [], []
    for wanted in request.creations:
        try:
            made.append(_acl(wanted))
            results.append(Created())
        except ValueError as error:
            results.append(Created(error_code=Code.INVALID_REQUEST, error_message=str(error)))
    try:
        if made:
            broker.security.change_acls(made, ())
    except LogError as failure:
        return CreateAclsResponse(
            results=[Created(error_code=code_of(failure), error_message=str(failure)) for _ in results]
        )
    return CreateAclsResponse(results=results)


def _acl(wanted: CreateAclsRequest.AclCreation) -> Acl:
    """Raises `ValueError` saying what is wrong."""
    acl = Acl(
        Resource(wanted.resource_type),
        wanted.resource_name,
        Pattern(wanted.resource_pattern_type),
        wanted.principal,
        wanted.host,
        Operation(wanted.operation),
        Permission(wanted.permission_type),
    )
    vague = Resource.ANY, Operation.ANY, Permission.ANY, Pattern.ANY, Pattern.MATCH
    if acl.resource is vague[0] or acl.operation is vague[1] or acl.permission is vague[2] or acl.pattern in vague[3:]:
        raise ValueError("ANY and MATCH are for filters only")
    if not acl.name or not acl.host:
        raise ValueError("An entry needs the name of a resource and a host")
    only = {Resource.CLUSTER: CLUSTER_NAME, Resource.KSQL: KSQL_NAME}.get(acl.resource, acl.name)
    if acl.name != only:
        raise ValueError(f"The only {acl.resource.name.lower()} is named {only}")
    kind, found, user = acl.principal.partition(":")
    if kind != "User" or not found or not user:
        raise ValueError(f"A principal is written as User:name, not {acl.principal}")
    return acl


def delete_acls(broker: Broker, context: Context, request: DeleteAclsRequest) -> DeleteAclsResponse:
    """Remove the entries that filters select, and say which they were."""
    code, message = _refusal(broker, context, Operation.ALTER)
    results, removed = [], set()
    for wanted in request.filters:
        if code:
            results.append(Deleted(error_code=code, error_message=message))
            continue
        try:
            found = sorted(filter(_filter(wanted).selects, broker.security.acls))
        except ValueError as error:
            results.append(Deleted(error_code=Code.INVALID_REQUEST, error_message=str(error)))
            continue
        removed.update(found)
        results.append(Deleted(matching_acls=[_matching(acl) for acl in found]))
    try:
        if removed:
            broker.security.change_acls((), removed)
    except LogError as failure:
        return DeleteAclsResponse(
            filter_results=[Deleted(error_code=code_of(failure), error_message=str(failure)) for _ in results]
        )
    return DeleteAclsResponse(filter_results=results)


def _matching(acl: Acl) -> DeleteAclsResponse.DeleteAclsMatchingAcl:
    return DeleteAclsResponse.DeleteAclsMatchingAcl(
        resource_type=int(acl.resource),
        resource_name=acl.name,
        pattern_type=int(acl.pattern),
        principal=acl.principal,
        host=acl.host,
        operation=int(acl.operation),
        permission_type=int(acl.permission),
    )
