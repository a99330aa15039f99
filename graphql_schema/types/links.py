"""What linking traces to a conversation answers."""

import strawberry

from graphql_schema.types.conversation import Conversation


@strawberry.type(description="Traces that are turns of a conversation now.")
class LinkedTraces:
    linked_trace_ids: list[str] = strawberry.field(description="The traces, in the order given, each once.")
    conversation: Conversation = strawberry.field(description="The conversation with them.")


@strawberry.type(description="Traces that are linked to no conversation now.")
class UnlinkedTraces:
    unlinked_trace_ids: list[str] = strawberry.field(description="The traces, in the order given, each once.")
