"""Client quotas: how much users, client ids and addresses may ask of the broker (KIP-13, KIP-124, KIP-599, KIP-612).

A rule names an entity, such as `(("client-id", "app"), ("user", None))`, in the order of its types; None stands for all
that have no rule of their own. Which rule holds for a request is decided as in Kafka: the most specific one that has
the quota. What a client uses fills a bucket that empties at the quota's rate; over the brim, it has to wait (KIP-219).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from headwater.core.clock import Clock
from headwater.core.errors import HeadwaterError, StartupError
from headwater.log.log import Log

USER, CLIENT_ID, IP = "user", "client-id", "ip"
PRODUCE, FETCH, REQUEST, MUTATION, CONNECT = (
    "producer_byte_rate",
    "consumer_byte_rate",
    "request_percentage",
    "controller_mutation_rate",
    "connection_creation_rate",
)
KEYS: Mapping[str, frozenset[str]] = {
    PRODUCE: frozenset({USER, CLIENT_ID}),
    FETCH: frozenset({USER, CLIENT_ID}),
    REQUEST: frozenset({USER, CLIENT_ID}),
    MUTATION: frozenset({USER, CLIENT_ID}),
    CONNECT: frozenset({IP}),
}
"""Each quota and the entity types that can have it. Bytes, partitions and connections are per second; 100 % of requests
is all of the broker's time."""
_WHOLE = frozenset({PRODUCE, FETCH, CONNECT})

Entity = tuple[tuple[str, str | None], ...]
"""Type and name, sorted by type."""
Rules = Mapping[Entity, Mapping[str, float]]

WINDOW = 10.0
"""Seconds of quota that may be used at once: Kafka averages over as many."""
MAX_WAIT = 3_600.0
"""Longest wait in seconds: what is told is a 32-bit number of ms, and nobody should be shut out for days."""
MAX_REQUEST_WAIT = 1.0
"""The same for request time (KIP-124)."""
_FILE = "quotas.json"
_VERSION = 1
_CACHED = 10_000


class InvalidQuotaError(HeadwaterError):
    """A quota that makes no sense."""


