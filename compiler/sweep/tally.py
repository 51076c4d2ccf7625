"""What a sweep counts besides its rows: points that do not compile or are over a limit, and the front."""

from collections.abc import Mapping
from typing import Any

from .pareto import Front


class Tally:
    """Sums over some points; those of two stretches add up in any order."""

    def __init__(self) -> None:
        self.points = self.kept = 0
        self.failed: dict[str, tuple[int, int, str]] = {}
        """For the code of each first mistake: how many points have it, the first of them, and what it says there."""
        self.over: dict[str, int] = {}
        """For each limit the points that compile and go beyond it; a point may go beyond several."""
        self.least: dict[str, Any] = {}
        """For each limit the smallest figure of the points that compile."""
        self.front = Front()

    def fail(self, code: str, point: int, text: str, count: int = 1) -> None:
        known, first, reason = self.failed.get(code, (0, point, text))
        if point < first:
            first, reason = point, text
        self.failed[code] = (known + count, first, reason)

    def measure(self, name: str, value: Any, over: int) -> None:
        """Note a limited figure, and how many points are over the limit with it."""
        self.over[name] = self.over.get(name, 0) + over
        self.least[name] = min(value, self.least.get(name, value))

    def add(self, other: Mapping[str, Any]) -> None:
        """Take in the sums of another stretch, as `to_dict` gives them."""
        self.points += other["points"]
        self.kept += other["kept"]
        for code, (count, point, text) in other["failed"].items():
            self.fail(code, point, text, count)
        for name, value in other["least"].items():
            self.measure(name, value, other["over"][name])
        for vector in other["front"]:
            self.front.add(tuple(vector))

    def to_dict(self) -> dict[str, Any]:
        """Everything as plain JSON data."""
        return {
            "points": self.points,
            "kept": self.kept,
            "failed": self.failed,
            "over": self.over,
            "least": self.least,
            "front": self.front.vectors,
        }
