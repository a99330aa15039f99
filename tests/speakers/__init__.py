"""The same turn of an agent as each client family sends it: agent > model call, tool, model call.

Times, ids and OTLP are added by `told`; who wants longer texts passes a longer story.
"""

from collections.abc import Callable
from typing import Final

from tests.speakers.convention import (
    gen_ai,
    gen_ai_details,
    gen_ai_log_events,
    openai_agents_v2,
    openlit,
    pydantic_ai,
    pydantic_ai_1,
    strands,
)
from tests.speakers.others import (
    claude_code,
    google_adk,
    langfuse,
    langsmith,
    openinference,
    traceloop,
    traceloop_0,
    vercel_ai,
)
from tests.speakers.story import Part, Story, Told, Turn, log_request, told, trace_request

__all__ = ["SPEAKERS", "Part", "Story", "Told", "Turn", "log_request", "told", "trace_request"]

SPEAKERS: Final[dict[str, Callable[[Story], Turn]]] = {
    speaker.__name__: speaker
    for speaker in (
        gen_ai,
        gen_ai_details,
        gen_ai_log_events,
        strands,
        openlit,
        openai_agents_v2,
        pydantic_ai,
        pydantic_ai_1,
        openinference,
        traceloop,
        traceloop_0,
        vercel_ai,
        langfuse,
        langsmith,
        google_adk,
        claude_code,
    )
}
