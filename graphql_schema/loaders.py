"""One statement per level, whatever the page size: each loader gathers the keys that sibling fields ask for.

Keys that carry arguments (a page, a window) are grouped by them; siblings share theirs, so a group is the rule.
"""

from collections.abc import Awaitable, Callable, Hashable, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple, TypeVar

from strawberry.dataloader import DataLoader

from db import conversations, feedback, logs, prices, spans, turns
from db.conversations import ConversationPosition
from db.engine import Database, Reader
from db.turns import TurnKey, TurnPosition
from domain.dialects import MESSAGE_EVENTS, SpanDetails, details
from domain.errors import UndecodableBody
from domain.otlp import decode_stored_log, decode_stored_span
from domain.pricing import TokenPrices, default_prices
from domain.records import MessageView, SpanRecord
from graphql_schema.pagination import Page, Position

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")
A = TypeVar("A", bound=Hashable)

MAX_SPANS = 1000
"""The most spans that one list holds."""


class DamagedSpan(Exception):
    """The bytes of a stored span cannot be read."""


class SourcedPrices(NamedTuple):
    prices: TokenPrices
    is_own: bool
    """Set by the project; else published."""


class TurnsKey(NamedTuple):
    conversation_id: str
    page: Page


class MessagesKey(NamedTuple):
    turn: TurnKey
    view: MessageView


class TurnPageKey(NamedTuple):
    conversation_id: str
    limit: int
    offset: int


class SpanWindow(NamedTuple):
    """Which spans of a conversation are shown: bounds on their start, and at most how many."""

    started_after: datetime | None
    started_before: datetime | None
    last: int


class SpansKey(NamedTuple):
    conversation_id: str
    with_untagged: bool
    """It has turns whose spans carry no id."""
    window: SpanWindow
    narrow: bool


class MarkersKey(NamedTuple):
    conversation_id: str
    with_untagged: bool
    window: SpanWindow


class TurnSpansKey(NamedTuple):
    conversation_id: str
    trace_id: str
    first: int


def turn_position(position: Position | None) -> TurnPosition | None:
    return None if position is None else TurnPosition(*position)


def conversation_position(position: Position | None) -> ConversationPosition | None:
    return None if position is None else ConversationPosition(*position)


def _groups(keys: Sequence[K], arguments: Callable[[K], A]) -> dict[A, list[K]]:
    groups: dict[A, list[K]] = {}
    for key in keys:
        groups.setdefault(arguments(key), []).append(key)
    return groups


