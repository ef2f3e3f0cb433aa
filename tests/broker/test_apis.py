"""The table of APIs agrees with the protocol's definitions."""

from __future__ import annotations

import pytest

from headwater.broker.apis import APIS, Api
from headwater.broker.errors import _CODES, Code, code_of
from headwater.core.errors import HeadwaterError, LogError
from headwater.log import errors
from headwater.wire.messages import definition


@pytest.mark.parametrize("api", APIS.values(), ids=lambda api: api.name)
def test_served_versions_exist(api: Api) -> None:
    for suffix in ("Request", "Response"):
        message = definition(f"{api.name}{suffix}")
        assert message.key == api.key
        assert message.versions[0] <= api.first <= api.last <= message.versions[1]


def test_every_error_of_the_log_has_a_code() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if isinstance(kind, type) and issubclass(kind, HeadwaterError):
            assert code_of(kind("x")) is not Code.UNKNOWN_SERVER_ERROR, f"{name} needs a line in the table"


def test_a_subclass_has_its_parents_code_and_an_unknown_error_has_none() -> None:
    for kind, code in _CODES.items():
        assert code_of(type("Special", (kind,), {})("x")) is code
    assert code_of(LogError("x")) is Code.UNKNOWN_SERVER_ERROR