@dataclass(slots=True)
class Bucket:
    """What has been used of a quota and not been worked off yet."""

    rate: float
    """Units per second."""
    used: float = 0.0
    at: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until the quota is kept again; 0 if it is."""
        self.used = max(0.0, self.used - (now - self.at) * self.rate)
        self.at = now
        return max(0.0, self.used / self.rate - WINDOW)

    def charge(self, amount: float, now: float) -> float:
        """Use so much; returns `wait`."""
        self.wait(now)
        self.used += amount
        return self.wait(now)


class Quotas:
    """All rules, kept in a file beside the log's metadata, and what is used of them, which a restart forgets."""

    def __init__(self, log: Log, clock: Clock) -> None:
        self._log = log
        self._now = clock.monotonic
        self._rules: dict[Entity, dict[str, float]] = {}
        self._buckets: dict[tuple[str, Entity], Bucket] = {}
        self._found: dict[tuple[str, str, str], Bucket | None] = {}
        self.active = False
        """Whether there is any rule: if not, nothing has to be measured."""

    def load(self) -> None:
        """Read the file, if there is one. Raises `StartupError` if it is damaged, `LogError` if it cannot be read."""
        data = self._log.read_metadata(_FILE)
        if data is None:
            return
        try:
            document = json.loads(data)
            if document["version"] != _VERSION:
                raise ValueError(f"version {document['version']}")
            rules = {
                tuple((str(kind), name) for kind, name in entry["entity"]): {
                    k: float(v) for k, v in entry["quotas"].items()
                }
                for entry in document["rules"]
            }
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise StartupError(f"{_FILE} is damaged ({error!r}). Restore it from a copy of the data folder.") from error
        self._use(rules)

    @property
    def rules(self) -> Rules:
        """Every rule."""
        return self._rules

    def change(self, changes: Mapping[Entity, Mapping[str, float | None]]) -> None:
        """Set quotas of entities, and with None take them away. The changes are valid, see `check`. Raises `LogError`;
        then nothing has changed."""
        rules = {entity: dict(quotas) for entity, quotas in self._rules.items()}
        for entity, quotas in changes.items():
            merged: dict[str, float | None] = {**rules.pop(entity, {}), **quotas}
            kept = {key: value for key, value in merged.items() if value is not None}
            if kept:
                rules[entity] = kept
        document = {
            "version": _VERSION,
            "rules": [{"entity": entity, "quotas": quotas} for entity, quotas in rules.items()],
        }
        self._log.write_metadata(_FILE, json.dumps(document, indent=1).encode())
        self._use(rules)

    def _use(self, rules: dict[Entity, dict[str, float]]) -> None:
        self._rules = rules
        self.active = bool(rules)
        self._found.clear()
        self._buckets.clear()

    def charge(self, key: str, user: str, client_id: str, amount: float) -> float:
        """A client has used so much; returns the seconds it has to wait."""
        bucket = self._bucket(key, user, client_id)
        if bucket is None:
            return 0.0
        return min(bucket.charge(amount, self._now()), MAX_REQUEST_WAIT if key == REQUEST else MAX_WAIT)

    def wait(self, key: str, user: str, client_id: str) -> float:
        """The seconds a client has to wait for what it has used already."""
        bucket = self._bucket(key, user, client_id)
        return 0.0 if bucket is None else bucket.wait(self._now())

    def connected(self, address: str) -> float:
        """A client has connected from an address; returns the seconds it has to wait before it is served."""
        for name in (address, None):
            rate = self._rules.get(((IP, name),), {}).get(CONNECT)
            if rate is not None:
                return min(self._shared(CONNECT, ((IP, address),), rate).charge(1, self._now()), MAX_WAIT)
        return 0.0

    def _bucket(self, key: str, user: str, client_id: str) -> Bucket | None:
        place = key, user, client_id
        try:
            return self._found[place]
        except KeyError:
            if len(self._found) >= _CACHED:
                self._found.clear()
            found = self._found[place] = self._find(key, user, client_id)
            return found

    def _find(self, key: str, user: str, client_id: str) -> Bucket | None:
        for rule, sharing in _applicable(user, client_id):
            rate = self._rules.get(rule, {}).get(key)
            if rate is not None:
                return self._shared(key, sharing, rate)
        return None

    def _shared(self, key: str, sharing: Entity, rate: float) -> Bucket:
        if len(self._buckets) >= _CACHED:
            self._buckets.clear()
            self._found.clear()
        return self._buckets.setdefault((key, sharing), Bucket(rate, at=self._now()))


def _applicable(user: str, client_id: str) -> list[tuple[Entity, Entity]]:
    """The rules that may hold for a client, the most specific first, each with who shares the quota then."""
    both, of_user, of_client = _entity(user, client_id), ((USER, user),), ((CLIENT_ID, client_id),)
    return [
        (both, both),
        (_entity(user, None), both),
        (of_user, of_user),
        (_entity(None, client_id), both),
        (_entity(None, None), both),
        (((USER, None),), of_user),
        (of_client, of_client),
        (((CLIENT_ID, None),), of_client),
    ]


def _entity(user: str | None, client_id: str | None) -> Entity:
    return (CLIENT_ID, client_id), (USER, user)


def check(entity: Entity, quotas: Mapping[str, float | None]) -> None:
    """Raises `InvalidQuotaError` if there can be no such rule."""
    kinds = frozenset(kind for kind, _ in entity)
    if not entity or len(kinds) != len(entity):
        raise InvalidQuotaError("A quota needs an entity: a user, a client id, both, or an address.")
    if not (kinds <= {USER, CLIENT_ID} or kinds == {IP}):
        raise InvalidQuotaError(f"There are no quotas for {' and '.join(sorted(kinds))}.")
    if any(name == "" for _, name in entity):
        raise InvalidQuotaError("The name of an entity must not be empty.")
    for key, value in quotas.items():
        if not kinds <= KEYS.get(key, frozenset()):
            raise InvalidQuotaError(f"{' and '.join(sorted(kinds))} cannot have the quota '{key}'.")
        if value is None:
            continue
        if not value > 0 or value == float("inf"):
            raise InvalidQuotaError(f"Quota {key} must be greater than 0, not {value}.")
        if key in _WHOLE and value != int(value):
            raise InvalidQuotaError(f"Quota {key} must be a whole number, not {value}.")
