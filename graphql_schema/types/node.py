"""What everything with a global id has in common."""

import strawberry

from graphql_schema.node_ids import node_id


@strawberry.interface(description="An object with an id that names it among all objects of the server.")
class Node:
    @strawberry.field(description="Opaque; pass it to `node`.")
    def id(self) -> strawberry.ID:
        return node_id(type(self).__name__, *self.node_key())

    def node_key(self) -> tuple[str, ...]:
        """`entity/project`, then what names the object within it."""
        raise NotImplementedError(type(self).__name__)
