"""Which attribute names a span's conversation."""

from typing import Any, Final

from domain.dialects.columns import conversation_id_as_stored, text
from domain.dialects.json_text import Json
from domain.records import RawSpan

WEAVE_KEYS: Final = ("weave.conversation.id", "gen_ai.conversation.id")

# Asked in this order where Weave's keys say nothing. Each family's own order is kept.
OTHER_KEYS: Final = (
    "langfuse.session.id",
    "session.id",
    "traceloop.association.properties.conversation_id",
    "traceloop.association.properties.session_id",
    "traceloop.association.properties.chat_id",
    "traceloop.association.properties.thread_id",
    "langsmith.metadata.session_id",
    "langsmith.metadata.thread_id",
    "langsmith.metadata.conversation_id",
    "ai.telemetry.metadata.sessionId",
    "ai.telemetry.metadata.conversationId",
    "ai.telemetry.metadata.threadId",
    "ai.telemetry.metadata.chatId",
    "ai.settings.context.sessionId",
    "ai.settings.context.conversationId",
    "ai.settings.context.threadId",
    "ai.settings.context.chatId",
    "gcp.vertex.agent.session_id",
    "langfuse.observation.metadata.langfuse_session_id",
    "langfuse.trace.metadata.langfuse_session_id",
    "conversation.id",
    "mlflow.trace.session",
)

_RESPONSE_IDS: Final = ("resp_", "chatcmpl-", "msg_")


def conversation_of(raw: RawSpan, columns: dict[str, Json]) -> tuple[str, str]:
    """(the span's own conversation id as stored, the key that says it); both "" when it carries none."""
    own = text(columns.get("conversation_id"))
    if own and not _is_response_id(raw, own):
        return conversation_id_as_stored(own), _weave_key(raw.attributes)
    for key in OTHER_KEYS:
        if key in raw.attributes and (found := text(raw.attributes[key])):
            return conversation_id_as_stored(found), key
    return "", ""


def _is_response_id(raw: RawSpan, conversation_id: str) -> bool:
    """MS Agent Framework: what it calls a conversation is the id of the last response, another one at every call."""
    return raw.scope_name.startswith("agent_framework") and conversation_id.startswith(_RESPONSE_IDS)


def _weave_key(attributes: dict[str, Any]) -> str:
    return next((key for key in WEAVE_KEYS if attributes.get(key)), WEAVE_KEYS[-1])
