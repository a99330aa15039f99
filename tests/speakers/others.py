"""Families that have keys of their own."""

import json
from typing import Any, Final

from tests.speakers.story import Attributes, Message, Part, Story, Turn, flattened, openai_messages, used


def openinference(story: Story) -> Turn:
    asked = openai_messages(story)
    session = {"session.id": story.conversation}

    def message(said: Message) -> Message:
        found: Message = {"message": {"role": said["role"]}}
        if "content" in said:
            found["message"]["content"] = said["content"]
        if "tool_calls" in said:
            found["message"]["tool_calls"] = [{"tool_call": call} for call in said["tool_calls"]]
        if said["role"] == "tool":
            found["message"]["tool_call_id"] = said["id"]
        return found

    def call(number: int, given: list[Message], answer: Message) -> Part:
        answered = {"id": f"{story.response}_{number}", "choices": [{"message": answer}], "model": "gpt-4o"}
        attributes = {
            "openinference.span.kind": "LLM",
            "llm.model_name": "gpt-4o",
            "llm.provider": "openai",
            "llm.invocation_parameters": '{"model": "gpt-4o", "temperature": 0.5}',
            "llm.token_count.prompt": 100 * number,
            "llm.token_count.completion": 10 * number,
            "llm.token_count.total": 110 * number,
            "llm.token_count.prompt_details.cache_read": 5,
            "input.value": json.dumps({"messages": given, "model": "gpt-4o"}),
            "input.mime_type": "application/json",
            "output.value": json.dumps(answered),
            "output.mime_type": "application/json",
        }
        attributes |= flattened("llm.input_messages", [message(said) for said in given])
        attributes |= flattened("llm.output_messages", [message(answer)])
        tools = [{"tool": {"json_schema": json.dumps(tool)}} for tool in json.loads(story.tools)]
        return Part("ChatCompletion", attributes | flattened("llm.tools", tools) | session)

    agent = {
        "openinference.span.kind": "AGENT",
        "agent.name": "support",
        "input.value": story.question,
        "output.value": story.answer,
    }
    tool = {
        "openinference.span.kind": "TOOL",
        "tool.name": "track",
        "input.value": story.arguments,
        "output.value": story.result,
    }
    return Turn(
        "openinference.instrumentation.openai_agents",
        Part("support", agent | session),
        (
            call(1, asked[:-2], asked[-2]),
            call(2, asked, {"role": "assistant", "content": story.answer}),
        ),
        Part("track", tool | session),
    )


def traceloop(story: Story) -> Turn:
    """gen_ai.prompt.0.role and so on; decorators' spans for the agent and the tool."""
    asked = openai_messages(story)
    about = {"traceloop.association.properties.session_id": story.conversation}

    def numbered(said: Message) -> Message:
        calls = [{"id": call["id"], **call["function"]} for call in said.get("tool_calls", ())]
        return {name: value for name, value in said.items() if name != "tool_calls"} | (
            {"tool_calls": calls} if calls else {}
        )

    def call(number: int, given: list[Message], answer: Message) -> Part:
        attributes = {"llm.request.type": "chat", "gen_ai.system": "OpenAI", "llm.usage.total_tokens": 110 * number}
        attributes |= used(story, number) | flattened("gen_ai.prompt", list(map(numbered, given)))
        attributes |= flattened("gen_ai.completion", [{**numbered(answer), "finish_reason": "stop"}])
        return Part("openai.chat", attributes | flattened("llm.request.functions", json.loads(story.tools)) | about)

    def entity(kind: str, name: str, given: str, output: str) -> Part:
        known = {"span.kind": kind, "entity.name": name, "entity.input": given, "entity.output": output}
        return Part(f"{name}.{kind}", {f"traceloop.{key}": value for key, value in known.items()} | about)

    return Turn(
        "traceloop.tracer",
        entity("agent", "support", json.dumps({"args": [story.question], "kwargs": {}}), json.dumps(story.answer)),
        (call(1, asked[:-2], asked[-2]), call(2, asked, {"role": "assistant", "content": story.answer})),
        entity("tool", "track", json.dumps({"args": [], "kwargs": json.loads(story.arguments)}), story.result),
    )


def traceloop_0(story: Story) -> Turn:
    """The first keys: llm.prompts.0.role and so on."""
    renamed = {"gen_ai.prompt.": "llm.prompts.", "gen_ai.completion.": "llm.completions."}

    def older(part: Part) -> Part:
        attributes = {
            next((new + key.removeprefix(old) for old, new in renamed.items() if key.startswith(old)), key): value
            for key, value in part.attributes.items()
        }
        return Part(part.name, attributes)

    turn = traceloop(story)
    first, second = turn.calls
    return Turn(turn.scope, turn.agent, (older(first), older(second)), turn.tool)