class ProjectLoaders:
    """All loaders of one project within one request."""

    def __init__(self, database: Database, project_id: int) -> None:
        self._database = database
        self._project_id = project_id
        self.conversation = self._loader(conversations.conversations_by_id, None)
        self.turn = self._loader(turns.turns_by_key, None)
        self.messages: DataLoader[MessagesKey, list[Any]] = DataLoader(self._load_messages)
        self.span = self._loader(spans.spans_by_key, None)
        self.details = self._loader(_details_by_key, None)
        self.turns: DataLoader[TurnsKey, list[Any]] = DataLoader(self._load_turns)
        self.turn_page: DataLoader[TurnPageKey, tuple[int, list[Any]]] = DataLoader(self._load_turn_pages)
        self.spans: DataLoader[SpansKey, list[Any]] = DataLoader(self._load_spans)
        self.turn_spans: DataLoader[TurnSpansKey, list[SpanRecord]] = DataLoader(self._load_turn_spans)
        self.markers: DataLoader[MarkersKey, list[Any]] = DataLoader(self._load_markers)
        self.conversation_feedback = self._loader(_feedback_on("conversation_id"), [])
        self.trace_feedback = self._loader(_feedback_on("trace_id"), [])
        self.span_feedback = self._loader(_feedback_on("span_id"), [])
        self.prices: DataLoader[str, SourcedPrices | None] = DataLoader(self._load_prices)

    def _loader(
        self, question: Callable[[Reader, int, Sequence[K]], Awaitable[dict[K, V]]], missing: object
    ) -> DataLoader[K, Any]:
        """A loader over a db function that answers by key."""

        async def load(keys: list[K]) -> list[Any]:
            async with self._database.read() as reader:
                found = await question(reader, self._project_id, keys)
            return [found.get(key, missing) for key in keys]

        return DataLoader(load)

    async def _load_turns(self, keys: list[TurnsKey]) -> list[list[Any]]:
        found: dict[TurnsKey, list[Any]] = {}
        for page, group in _groups(keys, lambda key: key.page).items():
            async with self._database.read() as reader:
                rows = await turns.turns_by_conversation(
                    reader,
                    self._project_id,
                    [key.conversation_id for key in group],
                    limit=page.with_probe,
                    backward=page.backward,
                    after=turn_position(page.after),
                    before=turn_position(page.before),
                )
            found |= {key: rows.get(key.conversation_id, []) for key in group}
        return [found[key] for key in keys]

    async def _load_messages(self, keys: list[MessagesKey]) -> list[list[Any]]:
        found: dict[MessagesKey, list[Any]] = {}
        for view, group in _groups(keys, lambda key: key.view).items():
            async with self._database.read() as reader:
                rows = await turns.messages_by_turn(reader, self._project_id, [key.turn for key in group], view=view)
            found |= {key: rows.get(key.turn, []) for key in group}
        return [found[key] for key in keys]

    async def _load_turn_pages(self, keys: list[TurnPageKey]) -> list[tuple[int, list[Any]]]:
        found: dict[TurnPageKey, tuple[int, list[Any]]] = {}
        for (limit, offset), group in _groups(keys, lambda key: key[1:]).items():
            async with self._database.read() as reader:
                pages = await turns.turn_pages(
                    reader, self._project_id, [key.conversation_id for key in group], limit=limit, offset=offset
                )
            found |= {key: pages[key.conversation_id] for key in group}
        return [found[key] for key in keys]

    async def _load_spans(self, keys: list[SpansKey]) -> list[list[Any]]:
        found: dict[SpansKey, list[Any]] = {}
        for (window, narrow), group in _groups(keys, lambda key: (key.window, key.narrow)).items():
            async with self._database.read() as reader:
                rows = await spans.spans_by_conversation(
                    reader,
                    self._project_id,
                    [key.conversation_id for key in group],
                    started_after=window.started_after,
                    started_before=window.started_before,
                    last=window.last,
                    narrow=narrow,
                    with_untagged=[key.conversation_id for key in group if key.with_untagged],
                )
            found |= {key: rows.get(key.conversation_id, []) for key in group}
        return [found[key] for key in keys]

    async def _load_turn_spans(self, keys: list[TurnSpansKey]) -> list[list[SpanRecord]]:
        found: dict[TurnSpansKey, list[SpanRecord]] = {}
        for first, group in _groups(keys, lambda key: key.first).items():
            async with self._database.read() as reader:
                rows = await spans.spans_by_turn(reader, self._project_id, [key[:2] for key in group], limit=first)
            found |= {key: rows.get(key[:2], []) for key in group}
        return [found[key] for key in keys]

    async def _load_markers(self, keys: list[MarkersKey]) -> list[list[Any]]:
        """Feedback on the conversations, then on the turns whose spans are shown.

        Weave: a trace shared by several requested conversations marks one of them; here the first in request order.
        """
        shown = await self.spans.load_many([SpansKey(*key, narrow=True) for key in keys])
        owners: dict[str, MarkersKey] = {}
        for key, rows in zip(keys, shown, strict=True):
            for row in rows:
                owners.setdefault(row["trace_id"], key)
        own = await self.conversation_feedback.load_many([key.conversation_id for key in keys])
        found = {key: list(rows) for key, rows in zip(keys, own, strict=True)}
        on_turns = await self.trace_feedback.load_many(list(owners))
        late: dict[MarkersKey, list[Any]] = {}
        for key, rows in zip(owners.values(), on_turns, strict=True):
            late.setdefault(key, []).extend(rows)
        for key, rows in late.items():
            found[key] += sorted(rows, key=lambda row: (row["created_at"], row["feedback_id"]))
        return [found[key] for key in keys]

    async def _load_prices(self, models: list[str]) -> list[SourcedPrices | None]:
        async with self._database.read() as reader:
            own = await prices.own_prices_by_model(reader, self._project_id, models)
        today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        found: list[SourcedPrices | None] = []
        for model in models:
            if model in own:
                found.append(SourcedPrices(own[model], is_own=True))
            else:
                published = default_prices(model, today)
                found.append(None if published is None else SourcedPrices(published, is_own=False))
        return found

    async def sourced_prices(self, models: set[str]) -> dict[str, SourcedPrices]:
        """The prices of those of the models that have one: the project's own, else the published ones."""
        named = sorted(models - {""})
        found = await self.prices.load_many(named)
        return {model: price for model, price in zip(named, found, strict=True) if price is not None}

    async def price_table(self, models: set[str]) -> dict[str, TokenPrices]:
        """The same, without where they come from."""
        return {model: found.prices for model, found in (await self.sourced_prices(models)).items()}


async def _details_by_key(
    reader: Reader, project_id: int, keys: Sequence[spans.SpanKey]
) -> dict[spans.SpanKey, SpanDetails | DamagedSpan]:
    raws = await spans.raw_spans_by_key(reader, project_id, keys)
    messages = await logs.logs_by_trace(reader, project_id, {trace_id for trace_id, _ in keys}, MESSAGE_EVENTS)
    return {key: _details_of(raw, messages.get(key, [])) for key, raw in raws.items()}


def _details_of(raw: bytes, raw_logs: Iterable[bytes]) -> SpanDetails | DamagedSpan:
    """A damaged span is an error of its own fields only: DataLoader raises what it finds among the values."""
    try:
        return details(decode_stored_span(raw), [decode_stored_log(log) for log in raw_logs])
    except UndecodableBody as error:
        # The request was right, so what the client sees is not the code of an undecodable one.
        damaged = DamagedSpan()
        damaged.__cause__ = error
        return damaged


def _feedback_on(
    target: feedback.Target,
) -> Callable[[Reader, int, Sequence[str]], Awaitable[dict[str, list[Any]]]]:
    async def question(reader: Reader, project_id: int, ids: Sequence[str]) -> dict[str, list[Any]]:
        return await feedback.feedback_by_target(reader, project_id, target, ids)

    return question
