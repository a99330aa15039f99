"""Parts of messages as the providers' own APIs and frameworks write them, to parts as the convention has them.

One reader for all: a part says by its type, or by its only member, what it is, whoever wrote it. Read here are OpenAI
(Chat Completions and Responses), Anthropic, Gemini, Bedrock Converse, LangChain and the Vercel AI SDK.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from domain.dialects.json_text import Json, structure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_TEXTS: Final = ("text", "content", "input", "refusal")
_THOUGHTS: Final = ("text", "thinking", "reasoning", "content", "summary", "reasoningText")
_CALL_IDS: Final = ("call_id", "toolCallId", "toolUseId", "tool_call_id", "tool_use_id", "id")
_CALL_NAMES: Final = ("name", "toolName")
_ARGUMENTS: Final = ("arguments", "args", "input")
_RESULTS: Final = ("response", "result", "output", "content")
_MIME_TYPES: Final = ("mime_type", "mimeType", "media_type", "mediaType")
_URIS: Final = ("uri", "url", "file_uri", "fileUri", "file_url", "image_url")
_DATA: Final = ("data", "base64", "file_data", "bytes")
_MEDIA: Final = ("source", "image_url", "image", "file", "input_audio", "audio", "video", "document", "media", "data")
_SHALLOW: Final = 4
"""Levels that media open: {"type": "image", "image": {"source": {"data": ...}}} are three."""

ROLE_OF_PART: Final = {"tool_call_response": "tool", "tool_call": "assistant", "reasoning": "assistant"}
"""Who says the parts that stand for themselves in a list of messages."""


def first(value: dict[str, Any], names: Iterable[str]) -> Json:
    """Of the members the first that is there; None for none."""
    for name in names:
        found = value.get(name)
        if found is not None:
            return found
    return None


def is_part(value: Json) -> bool:
    """Whether an object is a part and no message: it has no role, and a kind that is read here."""
    return isinstance(value, dict) and value.get("role") is None and _reader_of(value) is not None


def parts_of(content: Json) -> list[dict[str, Any]]:
    """The parts of a message's content, which is text, one part or a list of both. What nobody knows stays as it is."""
    if content is None or content == "":
        return []
    items = content if isinstance(content, list) else [content]
    return [part for item in items if (part := part_of(item)) is not None]


def part_of(item: Json) -> dict[str, Any] | None:
    if isinstance(item, str):
        return {"type": "text", "content": item} if item else None
    if not isinstance(item, dict):
        return None
    read = _reader_of(item)
    return read(item) if read else item


