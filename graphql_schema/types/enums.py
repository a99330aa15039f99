"""The enums of the graph: those of domain/records.py, described."""

import strawberry

from domain.records import MessageKind, MessageView, Status, ToolCallOrigin

__all__ = ["MessageKind", "MessageView", "Status", "ToolCallOrigin"]

strawberry.enum(
    Status,
    description="A span's status as sent. UNSET is normal: SDKs set OK rarely, and it is never inferred.",
)
strawberry.enum(MessageKind, description="What one element of a turn's timeline is.")
strawberry.enum(
    ToolCallOrigin,
    description="Where a tool call comes from: a span that executed it, a background task's notice, an agent that was "
    "launched in the background, or only the request of a model.",
)
strawberry.enum(
    MessageView,
    description="Which messages of a turn are shown. FULL: everything that is known, each thing once. WEAVE: those of "
    "W&B Weave's chat view, as its REST route has them; no hand-offs, and no tool calls that only messages tell of.",
)
