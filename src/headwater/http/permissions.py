"""What a client may have the SQL engine do, where that depends on the statements: asking, or changing something."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.broker.access import Principal
from headwater.broker.acls import CLUSTER_NAME, KSQL_NAME, Operation, Resource
from headwater.core.errors import SqlError
from headwater.engine.errors import ErrorCode, RequestError
from headwater.sql import ast
from headwater.sql.parser import parse_script

_ASKING = (
    ast.QueryStatement,
    ast.PrintTopic,
    ast.Show,
    ast.DescribeSource,
    ast.DescribeSources,
    ast.DescribeFunction,
    ast.DescribeConnector,
    ast.Explain,
    ast.SetProperty,
    ast.UnsetProperty,
    ast.DefineVariable,
    ast.UndefineVariable,
)

_CONNECTING = (ast.CreateConnector, ast.DropConnector)


def demand(principal: Principal, operation: Operation, resource: Resource, name: str) -> None:
    """Raise `RequestError` (403) unless the principal may do it."""
    if not principal.may(operation, resource, name):
        raise RequestError(
            f"Forbidden: {principal.name} may not do this. It takes {operation.name} on {resource.name} {name}: "
            "see `headwater acls add`, or use another API key",
            ErrorCode.FORBIDDEN,
        )


def check_statements(principal: Principal, text: str, variables: Mapping[str, str]) -> None:
    """Raise `RequestError` (403) for statements that change something, from someone who may only ask, and for those
    about connectors from someone who may not change connectors.

    Text that cannot be parsed passes: the engine refuses it with its own words. It is parsed both ways, because whether
    variables are substituted depends on settings that are not known here.
    """
    if principal.is_super:
        return
    may_write = principal.may(Operation.WRITE, Resource.KSQL, KSQL_NAME)
    may_connect = principal.may(Operation.ALTER, Resource.CLUSTER, CLUSTER_NAME)
    if may_write and may_connect:
        return
    for known in (variables, None):
        try:
            statements = parse_script(text, known)
        except SqlError:
            continue
        if not may_write and not all(isinstance(statement, _ASKING) for statement in statements):
            raise RequestError(
                f"Forbidden: {principal.name} may query and describe, but change nothing. That takes WRITE on KSQL "
                f"{KSQL_NAME}: see `headwater acls add --ksql`, or use another API key",
                ErrorCode.FORBIDDEN,
            )
        if not may_connect and any(isinstance(statement, _CONNECTING) for statement in statements):
            raise RequestError(
                f"Forbidden: {principal.name} may not change connectors, here as at Connect's own door: it takes ALTER "
                "on the cluster, because connectors reach the node's files and network",
                ErrorCode.FORBIDDEN,
            )
