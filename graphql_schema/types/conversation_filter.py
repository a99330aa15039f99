"""Which conversations are meant: what clients write, and the conditions that it becomes."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import strawberry

from db.filters import AllOf, Chosen, Condition, HasAgent, HasMark, Judged, Named, Not, OneOf, Said, SortKey, Within
from db.filters import conditions_of as parts_of
from domain.dialects import storable
from domain.errors import InvalidRequest
from domain.marks import MAX_ATTRIBUTE_CHARACTERS, MarkKind, mark_of, tag_mark
from graphql_schema.scalars import Int64
from graphql_schema.types.enums import Status

MAX_DEPTH = 5
"""Filters inside each other."""

MAX_CONDITIONS = 30
"""In the whole filter."""

MAX_TEXT = 200
"""Characters."""

MAX_READ = 10_000
"""Conversations whose messages are read for a text."""

_MAX = 2**63 - 1


class InvalidFilter(InvalidRequest):
    """The filter cannot be used."""

    code = "INVALID_FILTER"


class FilterTooWide(InvalidRequest):
    __doc__ = (
        f"A text is looked for in the messages of {MAX_READ:,} conversations at most, and more meet the rest of the "
        "filter: bound it further, by active or startedAfter for example."
    )

    code = "FILTER_TOO_WIDE"


@strawberry.input(description="A stretch of time; open on a side that is left out.")
class TimeRange:
    after: datetime | None = strawberry.field(default=None, description="Then or later.")
    before: datetime | None = strawberry.field(default=None, description="Earlier than that.")


@strawberry.input(description="Whole numbers, both ends included; open on a side that is left out.")
class Int64Range:
    min: Int64 | None = strawberry.field(default=None, description="That or more.")
    max: Int64 | None = strawberry.field(default=None, description="That or less.")


@strawberry.input(description="Numbers, both ends included; open on a side that is left out.")
class FloatRange:
    min: float | None = strawberry.field(default=None, description="That or more.")
    max: float | None = strawberry.field(default=None, description="That or less.")


@strawberry.input(description="A judgement that meets all that is given here.")
class JudgedFilter:
    feedback_type: str | None = strawberry.field(
        default=None, description="Its exact type. Served by an index; without it, all judgements are read."
    )
    tag: str | None = strawberry.field(default=None, description="One of its tags.")
    rating: str | None = strawberry.field(default=None, description="The exact name of one of its ratings.")
    value: FloatRange | None = strawberry.field(
        default=None, description="The value of one of its ratings: of the one that `rating` names, if it names one."
    )

    def condition(self) -> Condition:
        value = self.value or FloatRange()
        found = Judged(_stored(self.feedback_type), _stored(self.tag), _stored(self.rating), value.min, value.max)
        if found == Judged():
            raise InvalidFilter("`feedback` needs a feedbackType, a tag, a rating or a value.")
        return found


@strawberry.input(description="A custom attribute of a span, with its value.")
class AttributeFilter:
    key: str = strawberry.field(description=f"The attribute's exact key, up to {MAX_ATTRIBUTE_CHARACTERS} characters.")
    value: str = strawberry.field(
        description="The exact value as text, such as 42 or true, up to "
        f"{MAX_ATTRIBUTE_CHARACTERS} characters; attributes with longer ones are not found."
    )

    def condition(self) -> Condition:
        if max(len(self.key), len(self.value)) > MAX_ATTRIBUTE_CHARACTERS or not (self.key and self.value):
            raise InvalidFilter(
                "`attribute` needs a key and a value of 1 to {limit} characters: attributes with longer ones "
                "are not found by them.",
                limit=MAX_ATTRIBUTE_CHARACTERS,
            )
        return HasMark(mark_of(MarkKind.ATTRIBUTE, storable(self.key), storable(self.value)))


@strawberry.input(
    description="Which conversations are meant: those that meet all that is given, the same for lists, their count and "
    f"statistics. At most {MAX_DEPTH} filters inside each other with {MAX_CONDITIONS} conditions in all. What is not "
    "said to have another bound is served by an index."
)
class ConversationFilter:
    agent: str | None = strawberry.field(
        default=None, description="The exact name of an agent that answered in them, one of `agents`."
    )
    agent_version: str | None = strawberry.field(
        default=None, description="The exact version of an agent in them; with `agent`, of that one."
    )
    model: str | None = strawberry.field(
        default=None, description="The exact name of a model that was asked in them, as requested or as it answered."
    )
    provider: str | None = strawberry.field(
        default=None, description="A provider of models, such as openai, whatever the case."
    )
    tool: str | None = strawberry.field(default=None, description="The exact name of a tool that a span in them names.")
    tag: str | None = strawberry.field(
        default=None, description="The exact text of one of their `tags`, which `tagConversation` gave them."
    )
    status: Status | None = strawberry.field(
        default=None, description="The status of a turn in them: that of its root span."
    )
    has_error: bool | None = strawberry.field(
        default=None, description="Whether any span in them has the status ERROR, which `errorCount` counts."
    )
    active: TimeRange | None = strawberry.field(
        default=None,
        description="They were active in this time: they started before its end, and were last active in it or later.",
    )
    started_after: datetime | None = strawberry.field(default=None, description="They started then or later.")
    started_before: datetime | None = strawberry.field(default=None, description="They started earlier.")
    last_activity_after: datetime | None = strawberry.field(
        default=None, description="They were last active then or later."
    )
    last_activity_before: datetime | None = strawberry.field(default=None, description="They were last active earlier.")
    cost_usd: FloatRange | None = strawberry.field(
        default=None,
        description="`cost { totalUsd }`, as the order COST has it; conversations of unknown cost are in no range.",
    )
    tokens: Int64Range | None = strawberry.field(default=None, description="Input and output tokens together.")
    turns: Int64Range | None = strawberry.field(default=None, description="`turnCount`.")
    errors: Int64Range | None = strawberry.field(default=None, description="`errorCount`.")
    duration_ms: Int64Range | None = strawberry.field(
        default=None, description="From `startedAt` to `lastActivityAt`, in whole milliseconds."
    )
    feedback: JudgedFilter | None = strawberry.field(
        default=None, description="A judgement on them, on one of their turns or on one of their spans."
    )
    name: str | None = strawberry.field(
        default=None,
        description=f"Text in `name`, whatever the case, up to {MAX_TEXT} characters. Reads names in the list's order "
        "until the page is full.",
    )
    attribute: AttributeFilter | None = strawberry.field(
        default=None,
        description="A custom attribute of one of their spans: a text, a number or a boolean, of the first 32 of each "
        "span whose keys name no place in a list.",
    )
    text: str | None = strawberry.field(
        default=None,
        description=f"Text in a message of a user or an assistant, whatever the case, up to {MAX_TEXT} characters. "
        f"Reads the messages of all conversations that meet the rest, which may be {MAX_READ:,}; where they are more, "
        "the answer is FILTER_TOO_WIDE.",
    )
    and_: "list[ConversationFilter] | None" = strawberry.field(
        default=None, name="and", description="They meet all of these as well."
    )
    or_: "list[ConversationFilter] | None" = strawberry.field(
        default=None, name="or", description="They meet at least one of these."
    )
    not_: "ConversationFilter | None" = strawberry.field(
        default=None, name="not", description="They do not meet this one as a whole."
    )

    def stored(self) -> Chosen:
        """Raises InvalidFilter."""
        return Chosen(tuple(parts_of(_Reading().condition(self))))


class _Reading:
    """A filter on its way to conditions."""

    def __init__(self) -> None:
        self._count = 0

    def condition(self, given: ConversationFilter, depth: int = 1) -> Condition:
        if depth > MAX_DEPTH:
            raise InvalidFilter(
                "Filters are more than {limit} deep inside each other: write it flatter.", limit=MAX_DEPTH
            )
        found = list(_conditions(given))
        self._count += len(found)
        if self._count > MAX_CONDITIONS:
            raise InvalidFilter(
                "The filter has more than {limit} conditions: ask in several requests.", limit=MAX_CONDITIONS
            )
        if given.and_ is not None:
            found.append(AllOf(self._each("and", given.and_, depth)))
        if given.or_ is not None:
            found.append(OneOf(self._each("or", given.or_, depth)))
        if given.not_ is not None:
            found.append(Not(self.condition(given.not_, depth + 1)))
        return AllOf(tuple(found))

    def _each(self, name: str, given: Sequence[ConversationFilter], depth: int) -> tuple[Condition, ...]:
        if not given:
            raise InvalidFilter("`{name}` is empty: give it a filter, or leave it out.", name=name)
        # Empty ones are conditions, too: there may not be any number of them.
        self._count += len(given)
        return tuple(self.condition(inner, depth + 1) for inner in given)


def _conditions(given: ConversationFilter) -> Iterator[Condition]:
    """What it says by itself."""
    if given.agent:
        yield HasAgent(storable(given.agent))
    if given.agent_version is not None:
        version = storable(given.agent_version)
        if given.agent:
            yield HasMark(mark_of(MarkKind.AGENT_VERSION, storable(given.agent), version))
        else:
            yield HasMark(mark_of(MarkKind.VERSION, version))
    for kind, name in (
        (MarkKind.MODEL, given.model),
        (MarkKind.PROVIDER, given.provider and given.provider.lower()),
        (MarkKind.TOOL, given.tool),
        (MarkKind.STATUS, given.status and given.status.value),
    ):
        if name is not None:
            yield HasMark(mark_of(kind, storable(name)))
    if given.tag is not None:
        yield HasMark(tag_mark(storable(given.tag)))
    if given.has_error is not None:
        yield Within(SortKey.ERRORS, 1) if given.has_error else Within(SortKey.ERRORS, None, 1)
    if given.active is not None:
        yield Within(SortKey.LAST_ACTIVITY, given.active.after)
        yield Within(SortKey.STARTED_AT, None, given.active.before)
    for key, after, before in (
        (SortKey.STARTED_AT, given.started_after, given.started_before),
        (SortKey.LAST_ACTIVITY, given.last_activity_after, given.last_activity_before),
    ):
        if (after, before) != (None, None):
            yield Within(key, after, before)
    if given.cost_usd is not None:
        yield _costs(given.cost_usd)
    for key, numbers in (
        (SortKey.TOKENS, given.tokens),
        (SortKey.TURNS, given.turns),
        (SortKey.ERRORS, given.errors),
        (SortKey.DURATION, given.duration_ms),
    ):
        if numbers is not None:
            yield Within(key, numbers.min, None if numbers.max in (None, _MAX) else numbers.max + 1)
    if given.feedback is not None:
        yield given.feedback.condition()
    if given.name is not None:
        yield Named(_text("name", given.name))
    if given.attribute is not None:
        yield given.attribute.condition()
    if given.text is not None:
        yield Said(_text("text", given.text))


def _costs(given: FloatRange) -> Condition:
    """In nano-dollars; those below 0 stand for unknown ones."""
    least = 0 if given.min is None else _nusd(given.min)
    return Within(SortKey.COST, max(0, least), None if given.max is None else _nusd(given.max) + 1)


def _nusd(usd: float) -> int:
    return round(max(-1.0, min(usd, 9e9)) * 10**9)


def _stored(text: str | None) -> str | None:
    return None if text is None else storable(text)


def _text(name: str, given: str) -> str:
    if not 0 < len(given) <= MAX_TEXT:
        raise InvalidFilter(
            "`{name}` has 1 to {limit} characters, got {count:,}.", name=name, limit=MAX_TEXT, count=len(given)
        )
    return storable(given)
