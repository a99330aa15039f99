"""Programs that measure: medians of interleaved runs, each beside a baseline of the same run. See README.md."""
