"""A start imports only what its first answers need: what a library costs is paid by the node that uses it."""

from __future__ import annotations

import subprocess
import sys

PARTS = ("app.command", "app.node", "app.sql_part", "app.connect_part", "app.console_part")
NEVER = (
    "google.protobuf", "jsonschema", "fastavro", "cryptography", "psycopg", "sqlalchemy", "urllib.request",
    "hypercorn", "h2", "h11",
    "headwater.registry.compatibility", "headwater.registry.parsing.avro", "headwater.http.openapi",
)  # fmt: skip


def test_a_start_leaves_heavy_libraries_alone() -> None:
    code = (
        "import sys, importlib\n"
        f"for part in {PARTS!r}: importlib.import_module('headwater.' + part)\n"
        f"print([name for name in {NEVER!r} if name in sys.modules])"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"
