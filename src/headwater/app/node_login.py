"""The other nodes on one Apache Kafka, at the registry's door: whom `cluster.node_secret` lets in, and what for.

The secret goes to whichever node was elected to write, so it opens no more than that needs: requests that were
forwarded, at this one door, about subjects.
"""

from __future__ import annotations

from starlette.requests import HTTPConnection

from headwater.app.keys import NODE_USER
from headwater.app.rest_access import RestAccess, basic_login
from headwater.broker.access import Access, Principal
from headwater.broker.acls import CLUSTER_NAME, Operation, Resource
from headwater.broker.auth import ApiKeys
from headwater.core.clock import Clock
from headwater.http.identity import Identify
from headwater.http.registry.call import FORWARDED


class NodeAccess(Access):
    """Knows only the nodes, which may do everything to subjects and nothing else."""

    def __init__(self, secret: str) -> None:
        super().__init__(ApiKeys({NODE_USER: secret}), required=True)

    def is_super(self, principal: str | None) -> bool:
        return False

    def allows(
        self, principal: str | None, host: str, operation: Operation, resource: Resource, name: str = CLUSTER_NAME
    ) -> bool:
        return principal == NODE_USER and resource is Resource.SUBJECT


def or_node(clients: Identify, secret: str, clock: Clock, failed_login_ms: int) -> Identify:
    """`clients`, and besides, for forwarded requests, nodes that know the secret; an empty one lets no node in."""
    if not secret:
        return clients
    nodes = RestAccess(NodeAccess(secret), clock, failed_login_ms).identify

    async def identify(connection: HTTPConnection) -> Principal | None:
        login = basic_login(connection)
        is_node = FORWARDED in connection.headers and login is not None and login[0] == NODE_USER
        return await (nodes if is_node else clients)(connection)

    return identify
