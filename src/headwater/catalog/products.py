"""Data products: topics tagged DataProduct whose owners have said what a product's users need to know.

A product has complete Domain, Team and Data Product details: three groups of business metadata, nothing left empty.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from headwater.catalog import names
from headwater.catalog.entity import Entity, EntityKey
from headwater.catalog.names import qualified

if TYPE_CHECKING:
    from headwater.catalog.catalog import Catalog

TAG = "DataProduct"
DETAILS = ("Domain details", "Team details", "Data Product details")
"""What a product has to have; letter case and underscores do not matter."""


@dataclass(frozen=True)
class Product:
    """A topic that is tagged as a product. `missing` says what it lacks, in words; `details` is by group."""

    topic: Entity
    details: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """As its owners call it; else the topic's."""
        return str(self.details.get("Data Product details", {}).get("name") or self.topic.name)

    @property
    def complete(self) -> bool:
        return not self.missing


def products(catalog: Catalog) -> list[Product]:
    """Every topic that is tagged as a product, by name of topic, complete or not."""
    tagged = [catalog.find(key) for key in catalog.state.tags if key.type == names.TOPIC]
    found = [
        _product(catalog, entity)
        for entity in tagged
        if entity is not None and _plain(TAG) in {_plain(tag) for tag in catalog.tags.on(entity)}
    ]
    return sorted(found, key=lambda product: product.topic.name)


def product_entities(catalog: Catalog) -> Iterator[Entity]:
    """The complete products as entities of their own, for search."""
    for product in products(catalog):
        if product.complete:
            local = product.topic.name
            yield Entity(
                EntityKey(names.PRODUCT, local),
                qualified(names.PRODUCT, local, catalog.platform.cluster_id),
                product.name,
                {"topic": local, **_summary(product)},
                product.topic.key,
                product.topic.incarnation,
            )


def _summary(product: Product) -> dict[str, Any]:
    domain = product.details.get("Domain details", {})
    details = product.details.get("Data Product details", {})
    given = {
        "domain": domain.get("name") or details.get("domain"),
        "owner": details.get("primary_owner"),
        "ownerEmail": details.get("primary_contact"),
    }
    return {name: value for name, value in given.items() if value}


def _product(catalog: Catalog, topic: Entity) -> Product:
    details: dict[str, Mapping[str, Any]] = {}
    missing: list[str] = []
    borne = {_plain(name): binding for name, binding in catalog.metadata.on(topic).items()}
    defined = {_plain(name): definition for name, definition in catalog.metadata_defs.all.items()}
    for group in DETAILS:
        definition, binding = defined.get(_plain(group)), borne.get(_plain(group))
        if definition is None:
            missing.append(f"business metadata `{group}`, which is not defined yet")
        elif binding is None:
            missing.append(f"business metadata `{definition.name}`")
        else:
            details[group] = binding.attributes
            empty = [a.name for a in definition.attribute_defs if not str(binding.attributes.get(a.name, "")).strip()]
            missing += [f"`{name}` of `{definition.name}`" for name in empty]
    return Product(topic, details, tuple(missing))


def _plain(name: str) -> str:
    """What two spellings of one name have in common."""
    return re.sub(r"[\s_-]+", "", name).casefold()
