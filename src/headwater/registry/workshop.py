"""A process of its own for large schemas: it parses one and compares it with others, while the loop serves the rest.

Run as `python -m headwater.registry.workshop` it carries out one task, from standard input to standard output. One
process per task: large schemas are rare, what they take of memory goes away with it, and one that takes too long can be
ended.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import msgspec

from headwater.registry.errors import Code, RegistryError
from headwater.registry.parsing import Parsed, ParseError, parse

LARGE_CHARS = 32_000
"""Of all schemas that a request has to parse or compare: up to here the loop does it, in some 20 ms."""
LONGEST_SECONDS = 60.0
"""Ten times what the slowest schema of a megabyte needs; a client of Confluent's waits as long."""
FORMATS = ("resolved", "serialized")
"""In which clients ask for schemas: Avro with its references in it, Protobuf as a descriptor."""
_NICENESS = 5
"""The loop goes first where there is one core for both."""


class Text(msgspec.Struct, frozen=True, array_like=True):
    """A schema with name, kind and text of everything it refers to, what is needed first."""

    kind: str
    schema: str
    references: tuple[tuple[str, str, str], ...] = ()

    @property
    def chars(self) -> int:
        return len(self.schema) + sum(len(text) for _, _, text in self.references)

    def parse(self) -> Parsed:
        """Raises `ParseError`, `RecursionError`."""
        return parse(self.kind, self.schema, {name: (kind, text) for name, kind, text in self.references})


class Task(msgspec.Struct, frozen=True):
    """A schema to parse, and versions to compare it with, in this order and until one forbids it."""

    new: Text
    olds: tuple[Text, ...] = ()
    level: str = "NONE"


class Compared(msgspec.Struct, frozen=True):
    """Why a schema may not follow a version; `unreadable` is why the version itself is no schema."""

    reasons: tuple[str, ...] = ()
    unreadable: str | None = None


class Done(msgspec.Struct, frozen=True):
    """The schema's texts and one `Compared` for each version that was looked at; or why it is no schema."""

    canonical: str = ""
    normalised: str = ""
    formats: dict[str, str] = {}
    """The texts of `FORMATS`, where they are others than the canonical one."""
    compared: tuple[Compared, ...] = ()
    invalid: str | None = None
    bad_name: str | None = None
    bad_default: str | None = None
    top_level: frozenset[str] = frozenset()


def compare(level: str, new: Parsed, old: Text | Parsed) -> Compared:
    """Whether a schema may follow a version."""
    from headwater.registry.compatibility import CompatibilityLevel, check  # most starts do not need the rules

    try:
        found = check(new.kind, CompatibilityLevel(level), new, [old.parse() if isinstance(old, Text) else old])
    except (ParseError, RecursionError) as error:
        return Compared(unreadable=reason(error))
    return Compared(tuple(str(each) for each in found))


def reason(error: Exception) -> str:
    """Why a text is no schema; a name in it may have half of a surrogate pair, which no answer can have."""
    if isinstance(error, UnicodeEncodeError):
        return f"half of a surrogate pair at character {error.start}"
    text = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
    return text.encode(errors="backslashreplace").decode()


def carry_out(task: Task) -> Done:
    """Parse, and compare."""
    try:
        new = task.new.parse()
        canonical, normalised = new.canonical(), new.normalised()
        canonical.encode()
    except (ParseError, RecursionError, UnicodeEncodeError) as error:
        return Done(invalid=reason(error))
    formats = {name: text for name in FORMATS if (text := new.formatted(name)) != canonical}
    compared: list[Compared] = []
    for old in task.olds:
        compared.append(compare(task.level, new, old))
        if compared[-1] != Compared():
            break
    return Done(canonical, normalised, formats, tuple(compared), None, new.bad_name, new.bad_default, new.top_level())


class Workshop:
    """Gives tasks to processes, one after the other."""

    def __init__(self) -> None:
        self._turn = asyncio.Semaphore(1)

    async def do(self, task: Task) -> Done:
        """Raises `RegistryError`: 42201 when it takes too long, 500 when the process ends without an answer."""
        async with self._turn:
            process = _started()
            try:
                answer, said = await asyncio.to_thread(_talk, process, msgspec.json.encode(task))
            except subprocess.TimeoutExpired:
                message = f"Invalid schema, details: it takes more than {LONGEST_SECONDS:.0f} s to parse and compare"
                raise RegistryError(Code.INVALID_SCHEMA, message) from None
            finally:
                process.kill()  # of use when the request was given up: the thread ends with the process
        if process.returncode:
            last = said.decode(errors="replace").strip().rpartition("\n")[2]
            raise RegistryError(
                Code.INTERNAL, f"The process that parses large schemas ended with {process.returncode}: {last}"
            )
        return msgspec.json.decode(answer, type=Done)


def _started() -> subprocess.Popen[bytes]:
    """Not by the loop's own means: those want a loop in the main thread, which a library's is not."""
    command = [sys.executable, "-P", "-m", "headwater.registry.workshop"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def _talk(process: subprocess.Popen[bytes], sent: bytes) -> tuple[bytes, bytes]:
    with process:
        try:
            return process.communicate(sent, LONGEST_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise


def main() -> None:
    """One task."""
    os.nice(_NICENESS)
    task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
    sys.stdout.buffer.write(msgspec.json.encode(carry_out(task)))


if __name__ == "__main__":
    main()
