"""Where work passes from one agent to another, by what spans say of it: attributes, operation, span name, tool name."""

import json
import re
from collections.abc import Iterable

from domain.records import SpanRecord
from domain.timeline import Visit, tool_of

_OPERATIONS = frozenset({"handoff", "agent_handoff"})
_OTHER_WORK = frozenset({"invoke_agent", "create_agent", "chat", "generate_content", "text_completion", "embeddings"})
"""Operations whose spans may be named after anything."""

_NAMES = (
    re.compile(r"handoff from (?P<giver>.+?) to (?P<taker>.+)", re.IGNORECASE),
    re.compile(r"handoff to (?P<taker>.+)", re.IGNORECASE),
    re.compile(r"handoff (?P<giver>.+?) (?:->|→) (?P<taker>.+)", re.IGNORECASE),
    # OpenLLMetry.
    re.compile(r"(?P<giver>.+?) (?:->|→) (?P<taker>.+)\.handoff", re.IGNORECASE),
)
_TOOL = re.compile(r"(?:transfer|transfer_back|handoff|hand_off)_to_(.+)", re.IGNORECASE)
_TARGET_ARGUMENTS = ("agent_name", "agent")
_LONGEST_NAME = 1024
_NOT_WORDS = re.compile(r"[\W_]+")


class Handoff:
    """One hand-off, by the spans that tell of it."""

    __slots__ = ("_kinds", "from_agent", "to_agent", "visits")

    def __init__(self, visit: Visit, from_agent: str, to_agent: str, kind: str = "") -> None:
        self.visits = [visit]
        self.from_agent = from_agent
        """"" where nothing but the span's own agent tells."""
        self.to_agent = to_agent
        """"" where nothing tells; may be spelled as in a tool's name."""
        self._kinds = {kind}

    def absorb(self, other: "Handoff") -> bool:
        """Take in the next evidence if it is of this hand-off: another kind of it, or a span below, for that agent."""
        visit = other.visits[0]
        is_below = any(visit.span.parent_span_id == own.span.span_id for own in self.visits)
        if not self._may_be_to(other.to_agent) or not (is_below or self._kinds.isdisjoint(other._kinds)):
            return False
        self.visits.append(visit)
        self._kinds |= other._kinds
        self.from_agent = self.from_agent or other.from_agent
        self.to_agent = self.to_agent or other.to_agent
        return True

    def may_answer(self, span: SpanRecord, to_agent: str) -> bool:
        """Whether a model that asked for a hand-off in a span can have asked for this one."""
        return self._may_be_to(to_agent) and any(visit.span.started_at >= span.started_at for visit in self.visits)

    def _may_be_to(self, to_agent: str) -> bool:
        return not self.to_agent or not to_agent or slug(self.to_agent) == slug(to_agent)


def handoffs_of(visits: Iterable[Visit]) -> list[Handoff]:
    """The hand-offs that spans of their own show, in the order of the visits."""
    found: list[Handoff] = []
    for visit in visits:
        evidence = _evidence(visit)
        if evidence is not None and not (found and found[-1].absorb(evidence)):
            found.append(evidence)
    return found


def _evidence(visit: Visit) -> Handoff | None:
    span = visit.span
    content, operation = span.content, span.operation_name
    from_agent, to_agent = _known(content.handoff_from), _known(content.handoff_to)
    is_named = False
    if operation not in _OTHER_WORK and "handoff" in span.name[:_LONGEST_NAME].lower():
        name = span.name[:_LONGEST_NAME].strip()
        if match := next(filter(None, (pattern.fullmatch(name) for pattern in _NAMES)), None):
            is_named = True
            said = match.groupdict()
            from_agent, to_agent = from_agent or _known(said.get("giver") or ""), to_agent or _known(said["taker"])
    called = called_agent(tool_of(span), content.tool_call_arguments) if operation == "execute_tool" else None
    if is_named or operation in _OPERATIONS or content.handoff_from or content.handoff_to:
        return Handoff(visit, from_agent, to_agent or called or "", "span")
    return None if called is None else Handoff(visit, "", called, "tool")


def called_agent(tool_name: str, arguments: str) -> str | None:
    """The agent that a tool hands over to; "" where its arguments should say and do not, None for other tools."""
    match = _TOOL.fullmatch(tool_name)
    if match is None:
        return None
    if match[1].lower() != "agent":
        return match[1]
    try:
        said = json.loads(arguments)
    except (ValueError, RecursionError):
        return ""
    if not isinstance(said, dict):
        return ""
    return next((said[name] for name in _TARGET_ARGUMENTS if isinstance(said.get(name), str)), "")


def slug(agent_name: str) -> str:
    """Equal for names that tools spell alike: "Refund Agent" and refund_agent."""
    return _NOT_WORDS.sub("_", agent_name).strip("_").lower()


def _known(agent_name: str) -> str:
    """OpenLLMetry says "unknown" where it does not know."""
    return "" if agent_name.strip().lower() == "unknown" else agent_name.strip()
