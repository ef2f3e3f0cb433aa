"""The routes of the registry's door: one table, from which requests are dispatched and the OpenAPI document is made."""

from __future__ import annotations

from headwater.http.registry import about, compatibility, schemas, settings, subjects
from headwater.http.registry.access import Action
from headwater.http.registry.bodies import ConfigBody, ModeBody, SchemaBody
from headwater.http.routes import FLAG, TEXT, Handler, Json, Parameter, Route
from headwater.registry.errors import Code

_NUMBER: Json = {"type": "integer", "minimum": -1, "maximum": 2**31 - 1}
DELETED = Parameter("deleted", FLAG, "Include what is softly deleted")
ONLY_DELETED = Parameter("deletedOnly", FLAG, "Only what is softly deleted")
OFFSET = Parameter("offset", _NUMBER, "How many to leave out at the beginning")
LIMIT = Parameter("limit", _NUMBER, "How many to answer with at the most; -1: all")
PREFIX = Parameter("subjectPrefix", TEXT, "What names begin with; `:*:` stands for any context")
SUBJECT = Parameter("subject", TEXT, "A subject or context (`:.ctx:`) to look for the id in")
FORMAT = Parameter("format", TEXT, "Another form of the schema, of those that its kind has")
REFERENCES = Parameter("referenceFormat", TEXT, "`qualified`: subjects of references with their contexts")
NORMALIZE = Parameter("normalize", FLAG, "Take schemas for the same that differ in ways that do not matter")
PERMANENT = Parameter("permanent", FLAG, "Delete for good what is softly deleted")
VERBOSE = Parameter("verbose", FLAG, "Say why not")
GLOBAL = Parameter("defaultToGlobal", FLAG, "What is in force where the subject has nothing of its own")
RECURSIVE = Parameter("recursive", FLAG, "Also the modes of all subjects in the context")
CONTEXT_PREFIX = Parameter("contextPrefix", TEXT, "What names begin with")
FORCE = Parameter("force", FLAG, "Set IMPORT though there are schemas")
LATEST = Parameter("latestOnly", FLAG, "Only the newest version of each subject")
ALIASES = Parameter("aliases", FLAG, "With the other names that subjects have")
RULE_TYPE = Parameter("ruleType", TEXT, "Only schemas with a rule of this type")
MAX_ID = Parameter("fetchMaxId", FLAG, "Say what the highest id is")
KEY = Parameter("key", TEXT, "A property of the metadata; may be repeated")
VALUE = Parameter("value", TEXT, "What it must be; may be repeated")
_PAGE = (OFFSET, LIMIT)


_ALWAYS = (Code.BAD_REQUEST, Code.UNAUTHORIZED, Code.FORBIDDEN, Code.NOT_FOUND, Code.NOT_ACCEPTABLE)
_WITH_BODY = (Code.UNSUPPORTED_MEDIA_TYPE, Code.UNPROCESSABLE, Code.TOO_LARGE)


def _route(
    method: str,
    path: str,
    handler: Handler,
    action: Action | None,
    query: tuple[Parameter, ...] = (),
    body: type | None = None,
    codes: tuple[Code, ...] = (),
    status: int = 200,
) -> Route:
    """`action` is what a caller must be allowed to do to the subject of the path; None: whatever is answered is checked
    one by one. `codes` are the errors besides the ones that every request may meet."""
    refusals: dict[str, list[str]] = {}
    for code in (*_ALWAYS, *(_WITH_BODY if body is not None else ()), *codes):
        refusals.setdefault(str(code.status), []).append(f"{int(code)} {code.name.lower().replace('_', ' ')}")
    told = {status: ", ".join(meanings) for status, meanings in refusals.items()}
    return Route(method, path, handler, (handler.__doc__ or "").strip(), action, query, body, status, refusals=told)


_NO_SUBJECT, _NO_VERSION, _NO_SCHEMA = Code.SUBJECT_NOT_FOUND, Code.VERSION_NOT_FOUND, Code.SCHEMA_NOT_FOUND
_BAD_SCHEMA, _BAD_VERSION = Code.INVALID_SCHEMA, Code.INVALID_VERSION
_VERSION = (_NO_SUBJECT, _NO_VERSION, _BAD_VERSION)
_DELETE = (Code.NOT_PERMITTED, Code.REFERENCE_EXISTS)
_S = "/subjects/{subject}"
_V = "/subjects/{subject}/versions"
_ID = "/schemas/ids/{id}"

