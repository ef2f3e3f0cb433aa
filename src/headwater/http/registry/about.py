"""What the registry says about itself."""

from __future__ import annotations

from importlib.metadata import version as version_of
from typing import Any

from headwater.http.registry.call import RegistryCall

_GROUP = "schema-registry"


def root(call: RegistryCall) -> dict[str, Any]:
    """An empty object: the registry is there."""
    return {}


def cluster(call: RegistryCall) -> dict[str, Any]:
    """The id of the cluster whose schemas these are."""
    clusters = {"kafka-cluster": call.registry.cluster.cluster_id, "schema-registry-cluster": _GROUP}
    return {"scope": {"path": [], "clusters": clusters}, "id": ""}


def version(call: RegistryCall) -> dict[str, str]:
    """The version of the server."""
    return {"version": version_of("headwater"), "commitId": ""}
