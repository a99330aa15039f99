"""Conversations that differ in all that lists are sorted by, and how lists are asked for."""

from dataclasses import dataclass, field
from typing import Any

from tests.client import PROJECT, Client, Sent

LISTED = """
query($id: ID!, $filter: ConversationFilter, $order: ConversationOrder!, $first: Int, $after: String, $last: Int,
    $before: String) {
  project(id: $id) {
    conversations(filter: $filter, orderBy: $order, first: $first, after: $after, last: $last, before: $before) {
      totalCount
      edges { cursor node { conversationId } }
      pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
    }
  }
}"""


@dataclass(frozen=True)
class Told:
    """A conversation to send: one turn per start (milliseconds), each of one call and of so many that failed."""

    name: str
    starts: tuple[float, ...]
    takes: float = 100
    tokens: int = 10
    model: str = "m"
    errors: int = 0
    agents: tuple[str, ...] = field(default=())

    def spans(self, trace: int) -> list[Sent]:
        named = {"gen_ai.conversation.id": self.name}
        found = []
        for turn, start in enumerate(self.starts):
            own = f"{trace + turn:x}"
            call = {**named, "gen_ai.request.model": self.model, "gen_ai.usage.input_tokens": self.tokens}
            steps: list[tuple[str, dict[str, Any], str]] = [("chat m", call, "UNSET")]
            steps += [("execute_tool t", named, "ERROR")] * (self.errors if turn == 0 else 0)
            steps += [
                (
                    "invoke_agent",
                    {**named, "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": agent},
                    "UNSET",
                )
                for agent in self.agents
            ]
            for number, (name, attributes, status) in enumerate(steps):
                end = start + self.takes
                found.append(
                    Sent(
                        f"{trace + turn:x}{number:02x}", name, own, start=start, end=end, status=status,
                        attributes=attributes,
                    )
                )  # fmt: skip
        return found


TOLD = (
    Told("a", (0, 10_000), tokens=5, errors=3, agents=("rare", "common")),
    Told("b", (4_000,), takes=9_000, tokens=300, agents=("common",)),
    Told("c", (1_000, 2_000, 3_000), tokens=50, errors=1),
    # Dear and short; without a price; and two that are alike in all but their ids.
    Told("d", (20_000,), tokens=20, model="dear", takes=50),
    Told("e", (500,), tokens=200, model="unpriced", agents=("common",)),
    Told("tie-1", (15_000,)),
    Told("tie-2", (15_000,)),
)

ORDERS = {
    "LAST_ACTIVITY": ["d", "tie-2", "tie-1", "b", "a", "c", "e"],
    "STARTED_AT": ["d", "tie-2", "tie-1", "b", "c", "e", "a"],
    "COST": ["d", "b", "c", "tie-2", "tie-1", "a", "e"],
    "TOKENS": ["b", "e", "c", "d", "tie-2", "tie-1", "a"],
    "TURNS": ["c", "a", "tie-2", "tie-1", "e", "d", "b"],
    "ERRORS": ["a", "c", "tie-2", "tie-1", "e", "d", "b"],
    "DURATION": ["a", "b", "c", "tie-2", "tie-1", "e", "d"],
}
"""The most first."""


async def send(client: Client, *told: Told, first_trace: int = 0xA00) -> None:
    for place, conversation in enumerate(told):
        await client.send(*conversation.spans(first_trace + 16 * place))


async def send_seven(client: Client) -> None:
    """TOLD, with prices."""
    await client.price("m", 0.001, 0, 0, 0)
    await client.price("dear", 1, 0, 0, 0)
    await send(client, *TOLD)


async def listed(client: Client, key: str = "LAST_ACTIVITY", direction: str = "DESC", **given: Any) -> Any:
    order = {"field": key, "direction": direction}
    data = await client.ask(LISTED, **{"id": PROJECT, "order": order, "filter": None, **given})
    return data["project"]["conversations"]


async def ids(client: Client, key: str = "LAST_ACTIVITY", direction: str = "DESC", **given: Any) -> list[str]:
    return [edge["node"]["conversationId"] for edge in (await listed(client, key, direction, **given))["edges"]]
