"""The same as benchmarks.run on little data, within a minute: whether it works, and the ratios roughly."""

from benchmarks.harness import Scale
from benchmarks.run import main

SCALE = Scale(conversations=20, read_ids=(5, 20), ingest_spans=1000, long_requests=5, rounds=3)

if __name__ == "__main__":
    main(SCALE)
