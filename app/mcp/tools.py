"""The tools: their arguments, which a model is told as a JSON schema, and their answers, which stored documents give.

Members have the names of the graph, so that what one tool answers can be passed to another or be put into a query.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from graphql import print_type
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from starlette.requests import Request
from strawberry.exceptions import MissingQueryError
from strawberry.schema.exceptions import InvalidOperationTypeError
from strawberry.types import ExecutionResult
from strawberry.types.graphql import OperationType

from app.mcp.bounded import MAX_ANSWER_BYTES, as_many_as_fit, cut, cut_texts, ends_of
from app.state import caller_of, database_of, settings_of
from domain.errors import InvalidRequest
from graphql_schema import operations
from graphql_schema.context import Context, FindText
from graphql_schema.schema import build_schema

NAME_CHARS = 200
NAMES = 20
"""So many agents, tags and ratings of a conversation."""
HEADER_BYTES = 8_000
"""What is kept free for all that is not a message."""
MESSAGES_OF_TURN = 30
FAILED_SPANS = 20


class NotThere(InvalidRequest):
    """There is nothing of that name, or the key does not reach it."""

    code = "NOT_FOUND"


class NotAnswered(InvalidRequest):
    """The query was not answered."""

    code = "QUERY_REFUSED"


@dataclass(frozen=True, slots=True)
class Asking:
    """A request, and its way to the graph."""

    request: Request
    find_text: FindText

    async def stored(self, name: str, **variables: object) -> dict[str, Any]:
        """The data of a stored document."""
        return await operations.run(name, Context(database_of(self.request), caller_of(self.request)), variables)

    async def in_project(self, name: str, project: str, **variables: object) -> dict[str, Any]:
        """What a stored document says of a project; raises NotThere."""
        found: dict[str, Any] | None = (await self.stored(name, project=project, **variables))["project"]
        if found is None:
            raise NotThere("There is no such project, or the key does not reach it: list_projects names those it does.")
        return found

    async def query(
        self, text: str, variables: Mapping[str, Any] | None, operation_name: str | None
    ) -> ExecutionResult:
        """The answer to a client's own query, held to the bounds of `/graphql`."""
        settings = settings_of(self.request)
        context = Context(
            database_of(self.request),
            caller_of(self.request),
            limits=settings.query_limits(),
            introspection=settings.introspection,
            suggestions=settings.suggestions,
            find_text=self.find_text,
        )
        return await build_schema().execute(
            text,
            variable_values=dict(variables or {}),
            context_value=context,
            operation_name=operation_name,
            allowed_operation_types=[OperationType.QUERY],
        )


Project = Annotated[str, Field(description="entity/project, as list_projects names it.")]
ConversationId = Annotated[str, Field(description="As find_conversations or search_messages names it.")]
After = Annotated[str | None, Field(description="`next` of the last answer, for what follows it; all else the same.")]
WindowStart = Annotated[
    AwareDatetime | None, Field(description="Turns that started then or later, as 2026-01-31T00:00:00Z; 7 days ago.")
]
WindowEnd = Annotated[AwareDatetime | None, Field(description="Turns that started earlier; the end of today, in UTC.")]
Agent = Annotated[str | None, Field(description="The exact name of an agent that answered.")]


class Tool(BaseModel, ABC):
    """A tool is its arguments; its docstring is what a model is told of it."""

    model_config = ConfigDict(extra="forbid", alias_generator=to_camel, populate_by_name=True)

    title: ClassVar[str]
    tells_nulls: ClassVar[bool] = False
    """Whether what is null is told, not left out."""

    @classmethod
    def name(cls) -> str:
        return re.sub(r"(?<!^)(?=[A-Z])", "_", cls.__name__).lower()

    @abstractmethod
    async def answer(self, asking: Asking) -> dict[str, Any]:
        """What is told; raises TurngraphError."""


class ListProjects(Tool):
    """The projects that the key reaches. Start here: all other tools ask for one by its name."""

    title: ClassVar[str] = "List projects"

    async def answer(self, asking: Asking) -> dict[str, Any]:
        found = (await asking.stored("mcp_projects"))["projects"]
        return {"projects": [project["projectId"] for project in found]}


