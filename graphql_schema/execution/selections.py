"""What is known of the schema's types and fields, whatever the request."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

from graphql import GraphQLField, GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema, GraphQLUnionType
from strawberry.types.base import StrawberryObjectDefinition
from strawberry.types.cast import get_strawberry_type_cast
from strawberry.types.field import StrawberryField

from graphql_schema.execution.unproven import Unproven

BATCH = "batch"
"""The key of a field's metadata under which a coroutine function may stand that resolves the field for many objects:
given the objects, the info and the field's arguments, it returns a value for each. It must say what the field's own
resolver says. `info.path` has no list indices here, as in all fields below a list."""

MakeRows = Callable[[Sequence[Sequence[Any]]], list[dict[str, Any]]]


class KnownField(NamedTuple):
    """A field that can be completed by the column."""

    definition: StrawberryField
    field: GraphQLField
    has_resolver: bool
    is_async: bool
    batch: Callable[..., Any] | None


def _definition(of: object) -> Any:  # noqa: ANN401 - Strawberry's definition of whatever kind
    return getattr(of, "extensions", {}).get("strawberry-definition")


@lru_cache(maxsize=4096)
def known_field(parent: GraphQLObjectType, name: str) -> KnownField:
    """The field; raises Unproven if more happens in it than reading an attribute or calling a plain resolver."""
    field = parent.fields.get(name)
    definition = _definition(field)
    if field is None or not isinstance(definition, StrawberryField):
        raise Unproven
    if definition.extensions or type(definition).get_result is not StrawberryField.get_result:
        raise Unproven
    resolver = definition.base_resolver
    if resolver is None:
        if definition.default_resolver is not getattr or field.args:
            raise Unproven
        return KnownField(definition, field, False, False, None)
    if not resolver.self_parameter or resolver.root_parameter or resolver.parent_parameter:
        raise Unproven
    return KnownField(definition, field, True, resolver.is_async, definition.metadata.get(BATCH))


@lru_cache(maxsize=4096)
def object_type(schema: GraphQLSchema, declared: object, kind: type) -> GraphQLObjectType:
    """As what graphql-core completes instances of `kind` where `declared` is the field's type; raises Unproven."""
    given = kind.__dict__.get("__strawberry_definition__")
    if not isinstance(given, StrawberryObjectDefinition) or given.origin is not kind or given.is_type_of:
        raise Unproven
    if isinstance(declared, GraphQLObjectType):
        found = declared
        definition = _definition(declared)
        if not isinstance(definition, StrawberryObjectDefinition) or definition.is_type_of:
            raise Unproven
        if given is not definition and given is not definition.concrete_of:
            raise Unproven
        return found
    if given.is_graphql_generic or given.concrete_of is not None:
        raise Unproven
    if isinstance(declared, GraphQLInterfaceType):
        interface = _definition(declared)
        if interface.resolve_type or not issubclass(kind, interface.origin):
            raise Unproven
    elif not isinstance(declared, GraphQLUnionType):
        raise Unproven
    named = schema.get_type(given.name)
    if (
        not isinstance(named, GraphQLObjectType)
        or _definition(named) is not given
        or not schema.is_sub_type(declared, named)
    ):
        raise Unproven
    return named


def is_cast(objects: Sequence[object]) -> bool:
    """Whether `strawberry.cast` makes one of them something else."""
    return any(get_strawberry_type_cast(item) is not None for item in objects)


@lru_cache(maxsize=1024)
def row_maker(keys: tuple[str, ...]) -> MakeRows:
    """Columns, one for each key, to dicts; without keys, a column of anything to empty dicts.

    A compiled display takes two thirds of the time of `dict(zip(...))`. The source is made of numbered names and of
    response names, which are GraphQL Names.
    """
    names = [f"v{number}" for number in range(len(keys))]
    display = ", ".join(f"{key!r}: {name}" for key, name in zip(keys, names, strict=True))
    source = f"lambda columns: [{{{display}}} for {', '.join(names) or 'v'}, in zip(*columns, strict=True)]"
    made: MakeRows = eval(source, {"zip": zip})  # noqa: S307
    return made
