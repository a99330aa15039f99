"""What sends a list back to graphql-core."""


class Unproven(Exception):
    """The value may need what only graphql-core does: it completes the list."""
