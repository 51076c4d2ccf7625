"""The Pareto front: the points that no other point is better than. Only the front is held, never all points."""

from collections.abc import Iterable
from typing import Any

Vector = tuple[Any, ...]
"""A point's objectives, each the smaller the better."""


def dominates(a: Vector, b: Vector) -> bool:
    """Whether a is at least as good as b in everything and better in something."""
    return a != b and all(x <= y for x, y in zip(a, b, strict=True))


class Front:
    """The vectors that nothing seen so far dominates. Equal points have one vector, and are on the front together."""

    def __init__(self, vectors: Iterable[Vector] = ()) -> None:
        self.vectors: set[Vector] = set()
        for vector in vectors:
            self.add(vector)

    def add(self, vector: Vector) -> None:
        """Take a vector in, unless one that is there dominates it, and drop those that it dominates."""
        if vector in self.vectors:
            return
        beaten = []
        for other in self.vectors:
            if dominates(other, vector):
                return
            if dominates(vector, other):
                beaten.append(other)
        self.vectors.difference_update(beaten)
        self.vectors.add(vector)

    def __contains__(self, vector: Vector) -> bool:
        return vector in self.vectors
