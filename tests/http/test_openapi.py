"""Every REST door publishes an OpenAPI document, and no request that schemathesis makes from it is a server error."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.app.processes import Running, headwater_up

EXAMPLES = int(os.environ.get("HEADWATER_EXAMPLES", "0"))
"""Per operation, by night; then the boundary values of every parameter are tried as well."""
DOCUMENTS = {
    "registry": ("registry", "/openapi.json"),
    "catalog": ("registry", "/catalog/v1/openapi.json"),
    "connect": ("connect", "/openapi.json"),
    "ksqldb": ("ksqldb", "/openapi.json"),
    "console": ("console", "/openapi.json"),
}
"""Door: the endpoint it is on, and the path of its document."""
LEFT_OUT = ("--exclude-path", "/ksql/terminate", "--exclude-path", "/inserts-stream")
"""The one ends the server, which answers 503 from then on; the other is HTTP/2's, which schemathesis does not speak."""


@pytest.fixture(scope="module")
def node() -> Iterator[Running]:
    with headwater_up("--memory", expect=("kafka", "ksqldb", "registry", "connect", "console")) as running:
        yield running


@pytest.mark.slow
@pytest.mark.timeout(3600 if EXAMPLES else 120)
@pytest.mark.parametrize("door", DOCUMENTS)
@pytest.mark.xdist_group("openapi")
def test_no_request_made_from_a_document_is_a_server_error(node: Running, door: str, tmp_path: Path) -> None:
    endpoint, path = DOCUMENTS[door]
    url = node.endpoints[endpoint] + path
    assert httpx.get(url).json()["openapi"] == "3.1.0"
    phases = "examples,coverage,fuzzing" if EXAMPLES else "examples,fuzzing"
    result = subprocess.run(
        [
            sys.executable, "-m", "schemathesis.cli", "run", url, "--checks", "not_a_server_error", "--seed", "1",
            "--max-examples", str(EXAMPLES or 3), "--phases", phases, "--request-timeout", "20",
            "--suppress-health-check", "all", "--warnings", "off", "--no-color", *LEFT_OUT,
        ],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert result.returncode == 0, result.stdout + result.stderr
