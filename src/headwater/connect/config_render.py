"""A declared configuration as others read it: Connect's `config/validate`, a reference in Markdown, a form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from headwater.connect.config import HIDDEN, ConfigDef, Key, Type, without_secrets

Json = dict[str, Any]


def validation(
    name: str,
    definition: ConfigDef,
    given: Mapping[str, str],
    errors: Mapping[str, Sequence[str]],
    warnings: Sequence[str],
) -> Json:
    """The body that Connect's `PUT /connector-plugins/{plugin}/config/validate` answers with (KIP-26), with a member
    `warnings` besides. Errors of keys that nobody declared are listed as configs of their own."""
    raw = {definition.canonical(key): value for key, value in given.items()}
    configs = [_entry(key, order, raw, errors.get(key.name, ())) for order, key in _ordered(definition)]
    configs += [_stray(key, raw.get(key), problems) for key, problems in errors.items() if key not in definition.keys]
    groups = list(dict.fromkeys(key.group for key in definition.keys.values()))
    wrong = sum(bool(problems) for problems in errors.values())
    return {"name": name, "error_count": wrong, "groups": groups, "configs": configs, "warnings": list(warnings)}


def key_infos(definition: ConfigDef) -> list[Json]:
    """The body of `GET /connector-plugins/{plugin}/config` (KIP-769)."""
    return [_definition(key, order) for order, key in _ordered(definition)]


def markdown(definition: ConfigDef) -> str:
    """The reference of the keys as a table, the most important first."""
    rank = {"HIGH": 0, "MEDIUM": 1, "LOW": 2}
    lines = ["| Key | Type | Default | Meaning |", "|---|---|---|---|"]
    for key in sorted(definition.keys.values(), key=lambda key: rank[key.importance]):
        kind = str(key.type).lower() + (": " + ", ".join(key.choices) if key.choices else "")
        lines.append(f"| `{key.name}` | {kind} | {_default_text(key)} | {_cell(key.doc)} |")
    return "\n".join(lines) + "\n"


def form(definition: ConfigDef, given: Mapping[str, str] | None = None) -> list[Json]:
    """Groups of fields for a page: `[{"group": …, "fields": [{name, label, input, …}]}]`."""
    given = given or {}
    groups: dict[str, list[Json]] = {}
    for key in definition.keys.values():
        groups.setdefault(key.group, []).append(_field(key, given))
    return [{"group": group, "fields": fields} for group, fields in groups.items()]


_INPUTS = {Type.INT: "number", Type.LONG: "number", Type.DOUBLE: "number", Type.BOOLEAN: "checkbox"}


def _field(key: Key, given: Mapping[str, str]) -> Json:
    kind = "password" if key.hidden else "select" if key.choices else _INPUTS.get(key.type, "text")
    value = given.get(key.name)
    return {
        "name": key.name,
        "label": key.display_name or key.name,
        "input": kind,
        "required": key.required,
        "default": None if key.required else text(key, key.default),
        "value": _shown(key, value),
        "options": list(key.choices or _recommended(key, given)),
        "help": key.doc,
        "importance": str(key.importance),
        "width": str(key.width),
    }


def _ordered(definition: ConfigDef) -> list[tuple[int, Key]]:
    """Each key with its place inside its group, from 1 on."""
    places: dict[str, int] = {}
    out = []
    for key in definition.keys.values():
        places[key.group] = places.get(key.group, 0) + 1
        out.append((places[key.group], key))
    return out


def _definition(key: Key, order: int) -> Json:
    return {
        "name": key.name,
        "type": str(key.type),
        "required": key.required,
        "default_value": None if key.required else text(key, key.default),
        "importance": str(key.importance),
        "documentation": key.doc,
        "group": key.group,
        "width": str(key.width),
        "display_name": key.display_name or key.name,
        "dependents": list(key.dependents),
        "order": order,
    }


def _shown(key: Key, value: str | None) -> str | None:
    return value and (HIDDEN if key.hidden else without_secrets(value))


def _entry(key: Key, order: int, given: Mapping[str, str], errors: Sequence[str]) -> Json:
    value = given.get(key.name)
    if value is None and not key.required:
        value = text(key, key.default)
    shown = _shown(key, value)
    state = {
        "name": key.name,
        "value": shown,
        "recommended_values": list(key.choices or _recommended(key, given)),
        "errors": list(errors),
        "visible": True,
    }
    return {"definition": _definition(key, order), "value": state}


def _stray(name: str, value: str | None, errors: Sequence[str]) -> Json:
    key = Key(name, Type.STRING, "", default=None, group="Other", secret=True)
    return _entry(key, -1, {} if value is None else {name: value}, errors)


def _recommended(key: Key, given: Mapping[str, str]) -> Sequence[str]:
    return key.recommender(given) if key.recommender is not None else ()


def text(key: Key, value: Any) -> str | None:
    """A typed value as the text that stands for it in a configuration."""
    if value is None:
        return None
    if key.type is Type.BOOLEAN:
        return str(value).lower()
    if key.type is Type.LIST:
        return ",".join(value)
    return HIDDEN if value and key.hidden else str(value)


def _default_text(key: Key) -> str:
    if key.required:
        return "required"
    value = text(key, key.default)
    return f"`{value}`" if value else ""


def _cell(words: str) -> str:
    return words.replace("|", "\\|").replace("\n", " ")
