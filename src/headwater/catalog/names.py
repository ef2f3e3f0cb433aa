"""Qualified names: how entities are called over REST, and which entity a name of a client's means.

The forms are those of Confluent's catalog: `registry:cluster:topic`, `registry:.:schema id[:record[.field]]`. Clients
write the ids of whatever provisioned them, so the prefixes say nothing here: one node is one registry and one cluster.
"""

from __future__ import annotations

from headwater.catalog.errors import CatalogCode, CatalogError

REGISTRY_ID = "lsrc-headwater"
CLUSTER = "kafka_logical_cluster"
TOPIC = "kafka_topic"
SUBJECT = "sr_subject_version"
SCHEMA = "sr_schema"
RECORD = "sr_record"
FIELD = "sr_field"
CONNECTOR = "cn_connector"
STREAM = "ksql_stream"
TABLE = "ksql_table"
COLUMN = "ksql_column"
QUERY = "ksql_query"
GROUP = "consumer_group"
PRODUCT = "data_product"
ENTITY_TYPES = (
    CLUSTER, TOPIC, SUBJECT, SCHEMA, RECORD, FIELD, CONNECTOR, STREAM, TABLE, COLUMN, QUERY, GROUP, PRODUCT
)  # fmt: skip
ROOT = "cf_entity"
"""The type that every entity is of: what definitions are for unless they say less."""
_SCHEMA_TYPES = frozenset({SUBJECT, SCHEMA, RECORD, FIELD})
_ALIASES = {"connector": CONNECTOR, "topic": TOPIC, "cn_logical_connector": CONNECTOR}


def entity_type(name: str) -> str:
    """The type of this name. Raises `CatalogError` if there is none."""
    found = _ALIASES.get(name, name)
    if found not in ENTITY_TYPES:
        raise CatalogError(
            CatalogCode.TYPE_NAME_INVALID,
            f"Type ENTITY with name {name} does not exist. There are: {', '.join(ENTITY_TYPES)}.",
        )
    return found


def qualified(type_name: str, local: str, cluster_id: str, registry_id: str = REGISTRY_ID) -> str:
    """The qualified name of the entity that is called `local` among its type on this node."""
    if type_name == CLUSTER:
        return f"{registry_id}:{cluster_id}"
    return f"{registry_id}:{'.' if type_name in _SCHEMA_TYPES else cluster_id}:{local}"


def local_name(type_name: str, qualified_name: str) -> str:
    """What is left of a client's qualified name without the ids before it: `lsrc-1:lkc-2:orders` is `orders`.

    A bare name and a name after the cluster alone are understood too. Topics, connectors and groups keep colons only in
    their names; a schema's local name starts with its id or subject.
    """
    if type_name == CLUSTER:
        return qualified_name.rpartition(":")[2]
    parts = qualified_name.split(":")
    if type_name in _SCHEMA_TYPES:
        if len(parts) > 2 and parts[1] == ".":
            return ":".join(parts[2:])
        return qualified_name
    if type_name == TOPIC:
        return parts[-1]
    return ":".join(parts[2:]) if len(parts) > 2 else parts[-1]