def vercel_ai(story: Story) -> Turn:
    about = {"ai.telemetry.functionId": "support", "ai.telemetry.metadata.sessionId": story.conversation}
    call_part = {"toolCallId": "call_1", "toolName": "track"}
    said: list[Message] = [{"role": "system", "content": story.instructions}]
    said += [{"role": role, "content": [{"type": "text", "text": text}]} for role, text in story.texts]
    more: list[Message] = [
        {
            "role": "assistant",
            "content": [{"type": "tool-call", **call_part, "input": json.loads(story.arguments)}],
        },
        {
            "role": "tool",
            "content": [{"type": "tool-result", **call_part, "output": {"type": "text", "value": story.result}}],
        },
    ]

    def call(number: int, messages: list[Message], answer: Attributes) -> Part:
        attributes = {
            "ai.operationId": "ai.generateText.doGenerate",
            "ai.model.id": "gpt-4o",
            "ai.model.provider": "openai.responses",
            "ai.prompt.messages": json.dumps(messages),
            "ai.prompt.tools": [json.dumps(tool) for tool in json.loads(story.tools)],
            "ai.response.finishReason": "stop",
            "ai.response.id": f"{story.response}_{number}",
            "ai.response.model": "gpt-4o-2024-08-06",
            "ai.response.providerMetadata": '{"openai": {"cachedPromptTokens": 5, "reasoningTokens": 2}}',
            "ai.usage.inputTokens": 100 * number,
            "ai.usage.outputTokens": 10 * number,
            "gen_ai.system": "openai.responses",
            "gen_ai.usage.input_tokens": 100 * number,
            "gen_ai.usage.output_tokens": 10 * number,
        }
        return Part("ai.generateText.doGenerate", attributes | answer | about)

    tool = {
        "ai.operationId": "ai.toolCall",
        "ai.toolCall.name": "track",
        "ai.toolCall.id": "call_1",
        "ai.toolCall.args": story.arguments,
        "ai.toolCall.result": story.result,
    }
    agent = {
        "ai.operationId": "ai.generateText",
        "ai.prompt": json.dumps({"system": story.instructions, "prompt": story.question}),
        "ai.response.text": story.answer,
        "ai.model.provider": "openai.responses",
        "ai.usage.inputTokens": 300,
    }
    called = [{**call_part, "input": story.arguments}]
    return Turn(
        "ai",
        Part("ai.generateText", agent | about),
        (
            call(1, said, {"ai.response.toolCalls": json.dumps(called)}),
            call(2, said + more, {"ai.response.text": story.answer}),
        ),
        Part("ai.toolCall", tool | about),
    )


def langfuse(story: Story) -> Turn:
    asked = openai_messages(story)
    session = {"session.id": story.conversation}

    def observation(kind: str, name: str, given: Any, answer: Any, **more: Any) -> Part:
        said = {"type": kind, "input": given, "output": answer} | {k.replace("__", "."): v for k, v in more.items()}
        sent = {key: value if isinstance(value, str) else json.dumps(value) for key, value in said.items()}
        return Part(name, {f"langfuse.observation.{key}": value for key, value in sent.items()} | session)

    def call(number: int, given: list[Message], answer: Message) -> Part:
        usage = {"prompt_tokens": 100 * number, "completion_tokens": 10 * number, "total_tokens": 110 * number}
        request = {"messages": given, "tools": json.loads(story.tools)}
        more = {"usage_details": usage, "model__name": "gpt-4o", "model__parameters": {"temperature": 0.5}}
        return observation("generation", "OpenAI-generation", request, answer, **more)

    return Turn(
        "langfuse-sdk",
        observation("agent", "support", {"args": [story.question], "kwargs": {}}, story.answer),
        (call(1, asked[:-2], asked[-2]), call(2, asked, {"role": "assistant", "content": story.answer})),
        observation("tool", "track", {"args": [], "kwargs": json.loads(story.arguments)}, story.result),
    )


_LANGCHAIN: Final = {
    "system": ("SystemMessage", "system"),
    "user": ("HumanMessage", "human"),
    "assistant": ("AIMessage", "ai"),
    "tool": ("ToolMessage", "tool"),
}


def _langchain(said: Message, **more: Any) -> Message:
    name, kind = _LANGCHAIN[said["role"]]
    kwargs = {"content": said.get("content", ""), "type": kind, **more}
    if "tool_calls" in said:
        calls = [(call["id"], call["function"]) for call in said["tool_calls"]]
        kwargs["tool_calls"] = [
            {"id": id_, "name": function["name"], "args": json.loads(function["arguments"])} for id_, function in calls
        ]
    if kind == "tool":
        kwargs["tool_call_id"] = said["id"]
    return {"lc": 1, "type": "constructor", "id": ["langchain", "schema", "messages", name], "kwargs": kwargs}


