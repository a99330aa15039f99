"""Documents that clients send again: parsed and validated once, found by their text.

Strawberry's own caches find the validation by the parsed document, whose hash goes through all its nodes.
"""

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from graphql import DocumentNode, GraphQLError, GraphQLSchema, parse
from strawberry.extensions import SchemaExtension
from strawberry.schema.schema import validate_document

CACHED_DOCUMENTS = 256
MAX_CACHED_LENGTH = 20_000
"""Longer texts are parsed and validated each time, so that the caches stay small."""


@lru_cache(maxsize=CACHED_DOCUMENTS)
def parsed(text: str, options: tuple[tuple[str, Any], ...]) -> DocumentNode:
    return parse(text, **dict(options))


@lru_cache(maxsize=CACHED_DOCUMENTS)
def errors_of(
    schema: GraphQLSchema, text: str, options: tuple[tuple[str, Any], ...], rules: tuple[Any, ...]
) -> list[GraphQLError]:
    return validate_document(schema, parsed(text, options), rules)


class CachedDocuments(SchemaExtension):
    """Looks documents up. `validation_rules` must be the same classes each time: rules made per request never hit."""

    def on_parse(self) -> Iterator[None]:
        context = self.execution_context
        if self._is_cached():
            context.graphql_document = parsed(context.query or "", self._options())
        yield

    def on_validate(self) -> Iterator[None]:
        context = self.execution_context
        if self._is_cached():
            schema = context.schema._schema
            rules = tuple(context.validation_rules)
            context.pre_execution_errors = errors_of(schema, context.query or "", self._options(), rules)
        yield

    def _is_cached(self) -> bool:
        return 0 < len(self.execution_context.query or "") <= MAX_CACHED_LENGTH

    def _options(self) -> tuple[tuple[str, Any], ...]:
        return tuple(self.execution_context.parse_options.items())
