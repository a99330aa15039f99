"""The stored documents that the REST routes run: read and checked against the schema once, at start."""

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from graphql import parse, validate

from graphql_schema.context import Context
from graphql_schema.schema import build_schema

NAMES = ("conversation_spans", "conversation_chat")


@cache
def document(name: str) -> str:
    """The text of a stored document; raises ValueError if the schema does not allow it."""
    text = files(__name__).joinpath(f"{name}.graphql").read_text(encoding="utf-8")
    errors = validate(build_schema()._schema, parse(text))
    if errors:
        raise ValueError(f"{name}.graphql does not fit the schema: {errors[0].message}")
    return text


def check_documents() -> None:
    """Read and validate all of them: at start, so that a bad one never waits for its first request."""
    for name in NAMES:
        document(name)


async def run(name: str, context: Context, variables: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a stored document. Raises the TurngraphError behind the first error, if there is one."""
    result = await build_schema().execute(document(name), variable_values=dict(variables), context_value=context)
    if result.errors:
        raise result.errors[0].original_error or result.errors[0]
    return result.data or {}
