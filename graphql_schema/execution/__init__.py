"""How answers are made: lists of plain data by the column, all else by graphql-core.

graphql-core completes a list value by value, at some microseconds for each. Here a list is completed field by field:
one column of values for all its objects, checked and serialised together (`leaves.py`), then one display makes the
dicts. Nested lists and objects are columns too, whatever the number of parents, and fields with resolvers are asked for
all objects at once (`executor.py`).

The rule is: prove it or leave it to graphql-core. Whatever is not known to come out the same, and whatever goes wrong,
sends the whole list back to graphql-core, which completes the same data and finds the errors. So errors, paths and
nulls are graphql-core's own. tests/difftest.py compares the two.
"""

from graphql_schema.execution.executor import BATCH, COUNTS, ColumnExecutor, Everything
from graphql_schema.execution.rows import Columns, Layout, Layouts, Records, Rows, column_of, stored, stored_text

__all__ = [
    "BATCH",
    "COUNTS",
    "ColumnExecutor",
    "Columns",
    "Everything",
    "Layout",
    "Layouts",
    "Records",
    "Rows",
    "column_of",
    "stored",
    "stored_text",
]
