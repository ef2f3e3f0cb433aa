"""The schema registry: how fast 10,000 schemas are registered and read at a start, and how quickly one is answered.

    python bench/registry.py [schemas] [requests per second] [seconds]

Measures: registering over REST with 16 clients; a restart until the door answers; GET /schemas/ids/{id} at a fixed
rate, latencies counted from when each request was due. The client runs in a process of its own, as clients do.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).parents[1]
CLIENTS = 16
CONNECTIONS = 8


class Connection:
    """Keep-alive HTTP/1.1, as little of it as measuring takes."""

    def __init__(self, host, port):
        self.host, self.port = host, port

    async def open(self):
        self.reader, self.writer = await asyncio.open_connection(self.host, self.port)
        return self

    async def ask(self, method, path, body=b""):
        head = f"{method} {path} HTTP/1.1\r\nHost: {self.host}:{self.port}\r\nContent-Length: {len(body)}\r\n\r\n"
        self.writer.write(head.encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        length = int(answer.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        return int(answer[9:12]), await self.reader.readexactly(length)


def schema(number):
    fields = [{"name": f"field_{i}", "type": ["null", "string"], "default": None} for i in range(8)]
    record = {"type": "record", "name": f"Record{number}", "namespace": "bench", "fields": fields}
    return json.dumps({"schema": json.dumps(record)}).encode()


async def register(host, port, count):
    numbers = iter(range(count))

    async def client():
        connection = await Connection(host, port).open()
        for number in numbers:
            status, answer = await connection.ask("POST", f"/subjects/bench-{number}-value/versions", schema(number))
            assert status == 200, answer

    await asyncio.gather(*(client() for _ in range(CLIENTS)))


async def get(host, port, count, rate, seconds):
    connections = [await Connection(host, port).open() for _ in range(CONNECTIONS)]
    latencies = []

    async def client(index, connection):
        for turn in range(index, rate * seconds, CONNECTIONS):
            due = start + turn / rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            status, _ = await connection.ask("GET", f"/schemas/ids/{turn * 7919 % count + 1}")
            assert status == 200
            latencies.append((time.perf_counter() - due, due - start))

    start = time.perf_counter() + 0.1
    await asyncio.gather(*(client(i, c) for i, c in enumerate(connections)))
    return sorted(latencies)


def up(data):
    code = "from headwater.cli.main import main; main()"
    command = [sys.executable, "-c", code, "up", "--data", data, "--free-ports"]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
    for line in process.stdout:
        name, _, address = line.partition(" ")
        if name == "registry":
            url = urlsplit(address.strip())
            return process, url.hostname, url.port, time.perf_counter() - started
    raise SystemExit("the node did not start")


def main():
    count, rate, seconds = (int(a) for a in (*sys.argv[1:], *("10000", "500", "20")[len(sys.argv) - 1 :]))
    with tempfile.TemporaryDirectory() as data:
        process, host, port, took = up(data)
        print(f"start, empty: {took:.2f} s")
        began = time.perf_counter()
        asyncio.run(register(host, port, count))
        took = time.perf_counter() - began
        print(f"registered {count}: {took:.1f} s, {count / took:.0f}/s")
        process.terminate()
        process.wait()
        process, host, port, took = up(data)
        print(f"start with {count} schemas: {took:.2f} s until the door is open")
        found = asyncio.run(get(host, port, count, rate, seconds))
        parts = ((50, "p50"), (99, "p99"), (99.9, "p99.9"))
        stalls = sorted({round(at, 1) for took, at in found if took > 0.1})
        if stalls:
            print(f"requests took longer than 100 ms at seconds {stalls[0]}..{stalls[-1]} ({len(stalls)} tenths)")
        found = [took for took, _ in found]
        told = ", ".join(f"{name} {found[int(len(found) * part / 100)] * 1000:.2f} ms" for part, name in parts)
        print(f"GET by id at {rate}/s: {told}, longest {found[-1] * 1000:.2f} ms")
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
