"""`headwater trust --install` for programs that trust the system only, in a mount namespace: nothing is changed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from headwater.broker.auth import ApiKeys
from tests.app.processes import environment
from tests.broker.server import broker_in_thread
from tests.compat.conftest import SECRET, USER
from tests.compat.test_security import server_tls

pytestmark = [pytest.mark.compat, pytest.mark.slow]

_SCRIPT = """
set -e
cp -a /etc/ssl/. {folder}/ssl; mount --bind {folder}/ssl /etc/ssl
mount --bind {folder}/anchors /usr/local/share/ca-certificates
{python} -c 'from headwater.cli.main import main; main()' trust --install --data {folder}/node
exec {python} -c '{client}' >&2
"""
_CLIENT = """
from confluent_kafka.admin import AdminClient
config = {{"bootstrap.servers": "localhost:{port}", "security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN",
           "sasl.username": "{user}", "sasl.password": "{secret}", "log_level": 0}}
assert AdminClient(config).list_topics(timeout=60).brokers
"""


def may_unshare() -> bool:
    """Whether this process can have mounts of its own."""
    if shutil.which("unshare") is None or os.geteuid() != 0:
        return False
    return subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False).returncode == 0


@pytest.mark.skipif(not may_unshare(), reason="needs root and mount namespaces")
@pytest.mark.skipif(shutil.which("update-ca-certificates") is None, reason="needs Debian's ca-certificates")
def test_librdkafka_trusts_the_node_through_the_systems_bundle(tmp_path: Path) -> None:
    for name in ("ssl", "anchors"):
        (tmp_path / name).mkdir()
    context, _ = server_tls(tmp_path / "node")
    with broker_in_thread(verifier=ApiKeys({USER: SECRET}), tls=context) as running:
        client = _CLIENT.format(port=running.port, user=USER, secret=SECRET).replace("'", '"')
        script = _SCRIPT.format(folder=tmp_path, python=sys.executable, client=client)
        result = subprocess.run(
            ["unshare", "-m", "bash", "-c", script],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert result.returncode == 0, result.stderr[-2000:]
    assert "took note" in result.stdout