def tool_call(item: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's Chat Completions have name and arguments inside `function`, all others beside the id."""
    inner = item.get("function")
    said = inner if isinstance(inner, dict) else item
    arguments = structure(first(said, _ARGUMENTS))
    return {
        "type": "tool_call",
        "id": first(item, _CALL_IDS),
        "name": first(said, _CALL_NAMES),
        "arguments": {} if arguments is None else arguments,
    }


def _text(item: dict[str, Any]) -> dict[str, Any] | None:
    if item.get("thought") is True:  # Gemini marks its thoughts so.
        return _reasoning(item)
    said = first(item, _TEXTS)
    return {"type": "text", "content": said} if isinstance(said, str) and said else None


def _reasoning(item: dict[str, Any]) -> dict[str, Any]:
    """Encrypted reasoning has no text; a summary is a list of texts."""
    return {"type": "reasoning", "content": _thought(item, _SHALLOW)}


def _thought(said: Json, depth: int) -> str:
    if isinstance(said, str):
        return said
    if isinstance(said, dict) and depth:
        return next(filter(None, (_thought(said.get(name), depth - 1) for name in _THOUGHTS)), "")
    if isinstance(said, list) and depth:
        return "\n".join(filter(None, (_thought(item, depth - 1) for item in said)))
    return ""


def _tool_result(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_call_response", "id": first(item, _CALL_IDS), "response": _result(first(item, _RESULTS))}


def _result(output: Json) -> Json:
    """AI SDK: {"type": "json" | "text" | "error-text" | ..., "value": ...}. A list of texts becomes one text."""
    if isinstance(output, dict) and "value" in output and isinstance(output.get("type"), str):
        return output["value"]
    if isinstance(output, list) and output and all(isinstance(item, dict) and "text" in item for item in output):
        return "\n".join(str(item["text"]) for item in output)
    return output


def _media(item: dict[str, Any]) -> dict[str, Any] | None:
    kind = item.get("type")
    modality = kind.removeprefix("input_").removesuffix("_url") if isinstance(kind, str) else ""
    return _medium(item, modality if modality in ("image", "audio", "video") else "", "", _SHALLOW)


def _medium(item: Json, modality: str, mime_type: str, depth: int) -> dict[str, Any] | None:
    """What is said about a picture or a file, wherever the provider hides it: an address, its bytes or an id."""
    if isinstance(item, str):
        return _medium_in_text(item, modality, mime_type)
    if not isinstance(item, dict):
        return None
    mime_type = next((value for value in map(item.get, _MIME_TYPES) if isinstance(value, str)), mime_type)
    uri, data, file_id = first(item, _URIS), first(item, _DATA), item.get("file_id")
    if isinstance(uri, str):
        return _medium_in_text(uri, modality, mime_type)
    if isinstance(data, str):
        return _medium_in_text(data, modality, mime_type)
    if isinstance(file_id, str):
        return {"type": "file", "modality": modality or "document", "file_id": file_id}
    inner = (item[name] for name in _MEDIA if isinstance(item.get(name), dict | str)) if depth else ()
    found = (_medium(value, modality, mime_type, depth - 1) for value in inner)
    return next(filter(None, found), None)


def _medium_in_text(text: str, modality: str, mime_type: str) -> dict[str, Any] | None:
    if text.startswith("data:"):
        header, _, data = text[5:].partition(",")
        return _blob(data, modality, header.partition(";")[0] or mime_type)
    if "://" in text[:16] or text.startswith("@@@langfuseMedia:"):
        return {"type": "uri", "modality": modality or _modality(mime_type), "uri": text}
    return _blob(text, modality, mime_type) if text else None


def _blob(data: str, modality: str, mime_type: str) -> dict[str, Any]:
    return {"type": "blob", "modality": modality or _modality(mime_type), "mime_type": mime_type, "content": data}


def _modality(mime_type: str) -> str:
    kind = mime_type.partition("/")[0]
    return kind if kind in ("image", "audio", "video") else "document"


_BY_TYPE: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]]] = {
    **dict.fromkeys(("text", "input_text", "output_text", "refusal", "summary_text", "text_delta"), _text),
    **dict.fromkeys(("reasoning", "thinking", "redacted_thinking", "reasoning_content"), _reasoning),
    **dict.fromkeys(("tool_call", "tool-call", "tool_use", "function_call", "custom_tool_call", "function"), tool_call),
    **dict.fromkeys(("server_tool_use", "mcp_call"), tool_call),
    **dict.fromkeys(("tool_call_response", "tool-result", "tool-error", "tool_result"), _tool_result),
    **dict.fromkeys(("function_call_output", "custom_tool_call_output", "web_search_tool_result"), _tool_result),
    **dict.fromkeys(("image", "image_url", "input_image", "audio", "input_audio", "video", "video_url"), _media),
    **dict.fromkeys(("file", "input_file", "document", "media"), _media),
}

# Gemini and Bedrock name a part by its only member.
_BY_MEMBER: Final[dict[str, Callable[[dict[str, Any]], dict[str, Any] | None]]] = {
    **dict.fromkeys(("functionCall", "function_call", "toolUse"), tool_call),
    **dict.fromkeys(("functionResponse", "function_response", "toolResult"), _tool_result),
    **dict.fromkeys(("inlineData", "inline_data", "fileData", "file_data"), _media),
    **dict.fromkeys(("reasoningContent",), _reasoning),
}


def _reader_of(item: dict[str, Any]) -> Callable[[dict[str, Any]], dict[str, Any] | None] | None:
    kind = item.get("type")
    if isinstance(kind, str):
        # Without a body of its own this is the convention's form of a picture or a file already.
        return None if kind in ("file", "image") and _is_canonical(item) else _BY_TYPE.get(kind)
    for name, read in _BY_MEMBER.items():
        inner = item.get(name)
        if isinstance(inner, dict):
            return lambda _: read(inner)
    return _text if isinstance(item.get("text"), str) else None


def _is_canonical(item: dict[str, Any]) -> bool:
    return "modality" in item
