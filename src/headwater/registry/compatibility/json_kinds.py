"""The differences between two JSON Schemas: which leave old documents valid, and what is said about the others."""

from __future__ import annotations

COMPATIBLE = frozenset(
    """
    ID_CHANGED DESCRIPTION_CHANGED TITLE_CHANGED DEFAULT_CHANGED SCHEMA_REMOVED TYPE_EXTENDED
    MAX_LENGTH_INCREASED MAX_LENGTH_REMOVED MIN_LENGTH_DECREASED MIN_LENGTH_REMOVED PATTERN_REMOVED
    MAXIMUM_INCREASED MAXIMUM_REMOVED MINIMUM_DECREASED MINIMUM_REMOVED
    EXCLUSIVE_MAXIMUM_INCREASED EXCLUSIVE_MAXIMUM_REMOVED EXCLUSIVE_MINIMUM_DECREASED EXCLUSIVE_MINIMUM_REMOVED
    MULTIPLE_OF_REDUCED MULTIPLE_OF_REMOVED
    REQUIRED_ATTRIBUTE_WITH_DEFAULT_ADDED REQUIRED_ATTRIBUTE_REMOVED
    DEPENDENCY_ARRAY_NARROWED DEPENDENCY_ARRAY_REMOVED DEPENDENCY_SCHEMA_REMOVED
    MAX_PROPERTIES_INCREASED MAX_PROPERTIES_REMOVED MIN_PROPERTIES_DECREASED MIN_PROPERTIES_REMOVED
    ADDITIONAL_PROPERTIES_ADDED ADDITIONAL_PROPERTIES_EXTENDED
    UNEVALUATED_PROPERTIES_ADDED UNEVALUATED_PROPERTIES_EXTENDED
    PROPERTY_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL
    REQUIRED_PROPERTY_WITH_DEFAULT_ADDED_TO_UNOPEN_CONTENT_MODEL OPTIONAL_PROPERTY_ADDED_TO_UNOPEN_CONTENT_MODEL
    PROPERTY_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL PROPERTY_REMOVED_FROM_OPEN_CONTENT_MODEL
    PROPERTY_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
    PROPERTY_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
    MAX_ITEMS_INCREASED MAX_ITEMS_REMOVED MIN_ITEMS_DECREASED MIN_ITEMS_REMOVED UNIQUE_ITEMS_REMOVED
    MAX_CONTAINS_INCREASED MAX_CONTAINS_REMOVED MIN_CONTAINS_DECREASED MIN_CONTAINS_REMOVED
    ADDITIONAL_ITEMS_ADDED ADDITIONAL_ITEMS_EXTENDED UNEVALUATED_ITEMS_ADDED UNEVALUATED_ITEMS_EXTENDED
    ITEM_WITH_EMPTY_SCHEMA_ADDED_TO_OPEN_CONTENT_MODEL ITEM_ADDED_TO_CLOSED_CONTENT_MODEL
    ITEM_WITH_FALSE_REMOVED_FROM_CLOSED_CONTENT_MODEL ITEM_REMOVED_FROM_OPEN_CONTENT_MODEL
    ITEM_ADDED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL ITEM_REMOVED_IS_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL
    ENUM_ARRAY_EXTENDED COMBINED_TYPE_EXTENDED PRODUCT_TYPE_NARROWED SUM_TYPE_EXTENDED NOT_TYPE_NARROWED
    CONDITION_REMOVED CONTAINS_REMOVED PROPERTY_NAMES_REMOVED
    """.split()
)
"""A schema that differs from an older one only in these accepts every document that the older one accepts.

CONDITION, CONTAINS and PROPERTY_NAMES are Headwater's own: what they are about, Confluent's registry does not compare.
"""

_ENDINGS = (
    ("_TO_OPEN_CONTENT_MODEL",
     "The {reader} schema has '{path}', and the {writer} schema, which is open, allows anything there"),
    ("_TO_UNOPEN_CONTENT_MODEL", "The {reader} schema requires '{path}', which the {writer} schema does not know"),
    ("_FROM_CLOSED_CONTENT_MODEL", "The {reader} schema is closed and lacks '{path}' of the {writer} schema"),
    ("REMOVED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
     "The {reader} schema lacks '{path}' of the {writer} schema, and what it allows further does not cover it"),
    ("ADDED_NOT_COVERED_BY_PARTIALLY_OPEN_CONTENT_MODEL",
     "The {reader} schema has '{path}', which does not cover what the {writer} schema allows there"),
    ("_TYPE_SUBSCHEMAS_CHANGED", "The {reader} schema has parts at '{path}' that do not cover the {writer} schema's"),
    ("_INCREASED", "The {reader} schema has a larger value at '{path}' than the {writer} schema"),
    ("MULTIPLE_OF_EXPANDED", "The {reader} schema has a larger value at '{path}' than the {writer} schema"),
    ("_DECREASED", "The {reader} schema has a smaller value at '{path}' than the {writer} schema"),
    ("PROPERTIES_REMOVED", "The {reader} schema forbids by '{path}' what the {writer} schema allows"),
    ("ITEMS_REMOVED", "The {reader} schema forbids by '{path}' what the {writer} schema allows"),
    ("_ADDED", "The {reader} schema has '{path}', which the {writer} schema lacks"),
    ("_NARROWED", "The {reader} schema allows less at '{path}' than the {writer} schema"),
    ("_EXTENDED", "The {reader} schema demands more at '{path}' than the {writer} schema"),
    ("_CHANGED", "The {reader} schema differs at '{path}' from the {writer} schema"),
)  # fmt: skip


def description(kind: str) -> str:
    """The sentence for an incompatible difference, with places for path, reader and writer."""
    return next((text for ending, text in _ENDINGS if kind.endswith(ending)), "The {reader} schema differs at '{path}'")
