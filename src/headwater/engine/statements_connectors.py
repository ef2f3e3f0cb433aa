"""Statements about connectors (28, 29, 34, 40, 41): asked of and carried out by the Connect worker."""

from __future__ import annotations

from typing import Any

from headwater.core.errors import AnalysisError
from headwater.engine import entities
from headwater.engine.answering import Answering
from headwater.engine.connectors import ConnectorError, Connectors
from headwater.engine.entities import Entity
from headwater.engine.errors import ErrorCode
from headwater.sql import ast

_NO_CONNECT = (
    "Connectors are not available on this server: no Connect worker is configured. Start the node with its connect "
    "listener."
)
_KINDS = {ast.ShowWhat.SOURCE_CONNECTORS: "source", ast.ShowWhat.SINK_CONNECTORS: "sink"}


async def show(statement: ast.Show, context: Answering) -> Entity:
    """SHOW CONNECTORS and SHOW CONNECTOR PLUGINS."""
    worker = _worker(context)
    if statement.what is ast.ShowWhat.CONNECTOR_PLUGINS:
        plugins = [entities.ConnectorPluginRow(name, kind, version) for name, kind, version in worker.plugins()]
        return entities.ConnectorPluginsList(statement_text=context.text, connectors_plugins=plugins)
    wanted = _KINDS.get(statement.what)
    rows = [_row(worker, name) for name in worker.names()]
    found = [row for row in rows if wanted is None or row.type == wanted]
    return entities.ConnectorsList(statement_text=context.text, connectors=found)


async def describe(statement: ast.DescribeConnector, context: Answering) -> Entity:
    """States, the topics it has used, and what is declared over them."""
    from headwater.engine.statements_metadata import describe_all

    worker = _worker(context)
    config, status = worker.config(statement.name), worker.status(statement.name)
    topics = list(worker.topics(statement.name))
    metastore = context.state.metastore
    over = [source for source in metastore.sources.values() if source.topic in topics]
    described = await describe_all(over, context)
    return entities.ConnectorDescription(
        statement_text=context.text,
        connector_class=config.get("connector.class", ""),
        status=dict(status),
        sources=described,
        topics=topics,
    )


async def create(statement: ast.CreateConnector, context: Answering) -> Entity:
    """The worker checks the configuration."""
    worker = _worker(context)
    config = {entry.name: _text(entry.value) for entry in statement.properties}
    if "connector.class" not in config:
        raise AnalysisError(
            f"Validation error: Connector config {sorted(config)} contains no connector type: add "
            "'connector.class'='…' to the WITH clause.",
            statement.position,
        )
    existing = _existing(worker, statement.name)
    if existing is not None:
        if statement.if_not_exists:
            return entities.WarningEntity(statement_text=context.text, message=f"Connector {existing} already exists")
        raise ConnectorError(f"Failed to create connector {statement.name}: Connector {existing} already exists", 409)
    try:
        info = await worker.create(statement.name, {"name": statement.name, **config})
    except ConnectorError as error:
        raise ConnectorError(f"Failed to create connector {statement.name}: {error}", error.status) from None
    return entities.ConnectorInfo(statement_text=context.text, info=dict(info))


async def drop(statement: ast.DropConnector, context: Answering) -> Entity:
    """Its topics stay."""
    worker = _worker(context)
    try:
        await worker.delete(statement.name)
    except ConnectorError as error:
        if error.code is not ErrorCode.NOT_FOUND or not statement.if_exists:
            raise ConnectorError(f"Failed to drop connector {statement.name}: {error}", error.status) from None
        told = f"Connector '{statement.name}' does not exist."
        return entities.WarningEntity(statement_text=context.text, message=told)
    return entities.DropConnectorEntity(statement_text=context.text, connector_name=statement.name)


def _worker(context: Answering) -> Connectors:
    worker = context.services.connect.worker
    if worker is None:
        raise AnalysisError(_NO_CONNECT)
    return worker


def _existing(worker: Connectors, name: str) -> str | None:
    """Names differ in more than case."""
    return next((known for known in worker.names() if known.lower() == name.lower()), None)


def _row(worker: Connectors, name: str) -> entities.ConnectorRow:
    status = worker.status(name)
    tasks: list[dict[str, Any]] = status["tasks"]
    running = sum(task["state"] == "RUNNING" for task in tasks)
    state = str(status["connector"]["state"])
    if state == "RUNNING" and running < len(tasks):
        state = "WARNING"
    told = f"{state} ({running}/{len(tasks)} tasks RUNNING)" if state in ("RUNNING", "WARNING") else state
    return entities.ConnectorRow(name, status["type"], worker.config(name).get("connector.class", ""), told)


def _text(value: ast.Literal) -> str:
    if isinstance(value, ast.BooleanLiteral):
        return str(value.value).lower()
    return "" if isinstance(value, ast.NullLiteral) else str(value.value)
