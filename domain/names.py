"""How projects, references and texts are spelled on the wire and in the tables."""

import re
from urllib.parse import quote

from domain.errors import InvalidProjectId

MAX_PROJECT_PART = 256

_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def parse_project_id(project_id: str) -> tuple[str, str]:
    """`entity/project` as its two parts; raises InvalidProjectId."""
    entity, slash, name = without_surrogates(project_id).partition("/")
    well_formed = slash and entity and name and "/" not in name and "\0" not in project_id
    if not well_formed or max(len(entity), len(name)) > MAX_PROJECT_PART:
        shown = project_id if len(project_id) <= 100 else project_id[:100] + "..."
        raise InvalidProjectId(f"A project id has the form entity/project, got {shown!r}.")
    return entity, name


def without_surrogates(text: str) -> str:
    """The text as UTF-8 can hold it."""
    return _LONE_SURROGATES.sub("\ufffd", text)


def weave_ref(project_id: str, *, conversation_id: str = "", trace_id: str = "", span_id: str = "") -> str:
    """The reference by which Weave's clients name a conversation, a turn or a span; exactly one id is given."""
    if conversation_id:
        return f"weave:///{project_id}/agent_conversation/{quote(conversation_id, safe='_.-~')}"
    if trace_id:
        return f"weave:///{project_id}/agent_turn/{trace_id}"
    return f"weave:///{project_id}/agent_span/{span_id}"


def project_id_of(entity: str, name: str) -> str:
    return f"{entity}/{name}"
