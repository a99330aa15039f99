"""Columns of leaf values, serialised as graphql-core would serialise each."""

from collections.abc import Callable
from enum import Enum
from functools import lru_cache
from math import isfinite
from typing import Any

from graphql import (
    GraphQLBoolean,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
    Undefined,
)
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema_converter import CustomGraphQLEnumType
from strawberry.types.scalar import ScalarDefinition

from graphql_schema.execution.unproven import Unproven
from graphql_schema.scalars import SERIALIZE_ALL, WRITE_ALL, SerializeAll

Column = list[Any]
Serialize = Callable[[Column, "set[type]"], Column]
"""Takes values that are not null, and the set of their types; raises where a value is not known to be right."""

_MAX_INT = 2**31 - 1
_MIN_INT = -(2**31)


def _is_plain(kind: type) -> bool:
    """Its instances are values: no errors, and nothing to be awaited."""
    return not issubclass(kind, BaseException) and not hasattr(kind, "__await__")


def _one_by_one(leaf: GraphQLLeafType) -> Serialize:
    """What graphql-core does with each value."""
    coerce = leaf.coerce_output_value

    def serialize(values: Column, kinds: set[type]) -> Column:
        if not all(map(_is_plain, kinds)) or any(map(optimized_is_awaitable, values)):
            raise Unproven
        done = [coerce(value) for value in values]
        if any(value is None or value is Undefined for value in done):
            raise Unproven
        return done

    return serialize


def _as_it_is(leaf: GraphQLLeafType, kind: type, proof: Callable[[Column], bool] | None = None) -> Serialize:
    """Values of exactly `kind`, and proven, are their own serialised form."""
    expected = {kind}
    otherwise = _one_by_one(leaf)

    def serialize(values: Column, kinds: set[type]) -> Column:
        if kinds <= expected and (proof is None or not values or proof(values)):
            return values
        return otherwise(values, kinds)

    return serialize


def _enum(leaf: CustomGraphQLEnumType) -> Serialize:
    """Members by their own names; texts by the values that they are, as columns of the database have them."""
    wrapped: Any = leaf.wrapped_cls
    names = {member.name: leaf.coerce_output_value(member) for member in wrapped}
    texts = {
        entry.value: leaf.coerce_output_value(entry.value) for entry in leaf.values.values() if type(entry.value) is str
    }
    says_itself = all(text == name for text, name in texts.items())
    otherwise = _one_by_one(leaf)

    def serialize(values: Column, kinds: set[type]) -> Column:
        if kinds <= {wrapped}:
            return [names[value._name_] for value in values]
        if kinds <= {str} and texts.keys() >= set(values):
            return values if says_itself else [texts[value] for value in values]
        return otherwise(values, kinds)

    return serialize


def _in_bulk(leaf: GraphQLLeafType, serialize_all: SerializeAll) -> Serialize:
    otherwise = _one_by_one(leaf)

    def serialize(values: Column, kinds: set[type]) -> Column:
        done = serialize_all(values, kinds)
        return otherwise(values, kinds) if done is None else done

    return serialize


@lru_cache(maxsize=256)
def serializer(leaf: GraphQLLeafType, *, as_json: bool) -> Serialize:
    """How a column of this type is serialised; `as_json`, so that orjson writes what graphql-core's values say."""
    if leaf is GraphQLString or leaf is GraphQLID:
        return _as_it_is(leaf, str)
    if leaf is GraphQLBoolean:
        return _as_it_is(leaf, bool)
    if leaf is GraphQLInt:
        return _as_it_is(leaf, int, lambda values: min(values) >= _MIN_INT and max(values) <= _MAX_INT)
    if leaf is GraphQLFloat:
        return _as_it_is(leaf, float, lambda values: all(map(isfinite, values)))
    if isinstance(leaf, CustomGraphQLEnumType) and issubclass(leaf.wrapped_cls, Enum):
        return _enum(leaf)
    definition = leaf.extensions.get("strawberry-definition")
    table = WRITE_ALL if as_json else SERIALIZE_ALL
    known = table.get(definition.serialize) if isinstance(definition, ScalarDefinition) else None
    return _one_by_one(leaf) if known is None else _in_bulk(leaf, known)
