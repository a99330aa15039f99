"""A schema with every kind of field, over objects whose values are often wrong."""

import enum
import math
from collections.abc import Callable, Generator, Sequence
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Annotated, Any, Generic, TypeVar

import strawberry
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

from domain.records import Status
from graphql_schema.execution import BATCH, ColumnExecutor, Columns, Layout, Layouts, Records, column_of
from graphql_schema.scalars import SCALARS, Int64
from graphql_schema.types import enums  # noqa: F401 - makes Status an enum of the graph

T = TypeVar("T")


@strawberry.enum
class Colour(enum.Enum):
    RED = 1
    GREEN = strawberry.enum_value("green", name="VERT")
    BLUE = "BLUE"


class Later:
    """What must be awaited, without being a coroutine."""

    def __init__(self, value: object) -> None:
        self._value = value

    def __await__(self) -> Generator[None, None, object]:
        yield
        return self._value


@strawberry.interface
class Named:
    name: str

    @strawberry.field
    def shout(self, times: int = 1) -> str:
        return self.name.upper() * times


@strawberry.type
class Leaf(Named):
    size: int | None
    weight: float


@strawberry.type
class Flower(Named):
    colour: Colour
    petals: list[int]

    @strawberry.field
    async def scent(self) -> str | None:
        if self.name == "nettle":
            raise ValueError("it stings")
        return None if self.name == "rose" else f"of {self.name}"


@strawberry.type
class Stone:
    colour: Colour | None
    hard: bool


@strawberry.type
class Pair(Generic[T]):
    left: T
    right: T | None


def _leaf(given: dict[str, Any]) -> Leaf:
    return Leaf(**given)


async def _fruits(branches: Sequence[Any], *, limit: int) -> list[Any]:
    if any(name == "dead" for name in column_of(branches, "name")):
        raise ValueError("no fruits")
    columns: dict[str, list[Any]] = {"name": ["apple"] * limit, "size": [limit] * limit, "weight": [0.5] * limit}
    return [Columns(Leaf, columns, _leaf) for _ in branches]


@strawberry.type
class Branch(Named):
    id: strawberry.ID
    size: int
    count: Int64
    ratio: float | None
    broken: bool | None
    status: Status
    colour: Colour | None
    grown_at: datetime
    felled_at: datetime | None
    note: JSON | None
    tags: list[str]
    rings: list[list[int | None] | None] | None
    leaf: Leaf | None
    leaves: list[Leaf]
    maybe_leaves: list[Leaf | None] | None
    growths: list[Named]
    things: list[Annotated[Flower | Stone, strawberry.union("Thing")]]
    thing: Annotated[Flower | Stone, strawberry.union("Thing")] | None
    pairs: list[Pair[int]]
    grid: list[list[Leaf]]

    @strawberry.field
    def twice(self, times: Annotated[int, strawberry.argument()] = 2) -> Int64:
        return Int64(self.count * times)

    @strawberry.field
    async def siblings(self, limit: int = 2) -> list["Branch"]:
        if self.name == "dead":
            raise ValueError("no siblings")
        return [self] * limit

    @strawberry.field(metadata={BATCH: _fruits})
    async def fruits(self, limit: int = 1) -> list[Leaf] | None:
        found: list[list[Leaf]] = await _fruits([self], limit=limit)
        return found[0]

    @strawberry.field
    async def heaviest(self) -> Leaf | None:
        return max(self.leaves, key=lambda leaf: leaf.weight, default=None)


ZONE = timezone(timedelta(hours=2))
INSTANTS = (
    datetime(2026, 1, 31, 9, 30, tzinfo=UTC),
    datetime(1, 1, 1, 0, 0, 0, 5, UTC),
    datetime(2026, 1, 1, tzinfo=ZONE),
)
TEXTS = ("", "oak", 'q"uote\\', "é\u2028\x00", "📦", "rose", "nettle", "dead", Status.OK)
BAD: tuple[Callable[[], object], ...] = (
    lambda: None,
    lambda: 5,
    lambda: "x",
    lambda: 3.5,
    lambda: True,
    list,
    dict,
    lambda: 2**31,
    lambda: 2**63,
    lambda: math.nan,
    lambda: ValueError("boom"),
    lambda: object,
    lambda: Status.OK,
    lambda: Colour.RED,
    lambda: datetime(2026, 1, 1),  # noqa: DTZ001
    lambda: Later("late"),
    lambda: Later(None),
    lambda: Leaf(name="astray", size=1, weight=1.0),
    lambda: {"name": "a dict"},
    lambda: strawberry.UNSET,
    lambda: "abc",
    lambda: (1, 2),
)


