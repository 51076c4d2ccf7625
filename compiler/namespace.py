"""Unique names: every place that hands out names, from weights to Python classes, takes them from a `Namespace`."""

from collections.abc import Iterable


class Namespace:
    """The names of one scope. A name that is taken gets the lowest number from 2 on that makes it free.

    >>> scope = Namespace(["conv"])
    >>> scope.take("conv"), scope.take("conv"), scope.take("bn")
    ('conv2', 'conv3', 'bn')
    """

    __slots__ = ("_joint", "_last", "_taken")

    def __init__(self, taken: Iterable[str] = (), joint: str = "") -> None:
        """taken: names that are not to be given; joint: what stands between a name and its number."""
        self._taken = set(taken)
        self._joint = joint
        self._last: dict[str, int] = {}  # the last number tried for each name, so that many equal ones take linear time

    def __contains__(self, name: str) -> bool:
        return name in self._taken

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names from being given."""
        self._taken.update(names)

    def take(self, wanted: str) -> str:
        """A name that nobody has: the wanted one, or that with a number."""
        name, number = wanted, self._last.get(wanted, 1)
        while name in self._taken:
            number += 1
            name = f"{wanted}{self._joint}{number}"
        self._last[wanted] = number
        self._taken.add(name)
        return name