def langsmith(story: Story) -> Turn:
    asked = openai_messages(story)
    about = {"langsmith.metadata.thread_id": story.conversation, "langsmith.metadata.lc_agent_name": "support"}

    def run(kind: str, name: str, given: Any, answer: Any, **more: Any) -> Part:
        bodies = {"gen_ai.prompt": json.dumps(given), "gen_ai.completion": json.dumps(answer)}
        return Part(name, {"langsmith.span.kind": kind, "gen_ai.system": "openai"} | bodies | about | more)

    def call(number: int, given: list[Message], answer: Message) -> Part:
        metadata = {"model_name": "gpt-4o", "id": f"{story.response}_{number}", "finish_reason": "stop"}
        usage = {
            "input_tokens": 100 * number,
            "output_tokens": 10 * number,
            "input_token_details": {"cache_read": 5},
        }
        message = _langchain(answer, response_metadata=metadata, usage_metadata=usage)
        generations = {"generations": [[{"text": answer.get("content", ""), "message": message}]]}
        return run("llm", "ChatOpenAI", {"messages": [[_langchain(said) for said in given]]}, generations)

    return Turn(
        "langsmith",
        run("chain", "support", {"messages": [["user", story.question]]}, {"output": story.answer}),
        (call(1, asked[:-2], asked[-2]), call(2, asked, {"role": "assistant", "content": story.answer})),
        run("tool", "track", {"input": str(json.loads(story.arguments))}, {"output": _langchain(asked[-1])}),
    )


def google_adk(story: Story) -> Turn:
    about = {"gcp.vertex.agent.session_id": story.conversation, "gen_ai.system": "gcp.vertex.agent"}
    roles = {"user": "user", "assistant": "model"}
    contents: list[Message] = [{"role": roles[role], "parts": [{"text": said}]} for role, said in story.texts]
    function = {"id": "call_1", "name": "track"}
    called = {"role": "model", "parts": [{"function_call": {**function, "args": json.loads(story.arguments)}}]}
    response = {**function, "response": {"result": story.result}}
    more: list[Message] = [called, {"role": "user", "parts": [{"function_response": response}]}]

    def call(number: int, given: list[Message], answer: Message) -> Part:
        declared = [{"function_declarations": json.loads(story.tools)}]
        config = {"system_instruction": story.instructions, "tools": declared, "temperature": 0.5}
        request = {"model": "gemini-2.5-flash", "contents": given, "config": config}
        usage = {"prompt_token_count": 100 * number, "candidates_token_count": 10 * number}
        answered = {"content": answer, "usage_metadata": usage, "finish_reason": "STOP"}
        attributes = {
            "gcp.vertex.agent.llm_request": json.dumps(request),
            "gcp.vertex.agent.llm_response": json.dumps(answered),
            "gcp.vertex.agent.event_id": f"{story.response}_{number}",
            "gcp.vertex.agent.invocation_id": "e-1",
        }
        return Part("call_llm", attributes | about)

    tool = {
        "gen_ai.operation.name": "execute_tool",
        "gen_ai.tool.name": "track",
        "gcp.vertex.agent.tool_call_args": story.arguments,
        "gcp.vertex.agent.tool_response": story.result,
        "gcp.vertex.agent.llm_request": "{}",
    }
    return Turn(
        "gcp.vertex.agent",
        Part("agent_run [support]", about),
        (call(1, contents, called), call(2, contents + more, {"role": "model", "parts": [{"text": story.answer}]})),
        Part("execute_tool track", tool | about),
    )


def claude_code(story: Story) -> Turn:
    def part(name: str, *events: tuple[str, Attributes], **attributes: Any) -> Part:
        about = {"session.id": story.conversation, "span.type": name}
        return Part(f"claude_code.{name}", about | attributes, events)

    def call(number: int, answer: str) -> Part:
        counts = {"input_tokens": 2, "output_tokens": 10 * number, "cache_read_tokens": 100 * number}
        request = {"model": "claude-opus-4-5", "request_id": f"{story.response}_{number}", "stop_reason": "end_turn"}
        return part("llm_request", **counts, **request, **{"response.model_output": answer})

    output = ("tool.output", {"output": story.result})
    return Turn(
        "com.anthropic.claude_code.tracing",
        part("interaction", user_prompt=story.question),
        (call(1, ""), call(2, story.answer)),
        part("tool", output, tool_name="track", tool_use_id="call_1", tool_input=story.arguments),
    )
