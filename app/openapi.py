"""The served OpenAPI document: FastAPI's, with the contract's words where FastAPI has its own."""

from collections.abc import Callable
from typing import Any

from fastapi import FastAPI

# Clients generated from Weave's document know these members; newer FastAPI adds `input` and `ctx` to the schema.
VALIDATION_ERROR_MEMBERS = ("loc", "msg", "type")


def contract_openapi(app: FastAPI) -> Callable[[], dict[str, Any]]:
    """FastAPI's `openapi` with the contract's ValidationError. Answers keep the members that FastAPI adds."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        properties = document["components"]["schemas"]["ValidationError"]["properties"]
        for member in set(properties) - set(VALIDATION_ERROR_MEMBERS):
            del properties[member]
        return document

    return openapi