class FindConversations(Tool):
    """Conversations of a project, newest activity first unless orderBy says otherwise, with their turns, errors, tokens
    and cost. All conditions that are given must hold.
    """

    title: ClassVar[str] = "Find conversations"

    project: Project
    agent: Agent = None
    model: Annotated[str | None, Field(description="The exact name of a model that was called.")] = None
    tool: Annotated[str | None, Field(description="The exact name of a tool that was executed.")] = None
    has_error: Annotated[bool | None, Field(description="Whether a span in them failed.")] = None
    tag: Annotated[str | None, Field(description="The exact text of a tag that an operator gave them.")] = None
    feedback_tag: Annotated[str | None, Field(description="A tag of feedback on them, such as 👎.")] = None
    text: Annotated[
        str | None,
        Field(description="str in a message. To find the messages themselves, search_messages is faster."),
    ] = None
    active_after: Annotated[AwareDatetime | None, Field(description="Active then or later.")] = None
    active_before: Annotated[AwareDatetime | None, Field(description="Started earlier.")] = None
    min_cost_usd: Annotated[float | None, Field(allow_inf_nan=False, description="Cost so much or more.")] = None
    order_by: Annotated[
        Literal["LAST_ACTIVITY", "STARTED_AT", "COST", "TOKENS", "TURNS", "ERRORS", "DURATION"],
        Field(description="The most or the newest first."),
    ] = "LAST_ACTIVITY"
    ascending: Annotated[bool, Field(description="The least or the oldest first.")] = False
    first: Annotated[int, Field(ge=1, le=50, description="How many at most.")] = 20
    after: After = None

    async def answer(self, asking: Asking) -> dict[str, Any]:
        conditions = {
            "agent": self.agent,
            "model": self.model,
            "tool": self.tool,
            "hasError": self.has_error,
            "tag": self.tag,
            "feedback": None if self.feedback_tag is None else {"tag": self.feedback_tag},
            "text": self.text,
            "active": _window(self.active_after, self.active_before),
            "costUsd": None if self.min_cost_usd is None else {"min": self.min_cost_usd},
        }
        found = await asking.in_project(
            "mcp_conversations",
            self.project,
            filter={name: value for name, value in conditions.items() if value is not None},
            orderBy={"field": self.order_by, "direction": "ASC" if self.ascending else "DESC"},
            first=self.first,
            after=self.after,
        )
        page = found["conversations"]
        nodes = [_header(edge["node"]) for edge in page["edges"]]
        return {"conversations": nodes, "totalCount": page["totalCount"], "next": _next(page["pageInfo"])}


class GetConversation(Tool):
    """A conversation: its sums, its feedback, and its newest turns with their messages, texts cut to maxChars. Older
    turns come with `before`; a single turn with all it has comes by get_turn.
    """

    title: ClassVar[str] = "Read a conversation"

    project: Project
    conversation_id: ConversationId
    turns: Annotated[int, Field(ge=1, le=20, description="How many of the newest turns at most.")] = 5
    before: Annotated[str | None, Field(description="`older` of the last answer, for the turns before.")] = None
    max_chars: Annotated[int, Field(ge=50, le=4_000, description="Longer texts are cut, and say so.")] = 500

    async def answer(self, asking: Asking) -> dict[str, Any]:
        found = await asking.in_project(
            "mcp_conversation", self.project, conversation=self.conversation_id, last=self.turns, before=self.before
        )
        conversation = found["conversation"]
        if conversation is None:
            raise NotThere("There is no such conversation: find_conversations names those that there are.")
        page = conversation.pop("turns")
        edges = page["edges"]
        newest_first = (_turn(edge["node"]) for edge in reversed(edges))
        shown = as_many_as_fit(newest_first, chars=self.max_chars, room=MAX_ANSWER_BYTES - HEADER_BYTES)
        has_older = len(shown) < len(edges) or page["pageInfo"]["hasPreviousPage"]
        return {
            **_header(conversation),
            "turns": shown[::-1],
            "older": edges[-len(shown)]["cursor"] if shown and has_older else None,
        }


