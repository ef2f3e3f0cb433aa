"""What the shell writes: tables that fit, JSON that keeps every digit, CSV that spreadsheets read."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest

from headwater.cli.sql.blocks import blocks, schema_text
from headwater.cli.sql.client import Header
from headwater.cli.sql.grid import Grid, column_widths, layout
from headwater.cli.sql.outputs import FORMATS, make_output
from headwater.cli.sql.spool import Spool
from headwater.core.errors import ConfigError

HEADER = Header(["ID", "NAME"], ["BIGINT", "STRING"], "q1")
ROWS = [[b"1", b'"caf\xc3\xa9"'], [b"null", b'"a, \\"b\\""'], [b"12.50", b'{"X":[1]}']]


def written(output_format: str) -> str:
    stream = StringIO()
    output = make_output(output_format, stream)
    output.head(HEADER)
    for row in ROWS:
        output.row(row)
    output.end(len(ROWS))
    return stream.getvalue()


def test_rows_as_json_keep_the_text_the_server_wrote() -> None:
    assert written("json").splitlines() == [
        '{"ID":1,"NAME":"café"}',
        '{"ID":null,"NAME":"a, \\"b\\""}',
        '{"ID":12.50,"NAME":{"X":[1]}}',
    ]


def test_rows_as_csv_have_a_header_and_empty_cells_for_null() -> None:
    assert written("csv") == 'ID,NAME\n1,café\n,"a, ""b"""\n12.50,"{""X"":[1]}"\n'


def test_rows_as_a_table_name_null_and_count() -> None:
    lines = written("table").splitlines()
    assert lines[1].split() == ["│", "ID", "│", "NAME", "│"]
    assert [line.split("│")[1].strip() for line in lines[3:6]] == ["1", "NULL", "12.50"]
    assert lines[-1] == "3 rows"
    assert len({len(line) for line in lines[:-1]}) == 1


@pytest.mark.parametrize("total", [20, 40, 80, 200])
def test_columns_fit_the_terminal(total: int) -> None:
    names = ["A", "LONGER_NAME", "C"]
    widths = column_widths(names, ["INTEGER", "STRING", "STRING"], [["1", "x" * 300, "y" * 30]], total)
    lines = [*Grid(widths).row(["1", "x" * 300, "y" * 30])]
    assert max(map(len, lines)) <= max(total, 3 * 9 + 1)
    assert "".join(lines).count("x") == 300


def test_room_to_spare_goes_to_texts() -> None:
    assert column_widths(["A", "B", "C"], ["INTEGER", "STRING", "STRING"], (), 80) == [11, 29, 29]
    assert sum(column_widths(["A", "B"], ["INTEGER", "STRING"], (), 200)) == 11 + 60


def test_a_wide_character_takes_two_cells() -> None:
    (line,) = Grid([6]).row(["日本"])
    assert line == "│ 日本   │"


