"""Which fields a client selected below the current one."""

from strawberry.types.nodes import InlineFragment, SelectedField, Selection

from graphql_schema.context import Info


def selected_names(info: Info) -> set[str]:
    """The names of the fields directly selected here, through fragments, whatever directives they carry."""
    names: set[str] = set()
    pending: list[Selection] = [selection for field in info.selected_fields for selection in field.selections]
    while pending:
        selection = pending.pop()
        if isinstance(selection, SelectedField):
            names.add(selection.name)
        elif isinstance(selection, InlineFragment) or selection.selections:
            pending += selection.selections
    return names
