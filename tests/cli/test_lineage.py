"""`headwater lineage` against a node: trees for people, JSON and Mermaid for programs."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from typer.testing import CliRunner

from headwater.cli.main import app
from headwater.core.config import load
from headwater.core.errors import HeadwaterError
from headwater.library.local import LocalServer
from headwater.library.node import Node

STATEMENTS = """
CREATE STREAM s (id INT KEY, email STRING) WITH (kafka_topic='in.mail', value_format='JSON', partitions=1);
CREATE STREAM t WITH (kafka_topic='out.mail') AS SELECT id, UCASE(email) AS address FROM s;
"""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    settings = load(None, None, {"node.memory": True, "registry.port": 0}, "given by the test")
    with Node(LocalServer(settings, ["registry"])) as node:
        node.execute(STATEMENTS)
        yield node.endpoints["registry"]


def run(server: str, *arguments: str) -> str:
    result = CliRunner(env={"COLUMNS": "200"}).invoke(
        app, ["lineage", *arguments, "--server", server], catch_exceptions=False
    )
    assert result.exit_code == 0, result.output
    return result.output


def test_a_topic_is_drawn_with_where_it_comes_from_and_goes(server: str) -> None:
    drawn = run(server, "out.mail")
    assert [line.strip(" │├└─") for line in drawn.splitlines()] == [
        "topic out.mail (T)",
        "from",
        "query T CSAS_T_0",
        "topic in.mail (S)",
    ]
    assert "query" not in run(server, "out.mail", "--downstream")


def test_a_column_is_drawn_with_its_expression(server: str) -> None:
    drawn = run(server, "out.mail.address")
    assert "T.ADDRESS = UCASE(S.EMAIL)  topic out.mail" in drawn
    assert "S.EMAIL  topic in.mail" in drawn
    assert "T.ADDRESS  topic out.mail  by UCASE(S.EMAIL)" in run(server, "in.mail.email", "--downstream")


def test_programs_get_json_mermaid_and_openlineage(server: str) -> None:
    assert json.loads(run(server, "T", "--output", "json"))["starts"] == ["topic:out.mail"]
    assert run(server, "out.mail", "--output", "mermaid").startswith("flowchart LR")
    assert json.loads(run(server, "out.mail", "--output", "openlineage"))[0]["job"]["name"] == "CSAS_T_0"
    assert json.loads(run(server, "T.ADDRESS", "--output", "json"))["columns"][0]["column"] == "ADDRESS"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nothing"], "There is no topic"),
        (["no.such.topic"], "There is no topic"),
        (["out.mail", "--output", "png"], "--output must be one of"),
        (["out.mail", "--at", "yesterday"], "ISO 8601"),
    ],
)
def test_what_cannot_be_shown_is_said(server: str, arguments: list[str], message: str) -> None:
    with pytest.raises(HeadwaterError, match=message):
        run(server, *arguments)


def test_no_server_is_said() -> None:
    with pytest.raises(HeadwaterError, match="does not answer"):
        run("http://127.0.0.1:1", "x")
