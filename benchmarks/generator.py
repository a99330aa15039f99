"""The same conversations every time: agents that ask models and call tools, with the skew of real traffic.

Most conversations are short and a few are long; so are turns and texts. Each LLM call repeats the newest part of the
history, which is most of its bytes. Nothing here knows the server.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from random import Random
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

T0_NS = 1_767_225_600 * 10**9
"""2026-01-01T00:00:00Z"""

DAY_NS = 86_400 * 10**9
HISTORY = 12
"""How many of the newest messages an LLM call repeats."""

_SHORT_HISTORY = 5
"""The same in even traffic."""

LONG_CONVERSATION_TURNS = 60
"""The first conversation has this many, so that a chat page of 50 is full."""

MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", "gemini-2.5-flash")
AGENTS = ("planner", "support", "researcher", "writer")
TOOLS = ("search", "get_order", "run_query", "send_mail")
TEXT = (
    "order customer refund parcel invoice “quoted” address delivery status payment please thank you the a of and is was"
    " not yet we have been looking into it café naïve 📦 line\nbreak tab\tstop"
)
WORDS = TEXT.split(" ")
INSTRUCTIONS = TEXT * 4
TOOL_DEFINITIONS = json.dumps(
    [
        {"type": "function", "name": name, "parameters": {"type": "object", "properties": {"id": {"type": "string"}}}}
        for name in TOOLS
    ]
)


@dataclass(frozen=True)
class Traffic:
    """Conversations, and their spans in the order in which exporters would send them."""

    conversation_ids: list[str]
    turns: list[list[Span]]
    """One trace each. A conversation's turns stand in their order, those of different ones mixed."""

    @cached_property
    def spans(self) -> list[Span]:
        return [span for turn in self.turns for span in turn]


def traffic(conversations: int) -> Traffic:
    """The first is long; the others have 1 to 80 turns, half of them at most 3."""
    ids = [f"conversation-{number:06d}" for number in range(conversations)]
    queues = [list(_conversation(number, id_)) for number, id_ in enumerate(ids)]
    order = [number for number, turns in enumerate(queues) for _ in turns]
    Random("order").shuffle(order)
    iterators = [iter(turns) for turns in queues]
    return Traffic(ids, [next(iterators[number]) for number in order])


def even_traffic(conversations: int, turns: int, spans: int, *, prefix: str = "conversation-even") -> Traffic:
    """Each conversation with exactly so many traces of exactly so many spans; a span has 3 kB on average."""
    ids = [f"{prefix}-{number}" for number in range(conversations)]
    found = []
    for id_ in ids:
        random, history = Random(id_), list[dict[str, Any]]()
        for turn in range(turns):
            at_ns = T0_NS + turn * 600 * 10**9
            found.append(_cut(_Turn(random, id_, at_ns, history, repeats=_SHORT_HISTORY).spans(steps=spans), spans))
    return Traffic(ids, found)


def long_trace(spans: int) -> list[Span]:
    """One agent at work for a long time, and nothing but it: exactly so many spans in one trace."""
    return _cut(_Turn(Random("long"), "conversation-long", T0_NS, []).spans(steps=spans), spans)


def short_traces(traces: int, spans: int) -> list[list[Span]]:
    """The same kind of work as traces of exactly so many spans, each in a conversation of its own."""
    return [
        _cut(_Turn(Random(f"short {number}"), f"conversation-short-{number}", T0_NS, []).spans(steps=spans), spans)
        for number in range(traces)
    ]


def _cut(turn: list[Span], spans: int) -> list[Span]:
    """So many of its spans, the root among them."""
    return [*turn[: spans - 1], turn[-1]]


def requests(spans: Sequence[Span], size: int) -> list[bytes]:
    """Export requests with so many spans each, as protobuf."""
    return [_request(spans[at : at + size]).SerializeToString() for at in range(0, len(spans), size)]


def _request(spans: Iterable[Span]) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    named = {"service.name": "agents", "telemetry.sdk.language": "python", "telemetry.sdk.name": "opentelemetry"}
    group.resource.attributes.extend(_attributes(named))
    scope = group.scope_spans.add(spans=spans)
    scope.scope.name = "benchmarks"
    return request


def _conversation(number: int, conversation_id: str) -> Iterator[list[Span]]:
    random = Random(f"conversation {number}")
    turns = LONG_CONVERSATION_TURNS if number == 0 else min(80, int(1.6 * random.paretovariate(0.95)))
    history: list[dict[str, Any]] = []
    at_ns = T0_NS + random.randrange(30 * DAY_NS)
    for _ in range(max(1, turns)):
        yield _Turn(random, conversation_id, at_ns, history).spans(steps=min(20, 1 + int(random.paretovariate(1.3))))
        at_ns += random.randrange(10 * 10**9, 3600 * 10**9)


