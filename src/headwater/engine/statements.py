"""The dispatch tables: which function is responsible for which statement, by the way in which it is carried out.

Every statement of the language is in exactly one of them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from headwater.engine import statements_assertions as assertions
from headwater.engine import statements_connectors as connectors
from headwater.engine import statements_metadata as metadata
from headwater.engine import statements_queries as queries
from headwater.engine import statements_session as session
from headwater.engine import statements_sources as sources
from headwater.engine.answering import Answer
from headwater.engine.deciding import Decider
from headwater.engine.session import Session
from headwater.engine.settings import EngineSettings
from headwater.sql import ast

DECIDERS: dict[type[ast.Statement], Decider[Any]] = {
    ast.CreateSource: sources.create_source,
    ast.CreateAsSelect: sources.create_as_select,
    ast.DropSource: sources.drop_source,
    ast.AlterSource: sources.alter_source,
    ast.CreateType: sources.create_type,
    ast.DropType: sources.drop_type,
    ast.InsertInto: queries.insert_into,
    ast.TerminateQuery: queries.terminate,
    ast.PauseQuery: queries.pause,
    ast.ResumeQuery: queries.resume,
    ast.AlterSystem: queries.alter_system,
}
"""Change the catalog: decided, written to the command topic, applied."""

ANSWERS: dict[type[ast.Statement], Answer[Any]] = {
    ast.Show: metadata.show,
    ast.DescribeSource: metadata.describe_source,
    ast.DescribeSources: metadata.describe_sources,
    ast.DescribeFunction: metadata.describe_function,
    ast.DescribeConnector: connectors.describe,
    ast.Explain: metadata.explain,
    ast.CreateConnector: connectors.create,
    ast.DropConnector: connectors.drop,
    ast.AssertTopic: assertions.assert_topic,
    ast.AssertSchema: assertions.assert_schema,
}
"""Tell something: answered on this node, without a trace."""

WAITING = (ast.AssertTopic, ast.AssertSchema, ast.CreateConnector, ast.DescribeConnector, ast.DropConnector)
"""Answers that depend on time or on the Connect worker, and so are not tried in validation."""

SESSION: dict[type[ast.Statement], Callable[[Any, Session, EngineSettings], str | None]] = {
    ast.SetProperty: session.set_property,
    ast.UnsetProperty: session.unset_property,
    ast.DefineVariable: session.define_variable,
    ast.UndefineVariable: session.undefine_variable,
}
"""Change what the rest of the request sees."""

ELSEWHERE: dict[type[ast.Statement], str] = {
    ast.AssertValues: "ASSERT VALUES is for the test runner: `headwater test`.",
    ast.AssertTombstone: "ASSERT NULL VALUES is for the test runner: `headwater test`.",
    ast.AssertSource: "ASSERT STREAM and ASSERT TABLE are for the test runner: `headwater test`.",
    ast.RunScript: "RUN SCRIPT is a command of the shell: the server cannot read your files.",
    ast.Spool: "SPOOL is a command of the shell.",
}
"""Not for the server, and why."""
