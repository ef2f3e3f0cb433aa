"""Running an example of `examples/` against a node started for it: two processes, the node and the example's `demo.py`.

The example is a user's project: it knows nothing of this package but the node's addresses, and the
folder of what stands in for databases.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from headwater.core.errors import ConfigError, StartupError

_STANDARD_PORTS = {
    "--kafka-port": 9092,
    "--ksql-port": 8088,
    "--registry-port": 8081,
    "--connect-port": 8083,
    "--console-port": 9021,
}
_STOP_SECONDS = 20
_END_SIGNALS = (signal.SIGTERM, signal.SIGHUP)


def examples_folder() -> Path:
    """Where the examples are: beside the package when installed, in the repository when not."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "_examples", package.parents[1] / "examples"):
        if folder.is_dir():
            return folder
    raise ConfigError("This installation has no examples folder; clone the repository to run them.")


def example_names() -> list[str]:
    """Examples that can be run; `common` is what they share."""
    return sorted(path.parent.name for path in examples_folder().glob("*/demo.py") if path.parent.name != "common")


def run_demo(name: str, node_options: Sequence[str], options: Sequence[str] = (), *, check: bool) -> int:
    """Start a node, run the example with `options` against it, stop the node; returns the example's exit code.

    Raises `ConfigError` for an unknown name, `StartupError` if the node does not start.
    """
    folder = _folder(name)
    _end_in_order()
    with _services(node_options) as services, _node(_ports(standard=not check), node_options, services) as endpoints:
        command = ["demo.py", *_addresses(endpoints)]
        if "--bootstrap-servers" in node_options:
            command.append("--kafka-elsewhere")
        if check:
            command.append("--check")
        else:
            for label, address in endpoints.items():
                sys.stderr.write(f"{label:<8} {address}\n")
        return _run_example(folder, [*command, "--services", os.fspath(services), *options])


def run_attached(name: str, options: Sequence[str]) -> int:
    """Run the example against a node that is up already, by default on the standard ports and with its data in this
    folder; returns its exit code.

    Raises `ConfigError` as `run_demo` does.
    """
    told = list(options)
    if "--services" in told[:-1]:  # the example runs in a folder of its own
        at = told.index("--services") + 1
        told[at] = os.path.abspath(told[at])
    elif "SERVICES" not in os.environ:
        told += ["--services", os.path.abspath(".headwater/services")]
    folder = _folder(name)
    _end_in_order()
    return _run_example(folder, ["demo.py", *told])


def _folder(name: str) -> Path:
    """The example's. Raises `ConfigError` if there is none, or no Kafka client."""
    if name not in example_names():
        raise ConfigError(f"There is no example '{name}'. There are: {', '.join(example_names())}.")
    if find_spec("confluent_kafka") is None:
        raise ConfigError("The examples need a Kafka client: pip install 'headwater[demo]'.")
    return examples_folder() / name


def _run_example(folder: Path, command: Sequence[str]) -> int:
    path = os.pathsep.join(filter(None, (os.fspath(folder.parent), os.environ.get("PYTHONPATH"))))
    example = _child(command, cwd=folder, env={**os.environ, "PYTHONPATH": path})
    try:
        return example.wait()
    except KeyboardInterrupt:
        return 0 if example.wait() in (0, -signal.SIGINT) else 1
    finally:
        _stop(example)


def _addresses(endpoints: dict[str, str]) -> list[str]:
    """What `examples/common/demo.py` is told about the node's doors."""
    options = {"kafka": "--bootstrap-servers", "ksqldb": "--server", "registry": "--registry", "connect": "--connect"}
    return [text for name, option in options.items() if name in endpoints for text in (option, endpoints[name])]


@contextlib.contextmanager
def _services(options: Sequence[str]) -> Iterator[Path]:
    """Where the node keeps what stands in for databases: beside its log, or for as long as it runs."""
    if "--data" in options:
        yield Path(options[options.index("--data") + 1]).absolute() / "services"
        return
    with tempfile.TemporaryDirectory(prefix="headwater-services-") as folder:
        yield Path(folder)


@contextlib.contextmanager
def _node(ports: Sequence[str], options: Sequence[str], services: Path) -> Iterator[dict[str, str]]:
    """A `headwater up` process; gives its endpoints by name. On Ctrl-C it outlives the example, so that this can end
    first."""
    command = ["-m", "headwater.cli.main", "up", *ports, *options]
    environment = {**os.environ, "HEADWATER_CONNECT_SERVICES": os.fspath(services)}
    process = _child(command, stdout=subprocess.PIPE, start_new_session=True, env=environment)
    try:
        yield _endpoints(process, options)
    finally:
        _stop(process)


def _child(command: Sequence[str], **options: Any) -> subprocess.Popen[str]:
    """A Python program, or `-m` and a module, which ends with this process even if that is killed."""
    launcher = examples_folder() / "common" / "child.py"
    return subprocess.Popen([sys.executable, launcher, *command], stdin=subprocess.PIPE, text=True, **options)


def _stop(process: subprocess.Popen[str]) -> None:
    """Nothing happens if it has ended."""
    process.terminate()
    try:
        process.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _end_in_order() -> None:
    """Let SIGTERM and SIGHUP (the terminal was closed) end this process as an exception does: all is cleaned up."""
    for number in _END_SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            signal.signal(number, _end)


def _end(number: int, _frame: object) -> NoReturn:
    for other in _END_SIGNALS:  # one is enough: a second must not disturb the cleaning up
        signal.signal(other, signal.SIG_IGN)
    raise SystemExit(128 + number)


def _endpoints(process: subprocess.Popen[str], options: Sequence[str]) -> dict[str, str]:
    """Read the lines that the node prints when it accepts connections."""
    assert process.stdout is not None
    endpoints: dict[str, str] = {}
    while not {"ksqldb", "registry", "connect"} <= endpoints.keys():
        line = process.stdout.readline()
        if not line:
            raise StartupError(f"The node for the example did not start (exit code {process.wait()}).")
        label, _, address = line.strip().partition(" ")
        endpoints[label] = address.strip()
    if "--bootstrap-servers" in options:
        endpoints["kafka"] = options[options.index("--bootstrap-servers") + 1]
    return endpoints


def _ports(*, standard: bool) -> list[str]:
    """The `standard` ports where they are free, so that other clients find the demo; any others if not.

    Nobody looks for a check: it takes free ones, so that several can run at once.
    """
    options = ["--free-ports"]
    for option, port in _STANDARD_PORTS.items() if standard else ():
        if _is_free(port):
            options += [option, str(port)]
    return options


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def node_options(data: Path | None, bootstrap_servers: str | None) -> list[str]:
    """Options of `headwater up` for the demo's node: in memory unless told otherwise."""
    options = [] if data is None else ["--data", os.fspath(data)]
    if bootstrap_servers is not None:
        options += ["--bootstrap-servers", bootstrap_servers]
    return options or ["--memory"]
