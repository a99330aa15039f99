"""The minimap's read in ClickHouse, by chdb: run by a Python that has it, driven by benchmarks/peers.py.

Reads one command in JSON a line and answers each with a line. Needs nothing but chdb.
"""

import json
import sys
from importlib import import_module
from typing import Any

# Ordered by what is asked for; with the default of 8,192 rows a granule, the read takes up to twice as long.
_TABLE = """
    create table span (
        conversation_id String, started_at DateTime64(6, 'UTC'), span_id String, trace_id String,
        operation_name LowCardinality(String), status LowCardinality(String), duration_ms Int64
    ) engine = MergeTree order by (conversation_id, started_at, span_id) settings index_granularity = 1024"""

_READ = """
    select conversation_id, operation_name, trace_id, span_id, status, duration_ms from span
    where conversation_id in ({ids}) order by conversation_id, started_at desc, span_id desc
    limit 200 by conversation_id"""


def _load(session: Any, path: str) -> None:  # noqa: ANN401 - chdb has no types
    session.query(_TABLE)
    session.query(f"insert into span select * from file('{path}', 'CSVWithNames')")
    session.query("optimize table span final")


def _read(session: Any, ids: list[str]) -> int:  # noqa: ANN401
    """The answer as ClickHouse's own JSON, an object for each span like ours; how many rows it has."""
    quoted = ", ".join(f"'{id_}'" for id_ in ids)
    answer = session.query(_READ.format(ids=quoted), "JSON")
    if not answer.bytes():
        raise AssertionError("no answer")
    return int(answer.rows_read())


def main(folder: str) -> None:
    session = import_module("chdb.session").Session(folder)
    session.query("create database bench")
    session.query("use bench")
    for line in sys.stdin:
        command, argument = json.loads(line)
        if command == "load":
            _load(session, argument)
        print(_read(session, argument) if command == "read" else 0, flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
