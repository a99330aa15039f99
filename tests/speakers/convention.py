"""Families that send the convention's keys: in attributes, log records, span events, or beside keys of their own."""

import json
from typing import Any, Final

from tests.speakers.story import Attributes, Message, Part, Story, Turn, old_events, used

DETAILS: Final = "gen_ai.client.inference.operation.details"


def _text(role: str, content: str) -> Message:
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def _asked(story: Story) -> list[Message]:
    return [_text(role, said) for role, said in story.texts]


def _called(story: Story) -> Message:
    call = {"type": "tool_call", "id": "call_1", "name": "track", "arguments": json.loads(story.arguments)}
    return {"role": "assistant", "parts": [call]}


def _returned(story: Story) -> Message:
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": "call_1", "response": story.result}]}


def _gen_ai(story: Story, operation: str, **more: Any) -> Attributes:
    """Keyword arguments are keys below `gen_ai`, with `__` for dots."""
    common = {"operation.name": operation, "provider.name": "openai", "conversation.id": story.conversation}
    given = common | {key.replace("__", "."): value for key, value in more.items()}
    return {f"gen_ai.{key}": value for key, value in given.items()}


def _messages(story: Story) -> tuple[Attributes, Attributes]:
    """The input and output of both calls, as attributes."""
    common = {
        "gen_ai.system_instructions": json.dumps([{"type": "text", "content": story.instructions}]),
        "gen_ai.tool.definitions": story.tools,
    }
    asked, more = _asked(story), [_called(story), _returned(story)]
    return (
        common | {"gen_ai.input.messages": json.dumps(asked), "gen_ai.output.messages": json.dumps([_called(story)])},
        common
        | {
            "gen_ai.input.messages": json.dumps(asked + more),
            "gen_ai.output.messages": json.dumps([_text("assistant", story.answer)]),
        },
    )


def _gen_ai_tool(story: Story) -> Part:
    called = {"tool__call__arguments": story.arguments, "tool__call__result": story.result}
    return Part("execute_tool track", _gen_ai(story, "execute_tool", tool__name="track", **called))


def _gen_ai_agent(story: Story) -> Part:
    return Part("invoke_agent support", _gen_ai(story, "invoke_agent", agent__name="support"))


def gen_ai(story: Story) -> Turn:
    first, second = (
        Part("chat gpt-4o", _gen_ai(story, "chat") | used(story, number) | said)
        for number, said in enumerate(_messages(story), 1)
    )
    return Turn("opentelemetry.instrumentation.openai", _gen_ai_agent(story), (first, second), _gen_ai_tool(story))


def gen_ai_details(story: Story) -> Turn:
    """1.37: one log record for each call, with what the span's attributes could have."""
    first, second = (
        Part("chat gpt-4o", _gen_ai(story, "chat") | used(story, number), logs=[(DETAILS, said, None)])
        for number, said in enumerate(_messages(story), 1)
    )
    return Turn("opentelemetry.instrumentation.openai", _gen_ai_agent(story), (first, second), _gen_ai_tool(story))


def gen_ai_log_events(story: Story) -> Turn:
    first, second = (
        Part(
            "chat gpt-4o",
            _gen_ai(story, "chat") | used(story, number),
            logs=[(name, {"gen_ai.system": "openai"}, body) for name, body in events],
        )
        for number, events in enumerate(old_events(story), 1)
    )
    return Turn("opentelemetry.instrumentation.openai_v2", _gen_ai_agent(story), (first, second), _gen_ai_tool(story))


def _as_texts(attributes: Attributes) -> Attributes:
    return {key: json.dumps(value) if isinstance(value, list | dict) else value for key, value in attributes.items()}


def strands(story: Story) -> Turn:
    """Span events."""
    first, second = (
        Part(
            "chat",
            _gen_ai(story, "chat", system="strands-agents", usage__cache_read_input_tokens=5) | used(story, number),
            [(name, _as_texts(body)) for name, body in events],
        )
        for number, events in enumerate(old_events(story), 1)
    )
    returned = ("gen_ai.choice", {"message": story.result})
    tool = Part(
        "execute_tool track",
        _gen_ai(story, "execute_tool", tool__name="track"),
        [("gen_ai.tool.message", {"role": "tool", "content": story.arguments, "id": "call_1"}), returned],
    )
    agent = {"system_prompt": story.instructions, "gen_ai.agent.tools": '["track"]', "gen_ai.agent.name": "support"}
    return Turn(
        "strands.telemetry.tracer",
        Part("invoke_agent support", _gen_ai(story, "invoke_agent", system="strands-agents") | agent),
        (first, second),
        tool,
    )


def openlit(story: Story) -> Turn:
    """Span events of 1.27, and a cost."""
    *asked, _ = old_events(story)[1]
    prompt = "\n".join(f"{name.split('.')[1]}: {body.get('content', '')}" for name, body in asked)
    first, second = (
        Part(
            "chat gpt-4o",
            _gen_ai(story, "chat", usage__cost=0.001) | used(story, number),
            [
                ("gen_ai.content.prompt", {"gen_ai.prompt": prompt}),
                ("gen_ai.content.completion", {"gen_ai.completion": story.answer if number == 2 else ""}),
            ],
        )
        for number in (1, 2)
    )
    tool = Part("execute_tool track", _gen_ai(story, "execute_tool", tool__name="track", tool__args=story.arguments))
    return Turn("openlit.otel.tracing", _gen_ai_agent(story), (first, second), tool)


def openai_agents_v2(story: Story) -> Turn:
    turn = gen_ai(story)
    first, second = (Part(call.name, call.attributes | {"gen_ai.agent.name": "OpenAI Agent"}) for call in turn.calls)
    return Turn("opentelemetry.instrumentation.openai_agents", turn.agent, (first, second), turn.tool)


def pydantic_ai(story: Story) -> Turn:
    """Formats 2 and later."""
    turn = gen_ai(story)
    run = [*_asked(story), _called(story), _returned(story), _text("assistant", story.answer)]
    agent = {
        "agent_name": "support",
        "model_name": "gpt-4o",
        "pydantic_ai.all_messages": json.dumps(run),
        "final_result": story.answer,
        "gen_ai.aggregated_usage.input_tokens": 300,
    }
    first, second = (Part(call.name, call.attributes | {"operation.cost": 0.01}) for call in turn.calls)
    tool = Part(
        "running tool",
        {"gen_ai.tool.name": "track", "tool_arguments": story.arguments, "tool_response": story.result},
    )
    return Turn(
        "pydantic-ai",
        Part("agent run", agent | {"gen_ai.conversation.id": story.conversation}),
        (first, second),
        tool,
    )


def pydantic_ai_1(story: Story) -> Turn:
    """Format 1: the old events as one list in an attribute."""

    def listed(events: list[tuple[str, Attributes]]) -> str:
        return json.dumps([{"event.name": name, **body} for name, body in events])

    one, two = old_events(story)
    first, second = (
        Part("chat gpt-4o", _gen_ai(story, "chat") | used(story, number) | {"events": listed(events)})
        for number, events in enumerate((one, two), 1)
    )
    tool = {"gen_ai.tool.name": "track", "tool_arguments": story.arguments, "tool_response": story.result}
    agent = {"agent_name": "support", "all_messages_events": listed(two), "final_result": story.answer}
    return Turn("pydantic-ai", Part("agent run", agent), (first, second), Part("running tool", tool))