class GetTurn(Tool):
    """One turn step by step: what was said, tools with arguments and results, hand-offs, failed spans with why, tokens,
    cost and feedback. Texts are cut to maxChars; a long turn goes on at `nextPosition`.
    """

    title: ClassVar[str] = "Read a turn"

    project: Project
    conversation_id: ConversationId
    trace_id: Annotated[str, Field(description="As get_conversation or search_messages names it.")]
    from_position: Annotated[int, Field(ge=0, description="`nextPosition` of the last answer, to go on.")] = 0
    max_chars: Annotated[int, Field(ge=50, le=20_000, description="Longer texts are cut, and say so.")] = 2_000

    async def answer(self, asking: Asking) -> dict[str, Any]:
        found = await asking.in_project(
            "mcp_turn", self.project, conversation=self.conversation_id, trace=self.trace_id
        )
        turn = found["turn"]
        if turn is None:
            raise NotThere("There is no such turn: get_conversation names those of a conversation.")
        messages = [message for message in turn.pop("messages") if message["position"] >= self.from_position]
        failed = [span for span in turn.pop("spans") if span["status"] == "ERROR"][:FAILED_SPANS]
        feedback = turn.pop("feedback")[:FAILED_SPANS]
        room = MAX_ANSWER_BYTES - HEADER_BYTES
        shown = as_many_as_fit(messages, chars=self.max_chars, room=room)
        return {
            **_header(turn),
            "failedSpans": as_many_as_fit(failed, chars=NAME_CHARS, room=HEADER_BYTES // 4),
            "feedback": as_many_as_fit(feedback, chars=NAME_CHARS, room=HEADER_BYTES // 4),
            "messages": shown,
            "nextPosition": messages[len(shown)]["position"] if len(shown) < len(messages) else None,
        }


class SearchMessages(Tool):
    """Messages that have all words of a text, newest turn first, each with the words around the match («marked»). Words
    are found whole, whatever their case and accents; "in quotes" they must follow each other.
    """

    title: ClassVar[str] = "Search messages"

    project: Project
    text: Annotated[str, Field(description="1 to 200 characters.")]
    kinds: Annotated[
        list[Literal["USER_MESSAGE", "ASSISTANT_MESSAGE", "TOOL_CALL"]] | None, Field(description="All when left out.")
    ] = None
    agent: Agent = None
    started_after: Annotated[AwareDatetime | None, Field(description="Turns that started then or later.")] = None
    started_before: Annotated[AwareDatetime | None, Field(description="Turns that started earlier.")] = None
    first: Annotated[int, Field(ge=1, le=50, description="How many at most.")] = 10
    after: After = None

    async def answer(self, asking: Asking) -> dict[str, Any]:
        found = await asking.in_project(
            "mcp_search",
            self.project,
            text=self.text,
            kinds=self.kinds,
            agent=self.agent,
            startedAfter=_instant(self.started_after),
            startedBefore=_instant(self.started_before),
            first=self.first,
            after=self.after,
        )
        page = found["search"]
        return {
            "hits": [_hit(edge["node"]) for edge in page["edges"]],
            "next": _next(page["pageInfo"]),
            "isCutShort": page["isCutShort"] or None,
            "notIndexedYet": page["waitingTurns"] or None,
        }


class Stats(Tool):
    """What the turns of a window of time come to, in total, over time and by group: turns, failures, calls of models,
    tokens, cost, durations. Stretches of time without turns are left out.
    """

    title: ClassVar[str] = "Add up turns"

    project: Project
    after: WindowStart = None
    before: WindowEnd = None
    bucket: Annotated[
        Literal["MINUTE", "HOUR", "DAY", "WEEK", "MONTH"], Field(description="How long each stretch of time is.")
    ] = "DAY"
    time_zone: Annotated[str, Field(description="An IANA name: where days begin.")] = "UTC"
    group_by: Annotated[
        Literal["AGENT", "MODEL", "PROVIDER", "TOOL", "STATUS"] | None,
        Field(description="Tell turns apart by it: the 20 groups with most turns."),
    ] = None
    agent: Agent = None

    async def answer(self, asking: Asking) -> dict[str, Any]:
        found = await asking.in_project(
            "mcp_stats",
            self.project,
            window=_window(self.after, self.before),
            bucket=self.bucket,
            timeZone=self.time_zone,
            groupBy=self.group_by,
            filter=None if self.agent is None else {"agent": self.agent},
        )
        stats = found["stats"]
        buckets = stats["total"]["buckets"]
        return {
            "after": stats["after"],
            "before": stats["before"],
            "total": stats["total"]["numbers"],
            "buckets": [{"startsAt": one["startsAt"], **one["numbers"]} for one in buckets if one["numbers"]["turns"]],
            "groups": [{"name": cut(one["name"] or "", NAME_CHARS), **one["numbers"]} for one in stats["groups"]],
        }


class Rank(Tool):
    """Agents, models or tools of a window of time, by what they did: runs or calls, failures, tokens, cost, durations.
    Which tool fails most, which model costs most, which agent is slowest.
    """

    title: ClassVar[str] = "Rank agents, models or tools"

    project: Project
    of: Annotated[Literal["agents", "models", "tools"], Field(description="What is ranked.")]
    order_by: Annotated[
        Literal["RUNS", "FAILURES", "TOKENS", "COST", "DURATION", "LAST_USED", "NAME"],
        Field(description="The most first. Tools have neither tokens nor cost."),
    ] = "RUNS"
    after: WindowStart = None
    before: WindowEnd = None
    agent: Annotated[str | None, Field(description="Only conversations in which this agent answered.")] = None
    first: Annotated[int, Field(ge=1, le=50, description="How many at most.")] = 20

    async def answer(self, asking: Asking) -> dict[str, Any]:
        found = await asking.in_project(
            "mcp_ranking",
            self.project,
            window=_window(self.after, self.before),
            filter=None if self.agent is None else {"agent": self.agent},
            orderBy=self.order_by,
            first=self.first,
            **{kind: kind == self.of for kind in ("agents", "models", "tools")},
        )
        return {self.of: cut_texts(found[self.of], NAME_CHARS)}


class GraphqlType(Tool):
    """A type of the GraphQL schema with its fields, arguments and descriptions, as query_graphql takes them. Project
    has most of what can be asked for; Conversation, Turn, Message, Span, ConversationFilter and Feedback are others.
    """

    title: ClassVar[str] = "Look up a GraphQL type"

    type: Annotated[str, Field(description="Its name.")] = "Project"

    async def answer(self, asking: Asking) -> dict[str, Any]:
        check_introspection(asking)
        types = build_schema()._schema.type_map
        found = types.get(self.type)
        if found is None or self.type.startswith("__"):
            known = ", ".join(sorted(name for name in types if not name.startswith("__")))
            raise NotThere(f"There is no such type. There are: {known}.")
        return {"definition": print_type(found)}


class QueryGraphql(Tool):
    """Run a GraphQL query of your own, for what the other tools do not tell. Only queries; graphql_type describes the
    schema. It starts as: query($project: ID!) { project(id: $project) { ... } }. Ask for few fields and short pages
    (first, last): an answer that is too large is refused.
    """

    title: ClassVar[str] = "Query the graph"
    tells_nulls: ClassVar[bool] = True

    query: Annotated[str, Field(description="The document.")]
    variables: Annotated[dict[str, Any] | None, Field(description="Its variables.")] = None
    operation_name: Annotated[str | None, Field(description="Which, if the document has several.")] = None

    async def answer(self, asking: Asking) -> dict[str, Any]:
        try:
            result = await asking.query(self.query, self.variables, self.operation_name)
        except InvalidOperationTypeError:
            raise NotAnswered("Only queries are run here. Mutations and subscriptions go to /graphql.") from None
        except MissingQueryError:
            raise NotAnswered("The document is empty.") from None
        errors = [_told(error) for error in result.errors or ()]
        if result.data is None:
            raise NotAnswered("\n".join(errors) or None)
        return {"data": result.data, **({"errors": errors} if errors else {})}


TOOLS: dict[str, type[Tool]] = {
    tool.name(): tool
    for tool in (
        *(ListProjects, FindConversations, GetConversation, GetTurn, SearchMessages, Stats, Rank),
        *(GraphqlType, QueryGraphql),
    )
}


def check_introspection(asking: Asking) -> None:
    """Raise NotThere where the server does not tell its schema."""
    if not settings_of(asking.request).introspection:
        raise NotThere("Introspection is switched off here: the server does not tell its schema.")


def _told(error: Any) -> str:  # noqa: ANN401 - graphql-core's
    extensions = error.extensions or {}
    where = f" (at {'.'.join(map(str, error.path))})" if error.path else ""
    details = f" (error id {extensions['errorId']})" if "errorId" in extensions else ""
    return f"{extensions.get('code', 'INVALID_QUERY')}: {error.message}{where}{details}"


def _instant(value: AwareDatetime | None) -> str | None:
    return None if value is None else value.isoformat()


def _window(after: AwareDatetime | None, before: AwareDatetime | None) -> dict[str, str | None] | None:
    return {"after": _instant(after), "before": _instant(before)} if after or before else None


def _next(page: Mapping[str, Any]) -> str | None:
    cursor: str | None = page["endCursor"]
    return cursor if page["hasNextPage"] else None


def _header(found: Mapping[str, Any]) -> dict[str, Any]:
    """What is said of a conversation or a turn as a whole, shortened; but its ids, which other tools ask for."""
    header: dict[str, Any] = cut_texts(dict(found), NAME_CHARS, NAMES)
    return header | {name: found[name] for name in ("conversationId", "traceId") if name in found}


def _turn(turn: dict[str, Any]) -> dict[str, Any]:
    """A turn among others: the ends of its timeline are what was asked and what was answered."""
    messages = [message for message in turn["messages"] if message["kind"] != "AGENT_START"]
    shown, left_out = ends_of(messages, MESSAGES_OF_TURN)
    return turn | {"messages": shown, "messagesLeftOut": left_out or None}


def _hit(hit: Mapping[str, Any]) -> dict[str, Any]:
    snippets = [
        "".join(f"«{part['text']}»" if part["isMatch"] else part["text"] for part in snippet["parts"])
        for snippet in hit["snippets"]
    ]
    ids = {"conversationId": hit["conversationId"], "traceId": hit["traceId"]}
    return {**ids, **cut_texts(hit["message"], NAME_CHARS), "snippets": snippets}