ROUTES = (
    _route("GET", "/", about.root, None),
    _route("GET", "/subjects", subjects.list_subjects, None, (PREFIX, DELETED, ONLY_DELETED, *_PAGE)),
    _route(
        "POST", _S, subjects.look_up, Action.READ, (NORMALIZE, FORMAT, REFERENCES, DELETED), SchemaBody,
        (_NO_SUBJECT, _NO_SCHEMA, _BAD_SCHEMA),
    ),
    _route(
        "DELETE", _S, subjects.delete_subject, Action.DELETE, (PERMANENT,), None,
        (_NO_SUBJECT, Code.SUBJECT_SOFT_DELETED, Code.SUBJECT_NOT_SOFT_DELETED, *_DELETE),
    ),
    _route(
        "GET", f"{_S}/metadata", subjects.latest_with_metadata, Action.READ, (KEY, VALUE, FORMAT, REFERENCES, DELETED),
        None,
        (_NO_SUBJECT, _NO_SCHEMA),
    ),
    _route("GET", _V, subjects.list_versions, Action.READ, (DELETED, ONLY_DELETED, *_PAGE), None, (_NO_SUBJECT,)),
    _route(
        "POST", _V, subjects.register, Action.WRITE, (NORMALIZE,), SchemaBody,
        (
            Code.INCOMPATIBLE_SCHEMA, _BAD_SCHEMA, Code.NOT_PERMITTED, Code.INVALID_SUBJECT, Code.SCHEMA_TOO_LARGE,
            Code.INVALID_RULE_SET,
        ),
    ),
    _route("GET", _V + "/{version}", subjects.get_version, Action.READ, (DELETED, FORMAT, REFERENCES), None, _VERSION),
    _route(
        "DELETE", _V + "/{version}", subjects.delete_version, Action.DELETE, (PERMANENT,), None,
        (*_VERSION, Code.VERSION_SOFT_DELETED, Code.VERSION_NOT_SOFT_DELETED, *_DELETE),
    ),
    _route("GET", _V + "/{version}/schema", subjects.get_schema, Action.READ, (DELETED, FORMAT), None, _VERSION),
    _route("GET", _V + "/{version}/referencedby", subjects.get_referrers, Action.READ, _PAGE, None, _VERSION),
    _route("GET", "/schemas", schemas.list_schemas, None, (PREFIX, DELETED, LATEST, RULE_TYPE, ALIASES, *_PAGE)),
    _route("GET", "/schemas/types", schemas.list_kinds, None),
    _route("GET", _ID, schemas.get_by_id, None, (SUBJECT, FORMAT, REFERENCES, MAX_ID), None, (_NO_SCHEMA,)),
    _route("GET", f"{_ID}/schema", schemas.get_text_by_id, None, (SUBJECT, FORMAT), None, (_NO_SCHEMA,)),
    _route("GET", f"{_ID}/subjects", schemas.subjects_of_id, None, (SUBJECT, DELETED, *_PAGE), None, (_NO_SCHEMA,)),
    _route("GET", f"{_ID}/versions", schemas.versions_of_id, None, (SUBJECT, DELETED, *_PAGE), None, (_NO_SCHEMA,)),
    _route("GET", "/schemas/guids/{guid}", schemas.get_by_guid, None, (FORMAT, REFERENCES), None, (_NO_SCHEMA,)),
    _route("GET", "/schemas/guids/{guid}/ids", schemas.ids_of_guid, None, (), None, (_NO_SCHEMA,)),
    _route(
        "POST", "/compatibility" + _V, compatibility.check_all, Action.READ, (VERBOSE, NORMALIZE), SchemaBody,
        (_BAD_SCHEMA,),
    ),
    _route(
        "POST", "/compatibility" + _V + "/{version}", compatibility.check_version, Action.READ, (VERBOSE, NORMALIZE),
        SchemaBody, (*_VERSION, _BAD_SCHEMA),
    ),
    _route("GET", "/config", settings.get_config, Action.READ_COMPATIBILITY, (GLOBAL,)),
    _route(
        "PUT", "/config", settings.put_config, Action.WRITE_COMPATIBILITY, (), ConfigBody,
        (Code.INVALID_COMPATIBILITY, Code.NOT_PERMITTED, Code.INVALID_RULE_SET),
    ),
    _route("DELETE", "/config", settings.delete_config, Action.WRITE_COMPATIBILITY, (), None, (Code.NOT_PERMITTED,)),
    _route(
        "GET", "/config/{subject}", settings.get_config, Action.READ_COMPATIBILITY, (GLOBAL,), None,
        (Code.NO_SUBJECT_COMPATIBILITY, Code.INVALID_SUBJECT),
    ),
    _route(
        "PUT", "/config/{subject}", settings.put_config, Action.WRITE_COMPATIBILITY, (), ConfigBody,
        (Code.INVALID_COMPATIBILITY, Code.NOT_PERMITTED, Code.INVALID_SUBJECT, Code.INVALID_RULE_SET),
    ),
    _route(
        "DELETE", "/config/{subject}", settings.delete_config, Action.WRITE_COMPATIBILITY, (), None,
        (_NO_SUBJECT, Code.NOT_PERMITTED, Code.INVALID_SUBJECT),
    ),
    _route("GET", "/mode", settings.get_mode, Action.READ_COMPATIBILITY, (GLOBAL,)),
    _route(
        "PUT", "/mode", settings.put_mode, Action.WRITE_COMPATIBILITY, (FORCE,), ModeBody,
        (Code.INVALID_MODE, Code.NOT_PERMITTED, Code.REFERENCE_EXISTS),
    ),
    _route("DELETE", "/mode", settings.delete_mode, Action.WRITE_COMPATIBILITY, (RECURSIVE,)),
    _route(
        "GET", "/mode/{subject}", settings.get_mode, Action.READ_COMPATIBILITY, (GLOBAL,), None,
        (Code.NO_SUBJECT_MODE, Code.INVALID_SUBJECT),
    ),
    _route(
        "PUT", "/mode/{subject}", settings.put_mode, Action.WRITE_COMPATIBILITY, (FORCE,), ModeBody,
        (Code.INVALID_MODE, Code.NOT_PERMITTED, Code.REFERENCE_EXISTS, Code.INVALID_SUBJECT),
    ),
    _route(
        "DELETE", "/mode/{subject}", settings.delete_mode, Action.WRITE_COMPATIBILITY, (RECURSIVE,), None,
        (_NO_SUBJECT, Code.INVALID_SUBJECT),
    ),
    _route("GET", "/contexts", settings.list_contexts, Action.READ, (CONTEXT_PREFIX, *_PAGE)),
    _route(
        "DELETE", "/contexts/{context}", settings.delete_context, Action.DELETE, (), None,
        (_NO_SUBJECT, Code.CONTEXT_NOT_EMPTY, Code.INVALID_SUBJECT), 204,
    ),
    _route("GET", "/v1/metadata/id", about.cluster, None),
    _route("GET", "/v1/metadata/version", about.version, None),
)  # fmt: skip
