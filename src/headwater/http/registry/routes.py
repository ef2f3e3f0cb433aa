"""The routes of the registry's door: one table, from which requests are dispatched and the OpenAPI document is made."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import unquote

from headwater.http.registry import about, compatibility, schemas, settings, subjects
from headwater.http.registry.access import Action
from headwater.http.registry.bodies import ConfigBody, ModeBody, SchemaBody
from headwater.http.registry.call import Call
from headwater.registry.errors import Code

Handler = Callable[[Call], object] | Callable[[Call], Awaitable[object]]


class Kind(Enum):
    """What a parameter of the query is."""

    FLAG = "boolean"
    NUMBER = "integer"
    TEXT = "string"


@dataclass(frozen=True)
class Parameter:
    """One of the query."""

    name: str
    kind: Kind
    about: str


DELETED = Parameter("deleted", Kind.FLAG, "Include what is softly deleted")
ONLY_DELETED = Parameter("deletedOnly", Kind.FLAG, "Only what is softly deleted")
OFFSET = Parameter("offset", Kind.NUMBER, "How many to leave out at the beginning")
LIMIT = Parameter("limit", Kind.NUMBER, "How many to answer with at the most; -1: all")
PREFIX = Parameter("subjectPrefix", Kind.TEXT, "What names begin with; `:*:` stands for any context")
SUBJECT = Parameter("subject", Kind.TEXT, "A subject or context (`:.ctx:`) to look for the id in")
FORMAT = Parameter("format", Kind.TEXT, "Another form of the schema, of those that its kind has")
REFERENCES = Parameter("referenceFormat", Kind.TEXT, "`qualified`: subjects of references with their contexts")
NORMALIZE = Parameter("normalize", Kind.FLAG, "Take schemas for the same that differ in ways that do not matter")
PERMANENT = Parameter("permanent", Kind.FLAG, "Delete for good what is softly deleted")
VERBOSE = Parameter("verbose", Kind.FLAG, "Say why not")
GLOBAL = Parameter("defaultToGlobal", Kind.FLAG, "What is in force where the subject has nothing of its own")
RECURSIVE = Parameter("recursive", Kind.FLAG, "Also the modes of all subjects in the context")
CONTEXT_PREFIX = Parameter("contextPrefix", Kind.TEXT, "What names begin with")
FORCE = Parameter("force", Kind.FLAG, "Set IMPORT though there are schemas")
LATEST = Parameter("latestOnly", Kind.FLAG, "Only the newest version of each subject")
RULE_TYPE = Parameter("ruleType", Kind.TEXT, "Only schemas with a rule of this type")
MAX_ID = Parameter("fetchMaxId", Kind.FLAG, "Say what the highest id is")
KEY = Parameter("key", Kind.TEXT, "A property of the metadata; may be repeated")
VALUE = Parameter("value", Kind.TEXT, "What it must be; may be repeated")
_PAGE = (OFFSET, LIMIT)


@dataclass(frozen=True)
class Route:
    """`action` is what a caller must be allowed to do to the subject of the path; None: whatever is answered is checked
    one by one. `codes` are the errors besides the ones that every request may meet."""

    method: str
    path: str
    handler: Handler
    action: Action | None
    query: tuple[Parameter, ...] = ()
    body: type | None = None
    codes: tuple[Code, ...] = ()

    @property
    def writes(self) -> bool:
        """Whether it changes something, so that the node that writes has to do it."""
        return self.method in ("PUT", "DELETE") or self.handler is subjects.register

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(part for part in self.path.split("/") if part)


_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA = Code.SUBJECT_NOT_FOUND, Code.VERSION_NOT_FOUND, Code.SCHEMA_NOT_FOUND
_BAD_SCHEMA, _BAD_VERSION = Code.INVALID_SCHEMA, Code.INVALID_VERSION
_VERSION = (_NO_SUBJECT, _NO_VERSION, _BAD_VERSION)
_DELETE = (Code.NOT_PERMITTED, Code.REFERENCE_EXISTS)
_S = "/subjects/{subject}"
_V = "/subjects/{subject}/versions"
_ID = "/schemas/ids/{id}"

ROUTES = (
    Route("GET", "/", about.root, None),
    Route("GET", "/subjects", subjects.list_subjects, None, (PREFIX, DELETED, ONLY_DELETED, *_PAGE)),
    Route(
        "POST", _S, subjects.look_up, Action.READ, (NORMALIZE, FORMAT, REFERENCES, DELETED), SchemaBody,
        (_NO_SUBJECT, _NO_SCHEMA, _BAD_SCHEMA),
    ),
    Route(
        "DELETE", _S, subjects.delete_subject, Action.DELETE, (PERMANENT,), None,
        (_NO_SUBJECT, Code.SUBJECT_SOFT_DELETED, Code.SUBJECT_NOT_SOFT_DELETED, *_DELETE),
    ),
    Route(
        "GET", f"{_S}/metadata", subjects.latest_with_metadata, Action.READ, (KEY, VALUE, FORMAT, REFERENCES, DELETED),
        None,
        (_NO_SUBJECT, _NO_SCHEMA),
    ),
    Route("GET", _V, subjects.list_versions, Action.READ, (DELETED, ONLY_DELETED, *_PAGE), None, (_NO_SUBJECT,)),
    Route(
        "POST", _V, subjects.register, Action.WRITE, (NORMALIZE,), SchemaBody,
        (
            Code.INCOMPATIBLE_SCHEMA, _BAD_SCHEMA, Code.NOT_PERMITTED, Code.INVALID_SUBJECT, Code.SCHEMA_TOO_LARGE,
            Code.INVALID_RULE_SET,
        ),
    ),
    Route("GET", _V + "/{version}", subjects.get_version, Action.READ, (DELETED, FORMAT, REFERENCES), None, _VERSION),
    Route(
        "DELETE", _V + "/{version}", subjects.delete_version, Action.DELETE, (PERMANENT,), None,
        (*_VERSION, Code.VERSION_SOFT_DELETED, Code.VERSION_NOT_SOFT_DELETED, *_DELETE),
    ),
    Route("GET", _V + "/{version}/schema", subjects.get_schema, Action.READ, (DELETED, FORMAT), None, _VERSION),
    Route("GET", _V + "/{version}/referencedby", subjects.get_referrers, Action.READ, _PAGE, None, _VERSION),
    Route("GET", "/schemas", schemas.list_schemas, None, (PREFIX, DELETED, LATEST, RULE_TYPE, *_PAGE)),
    Route("GET", "/schemas/types", schemas.list_kinds, None),
    Route("GET", _ID, schemas.get_by_id, None, (SUBJECT, FORMAT, REFERENCES, MAX_ID), None, (_NO_SCHEMA,)),
    Route("GET", f"{_ID}/schema", schemas.get_text_by_id, None, (SUBJECT, FORMAT), None, (_NO_SCHEMA,)),
    Route("GET", f"{_ID}/subjects", schemas.subjects_of_id, None, (SUBJECT, DELETED, *_PAGE), None, (_NO_SCHEMA,)),
    Route("GET", f"{_ID}/versions", schemas.versions_of_id, None, (SUBJECT, DELETED, *_PAGE), None, (_NO_SCHEMA,)),
    Route("GET", "/schemas/guids/{guid}", schemas.get_by_guid, None, (FORMAT, REFERENCES), None, (_NO_SCHEMA,)),
    Route("GET", "/schemas/guids/{guid}/ids", schemas.ids_of_guid, None, (), None, (_NO_SCHEMA,)),
    Route(
        "POST", "/compatibility" + _V, compatibility.check_all, Action.READ, (VERBOSE, NORMALIZE), SchemaBody,
        (_BAD_SCHEMA,),
    ),
    Route(
        "POST", "/compatibility" + _V + "/{version}", compatibility.check_version, Action.READ, (VERBOSE, NORMALIZE),
        SchemaBody, (*_VERSION, _BAD_SCHEMA),
    ),
    Route("GET", "/config", settings.get_config, Action.READ_COMPATIBILITY, (GLOBAL,)),
    Route(
        "PUT", "/config", settings.put_config, Action.WRITE_COMPATIBILITY, (), ConfigBody,
        (Code.INVALID_COMPATIBILITY, Code.NOT_PERMITTED, Code.INVALID_RULE_SET),
    ),
    Route("DELETE", "/config", settings.delete_config, Action.WRITE_COMPATIBILITY, (), None, (Code.NOT_PERMITTED,)),
    Route(
        "GET", "/config/{subject}", settings.get_config, Action.READ_COMPATIBILITY, (GLOBAL,), None,
        (Code.NO_SUBJECT_COMPATIBILITY, Code.INVALID_SUBJECT),
    ),
    Route(
        "PUT", "/config/{subject}", settings.put_config, Action.WRITE_COMPATIBILITY, (), ConfigBody,
        (Code.INVALID_COMPATIBILITY, Code.NOT_PERMITTED, Code.INVALID_SUBJECT, Code.INVALID_RULE_SET),
    ),
    Route(
        "DELETE", "/config/{subject}", settings.delete_config, Action.WRITE_COMPATIBILITY, (), None,
        (_NO_SUBJECT, Code.NOT_PERMITTED, Code.INVALID_SUBJECT),
    ),
    Route("GET", "/mode", settings.get_mode, Action.READ_COMPATIBILITY, (GLOBAL,)),
    Route(
        "PUT", "/mode", settings.put_mode, Action.WRITE_COMPATIBILITY, (FORCE,), ModeBody,
        (Code.INVALID_MODE, Code.NOT_PERMITTED, Code.REFERENCE_EXISTS),
    ),
    Route("DELETE", "/mode", settings.delete_mode, Action.WRITE_COMPATIBILITY, (RECURSIVE,)),
    Route(
        "GET", "/mode/{subject}", settings.get_mode, Action.READ_COMPATIBILITY, (GLOBAL,), None,
        (Code.NO_SUBJECT_MODE, Code.INVALID_SUBJECT),
    ),
    Route(
        "PUT", "/mode/{subject}", settings.put_mode, Action.WRITE_COMPATIBILITY, (FORCE,), ModeBody,
        (Code.INVALID_MODE, Code.NOT_PERMITTED, Code.REFERENCE_EXISTS, Code.INVALID_SUBJECT),
    ),
    Route(
        "DELETE", "/mode/{subject}", settings.delete_mode, Action.WRITE_COMPATIBILITY, (RECURSIVE,), None,
        (_NO_SUBJECT, Code.INVALID_SUBJECT),
    ),
    Route("GET", "/contexts", settings.list_contexts, Action.READ, (CONTEXT_PREFIX, *_PAGE)),
    Route(
        "DELETE", "/contexts/{context}", settings.delete_context, Action.DELETE, (), None,
        (_NO_SUBJECT, Code.CONTEXT_NOT_EMPTY, Code.INVALID_SUBJECT),
    ),
    Route("GET", "/v1/metadata/id", about.cluster, None),
    Route("GET", "/v1/metadata/version", about.version, None),
)  # fmt: skip


@dataclass(frozen=True)
class Match:
    """What a path leads to: a route per method, the parameters, and the context that the path begins with."""

    routes: dict[str, Route]
    parameters: dict[str, str]
    context: str | None = None


class Paths:
    """Finds routes by the segments of a path; a segment is decoded after the path was cut, for `%2F` in names."""

    def __init__(self, routes: tuple[Route, ...] = ROUTES) -> None:
        self._fixed: dict[tuple[str, ...], dict[str, Route]] = {}
        self._open: dict[int, dict[tuple[str, ...], dict[str, Route]]] = {}
        for route in routes:
            place = self._open.setdefault(len(route.segments), {}) if "{" in route.path else self._fixed
            place.setdefault(route.segments, {})[route.method] = route

    def find(self, raw_path: str) -> Match | None:
        """The match of an encoded path, None if there is none."""
        parts = tuple(part for part in raw_path.split("/") if part)
        found = self._within(parts)
        if found is None and len(parts) >= 2 and parts[0] == "contexts":
            inner = self._within(parts[2:]) if parts[2:] and parts[2] not in ("contexts", "v1") else None
            if inner is not None:
                found = Match(inner.routes, inner.parameters, unquote(parts[1]))
        return found

    def _within(self, parts: tuple[str, ...]) -> Match | None:
        fixed = self._fixed.get(parts)
        if fixed is not None:
            return Match(fixed, {})
        for segments, routes in self._open.get(len(parts), {}).items():
            if all(s[0] == "{" or s == p for s, p in zip(segments, parts, strict=True)):
                named = zip(segments, parts, strict=True)
                return Match(routes, {s[1:-1]: unquote(p) for s, p in named if s[0] == "{"})
        return None
