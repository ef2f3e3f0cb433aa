"""`Row` and `Rows`: what a query answers, as named tuples and as a list that knows its columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import starmap
from operator import itemgetter
from typing import TYPE_CHECKING, Any, ClassVar, SupportsIndex, overload

from headwater.core.schema import Column

if TYPE_CHECKING:
    import pandas
    import polars
    import pyarrow

_SHOWN = 20


class Row(tuple[Any, ...]):
    """One row, or one STRUCT: a tuple whose values have names, too.

    `row.TOTAL`, `row["TOTAL"]` and `row[0]` are the same value. Names are those of the SQL schema; like there, case
    does not matter unless two differ by nothing else.
    """

    __slots__ = ()
    _fields: ClassVar[tuple[str, ...]] = ()
    _index: ClassVar[Mapping[str, int]] = {}

    @overload
    def __getitem__(self, key: SupportsIndex | str) -> Any: ...

    @overload
    def __getitem__(self, key: slice) -> tuple[Any, ...]: ...

    def __getitem__(self, key: SupportsIndex | slice | str) -> Any:
        """By position, or by name. Raises `KeyError` for a name that is none."""
        if isinstance(key, str):
            return tuple.__getitem__(self, self._position(key))
        return tuple.__getitem__(self, key)

    def __getattr__(self, name: str) -> Any:
        try:
            return tuple.__getitem__(self, self._position(name))
        except KeyError as error:
            raise AttributeError(f"{error.args[0]}") from None

    def _position(self, name: str) -> int:
        at = self._index.get(name)
        if at is None:
            at = self._index.get(name.upper())
        if at is None:
            raise KeyError(f"no column {name!r}; there are {', '.join(self._fields)}")
        return at

    def _asdict(self) -> dict[str, Any]:
        """Names to values; structs inside stay rows."""
        return dict(zip(self._fields, self, strict=True))

    def __repr__(self) -> str:
        return f"Row({', '.join(starmap('{}={!r}'.format, zip(self._fields, self, strict=True)))})"

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self._fields, tuple(self))


@lru_cache(maxsize=1_000)
def row_class(names: tuple[str, ...]) -> type[Row]:
    """The class of rows with these columns: call it with the values' sequence."""
    members: dict[str, Any] = {name: property(itemgetter(at)) for at, name in enumerate(names) if name[:1] != "_"}
    index = {name: at for at, name in enumerate(names)}
    return type("Row", (Row,), {**members, "__slots__": (), "_fields": names, "_index": index})


def _restored(names: tuple[str, ...], values: tuple[Any, ...]) -> Row:
    return row_class(names)(values)


class Rows(Sequence[Row]):
    """All rows of a query that has ended: a list that cannot be changed and knows its columns."""

    def __init__(self, columns: tuple[Column, ...], rows: Sequence[Row]) -> None:
        self.columns = columns
        """Name and SQL type of each column."""
        self._rows = rows

    @overload
    def __getitem__(self, at: int) -> Row: ...

    @overload
    def __getitem__(self, at: slice) -> Rows: ...

    def __getitem__(self, at: int | slice) -> Row | Rows:
        if isinstance(at, slice):
            return Rows(self.columns, self._rows[at])
        return self._rows[at]

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._rows)

    def __eq__(self, other: object) -> bool:
        """Rows are equal to any sequence of equal tuples."""
        if isinstance(other, Rows):
            return list(self._rows) == list(other._rows)
        return list(self._rows) == list(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        more = f", … {len(self) - _SHOWN} more" if len(self) > _SHOWN else ""
        return f"Rows([{', '.join(map(repr, self._rows[:_SHOWN]))}{more}])"

    def to_dicts(self) -> list[dict[str, Any]]:
        """One dictionary per row."""
        return [row._asdict() for row in self._rows]

    def to_arrow(self) -> pyarrow.Table:
        """An Arrow table with the columns' types. Raises `MissingPackageError` without pyarrow."""
        from headwater.library import frames

        return frames.to_arrow(self)

    def to_pandas(self) -> pandas.DataFrame:
        """A data frame with nullable types. Raises `MissingPackageError` without pandas."""
        from headwater.library import frames

        return frames.to_pandas(self)

    def to_polars(self) -> polars.DataFrame:
        """A data frame with the columns' types. Raises `MissingPackageError` without polars."""
        from headwater.library import frames

        return frames.to_polars(self)
