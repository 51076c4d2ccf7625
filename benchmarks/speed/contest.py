"""Side-by-side measurements: every round runs all entries once, so that what slows the machine slows all of them."""

import random
import statistics
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

Figures = dict[str, list[float]]
"""By entry, one figure for each round."""


class Goal(NamedTuple):
    """What ours must reach beside one of the rivals: the one with the least figure, unless only one is named.

    kind: "faster" (rival / ours at least `factor`), "within" (ours / rival at most `factor`), or without rivals
    "at most" and "at least", which compare our own figure with `factor`.
    """

    ours: str
    kind: str
    factor: float
    rivals: tuple[str, ...] = ()
    what: str = ""


class Contest(NamedTuple):
    """Entries that do the same job. An entry gives its figure for one round, such as the seconds that it took."""

    title: str
    unit: str
    """ms, MiB, or per second."""
    note: str
    entries: dict[str, Callable[[], float]]
    goals: tuple[Goal, ...]
    rounds: int
    warm: bool = True
    """Whether a round that is not counted comes first."""
    profile: Callable[[], str] | None = None
    """Where the time goes, as lines for the page: for a goal that is missed."""


class Outcome(NamedTuple):
    """A goal with the median over the rounds and its 95 % interval."""

    goal: Goal
    rival: str
    median: float
    low: float
    high: float

    @property
    def met(self) -> bool:
        """Whether the interval reaches the goal."""
        return (
            self.high >= self.goal.factor if self.goal.kind in ("faster", "at least") else self.low <= self.goal.factor
        )


def run(contest: Contest) -> Figures:
    """All rounds, after one that is not counted if the contest wants it."""
    figures: Figures = {name: [] for name in contest.entries}
    names = list(contest.entries)
    for number in range(0 if contest.warm else 1, contest.rounds + 1):
        for name in names:
            figure = contest.entries[name]()
            if number:
                figures[name].append(figure)
        names = names[1:] + names[:1]  # nobody always comes after the same one
        print(f"{contest.title}: round {number} of {contest.rounds}", file=sys.stderr)
    return figures


def judge(contest: Contest, figures: Figures) -> list[Outcome]:
    """The goals of a contest. Ratios are taken within a round."""
    found = []
    for goal in contest.goals:
        rivals = [name for name in goal.rivals if name in figures]
        rival = min(rivals, key=lambda name: statistics.median(figures[name]), default="")
        ours = figures[goal.ours]
        if not rival:
            values = ours
        elif goal.kind == "faster":
            values = [b / a for a, b in zip(ours, figures[rival], strict=True)]
        else:
            values = [a / b for a, b in zip(ours, figures[rival], strict=True)]
        found.append(Outcome(goal, rival, statistics.median(values), *interval(values)))
    return found


def interval(values: Sequence[float], samples: int = 4_000) -> tuple[float, float]:
    """A 95 % bootstrap interval of the median."""
    draw = random.Random(0)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(samples))
    return medians[round(0.025 * samples)], medians[round(0.975 * samples) - 1]
