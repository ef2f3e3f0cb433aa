"""The configurations of the connectors, and what their services hold in the end."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import statuses
from common.rest import RestError, call

CDC, SEARCH, CACHE = "delivery-connector", "delivery-search", "delivery-cache"
INDEX = "fulldelivery"


def cdc(postgres: str | None) -> dict[str, str]:
    """Captures the tables: those of the node, or of the PostgreSQL server."""
    place = urlsplit(postgres or "postgresql://postgres:example@embedded:5432/postgres")
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "database.hostname": place.hostname or "localhost",
        "database.port": str(place.port or 5432),
        "database.user": unquote(place.username or "postgres"),
        "database.password": unquote(place.password or ""),
        "database.dbname": place.path.strip("/") or "postgres",
        "database.server.name": "postgres",
        "topic.prefix": "data",
        "plugin.name": "pgoutput",
    }


def search(elasticsearch: str | None) -> dict[str, str]:
    """One document per delivery, in the index of the topic's name in lower case."""
    return {
        "connector.class": "io.confluent.connect.elasticsearch.ElasticsearchSinkConnector",
        "connection.url": elasticsearch or "embedded",
        "topics": "FULLDELIVERY",
        "key.converter": "org.apache.kafka.connect.converters.LongConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "write.method": "upsert",
        "behavior.on.null.values": "delete",
    }


def cache(redis: str | None) -> dict[str, str]:
    """A hash per delivery with its status, under delivery:ID: in the node, or on the Redis server."""
    place = urlsplit(redis or "redis://embedded")
    return {
        "connector.class": "RedisSink",
        "redis.hosts": f"{place.hostname}:{place.port}" if place.port else str(place.hostname),
        "redis.username": unquote(place.username or ""),
        "redis.password": unquote(place.password or ""),
        "topics": "delivery_status",
        "key.converter": "org.apache.kafka.connect.storage.StringConverter",
        "value.converter": "org.apache.kafka.connect.json.JsonConverter",
        "value.converter.schemas.enable": "false",
        "redis.type": "HASH",
        "redis.key": f"{statuses.PREFIX}${{key}}",
    }


def wanted(args: argparse.Namespace) -> dict[str, dict[str, str]]:
    """All connectors of the example, by name."""
    return {CDC: cdc(args.postgres), SEARCH: search(args.elasticsearch), CACHE: cache(args.redis)}


def documents(elasticsearch: str | None, services: Path) -> dict[str, dict[str, Any]]:
    """The index's documents by id."""
    if elasticsearch is None:
        from headwater.connect.embedded.documents import DocumentStore

        return dict(DocumentStore(services, "search").find(INDEX))
    call("POST", f"{elasticsearch}/{INDEX}/_refresh")
    hits = call("POST", f"{elasticsearch}/{INDEX}/_search", {"size": 10_000})["hits"]["hits"]
    return {hit["_id"]: hit["_source"] for hit in hits}


def forget(args: argparse.Namespace) -> None:
    """Take away what the connectors wrote, and what PostgreSQL keeps for the one that is gone."""
    if args.elasticsearch is None:
        from headwater.connect.embedded.documents import DocumentStore, Write

        args.services.mkdir(parents=True, exist_ok=True)
        store = DocumentStore(args.services, "search")
        store.write([Write(INDEX, key, None) for key, _ in store.find(INDEX)], statuses.now_ms())
    else:
        try:
            call("DELETE", f"{args.elasticsearch}/{INDEX}")
        except RestError as error:
            if error.status != 404:
                raise
    statuses.opened(args.redis, args.services).clear()
    if args.postgres:
        import psycopg

        with psycopg.connect(args.postgres, autocommit=True) as connection:
            connection.execute("SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots "
                               "WHERE slot_name = 'debezium' AND NOT active")  # fmt: skip
            connection.execute("DROP PUBLICATION IF EXISTS dbz_publication")
