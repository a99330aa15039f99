"""Objects that are read by the column."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any, Generic, NamedTuple, Self, TypeVar, overload

T_co = TypeVar("T_co", covariant=True)


class Group(NamedTuple):
    """The rows of one type among rows of several."""

    rows: "Rows[Any]"
    positions: Sequence[int]


class Rows(Sequence[T_co], Generic[T_co]):
    """Objects of Strawberry types, as whoever resolves a list may return them: values by the column, and the objects
    themselves made only where something asks for them.

    `column(name)[i]` is what the attribute `name` of `objects()[i]` is, or what serialises to the same.
    """

    __slots__ = ()

    @property
    @abstractmethod
    def kind(self) -> type:
        """The Strawberry type of all; asked for where `groups` has one group."""

    @abstractmethod
    def column(self, name: str) -> "list[Any] | Rows[Any]":
        """The values of one attribute; raises LookupError or AttributeError if there is no such attribute."""

    @abstractmethod
    def objects(self) -> Sequence[T_co]:
        """The objects themselves."""

    @classmethod
    @abstractmethod
    def joined(cls, parts: Sequence[Self]) -> "Rows[T_co]":
        """One after the other, as if they were one list; raises ValueError if they are not of one kind."""

    @abstractmethod
    def __len__(self) -> int: ...

    def groups(self) -> Sequence[Group]:
        """The rows by their type; empty if all have one."""
        return ()

    @overload
    def __getitem__(self, index: int) -> T_co: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[T_co]: ...
    def __getitem__(self, index: int | slice) -> T_co | Sequence[T_co]:
        return self.objects()[index]

    def __iter__(self) -> Iterator[T_co]:
        return iter(self.objects())


class Objects(Rows[Any]):
    """Objects that are there anyway."""

    __slots__ = ("_kinds", "_objects")

    def __init__(self, objects: Sequence[Any]) -> None:
        self._objects = objects
        self._kinds = set(map(type, objects))

    @property
    def kind(self) -> type:
        (kind,) = self._kinds
        return kind

    def column(self, name: str) -> list[Any]:
        return list(map(attrgetter(name), self._objects))

    def objects(self) -> Sequence[Any]:
        return self._objects

    @classmethod
    def joined(cls, parts: Sequence["Objects"]) -> "Objects":
        return cls([item for part in parts for item in part.objects()])

    def __len__(self) -> int:
        return len(self._objects)

    def groups(self) -> Sequence[Group]:
        if len(self._kinds) == 1:
            return ()
        found: dict[type, list[int]] = {}
        for position, item in enumerate(self._objects):
            found.setdefault(type(item), []).append(position)
        return [Group(Objects(_at(self._objects, positions)), positions) for positions in found.values()]


class Columns(Rows[Any]):
    """Objects of one type whose values came as columns."""

    __slots__ = ("_build", "_columns", "_kind", "_length", "_objects", "_parts")

    def __init__(
        self,
        kind: type,
        columns: Mapping[str, "list[Any] | Columns"],
        build: Callable[[dict[str, Any]], Any],
        *,
        parts: "Sequence[Columns]" = (),
    ) -> None:
        """`columns` are of one length; `build` makes an object of one value from each."""
        self._kind = kind
        self._columns = columns
        self._build = build
        self._parts = parts
        self._length = len(next(iter(columns.values())))
        self._objects: list[Any] | None = None

    @property
    def kind(self) -> type:
        return self._kind

    def column(self, name: str) -> "list[Any] | Columns":
        return self._columns[name]

    def objects(self) -> Sequence[Any]:
        if self._objects is None:
            if self._parts:
                self._objects = [item for part in self._parts for item in part.objects()]
            else:
                names = list(self._columns)
                values = zip(*self._columns.values(), strict=True)
                self._objects = [self._build(dict(zip(names, row, strict=True))) for row in values]
        return self._objects

    @classmethod
    def joined(cls, parts: Sequence["Columns"]) -> "Columns":
        first = parts[0]
        names = first._columns.keys()
        if any(part._kind is not first._kind or part._columns.keys() != names for part in parts):
            raise ValueError("columns of different objects")
        return cls(first.kind, {name: _end_to_end(parts, name) for name in first._columns}, first._build, parts=parts)

    def __len__(self) -> int:
        return self._length


def _end_to_end(parts: Sequence[Columns], name: str) -> "list[Any] | Columns":
    columns: list[Any] = [part.column(name) for part in parts]
    if isinstance(columns[0], Columns):
        return Columns.joined(columns)
    return list(chain.from_iterable(columns))


@dataclass(frozen=True, slots=True)
class Layout:
    """How the attributes of a type are read from rows of the database."""

    kind: type
    columns: "Mapping[str, Callable[[Records], list[Any]]]"
    build: Callable[[Any, Mapping[str, Any]], Any]
    """The object, of an owner and a row."""


@dataclass(frozen=True, slots=True)
class Layouts:
    """Rows of several types: `by` names the column that says which."""

    by: str
    of: Mapping[str, Layout]


class Records(Rows[Any]):
    """Rows of the database as objects. An owner is what their objects know beyond the row."""

    __slots__ = ("_layout", "_objects", "owners", "rows")

    def __init__(self, layout: Layout | Layouts, owners: Sequence[Any], rows: Sequence[Mapping[str, Any]]) -> None:
        self._layout = layout
        self.owners = owners
        self.rows = rows
        self._objects: list[Any] | None = None

    @property
    def kind(self) -> type:
        if isinstance(self._layout, Layouts):
            raise LookupError("rows of several types")
        return self._layout.kind

    def column(self, name: str) -> list[Any]:
        if isinstance(self._layout, Layouts):
            raise LookupError("rows of several types")
        return self._layout.columns[name](self)

    def objects(self) -> Sequence[Any]:
        if self._objects is None:
            pairs = zip(self.owners, self.rows, strict=True)
            if isinstance(self._layout, Layout):
                build = self._layout.build
                self._objects = [build(owner, row) for owner, row in pairs]
            else:
                by, of = self._layout.by, self._layout.of
                self._objects = [of[row[by]].build(owner, row) for owner, row in pairs]
        return self._objects

    @classmethod
    def joined(cls, parts: Sequence["Records"]) -> "Records":
        layout = parts[0]._layout
        if any(part._layout is not layout for part in parts):
            raise ValueError("rows of different objects")
        owners = list(chain.from_iterable(part.owners for part in parts))
        return cls(layout, owners, list(chain.from_iterable(part.rows for part in parts)))

    def __len__(self) -> int:
        return len(self.rows)

    def groups(self) -> Sequence[Group]:
        if isinstance(self._layout, Layout):
            return ()
        found: dict[str, list[int]] = {}
        for position, key in enumerate(map(itemgetter(self._layout.by), self.rows)):
            found.setdefault(key, []).append(position)
        return [
            Group(Records(self._layout.of[key], _at(self.owners, positions), _at(self.rows, positions)), positions)
            for key, positions in found.items()
        ]


def stored(name: str) -> Callable[[Records], list[Any]]:
    """The column as it is."""
    read = itemgetter(name)
    return lambda records: list(map(read, records.rows))


def stored_text(name: str) -> Callable[[Records], list[Any]]:
    """A text for which "" stands for null."""
    return lambda records: [row[name] or None for row in records.rows]


def _at(items: Sequence[Any], positions: Sequence[int]) -> list[Any]:
    return [items[position] for position in positions]


def column_of(sources: Sequence[Any], name: str) -> Any:  # noqa: ANN401 - a list of whatever the attribute holds
    """One attribute of all sources, whichever way they come."""
    return sources.column(name) if isinstance(sources, Rows) else list(map(attrgetter(name), sources))