class _Turn:
    """One trace: an agent asks its model, calls tools, asks again, until it answers."""

    def __init__(
        self,
        random: Random,
        conversation_id: str,
        at_ns: int,
        history: list[dict[str, Any]],
        *,
        repeats: int = HISTORY,
    ) -> None:
        self._random = random
        self._conversation_id = conversation_id
        self._at_ns = at_ns
        self._history = history
        self._repeats = repeats
        self._trace_id = random.getrandbits(128).to_bytes(16)
        self._agent = random.choice(AGENTS)
        self._model = random.choice(MODELS)

    def spans(self, *, steps: int) -> list[Span]:
        """In the order of their ends, as exporters send them: the agent's span is the last."""
        root = self._span("invoke_agent", f"invoke_agent {self._agent}", b"", {"gen_ai.agent.name": self._agent})
        self._say("user", self._text(5.0))
        below: list[Span] = []
        for step in range(steps):
            below.append(self._chat(root.span_id))
            if step < steps - 1:
                below += [self._tool(root.span_id) for _ in range(self._random.choice((1, 1, 1, 2)))]
        root.end_time_unix_nano = self._at_ns
        return [*below, root]

    def _chat(self, parent: bytes) -> Span:
        asked = json.dumps(self._history[-self._repeats :], ensure_ascii=False)
        self._say("assistant", self._text(5.5))
        return self._span(
            "chat",
            f"chat {self._model}",
            parent,
            {
                "gen_ai.request.model": self._model,
                "gen_ai.response.model": self._model,
                "gen_ai.response.id": f"resp_{self._random.getrandbits(64):x}",
                "gen_ai.usage.input_tokens": len(asked) // 4,
                "gen_ai.usage.output_tokens": self._random.randrange(10, 800),
                "gen_ai.response.finish_reasons": ["stop"],
                "gen_ai.system_instructions": json.dumps([{"type": "text", "content": INSTRUCTIONS}]),
                "gen_ai.tool.definitions": TOOL_DEFINITIONS,
                "gen_ai.input.messages": asked,
                "gen_ai.output.messages": json.dumps(self._history[-1:], ensure_ascii=False),
            },
        )

    def _tool(self, parent: bytes) -> Span:
        tool = self._random.choice(TOOLS)
        result = json.dumps({"found": self._text(6.0)}, ensure_ascii=False)
        self._history.append({"role": "tool", "parts": [{"type": "tool_call_response", "response": result}]})
        called = {
            "gen_ai.tool.name": tool,
            "gen_ai.tool.call.id": f"call_{self._random.getrandbits(48):x}",
            "gen_ai.tool.call.arguments": json.dumps({"id": self._random.randrange(10**6), "text": self._text(4.0)}),
            "gen_ai.tool.call.result": result,
        }
        return self._span("execute_tool", f"execute_tool {tool}", parent, called)

    def _span(self, operation: str, name: str, parent: bytes, attributes: dict[str, Any]) -> Span:
        start_ns = self._at_ns
        self._at_ns += int(self._random.lognormvariate(6.5, 1.0) * 10**6)
        common = {
            "gen_ai.operation.name": operation,
            "gen_ai.provider.name": "openai",
            "gen_ai.conversation.id": self._conversation_id,
        }
        return Span(
            trace_id=self._trace_id,
            span_id=self._random.getrandbits(64).to_bytes(8),
            parent_span_id=parent,
            name=name,
            start_time_unix_nano=start_ns,
            end_time_unix_nano=self._at_ns,
            attributes=_attributes(common | attributes),
            status=Status(code=Status.STATUS_CODE_ERROR if self._random.random() < 0.03 else Status.STATUS_CODE_UNSET),
        )

    def _say(self, role: str, text: str) -> None:
        self._history.append({"role": role, "parts": [{"type": "text", "content": text}]})

    def _text(self, scale: float) -> str:
        """Some words: e to the power of `scale` is the median of the letters."""
        words = max(1, int(self._random.lognormvariate(scale, 1.0) / 6))
        return " ".join(self._random.choices(WORDS, k=min(words, 2000)))


def _attributes(values: dict[str, Any]) -> list[KeyValue]:
    return [KeyValue(key=key, value=_value(value)) for key, value in values.items()]


def _value(value: str | int | list[str]) -> AnyValue:
    if isinstance(value, str):
        return AnyValue(string_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    found = AnyValue()
    found.array_value.values.extend(AnyValue(string_value=item) for item in value)
    return found
