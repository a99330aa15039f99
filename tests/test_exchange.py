"""What the messages of a span say of tool calls: whatever they hold, nothing raises, and no text is lost."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.dialects import Exchange, exchange, understand
from domain.records import ToolRequest
from tests.odd_values import ODD_VALUES
from tests.raw_spans import raw_span

KEYS = ["gen_ai.input.messages", "gen_ai.output.messages", "weave.content_refs", "gen_ai.completion"]


def lines(text: str) -> list[str]:
    return [line for line in text.split("\n") if line]


@given(st.dictionaries(st.sampled_from(KEYS), ODD_VALUES))
def test_nothing_raises_and_the_passages_of_an_output_hold_its_text(attributes: dict[str, Any]) -> None:
    raw = raw_span(attributes)
    output = exchange(raw).output
    if not any(passage.request for passage in output):
        content = understand(raw).content
        assert [line for passage in output for line in lines(passage.text)] == lines(content.output_text)
        assert [line for passage in output for line in lines(passage.reasoning)] == lines(content.reasoning_content)


def test_a_span_without_messages_says_nothing() -> None:
    assert exchange(raw_span({"gen_ai.operation.name": "chat"})) == Exchange((), (), ())


def test_arguments_keep_every_digit() -> None:
    part = '{"type": "tool_call", "id": "a", "name": "n", "arguments": {"big": 123456789012345678901234567890}}'
    raw = raw_span({"gen_ai.output.messages": f'[{{"role": "assistant", "parts": [{part}]}}]'})
    [passage] = exchange(raw).output
    assert passage.request == ToolRequest("a", "n", '{"big": 123456789012345678901234567890}')