class Growth:
    """Random values; `bad` is how often one is wrong."""

    def __init__(self, random: Random, bad: float) -> None:
        self._random = random
        self._bad = bad

    def _spoilt(self, values: dict[str, Any]) -> dict[str, Any]:
        if self._random.random() < self._bad:
            values[self._random.choice(list(values))] = self._random.choice(BAD)()
        return values

    def _many(self, make: Callable[[], T], most: int = 3) -> list[T]:
        return [make() for _ in range(self._random.randrange(most + 1))]

    def _or_none(self, make: Callable[[], T]) -> T | None:
        return make() if self._random.random() < 0.7 else None

    def _leaf_values(self) -> dict[str, Any]:
        choice = self._random.choice
        values = {"name": choice(TEXTS), "size": choice([None, 0, -5, 2**31 - 1]), "weight": choice([0.0, 1.5, 2])}
        return self._spoilt(values)

    def leaf(self) -> Leaf:
        return Leaf(**self._leaf_values())

    def _flower_values(self) -> dict[str, Any]:
        colour = self._random.choice([*Colour, "BLUE", "green"])
        return self._spoilt(
            {
                "name": self._random.choice(TEXTS),
                "colour": colour,
                "petals": self._many(lambda: self._random.randrange(9)),
            }
        )

    def _flower(self) -> Flower:
        return Flower(**self._flower_values())

    def thing(self) -> Flower | Stone:
        if self._random.random() < 0.5:
            return self._flower()
        return Stone(**self._spoilt({"colour": self._random.choice([None, *Colour]), "hard": True}))

    def leaves(self) -> Any:
        """A list, a tuple, or columns."""
        way = self._random.randrange(4)
        if way == 0:
            return self._columns(Leaf, self._leaf_values)
        leaves = self._many(self.leaf)
        return tuple(leaves) if way == 1 else leaves

    def _columns(self, kind: type, make: Callable[[], dict[str, Any]]) -> Columns:
        made = self._many(make)
        return Columns(kind, {name: [values[name] for values in made] for name in make()}, lambda given: kind(**given))

    def growths(self) -> Any:
        """Objects, columns of either type, or rows of both."""
        way = self._random.randrange(4)
        if way == 0:
            return self._many(lambda: self.leaf() if self._random.random() < 0.5 else self._flower())
        if way == 1:
            return self._columns(Leaf, self._leaf_values)
        if way == 2:
            return self._columns(Flower, self._flower_values)
        rows = [
            {"type": "leaf", **self._leaf_values()}
            if self._random.random() < 0.5
            else {"type": "flower", **self._flower_values()}
            for _ in range(self._random.randrange(4))
        ]
        return Records(GROWTHS, [None] * len(rows), rows)

    def branch(self) -> Branch:
        choice = self._random.choice
        return Branch(
            **self._spoilt(
                {
                    "name": choice(TEXTS),
                    "id": choice(["1", "two"]),
                    "size": choice([0, -1, 7]),
                    "count": choice([0, 2**40]),
                    "ratio": choice([None, 0.25, -0.0]),
                    "broken": choice([None, True, False]),
                    "status": choice([*Status, "OK"]),
                    "colour": choice([None, *Colour]),
                    "grown_at": choice(INSTANTS),
                    "felled_at": choice([None, *INSTANTS]),
                    "note": choice([None, {"a": [1, None]}, "x", 5]),
                    "tags": self._many(lambda: choice(TEXTS)),
                    "rings": choice([None, [], [[1, None], None]]),
                    "leaf": self._or_none(self.leaf),
                    "leaves": self.leaves(),
                    "maybe_leaves": self._or_none(lambda: self._many(lambda: self._or_none(self.leaf))),
                    "growths": self.growths(),
                    "things": self._many(self.thing),
                    "thing": self._or_none(self.thing),
                    "pairs": self._many(lambda: Pair(left=choice([1, 2]), right=choice([None, 3]))),
                    "grid": self._many(self.leaves),
                }
            )
        )

    def branches(self) -> list[Branch]:
        return self._many(self.branch)


def _column(name: str) -> Callable[[Records], list[Any]]:
    return lambda records: [row[name] for row in records.rows]


def _layout(kind: type, *names: str) -> Layout:
    return Layout(
        kind, {name: _column(name) for name in names}, lambda _, row: kind(**{name: row[name] for name in names})
    )


GROWTHS = Layouts(
    "type", {"leaf": _layout(Leaf, "name", "size", "weight"), "flower": _layout(Flower, "name", "colour", "petals")}
)


class Garden:
    """The context: what `branches` answers, and which lists may come as JSON."""

    def __init__(self, branches: list[Branch], splices: Any = ()) -> None:
        self.branches = branches
        self.splices = splices


@strawberry.type
class Query:
    @strawberry.field
    async def branches(self, info: strawberry.Info[Garden, None]) -> list[Branch]:
        return info.context.branches

    @strawberry.field
    def maybe_branches(self, info: strawberry.Info[Garden, None]) -> list[Branch | None] | None:
        return [*info.context.branches, None]


def schema(*, by_column: bool) -> strawberry.Schema:
    return strawberry.Schema(
        Query,
        types=[Leaf, Flower],
        config=StrawberryConfig(scalar_map=SCALARS),
        execution_context_class=ColumnExecutor if by_column else None,
    )
