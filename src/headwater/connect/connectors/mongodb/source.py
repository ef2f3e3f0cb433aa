"""The source: documents that are there, then every change."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from headwater.connect.config import Config, ConfigDef, Importance, Key, Type
from headwater.connect.connectors.mongodb.feeds import EmbeddedFeed, Event, Feed, ServerFeed
from headwater.connect.connectors.mongodb.json_text import DEFAULT, EXTENDED, SIMPLIFIED, to_plain
from headwater.connect.connectors.mongodb.server import SERVER, is_embedded
from headwater.connect.connectors.mongodb.sink import reachable
from headwater.connect.record import SourceRecord
from headwater.connect.schema import STRING
from headwater.connect.spi import SourceConnector, SourceContext, SourceOffset, SourceTask

_COPY = "copy_existing"


def _pipeline(text: str) -> str | None:
    try:
        stages = json.loads(text)
    except ValueError as error:
        return f"is no JSON: {error}"
    return None if isinstance(stages, list) else "must be a JSON array of stages"


_CONFIG = SERVER + ConfigDef(
    Key("database", Type.STRING, "Database to follow.", importance=Importance.HIGH),
    Key("collection", Type.STRING, "Collection to follow. Empty: all of the database.", default="",
        importance=Importance.HIGH),
    Key("topic.prefix", Type.STRING, "Put before the names of topics.", default=""),
    Key("topic.suffix", Type.STRING, "Put behind the names of topics.", default=""),
    Key("topic.separator", Type.STRING, "Between prefix, database, collection and suffix.", default="."),
    Key("startup.mode", Type.STRING, "Where to begin the first time: with `latest` changes, or with what is there "
        "(`copy_existing`).", default="latest", choices=("latest", _COPY)),
    Key("copy.existing", Type.BOOLEAN, "The older name of `startup.mode=copy_existing`.", default=False),
    Key("publish.full.document.only", Type.BOOLEAN, "Write the document alone, and null for a deletion, instead of the "
        "change event.", default=False),
    Key("change.stream.full.document", Type.STRING, "`updateLookup` adds the document to updates.", default="",
        choices=("", "default", "updateLookup", "whenAvailable", "required")),
    Key("pipeline", Type.STRING, "JSON array of aggregation stages for the change stream.", default="[]",
        validator=_pipeline),
    Key("output.json.formatter", Type.STRING, "How BSON becomes JSON. The default one writes 64-bit integers as "
        "`{\"$numberLong\": …}`, which BIGINT columns do not read: SimplifiedJson writes numbers.", default=DEFAULT,
        choices=(DEFAULT, EXTENDED, SIMPLIFIED)),
    Key("output.format.value", Type.STRING, "`json`, or `bson` for bytes.", default="json", choices=("json", "bson")),
    Key("poll.max.batch.size", Type.INT, "Changes per batch.", default=1_000, minimum=1),
    Key("poll.await.time.ms", Type.INT, "Longest wait of the server for a change, in ms.", default=1_000, minimum=1),
    ignored=("output.format.key", "output.schema.*", "copy.existing.*", "startup.mode.*", "mongo.errors.*",
             "heartbeat.*", "offset.partition.name", "batch.size", "server.api.*", "topic.namespace.map",
             "change.stream.show.expanded.events", "publish.full.document.only.tombstone.on.delete"),
)  # fmt: skip


class MongoSourceTask(SourceTask):
    """Copies what is there if asked, then follows. Both give change events; a copied document is an insertion."""

    async def start(self, config: Config, context: SourceContext) -> None:
        self._config = config
        self._place = {"ns": ".".join(filter(None, [config.text("database"), config.text("collection")]))}
        embedded = is_embedded(config)
        self._plain = dict if embedded else to_plain(config.text("output.json.formatter"))  # those are JSON already
        self._feed: Feed = EmbeddedFeed(context.folder, config, context.clock) if embedded else ServerFeed(config)
        held = context.offset(self._place)
        token = None if held is None else held["_id"]
        # The stream opens before the copy: what changes meanwhile comes once more after it, and nothing is missed.
        self._token = await self._feed.begin(token)
        copies = config.flag("copy.existing") or config.text("startup.mode") == _COPY
        if held is None:
            self._left = await self._feed.collections() if copies else []
            self._after: Any = None
        else:
            self._left = list(held.get("copying", ()))
            self._after = _from_json(held.get("after"))

    async def poll(self) -> Sequence[SourceRecord]:
        limit = self._config.integer("poll.max.batch.size")
        if self._left:
            return await self._copy(limit)
        events = await self._feed.next(limit)
        # The end of a stream (`invalidate`) belongs to no collection, and so to no topic.
        return [self._record(event, {"_id": self._plain(event["_id"])}) for event in events if "ns" in event]

    async def _copy(self, limit: int) -> Sequence[SourceRecord]:
        collection = self._left[0]
        found = await self._feed.documents(collection, self._after, limit)
        if not found:
            self._left, self._after = self._left[1:], None
            return []
        self._after = found[-1]["_id"]
        records = []
        for document in found:
            event = {
                "_id": {"_id": document["_id"], "copyingData": True},
                "operationType": "insert",
                "documentKey": {"_id": document["_id"]},
                "fullDocument": document,
                "ns": {"db": self._config.text("database"), "coll": collection},
            }
            offset = {"_id": self._token, "copying": list(self._left), "after": _to_json(document["_id"])}
            records.append(self._record(event, offset))
        return records

    def _record(self, event: Event, offset: SourceOffset) -> SourceRecord:
        config = self._config
        value: Any = event.get("fullDocument") if config.flag("publish.full.document.only") else event
        return SourceRecord(
            self._place,
            offset,
            self._topic(event),
            key=self._written({"_id": event["_id"]}),
            value=None if value is None else self._written(value),
            key_schema=STRING if self._as_text else None,
            value_schema=STRING if self._as_text and value is not None else None,
        )

    def _written(self, document: Mapping[str, Any]) -> Any:
        """As bytes, as text for a StringConverter, or as what a converter for JSON takes."""
        if self._config.text("output.format.value") == "bson":
            import bson

            return bson.encode(document)
        plain = self._plain(document)
        return json.dumps(plain) if self._as_text else plain

    @property
    def _as_text(self) -> bool:
        return self._config.text("value.converter").endswith("StringConverter")

    def _topic(self, event: Event) -> str:
        place, config = event.get("ns") or {}, self._config
        parts = [
            config.text("topic.prefix"),
            place.get("db") or config.text("database"),
            place.get("coll") or "",
            config.text("topic.suffix"),
        ]
        return config.text("topic.separator").join(filter(None, parts))

    async def stop(self) -> None:
        if hasattr(self, "_feed"):
            await self._feed.close()


class MongoSource(SourceConnector):
    """Follows the changes of a MongoDB database or collection, copying what is there first if asked."""

    names = (
        "com.mongodb.kafka.connect.MongoSourceConnector",
        "MongoDbAtlasSource",
    )
    title = "MongoDB source"
    config = _CONFIG
    task = MongoSourceTask

    async def validate(self, config: Config) -> Mapping[str, Sequence[str]]:
        return await reachable(config)


def _to_json(value: Any) -> Any:
    """An id as JSON keeps it, its type included."""
    if value is None or isinstance(value, str | int | float):
        return value
    from bson import json_util

    return json.loads(json_util.dumps(value, json_options=json_util.CANONICAL_JSON_OPTIONS))


def _from_json(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    from bson import json_util

    return json_util.loads(json.dumps(value), json_options=json_util.CANONICAL_JSON_OPTIONS)
