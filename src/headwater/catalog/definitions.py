"""Definitions of one kind, tags or business metadata: listed, made, changed and removed.

Names that differ only by case are one name: people write `Team details` where a definition says `Team Details`.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Generic, TypeVar

import msgspec

from headwater.catalog.definition import Definition, TagDef, check_definition
from headwater.catalog.errors import CatalogCode, CatalogError
from headwater.catalog.state import Change

if TYPE_CHECKING:
    from headwater.catalog.catalog import Catalog

D = TypeVar("D", bound=Definition)
MOST = 1_000
"""Definitions of a kind."""


class Definitions(Generic[D]):
    """`record` and `bindings` are the kinds of record that hold the definitions and their uses. `implied` are those
    that nobody has made and that are there all the same, as long as something bears them."""

    def __init__(
        self,
        catalog: Catalog,
        shape: type[D],
        record: str,
        bindings: str,
        implied: Callable[[], Iterable[D]] = lambda: (),
    ) -> None:
        self.shape = shape
        self._catalog = catalog
        self._record = record
        self._bindings = bindings
        self._implied = implied

    @property
    def all(self) -> dict[str, D]:
        """By name."""
        return {d.name: d for d in self._implied() if _named(self._made, d.name) is None} | self._made

    @property
    def _made(self) -> dict[str, D]:
        state = self._catalog.state
        return state.tag_defs if self._record == "TAGDEF" else state.metadata_defs  # type: ignore[return-value]

    def find(self, name: str) -> D | None:
        """The definition of this name, whatever the case of its letters."""
        return _named(self._made, name) or _named({d.name: d for d in self._implied()}, name)

    def get(self, name: str) -> D:
        """As `find`; raises `CatalogError` when there is none."""
        found = self.find(name)
        if found is None:
            raise CatalogError(CatalogCode.TYPE_NOT_FOUND, f"Given typename {name[:100]} was invalid")
        return found

    async def create(self, given: Sequence[D]) -> list[D | CatalogError]:
        """One answer for each: what was made, or why it was not."""
        return await self._each(given, self._created)

    async def update(self, given: Sequence[D]) -> list[D | CatalogError]:
        """Replace what is there by name; what entities hold of it stays as it is."""
        return await self._each(given, self._updated)

    async def delete(self, name: str) -> None:
        """Remove a definition, and what it says about entities. Raises `CatalogError` when there is none that somebody
        has made."""

        def decide() -> tuple[Sequence[Change], None]:
            found = self.get(name)
            if found.name not in self._made:
                raise CatalogError(
                    CatalogCode.INVALID_PARAMETERS, f"Schemas say {found.name}: register versions without it."
                )
            users = self._catalog.state.users_of(self._bindings, found.name)
            return [*((key, None) for key in users), ((self._record, found.name), None)], None

        await self._catalog.write(decide)

    async def _each(self, given: Sequence[D], make: Callable[[D, set[str]], D]) -> list[D | CatalogError]:
        def decide() -> tuple[Sequence[Change], list[D | CatalogError]]:
            changes: list[Change] = []
            answers: list[D | CatalogError] = []
            made: set[str] = set()
            for item in given:
                try:
                    check_definition(item)
                    done = make(item, made)
                except CatalogError as error:
                    answers.append(error)
                    continue
                made.add(done.name.casefold())
                changes.append(((self._record, done.name), done))
                answers.append(done)
            return changes, answers

        return await self._catalog.write(decide)

    def _created(self, item: D, made: set[str]) -> D:
        known = _named(self._made, item.name)
        if known is not None or item.name.casefold() in made:
            raise CatalogError(
                CatalogCode.TYPE_EXISTS, f"Given type {known.name if known else item.name} already exists"
            )
        if len(self._made) + len(made) >= MOST:
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"There can be {MOST} definitions at the most.")
        now = self._catalog.clock.now_ms()
        guid = str(uuid.uuid4())
        return msgspec.structs.replace(item, guid=guid, create_time=now, update_time=now, version=1, **_fixed(item))

    def _updated(self, item: D, made: set[str]) -> D:
        known = self.get(item.name)
        if known.name.casefold() in made:
            raise CatalogError(CatalogCode.INVALID_PARAMETERS, f"{known.name} is in the request twice.")
        return msgspec.structs.replace(
            item, name=known.name, guid=known.guid, create_time=known.create_time, created_by=known.created_by,
            update_time=self._catalog.clock.now_ms(), version=known.version + 1, **_fixed(item),
        )  # fmt: skip


def _named(made: Mapping[str, D], name: str) -> D | None:
    exact = made.get(name)
    if exact is not None:
        return exact
    folded = name.casefold()
    return next((d for key, d in made.items() if key.casefold() == folded), None)


def _fixed(item: Definition) -> dict[str, str]:
    """What is so whatever a client says."""
    return {"category": "CLASSIFICATION" if isinstance(item, TagDef) else "BUSINESS_METADATA", "type_version": "1.0"}