class Window(StringIO):
    """A terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [StringIO(), Window()])
def test_a_row_wider_than_all_before_it_keeps_the_frame(stream: StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    output = make_output("table", stream)
    output.head(HEADER)
    output.row([b"1", b'"short"'])
    output.row([b"12345678901234567890", b'"long\\ttext\\nand \\u001b[31m' + b"y" * 90 + b'"'])
    output.end(2)
    lines = [line.lstrip("\r") for line in stream.getvalue().split("\n")[:-2]]
    assert len({len(line) for line in lines}) == 1
    assert sum(line.count("y") for line in lines) == 90
    assert "\x1b" not in "".join(lines)


def test_a_resized_terminal_gets_a_new_head(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Window()
    output = make_output("table", stream)
    for columns in ("80", "30"):
        monkeypatch.setenv("COLUMNS", columns)
        if columns == "80":
            output.head(HEADER)
        output.row([b"1", b'"' + b"x" * 60 + b'"'])
    lines = stream.getvalue().splitlines()
    heads = [n for n, line in enumerate(lines) if line.startswith("┌")]
    assert len(heads) == 2
    assert max(map(len, lines[heads[1] :])) <= 30


def test_many_columns_come_one_per_line() -> None:
    names = [f"COLUMN_{n}" for n in range(12)]
    drawn = layout(names, ["STRING"] * 12, (), 40)
    lines = [*drawn.head(names), *drawn.row([*"abcdefghijk", "z" * 50])]
    assert lines[0].startswith("── row 1 ──")
    assert lines[1] == "COLUMN_0  │ a"
    assert lines[-2:] == ["COLUMN_11 │ " + "z" * 28, "          │ " + "z" * 22]
    assert max(map(len, lines)) == 40


def test_what_is_spooled_is_what_is_shown_without_colours(tmp_path: Path) -> None:
    screen = StringIO()
    spool = Spool(screen)
    spool.start(tmp_path / "out.txt")
    with pytest.raises(ConfigError, match="already: SPOOL OFF ends that"):
        spool.start(tmp_path / "other.txt")
    spool.record("sql> SHOW STREAMS;")
    spool.write("\x1b[1mStreams\x1b[0m\n")
    spool.stop()
    spool.write("later\n")
    assert (tmp_path / "out.txt").read_text("utf-8") == "sql> SHOW STREAMS;\nStreams\n"
    assert screen.getvalue() == "\x1b[1mStreams\x1b[0m\nlater\n"


STRUCT = {"type": "STRUCT", "fields": [{"name": "A", "schema": {"type": "INTEGER"}}]}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"type": "BIGINT", "fields": None, "memberSchema": None}, "BIGINT"),
        ({"type": "DECIMAL", "parameters": {"precision": 4, "scale": 2}}, "DECIMAL(4, 2)"),
        ({"type": "ARRAY", "memberSchema": STRUCT}, "ARRAY<STRUCT<A INTEGER>>"),
        ({"type": "MAP", "memberSchema": {"type": "DOUBLE"}}, "MAP<STRING, DOUBLE>"),
    ],
)
def test_types_are_written_as_sql(schema: dict[str, object], text: str) -> None:
    assert schema_text(schema) == text


STATUS = {
    "@type": "currentStatus",
    "commandStatus": {"status": "SUCCESS", "message": "Stream created"},
    "warnings": [{"message": "mind the gap"}],
}
STREAMS = {
    "@type": "streams",
    "streams": [{"name": "S", "topic": "t", "keyFormat": "KAFKA", "valueFormat": "JSON", "isWindowed": False}],
}


def test_warnings_come_before_the_answer() -> None:
    assert [b.text for b in blocks(STATUS)] == ["WARNING: mind the gap", "Stream created"]


def test_a_list_is_a_table_also_as_csv() -> None:
    stream = StringIO()
    make_output("csv", stream).entities([STREAMS])
    assert stream.getvalue() == "Stream,Topic,Key format,Value format,Windowed\nS,t,KAFKA,JSON,false\n"


@pytest.mark.parametrize("output_format", FORMATS)
def test_an_answer_of_unknown_kind_is_shown_whole(output_format: str) -> None:
    stream = StringIO()
    make_output(output_format, stream).entities([{"@type": "tomorrow", "x": 1}])
    if output_format != "csv":
        assert "tomorrow" in stream.getvalue()


CONNECTOR = {
    "@type": "connector_description", "connectorClass": "DatagenSource", "topics": ["orders"], "sources": [],
    "status": {
        "name": "o", "type": "source", "connector": {"state": "RUNNING", "worker_id": "127.0.0.1:8083"},
        "tasks": [{"id": 0, "state": "FAILED", "trace": "no such topic", "worker_id": "127.0.0.1:8083"}],
    },
}  # fmt: skip


def test_connectors_are_told_in_tables() -> None:
    info = {"@type": "connector_info", "info": {"name": "o", "type": "source", "config": {"quickstart": "orders"}}}
    made, config = blocks(info)
    assert made.text == "Connector o (source) is made."
    assert (config.columns, config.rows) == (["Key", "Value"], [["quickstart", "orders"]])
    facts, tasks = blocks(CONNECTOR)
    assert [line.split(":")[0].strip() for line in facts.text.splitlines()] == [
        "Name", "Class", "Type", "State", "Worker", "Topics",
    ]  # fmt: skip
    assert tasks.rows == [["0", "FAILED", "no such topic"]]
    (dropped,) = blocks({"@type": "drop_connector", "connectorName": "o"})
    assert dropped.text == "Connector o is dropped."
