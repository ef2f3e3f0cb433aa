"""Statements about persistent queries (statements 5 and 13 to 16)."""

from __future__ import annotations

from headwater.core.errors import AnalysisError
from headwater.engine.changes import Change, CommandId, Edit, PauseQuery, QuerySpec, StartQuery, StopQuery, Unchanged
from headwater.engine.deciding import Deciding
from headwater.engine.properties import canonical_name
from headwater.engine.property_table import QUERY_LEVEL, SYSTEM_LEVEL
from headwater.engine.statements_sources import check_query_limit
from headwater.sql import ast


def insert_into(statement: ast.InsertInto, context: Deciding) -> Change | Unchanged:
    """(5) INSERT INTO … SELECT."""
    given = context.new_query_id("INSERTQUERY")
    plan = context.planner().plan_insert_into(statement, given)
    check_query_limit(context)
    query = QuerySpec(plan.query_id, plan.query, statement.text, context.overrides, plan.link)
    return Change(
        CommandId.create("stream", statement.target),
        f"Created query with ID {plan.query_id}",
        (StartQuery(query),),
        query_id=plan.query_id,
        numbered=plan.query_id == given,
    )


def terminate(statement: ast.TerminateQuery, context: Deciding) -> Change | Unchanged:
    """(13) TERMINATE: the query and what it kept are gone for good; its sink stays."""
    queries = _addressed(statement.query_id, "terminate", context)
    edits: tuple[Edit, ...] = tuple(StopQuery(query.query_id) for query in queries)
    return Change(_command("terminate", statement.query_id, "execute"), "Query terminated.", edits)


def pause(statement: ast.PauseQuery, context: Deciding) -> Change | Unchanged:
    """(14) PAUSE: the query stops reading; its state stays readable."""
    queries = _addressed(statement.query_id, "pause", context)
    edits: tuple[Edit, ...] = tuple(PauseQuery(query.query_id, paused=True) for query in queries)
    return Change(_command("pause", statement.query_id, "execute"), "Query paused.", edits)


def resume(statement: ast.ResumeQuery, context: Deciding) -> Change | Unchanged:
    """(15) RESUME."""
    queries = _addressed(statement.query_id, "resume", context)
    edits: tuple[Edit, ...] = tuple(PauseQuery(query.query_id, paused=False) for query in queries)
    return Change(_command("resume", statement.query_id, "execute"), "Query resumed.", edits)


def _command(kind: str, query_id: str | None, action: str) -> CommandId:
    return CommandId(kind, query_id or "ALL", action)


def _addressed(query_id: str | None, verb: str, context: Deciding) -> list[QuerySpec]:
    """The queries a statement is about; raises `AnalysisError` for an unknown one, or that of a SOURCE table."""
    if query_id is None:
        return [query for query in context.state.queries.values() if not query.internal]
    found = context.state.query(query_id)
    if found is None:
        raise AnalysisError(f"Unknown queryId: {query_id}. SHOW QUERIES lists the ids.")
    if found.internal:
        raise AnalysisError(
            f"Cannot {verb} query {found.query_id}: it materializes a SOURCE table. Use DROP TABLE to end it."
        )
    return [found]


def alter_system(statement: ast.AlterSystem, context: Deciding) -> Change | Unchanged:
    """(16) ALTER SYSTEM: known, but refused as by any server without shared runtimes."""
    name = canonical_name(statement.name)
    if name is None or name not in SYSTEM_LEVEL | QUERY_LEVEL:
        raise AnalysisError(f"Failed to set {statement.name}: it is not a property that ALTER SYSTEM can change.")
    raise AnalysisError(
        f"Cannot alter system property '{statement.name}': ALTER SYSTEM needs shared runtimes, which this server does "
        "not have. Set the property for the session (SET) or in the server's configuration."
    )
