"""The command `headwater test`: runs test cases for SQL pipelines and says which passed."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from headwater.cases.discovery import Selection, find_runs, three_files
from headwater.cases.model import Result, Run, Suite
from headwater.cases.pool import Workers
from headwater.cases.report import FAILURES, Summary, failure_line, write_json
from headwater.core.errors import ConfigError


@dataclass(frozen=True)
class TestOptions:
    """What the command line asks for. `script` with `outputs` is the form with three files."""

    __test__ = False  # not a test class, whatever pytest makes of the name

    paths: Sequence[Path] = ()
    script: Path | None = None
    inputs: Path | None = None
    outputs: Path | None = None
    selection: Selection = field(default_factory=Selection)
    extensions: Path | None = None
    json_file: Path | None = None
    jobs: int = 2
    random_data: bool = False


def run_tests(options: TestOptions) -> int:
    """Run everything that is selected; the exit code: 1 if anything failed. Raises `ConfigError` for unusable paths."""
    runs = [_offered(run, options) for run in _runs(options) if options.selection.keeps(run)]
    if not runs:
        raise ConfigError("No test case matches the selection.")
    summary = Summary()
    workers = Workers(options.jobs, options.extensions)
    for result in _with_progress(workers.run(runs), len(runs)):
        summary.add(result)
        if result.outcome.verdict in FAILURES:
            print(failure_line(result), flush=True)
    if options.json_file is not None:
        write_json(summary.results, options.json_file)
    for line in summary.lines():
        print(line)
    print(summary.last_line)
    return 1 if summary.failed else 0


def _runs(options: TestOptions) -> Iterator[Run]:
    if options.script is not None:
        if options.outputs is None:
            raise ConfigError("A test of a script needs the records to expect: give --output-file.")
        yield three_files(options.script, options.inputs, options.outputs, options.script.as_posix())
    elif not options.paths:
        raise ConfigError("Give files or folders with test cases, or --sql-file with --output-file.")
    yield from find_runs(options.paths)


def _offered(run: Run, options: TestOptions) -> Run:
    """Random data is opt-in: it looks for what nobody thought of, and is no part of a score."""
    if run.suite is Suite.SCHEMA and not options.random_data and not run.skip:
        return replace(run, skip="random data: give --random-data")
    return run


def _with_progress(results: Iterable[Result], total: int) -> Iterator[Result]:
    """Shows a bar while the results are read, on a terminal."""
    if not sys.stdout.isatty():
        yield from results
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeElapsedColumn

    with Progress(BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), transient=True) as progress:
        task = progress.add_task("", total=total)
        for result in results:
            yield result
            progress.advance(task)
