"""What logs, listings and errors show of a statement."""

from __future__ import annotations

import pytest

from headwater.sql.parser import parse_statement
from headwater.sql.printer import mask


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("insert into s (a, b) values (1, 'secret')", "INSERT INTO S (A, B) VALUES ('[value]', '[value]')"),
        (
            "create source connector c with ('connector.class'='x.Y', 'password'='secret', \"n\"=1)",
            "CREATE SOURCE CONNECTOR C WITH ('connector.class'='x.Y', 'password'='[string]', 'n'='[string]')",
        ),
        ("EXPLAIN INSERT INTO s VALUES (1)", "EXPLAIN INSERT INTO S VALUES ('[value]')"),
        ("select  *  from s -- as written", "select  *  from s"),
    ],
)
def test_values_and_connector_settings_are_hidden_and_the_rest_stays_as_written(text: str, wanted: str) -> None:
    assert mask(parse_statement(text)) == wanted
