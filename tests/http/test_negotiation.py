"""Which media type a client is given."""

from __future__ import annotations

import pytest

from headwater.engine.errors import RequestError
from headwater.http.negotiation import choose

OFFERED = ("application/vnd.ksqlapi.delimited.v1", "application/json", "application/vnd.ksql.v1+json")

CASES = [
    (None, OFFERED[0]),
    ("", OFFERED[0]),
    ("*/*", OFFERED[0]),
    ("application/*", OFFERED[0]),
    ("application/json", OFFERED[1]),
    ("APPLICATION/JSON; charset=utf-8", OFFERED[1]),
    ("text/html, application/json;q=0.5, application/vnd.ksql.v1+json;q=0.8", OFFERED[2]),
    ("application/vnd.ksqlapi.delimited.v1;q=0, */*;q=0.1", OFFERED[1]),
]


@pytest.mark.parametrize(("accept", "chosen"), CASES)
def test_the_best_offer_is_chosen(accept: str | None, chosen: str) -> None:
    assert choose(accept, OFFERED) == chosen


@pytest.mark.parametrize("accept", ["text/html", "application/json;q=0", "application/json;q=x"])
def test_nothing_is_chosen_when_nothing_fits(accept: str) -> None:
    with pytest.raises(RequestError, match="Not acceptable"):
        choose(accept, OFFERED)
