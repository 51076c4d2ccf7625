"""The Pareto front: the points that no other point is better than. Only the front is held, never all points."""

from bisect import bisect_left
from collections.abc import Iterable
from operator import le
from typing import Any

Vector = tuple[Any, ...]
"""A point's objectives, each the smaller the better."""


def dominates(a: Vector, b: Vector) -> bool:
    """Whether a is at least as good as b in everything and better in something."""
    return a != b and all(map(le, a, b))


class Front:
    """The vectors that nothing seen so far dominates. Equal points have one vector, and are on the front together.

    They are kept sorted: what dominates a vector stands before it, and what it dominates behind it.
    """

    def __init__(self, vectors: Iterable[Vector] = ()) -> None:
        self.vectors: list[Vector] = []
        for vector in vectors:
            self.add(vector)

    def add(self, vector: Vector) -> None:
        """Take a vector in, unless one that is there dominates it, and drop those that it dominates."""
        at = bisect_left(self.vectors, vector)
        if at < len(self.vectors) and self.vectors[at] == vector:
            return
        for i in range(at - 1, -1, -1):  # neighbours first: they are the likeliest
            if all(map(le, self.vectors[i], vector)):
                return
        behind = self.vectors[at:]
        kept = [other for other in behind if not all(map(le, vector, other))]
        if len(kept) < len(behind):
            self.vectors[at:] = kept
        self.vectors.insert(at, vector)

    def __contains__(self, vector: Vector) -> bool:
        at = bisect_left(self.vectors, vector)
        return at < len(self.vectors) and self.vectors[at] == vector
