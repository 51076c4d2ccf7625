"""Unique names: every place that hands out names, from weights to Python classes, takes them from a `Namespace`."""

from collections.abc import Iterable


class Namespace:
    """The names of one scope. A name that is taken gets the lowest number from 2 on that makes it free.

    >>> scope = Namespace(["conv"])
    >>> scope.take("conv"), scope.take("conv"), scope.take("bn")
    ('conv2', 'conv3', 'bn')
    """

    __slots__ = ("_folded", "_joint", "_last", "_taken")

    def __init__(self, taken: Iterable[str] = (), joint: str = "", folded: bool = False) -> None:
        """taken: names that are not to be given; joint: what stands between a name and its number.

        folded: whether names that differ in case alone are one, as files are on some systems.
        """
        self._folded = folded
        self._taken = set(map(self._key, taken))
        self._joint = joint
        self._last: dict[str, int] = {}  # the last number tried for each name, so that many equal ones take linear time

    def __contains__(self, name: str) -> bool:
        return self._key(name) in self._taken

    def _key(self, name: str) -> str:
        return name.casefold() if self._folded else name

    def reserve(self, names: Iterable[str]) -> None:
        """Keep names from being given."""
        self._taken.update(map(self._key, names))

    def take(self, wanted: str) -> str:
        """A name that nobody has: the wanted one, or that with a number."""
        name, number = wanted, self._last.get(wanted, 1)
        while self._key(name) in self._taken:
            number += 1
            name = f"{wanted}{self._joint}{number}"
        self._last[wanted] = number
        self._taken.add(self._key(name))
        return name
