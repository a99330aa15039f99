"""The types of the graph: plain fields, made from rows by `from_row`; async only on edges."""
