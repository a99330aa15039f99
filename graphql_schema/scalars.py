"""The scalars beyond GraphQL's own: 64-bit integers, instants, JSON."""

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NewType

from graphql import GraphQLError, IntValueNode, ValueNode
from strawberry.types.scalar import ScalarDefinition

Int64 = NewType("Int64", int)

_LIMIT = 2**63
_ZONE = attrgetter("tzinfo")


def _int64(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not -_LIMIT <= value < _LIMIT:
        raise GraphQLError(f"Int64 is a whole number of at most 64 bits, got {value!r}.")
    return value


def _int64s(values: list[Any], kinds: set[type]) -> list[Any] | None:
    if kinds <= {int} and (not values or (min(values) >= -_LIMIT and max(values) < _LIMIT)):
        return values
    return None


def _int64_literal(node: ValueNode, _variables: object = None) -> int:
    if not isinstance(node, IntValueNode):
        raise GraphQLError("Int64 is written as a whole number.")
    return _int64(int(node.value))


def _instant_text(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instants(values: list[Any], kinds: set[type]) -> list[Any] | None:
    """As they are, if they are in UTC."""
    return values if kinds <= {datetime} and set(map(_ZONE, values)) <= {UTC} else None


def _instant_texts(values: list[Any], kinds: set[type]) -> list[Any] | None:
    if _instants(values, kinds) is None:
        return None
    return [value.isoformat()[: -len("+00:00")] + "Z" for value in values]


def _instant(value: object) -> datetime:
    try:
        parsed = datetime.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        parsed = None
    if parsed is None:
        raise GraphQLError(f"DateTime is RFC 3339 such as 2026-01-31T09:30:00Z, got {value!r}.")
    if parsed.tzinfo is None:
        raise GraphQLError(f"DateTime needs a zone: write {parsed.isoformat()}Z for UTC.")
    return _in_utc(parsed)


def _in_utc(instant: datetime) -> datetime:
    """Instants that only their zone puts outside the years 1 to 9999 become the first or the last there is."""
    try:
        return instant.astimezone(UTC)
    except OverflowError:
        return (
            datetime(1, 1, 1, tzinfo=UTC)
            if instant.year == 1
            else datetime(9999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        )


SCALARS: dict[object, ScalarDefinition] = {
    Int64: ScalarDefinition(
        name="Int64",
        description="A whole number of up to 64 bits, as a JSON number. Durations and token sums can exceed 32 bits.",
        specified_by_url=None,
        serialize=_int64,
        parse_value=_int64,
        parse_literal=_int64_literal,
        origin=Int64,
    ),
    datetime: ScalarDefinition(
        name="DateTime",
        description="An instant as RFC 3339 with a zone, such as 2026-01-31T09:30:00.123456Z. Answers are in UTC.",
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=_instant_text,
        parse_value=_instant,
        parse_literal=None,
        origin=datetime,
    ),
}

SerializeAll = Callable[[list[Any], "set[type]"], list[Any] | None]

SERIALIZE_ALL: dict[object, SerializeAll] = {_int64: _int64s, _instant_text: _instant_texts}
"""By how a scalar serialises one value: how it serialises many, given their types; None where it must be one by one."""

WRITE_ALL: dict[object, SerializeAll] = {**SERIALIZE_ALL, _instant_text: _instants}
"""The same for values that orjson writes, with OPT_UTC_Z."""
