"""Random queries over any schema: aliases, merged fields, fragments of every kind, directives, arguments, variables."""

from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    get_named_type,
    is_leaf_type,
)

Values = Mapping[str, Callable[[Random], str]]
"""By the names of arguments: how a literal is made."""

VARIABLES = "$yes: Boolean!, $no: Boolean!"


class QueryMaker:
    """Queries of a schema; the same random numbers give the same queries."""

    def __init__(
        self, schema: GraphQLSchema, random: Random, values: Values, *, avoid: frozenset[str] = frozenset()
    ) -> None:
        """`avoid` names fields that are never selected; arguments without values are left out, where they may be."""
        self._schema = schema
        self._random = random
        self._values = values
        self._avoid = avoid
        self._fragments: dict[str, str] = {}
        self._given: dict[tuple[str, str], str] = {}

    def query(self, start: str, *, depth: int, declared: str) -> str:
        """A query that selects something on the type `declared` where `start` has a `%s`."""
        self._fragments.clear()
        self._given.clear()
        selected = self._selection(self._schema.type_map[declared], depth)
        used = "__typename @skip(if: $yes) no: __typename @skip(if: $no)"
        return f"query({VARIABLES}) {{ {start % selected} {used} }} " + " ".join(self._fragments.values())

    def variables(self) -> dict[str, Any]:
        return {"yes": self._random.random() < 0.8, "no": self._random.random() < 0.2}

    def _selection(self, of: Any, depth: int) -> str:
        chosen = [self._typename()] if self._random.random() < 0.3 or isinstance(of, GraphQLUnionType) else []
        fields = [] if isinstance(of, GraphQLUnionType) else self._selectable(of, depth)
        names = self._random.choices(fields, k=self._random.randint(1, 5)) if fields else ()
        chosen += [self._field(of, name, depth) for name in names]
        if self._random.random() < (0.8 if isinstance(of, (GraphQLInterfaceType, GraphQLUnionType)) else 0.2):
            chosen.append(self._fragment(of, depth))
        self._random.shuffle(chosen)
        return "{ " + " ".join(chosen or ["__typename"]) + " }"

    def _selectable(self, of: Any, depth: int) -> list[str]:
        return [
            name
            for name, field in of.fields.items()
            if name not in self._avoid and (depth > 0 or is_leaf_type(get_named_type(field.type)))
        ]

    def _typename(self) -> str:
        return self._random.choice(["__typename", "kind_of: __typename"]) + self._directive()

    def _field(self, of: Any, name: str, depth: int) -> str:
        field: GraphQLField = of.fields[name]
        named = get_named_type(field.type)
        # Where types meet in fragments, equal response names must mean equal fields: the type stands in the alias.
        alias = f"{of.name}_{self._random.randrange(2)}_{name}: " if self._random.random() < 0.4 else ""
        below = "" if is_leaf_type(named) else " " + self._selection(named, depth - 1)
        return f"{alias}{name}{self._arguments(of, name, field)}{self._directive()}{below}"

    def _arguments(self, of: Any, name: str, field: GraphQLField) -> str:
        """One choice per field and query: merged fields must agree."""
        if (of.name, name) not in self._given:
            given = []
            for argument, definition in field.args.items():
                needed = isinstance(definition.type, GraphQLNonNull) and not definition.default_value
                named = get_named_type(definition.type)
                if not needed and self._random.random() < 0.5:
                    continue
                if argument in self._values:
                    given.append(f"{argument}: {self._values[argument](self._random)}")
                elif isinstance(named, GraphQLEnumType):
                    given.append(f"{argument}: {self._random.choice(list(named.values))}")
                elif named.name == "Boolean":
                    given.append(f"{argument}: {self._random.choice(['$yes', '$no', 'true', 'false'])}")
            self._given[of.name, name] = f"({', '.join(given)})" if given else ""
        return self._given[of.name, name]

    def _directive(self) -> str:
        if self._random.random() > 0.15:
            return ""
        return self._random.choice([" @include(if: $yes)", " @skip(if: $no)", " @skip(if: $yes)"])

    def _fragment(self, of: Any, depth: int) -> str:
        target = self._random.choice([of, *self._narrower(of)])
        if self._random.random() < 0.4:
            condition = "" if target is of else f" on {target.name}"
            return f"...{condition}{self._directive()} {self._selection(target, depth)}"
        name = f"F{len(self._fragments)}_{target.name}"
        self._fragments[name] = ""
        self._fragments[name] = f"fragment {name} on {target.name} {self._selection(target, max(depth - 1, 0))}"
        return f"...{name}{self._directive()}"

    def _narrower(self, of: Any) -> list[Any]:
        if isinstance(of, (GraphQLInterfaceType, GraphQLUnionType)):
            return list(self._schema.get_possible_types(of))
        return list(of.interfaces) if isinstance(of, GraphQLObjectType) else []
