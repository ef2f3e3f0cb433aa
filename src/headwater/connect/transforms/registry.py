"""Which transforms and predicates there are, by the class names that configurations say."""

from __future__ import annotations

from collections.abc import Mapping

from headwater.connect.errors import UsageError
from headwater.connect.transforms.api import Side, Transform
from headwater.connect.transforms.cast import Cast
from headwater.connect.transforms.debezium import ExtractNewRecordState
from headwater.connect.transforms.edit_fields import Flatten, InsertField, MaskField, ReplaceField
from headwater.connect.transforms.fields import ExtractField, HoistField, SetSchemaMetadata, ValueToKey
from headwater.connect.transforms.headers import DropHeaders, HeaderFrom, InsertHeader
from headwater.connect.transforms.predicates import PREDICATES, Predicate
from headwater.connect.transforms.routers import ByLogicalTableRouter, Filter, RegexRouter, TimestampRouter
from headwater.connect.transforms.timestamp_converter import TimestampConverter

TRANSFORMS: tuple[type[Transform], ...] = (
    Cast, DropHeaders, ExtractField, Filter, Flatten, HeaderFrom, HoistField, InsertField, InsertHeader, MaskField,
    RegexRouter, ReplaceField, SetSchemaMetadata, TimestampConverter, TimestampRouter, ValueToKey,
    ExtractNewRecordState, ByLogicalTableRouter,
)  # fmt: skip

_TRANSFORMS = {name: cls for cls in TRANSFORMS for name in (*cls.names, cls.names[0].rpartition(".")[2])}
_PREDICATES = {name: cls for cls in PREDICATES for name in (*cls.names, cls.names[0].rpartition(".")[2])}


def transform(class_name: str, settings: Mapping[str, str]) -> Transform:
    """The transform of a class name (`…Cast$Value`). Raises `UsageError` for unknown classes and wrong settings."""
    name, _, side = class_name.strip().partition("$")
    found = _TRANSFORMS.get(name)
    if found is None:
        known = ", ".join(class_names())
        raise UsageError(f"Class {class_name} could not be found. Transformations are: {known}")
    if found.sided and side not in (Side.KEY, Side.VALUE):
        raise UsageError(f"{class_name} does not say what to transform: use {name}$Key or {name}$Value")
    if side and not found.sided:
        raise UsageError(f"Class {class_name} could not be found: use {name}")
    return found(settings, Side(side))


def predicate(class_name: str, settings: Mapping[str, str]) -> Predicate:
    """The predicate of a class name. Raises `UsageError`."""
    found = _PREDICATES.get(class_name.strip())
    if found is None:
        known = ", ".join(cls.names[0] for cls in PREDICATES)
        raise UsageError(f"Class {class_name} could not be found. Predicates are: {known}")
    return found(settings)


def class_names() -> list[str]:
    """All transforms as configurations name them."""
    return [f"{cls.names[0]}{suffix}" for cls in TRANSFORMS for suffix in (("$Key", "$Value") if cls.sided else ("",))]
