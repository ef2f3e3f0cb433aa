"""What agents read and write: `Record` for typed JSON, `Message` where an output has a key or headers of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self, dataclass_transform

import msgspec


class _KeywordOnly(msgspec.StructMeta):
    """Makes every class keyword-only: a class may then add required fields to one whose fields have defaults."""

    def __new__(
        mcls: type[_KeywordOnly], name: str, bases: tuple[type, ...], namespace: dict[str, Any], **options: Any
    ) -> _KeywordOnly:
        made: _KeywordOnly = super().__new__(mcls, name, bases, namespace, **{"kw_only": True, **options})
        return made


@dataclass_transform(field_specifiers=(msgspec.field,), kw_only_default=True)
class Record(msgspec.Struct, metaclass=_KeywordOnly):
    """Base of the classes of JSON objects: annotated fields, with defaults for those that may be missing.

    What a record has besides the fields is ignored. A field that is missing or of another type is an error of the
    record. Options of `msgspec.Struct` (`rename="camel"`, `frozen=True`) may be given beside the base class.
    """

    @classmethod
    def of(cls, *others: msgspec.Struct | Mapping[str, Any], **fields: Any) -> Self:
        """One with the fields of the `others` that this class has too, later ones winning, and with `fields`."""
        known = cls.__struct_fields__
        given: dict[str, Any] = {}
        for other in others:
            if isinstance(other, Mapping):
                given |= {name: other[name] for name in known if name in other}
            else:
                own = other.__struct_fields__
                given |= {name: getattr(other, name) for name in known if name in own}
        return cls(**(given | fields))

    def asdict(self) -> dict[str, Any]:
        """The fields by name, not converted."""
        return {name: getattr(self, name) for name in self.__struct_fields__}

    def replace(self, **fields: Any) -> Self:
        """A copy with other values in some fields."""
        return msgspec.structs.replace(self, **fields)


class _Same:
    """Stands for "as the record that is being processed has it"."""

    def __repr__(self) -> str:
        return "SAME"


SAME: Any = _Same()


@dataclass(frozen=True, slots=True)
class Message:
    """An output with more than a value. `value` None is a tombstone; `timestamp` is in ms.

    What is not given is as in the record that is being processed; headers are then none.
    """

    value: Any
    key: Any = SAME
    timestamp: int | None = None
    headers: Sequence[tuple[str, bytes | None]] = ()
