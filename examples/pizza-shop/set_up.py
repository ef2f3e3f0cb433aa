"""Run me first: makes the topics, then the streams and queries, one statement a request. Running it again is harmless.

`KSQL_USERNAME` and `KSQL_PASSWORD` in the environment log in with basic authentication.
"""

from __future__ import annotations

import argparse
import base64
import json
import os
import re
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from common.kafka import client_config
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, NewTopic

TOPICS = ("pizza-ordered", "pizza-pending", "pizza-assembled", "pizza-baked", "pizza-delivered", "pizza-status")
REPLICAS = 3
STATEMENTS = Path(__file__).with_name("statements.sql")
PROPERTIES = {"ksql.streams.auto.offset.reset": "earliest", "ksql.streams.cache.max.bytes.buffering": "0"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bootstrap-servers", default=os.environ.get("BOOTSTRAP_SERVERS", "127.0.0.1:9092"))
    parser.add_argument("--server", default=os.environ.get("KSQL_SERVER", "http://127.0.0.1:8088"))
    options = parser.parse_args()
    ok = True
    try:
        for topic, outcome in create_topics(options.bootstrap_servers).items():
            print(f"{topic:<16} {outcome}")
    except KafkaException as error:
        print(f"No Kafka broker answers at {options.bootstrap_servers}: {error}", file=sys.stderr)
        return 2
    for statement, status, message in set_up(options.server):
        print(f"{statement[:60]:<60} {message}")
        ok = ok and status < 400
    return 0 if ok else 1


def create_topics(bootstrap_servers: str) -> dict[str, str]:
    """What became of each topic: "created", "already exists", or the broker's reason.

    Each is to have three replicas, as in production; a cluster with fewer brokers that takes this seriously gets to
    choose the number itself.
    """
    outcomes = try_to_create(bootstrap_servers, REPLICAS)
    if KafkaError.INVALID_REPLICATION_FACTOR in outcomes.values():
        outcomes = try_to_create(bootstrap_servers, -1)
    said = {None: "created", KafkaError.TOPIC_ALREADY_EXISTS: "already exists"}
    return {topic: said.get(code, f"error {code}") for topic, code in outcomes.items()}


def try_to_create(bootstrap_servers: str, replicas: int) -> dict[str, int | None]:
    """The error code per topic, or None. Raises `KafkaException` if no broker answers."""
    admin = AdminClient(client_config(bootstrap_servers))
    admin.list_topics(timeout=10)
    codes: dict[str, int | None] = {}
    for topic, future in admin.create_topics([NewTopic(name, 1, replicas) for name in TOPICS]).items():
        try:
            future.result(timeout=10)
            codes[topic] = None
        except KafkaException as error:
            codes[topic] = error.args[0].code()
    return codes


def set_up(server: str) -> Iterator[tuple[str, int, str]]:
    """Each statement, the HTTP status it got and what the server said. No query is started twice."""
    running = {squeezed(query["queryString"]) for query in post(server, "SHOW QUERIES;")[1][0]["queries"]}
    for statement in statements():
        if statement in running:
            yield statement, 200, "already runs"
            continue
        status, answer = post(server, statement)
        yield statement, status, message_of(answer)


def message_of(answer: Any) -> str:
    """What is said of a statement: that it was carried out, that there was no need to, or why it was refused."""
    said = answer[0] if isinstance(answer, list) else answer
    message: str = said["commandStatus"]["message"] if "commandStatus" in said else said["message"]
    return message


def statements() -> list[str]:
    """The statements of the file, each on one line."""
    text = "\n".join(line for line in STATEMENTS.read_text().splitlines() if not line.startswith("--"))
    return [squeezed(statement) + ";" for statement in text.split(";") if statement.strip()]


def squeezed(statement: str) -> str:
    return re.sub(r"\s+", " ", statement).strip()


def post(server: str, statement: str) -> tuple[int, Any]:
    """The HTTP status and the answer to a statement sent to /ksql."""
    body = json.dumps({"ksql": statement, "streamsProperties": PROPERTIES}).encode()
    headers = {"Content-Type": "application/vnd.ksql.v1+json", "Accept": "application/vnd.ksql.v1+json"}
    if "KSQL_USERNAME" in os.environ:
        user = f"{os.environ['KSQL_USERNAME']}:{os.environ.get('KSQL_PASSWORD', '')}"
        headers["Authorization"] = f"Basic {base64.b64encode(user.encode()).decode()}"
    request = urllib.request.Request(f"{server.rstrip('/')}/ksql", body, headers)
    try:
        with urllib.request.urlopen(request) as response:
            return response.status, json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


if __name__ == "__main__":
    sys.exit(main())
