"""Random queries, answered by the column and by graphql-core alone: the answers must be the same.

`python -m tests.difftest --queries 100000` runs as many as you like; tests/test_execution.py runs some thousands.
"""

import argparse
import asyncio
import logging
import sys
import warnings
from collections.abc import Callable, Container
from functools import partial
from random import Random
from typing import Any

import orjson
import strawberry

from graphql_schema.execution import COUNTS, Everything
from tests.odd_schema import Garden, Growth, schema
from tests.random_queries import QueryMaker, Values

ARGUMENTS: Values = {
    "times": lambda random: random.choice(["0", "1", "3"]),
    "limit": lambda random: random.choice(["0", "1", "2"]),
}
STARTS = ("branches %s", "maybeBranches %s")


def comparable(result: Any) -> tuple[bytes, list[Any]]:
    """The answer as it is sent, in the order of its members, and its errors."""
    errors = [(error.path, error.message, error.locations) for error in result.errors or ()]
    return orjson.dumps(orjson.loads(orjson.dumps(result.data))), sorted(errors, key=repr)


async def differences(queries: int, seed: int) -> list[str]:
    """Those of so many queries over odd values whose answers differ."""
    random = Random(seed)
    reference, by_column = schema(by_column=False), schema(by_column=True)
    maker = QueryMaker(by_column._schema, random, ARGUMENTS)
    found = []
    for _ in range(queries):
        query = maker.query(random.choice(STARTS), depth=3, declared="Branch")
        growth = Growth(random, random.choice([0.0, 0.0, 0.02, 0.3]))
        garden = partial(Garden, growth.branches())
        if not await same(query, maker.variables(), reference, by_column, garden):
            found.append(query)
    return found


async def same(
    query: str,
    variables: dict[str, Any],
    reference: strawberry.Schema,
    by_column: strawberry.Schema,
    context: Callable[[Container[str]], Any],
) -> bool:
    """Whether the query has one answer, as dicts and as JSON; `context` makes one that splices what is given."""
    expected = await reference.execute(query, variables, context_value=context(()))
    try:
        answer = comparable(expected)
    except TypeError:
        return True  # No transport could send it.
    for splices in ((), Everything()):
        found = await by_column.execute(query, variables, context_value=context(splices))
        if comparable(found) != answer:
            return False
    return True


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queries", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")  # graphql-core leaves coroutines behind where a null takes their place,
    sys.unraisablehook = lambda _: None  # and where nothing can be imported, even the warning fails.
    found = asyncio.run(differences(given.queries, given.seed))
    print(f"{given.queries:,} queries, {len(found):,} differences; {COUNTS}")
    raise SystemExit("\n".join(found[:5]) or None)


if __name__ == "__main__":
    main()
