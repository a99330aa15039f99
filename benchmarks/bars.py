"""The bars that speed is held to: ratios within one run, how sure they are, and whether they pass.

A ratio is that of two medians. How sure it is, the bootstrap says: rounds are drawn again and again with replacement,
ours and the other's of one round together, and between the two bounds are four in five of the ratios that come out. So
with nine chances in ten the true one is above the lower bound. A bar is missed when even the better bound misses it.
"""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from time import perf_counter

from benchmarks.harness import Work
from benchmarks.processes import Processes

ROUNDS = 15
_DRAWS = 2000


@dataclass(frozen=True, slots=True)
class Runs:
    """What each counted round of something took, in the order of the rounds."""

    wall_s: list[float]
    cpu_s: list[float]
    """Of the server and of PostgreSQL's backends; zeros where nobody looked."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """One median by another, and its bounds."""

    value: float
    low: float
    high: float

    @classmethod
    def of(cls, ours: Sequence[float], theirs: Sequence[float]) -> "Ratio":
        """Of two series with as many rounds each."""
        random = Random("bootstrap")
        rounds = range(len(ours))
        drawn = []
        for _ in range(_DRAWS):
            chosen = random.choices(rounds, k=len(ours))
            drawn.append(_median_ratio([ours[n] for n in chosen], [theirs[n] for n in chosen]))
        drawn.sort()
        return cls(_median_ratio(ours, theirs), drawn[_DRAWS // 10], drawn[-_DRAWS // 10])

    @classmethod
    def exactly(cls, value: float) -> "Ratio":
        """Something that was counted, or measured once."""
        return cls(value, value, value)


def _median_ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    return statistics.median(ours) / max(statistics.median(theirs), 1e-9)


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of the table: what was measured, and how far it may go."""

    what: str
    limit: float
    """The most that the ratio may be, or the least if `at_least`."""
    ratio: Ratio | None
    """None: not measured."""
    figures: str
    """Both medians, for whoever wants to know; or why nothing was measured."""
    at_least: bool = False
    unit: str = "x"

    @property
    def passes(self) -> bool | None:
        """None if it was not measured."""
        if self.ratio is None:
            return None
        return self.ratio.high >= self.limit if self.at_least else self.ratio.low <= self.limit

    def row(self) -> str:
        """As a row of the Markdown table."""
        verdict = {True: "pass", False: "**missed**", None: "not measured"}[self.passes]
        bound = f"{'≥' if self.at_least else '≤'} {self.limit:g} {self.unit}"
        if self.ratio is None:
            return f"| {self.what} | {bound} | | | {verdict} | {self.figures} |"
        exact = self.ratio.low == self.ratio.high
        spread = "" if exact else f"{figure(self.ratio.low)} to {figure(self.ratio.high)}"
        return f"| {self.what} | {bound} | {figure(self.ratio.value)} | {spread} | {verdict} | {self.figures} |"


HEAD = "| what | bar | measured | bounds | verdict | medians |\n|---|---|---:|---|---|---|"


def figure(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def wall_bar(what: str, limit: float, ours: Runs, theirs: Runs, beside: str) -> Bar:
    """Ours may take at most `limit` times as long as what it stands beside."""
    return _bar(f"{what}: time", limit, ours.wall_s, theirs.wall_s, beside)


def cpu_bar(what: str, limit: float, ours: Runs, theirs: Runs, beside: str) -> Bar:
    """The same of processor time, the server's and PostgreSQL's together."""
    what = f"{what}: processor"
    if not statistics.median(theirs.cpu_s):
        return Bar(what, limit, None, "this system does not tell it")
    return _bar(what, limit, ours.cpu_s, theirs.cpu_s, beside)


def _bar(what: str, limit: float, ours: Sequence[float], theirs: Sequence[float], beside: str) -> Bar:
    medians = [f"{figure(statistics.median(series) * 1000)} ms" for series in (ours, theirs)]
    return Bar(what, limit, Ratio.of(ours, theirs), f"{medians[0]}; {beside} {medians[1]}")


def rate_bar(what: str, limit: float, ours: tuple[int, Runs], theirs: tuple[int, Runs], beside: str) -> Bar:
    """Ours must do at least `limit` times as many a second. Given with the runs: how many one run does."""
    (count, runs), (other_count, others) = ours, theirs
    ratio = Ratio.of([s / other_count for s in others.wall_s], [s / count for s in runs.wall_s])
    rates = [figure(number / statistics.median(series.wall_s)) for number, series in (ours, theirs)]
    return Bar(what, limit, ratio, f"{rates[0]} spans/s; {beside} {rates[1]}", at_least=True)


async def take_turns(
    works: Mapping[str, Work],
    *,
    rounds: int = ROUNDS,
    watched: Mapping[str, Processes] | None = None,
    warm_up: bool = True,
) -> dict[str, Runs]:
    """Run all in turn, round after round, after one that is not counted, and note what each took.

    `watched` are the processes whose processor time counts for a work.
    """
    runs = {name: Runs([], []) for name in works}
    for number in range(0 if warm_up else 1, rounds + 1):
        for name, work in works.items():
            processes = (watched or {}).get(name, Processes())
            spent = processes.seconds()
            began = perf_counter()
            await work(number)
            took = perf_counter() - began
            if number > 0:
                runs[name].wall_s.append(took)
                runs[name].cpu_s.append((await processes.seconds_at_rest()) - spent)
    return runs
