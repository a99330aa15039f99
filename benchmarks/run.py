"""All measurements on as much data as shows a trend: some minutes. `python -m benchmarks.run [ingest] [reads] ...`."""

import asyncio
import sys

from benchmarks import dialects, ingest, pure, reads, stages
from benchmarks.harness import Result, Scale, machine, server_of_its_own, show

NAMES = ("pure", "ingest", "dialects", "stages", "reads", "long")

SCALE = Scale(conversations=1000, read_ids=(100, 1000), ingest_spans=4000, long_requests=200, rounds=5)


async def run(scale: Scale, names: list[str]) -> list[Result]:
    """Measure what is named, and print it as it comes."""
    print(machine())
    results: list[Result] = []
    if "pure" in names:
        results += await pure.measure(scale)
    async with server_of_its_own() as server:
        if "ingest" in names:
            results += await ingest.measure(server, scale)
        if "dialects" in names:
            results += await dialects.measure(server, scale)
        if "reads" in names:
            results += await reads.measure(server, scale)
        if "long" in names:
            results += await ingest.measure_long_trace(server, scale)
        if "stages" in names:
            stages.show(await stages.measure(server, scale))
            print()
    show(results)
    return results


def main(scale: Scale) -> None:
    """Run what the command line names, else all."""
    unknown = set(sys.argv[1:]) - set(NAMES)
    if unknown:
        sys.exit(f"There is no {', '.join(sorted(unknown))}: choose from {', '.join(NAMES)}.")
    results = asyncio.run(run(scale, sys.argv[1:] or list(NAMES)))
    assert all(result.ours > 0 and result.baseline > 0 for result in results)


if __name__ == "__main__":
    main(SCALE)
