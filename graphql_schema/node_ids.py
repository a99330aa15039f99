"""Node ids: opaque to clients, base64url of the type's name, the project and the key."""

import base64
import binascii
from typing import NamedTuple
from urllib.parse import quote, unquote

import strawberry


class NodeKey(NamedTuple):
    type_name: str
    project_id: str
    """`entity/project`"""
    key: tuple[str, ...]


def node_id(type_name: str, project_id: str, *key: str) -> strawberry.ID:
    text = ":".join(quote(part, safe="") for part in (type_name, project_id, *key))
    return strawberry.ID(base64.urlsafe_b64encode(text.encode()).decode().rstrip("="))


def parse_node_id(value: str) -> NodeKey | None:
    """The parts of an id, None if it is not one of ours."""
    try:
        text = base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)).decode()
        type_name, project_id, *key = (unquote(part, errors="strict") for part in text.split(":"))
    except (binascii.Error, ValueError):
        return None
    return NodeKey(type_name, project_id, tuple(key))
