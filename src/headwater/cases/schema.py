"""Runs schema tests: random records of an Avro schema pass a query over inferred columns unchanged."""

from __future__ import annotations

import io
import json
import random
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import fastavro

from headwater.cases.encoding import TopicCodec
from headwater.cases.host import Host
from headwater.cases.model import Outcome, Run, Verdict
from headwater.cases.rejection import raise_failed_commands
from headwater.cases.stepping import FedRecord
from headwater.core.errors import HeadwaterError
from headwater.core.names import quote
from headwater.formats import framing
from headwater.plan.functions import FunctionRegistry

RECORDS = 100
_INPUT, _OUTPUT = "TEST_INPUT", "TEST_OUTPUT"
_KEY = b"test-key"
_LETTERS = "abcdefghijklmnopqrstuvwxyzäöü€ 0123456789"
_NUMBERS = {"int": 31, "long": 63}


async def run_schema_test(run: Run, functions: FunctionRegistry) -> Outcome:
    """Two passes: names upper-cased, and as the schema has them when it is given by its id."""
    for exact in (False, True):
        problem = await _pass(_plain(run.raw["schema"]), functions, exact=exact)
        if problem:
            return Outcome(Verdict.FAILED, "fail-records", f"{'exact' if exact else 'upper-cased'} names: {problem}")
    return Outcome(Verdict.PASSED)


def _plain(schema: Any) -> Any:
    """The schema with default values that JSON spells as fractions as floats."""
    return json.loads(json.dumps(schema, default=_number))


def _number(value: Decimal) -> float:
    return float(value)


async def _pass(schema: Any, functions: FunctionRegistry, *, exact: bool) -> str:
    async with Host(functions, stepping=True) as host:
        schema_id = host.registry.register(f"{_INPUT}-value", "AVRO", json.dumps(schema))
        try:
            raise_failed_commands(await host.engine.execute(statements(schema, schema_id, exact=exact)))
            (query,) = host.stepped.stepped
            output = TopicCodec(host.engine.metastore.sources[_OUTPUT], host.registry).value
            randomness = random.Random(schema_id)
            for number in range(RECORDS):
                value = random_value(schema, {}, randomness)
                body = io.BytesIO()
                fastavro.schemaless_writer(body, fastavro.parse_schema(schema, named_schemas={}), value)
                fed = FedRecord(_KEY, framing.header(schema_id) + body.getvalue(), 0, (), number)
                ((_, payload, _, _),) = query.feed(_INPUT, fed)
                problem = output.difference(payload, expected(schema, {}, value, exact=exact))
                if problem:
                    return f"record {number}: {problem}"
        except HeadwaterError as error:
            return str(error)
    return ""


def statements(schema: Mapping[str, Any], schema_id: int, *, exact: bool) -> str:
    """The source over the schema and the query that copies every field."""
    given = f", VALUE_SCHEMA_ID={schema_id}" if exact else ""
    names = [field["name"] for field in schema["fields"]]
    fields = ", ".join(quote(_cased(name, exact)) for name in names)
    return (
        f"CREATE STREAM {_INPUT} (ROWKEY STRING KEY) "
        f"WITH (KAFKA_TOPIC='{_INPUT}', VALUE_FORMAT='AVRO', PARTITIONS=1{given});\n"
        f"CREATE STREAM {_OUTPUT} AS SELECT ROWKEY, {fields} FROM {_INPUT};"
    )


def random_value(schema: Any, known: dict[str, Any], randomness: random.Random) -> Any:
    """A value of the schema, as fastavro takes it; `known` collects named schemas."""
    schema = _resolved(schema, known)
    if isinstance(schema, list):
        branch = randomness.choice(schema)
        value = random_value(branch, known, randomness)
        return value if len(_others(schema)) < 2 else (_name(branch), value)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return {f["name"]: random_value(f["type"], known, randomness) for f in schema["fields"]}
    if kind == "array":
        return [random_value(schema["items"], known, randomness) for _ in range(randomness.randrange(4))]
    if kind == "map":
        keys = (_text(randomness) for _ in range(randomness.randrange(4)))
        return {key: random_value(schema["values"], known, randomness) for key in keys}
    if kind == "enum":
        return randomness.choice(schema["symbols"])
    return _random_scalar(kind, randomness)


def _random_scalar(kind: str, randomness: random.Random) -> Any:
    if kind in _NUMBERS:
        bits = _NUMBERS[kind]
        return randomness.choice((0, -1, 1, randomness.getrandbits(bits), -(1 << bits)))
    if kind in ("float", "double"):
        return randomness.choice((0.0, 0.5, -1.25, float(randomness.getrandbits(20))))
    if kind == "boolean":
        return randomness.random() < 0.5
    if kind == "bytes":
        return randomness.randbytes(randomness.randrange(5))
    return None if kind == "null" else _text(randomness)


def _text(randomness: random.Random) -> str:
    return "".join(randomness.choices(_LETTERS, k=randomness.randrange(12)))


def expected(schema: Any, known: dict[str, Any], value: Any, *, exact: bool) -> Any:
    """The value as it must come out: a union of several types is a struct with one field per branch."""
    schema = _resolved(schema, known)
    if value is None:
        return None
    if isinstance(schema, list):
        return _expected_of_union(_others(schema), known, value, exact=exact)
    kind = schema["type"] if isinstance(schema, dict) else schema
    if kind == "record":
        return {
            _cased(f["name"], exact): expected(f["type"], known, value[f["name"]], exact=exact)
            for f in schema["fields"]
        }
    if kind == "array":
        return [expected(schema["items"], known, item, exact=exact) for item in value]
    if kind == "map":
        return {key: expected(schema["values"], known, item, exact=exact) for key, item in value.items()}
    return value


def _expected_of_union(branches: Sequence[Any], known: dict[str, Any], value: Any, *, exact: bool) -> Any:
    if len(branches) == 1:
        return expected(branches[0], known, value, exact=exact)
    name, inner = value
    return {
        _cased(_name(branch), exact): expected(branch, known, inner, exact=exact) if _name(branch) == name else None
        for branch in branches
    }


def _resolved(schema: Any, known: dict[str, Any]) -> Any:
    """The schema itself where it is only named."""
    if isinstance(schema, dict):
        if "name" in schema:
            known[schema["name"]] = schema
            known[f"{schema.get('namespace', '')}.{schema['name']}"] = schema
        return schema if isinstance(schema["type"], str) else _resolved(schema["type"], known)
    return known.get(schema, schema) if isinstance(schema, str) else schema


def _others(branches: Sequence[Any]) -> list[Any]:
    return [branch for branch in branches if branch != "null"]


def _name(branch: Any) -> str:
    return str(branch.get("name", branch["type"])) if isinstance(branch, dict) else str(branch)


def _cased(name: str, exact: bool) -> str:
    return name if exact else name.upper()
