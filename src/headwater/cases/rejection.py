"""Judging refusals: was the right statement refused, and does the message say what is expected?"""

from __future__ import annotations

from collections.abc import Iterable

from headwater.cases.messages import closeness
from headwater.cases.model import Outcome, Run, Suite, Verdict
from headwater.core.errors import HeadwaterError, ParseError
from headwater.engine.entities import CurrentStatus, Entity
from headwater.engine.errors import StatementError, message_of
from headwater.sql.parser import parse_script
from headwater.sql.printer import mask


def judge_rejection(run: Run, error: HeadwaterError) -> Outcome:
    """The outcome of a run one of whose statements was refused."""
    message = message_of(error)
    expected = run.expected_error
    if expected is None:
        # Suites are of statements that the original runs; of one's own script nobody knows that.
        return Outcome(Verdict.FAILED, "rejected" if run.suite is Suite.CASES else "unsupported", message)
    if _is_early(run, error):
        return Outcome(Verdict.REJECTED_EARLY, "rejected-early", message)
    statement = error.statement.rstrip(";") if isinstance(error, StatementError) else ""
    level = closeness(message, expected.message, statement)
    return Outcome(Verdict.PASSED, level.value, f"expected: {expected.message}\nfound: {message}", level)


def _is_early(run: Run, error: HeadwaterError) -> bool:
    """Whether another statement than the last was refused. A syntax error refuses the whole script."""
    if not isinstance(error, StatementError):
        return False
    try:
        statements = parse_script(run.script)
    except ParseError:
        return False
    return bool(statements) and error.statement != mask(statements[-1]) + ";"


def raise_failed_commands(entities: Iterable[Entity]) -> None:
    """Raises `StatementError` for a command that was accepted but could not be carried out."""
    for entity in entities:
        if isinstance(entity, CurrentStatus) and entity.command_status.status == "ERROR":
            raise StatementError(entity.command_status.message, statement=entity.statement_text)
