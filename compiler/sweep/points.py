"""The points of a space by their numbers: nothing but the number is needed to know a point, and none is stored."""

from functools import cached_property
from hashlib import blake2b
from typing import Any, NamedTuple

from .space import Space

ROUNDS = 8


class Point(NamedTuple):
    """One network of a space, and how it is used."""

    number: int
    params: dict[str, Any]
    input: Any
    """A shape, shapes by name, or None for the program's own."""
    batch: int
    dtype: str
    network: int
    """The same for points that differ in batch or type alone."""


class Points:
    """The points that are evaluated: all of the grid in its order, or a random choice of them.

    Point i of a grid is i written in mixed radix, the last key varying fastest: parameters in the order of the file,
    then input, batch and type. Point i of a random sample is the grid's point p(i), p being a permutation.
    """

    def __init__(self, space: Space) -> None:
        self.space = space

    @cached_property
    def axes(self) -> list[tuple[Any, ...]]:
        """The values of every key."""
        return [*(values for _, values in self.space.params), self.space.inputs, self.space.batches, self.space.dtypes]

    @cached_property
    def permutation(self) -> "Permutation":
        return Permutation(self.space.size, self.space.seed)

    def at(self, number: int) -> Point:
        """The point of that number, counted from 0."""
        index = number if self.space.sample == "grid" else self.permutation(number)
        network = index // (len(self.space.batches) * len(self.space.dtypes))
        values = []
        for axis in reversed(self.axes):
            index, place = divmod(index, len(axis))
            values.append(axis[place])
        dtype, batch, input, *params = values
        names = (name for name, _ in self.space.params)
        return Point(number, dict(zip(names, reversed(params), strict=True)), input, batch, dtype, network)


class Permutation:
    """A permutation of 0 … size − 1 that a seed chooses, computed element by element.

    A Feistel network (Luby and Rackoff, 1988) permutes the numbers of an even count of bits; one that leads beyond the
    size is permuted again until it does not (Black and Rogaway, 2002: cycle walking), so no two meet.
    """

    def __init__(self, size: int, seed: int) -> None:
        self.size = size
        self.half = max(1, ((size - 1).bit_length() + 1) // 2)
        self.width = (self.half + 7) // 8
        self.key = blake2b(str(seed).encode(), digest_size=32).digest()

    def __call__(self, index: int) -> int:
        while True:
            index = self.once(index)
            if index < self.size:
                return index

    def once(self, index: int) -> int:
        """A permutation of the numbers of twice `half` bits."""
        mask = (1 << self.half) - 1
        left, right = index >> self.half, index & mask
        for i in range(ROUNDS):
            left, right = right, left ^ (self.mixed(i, right) & mask)
        return left << self.half | right

    def mixed(self, i: int, half: int) -> int:
        """A pseudorandom function of half of the bits, another one in each round."""
        data = half.to_bytes(self.width, "little")
        size = min(64, self.width)
        blocks = [
            blake2b(data, digest_size=size, key=self.key, salt=bytes([i]), person=at.to_bytes(4, "little")).digest()
            for at in range(0, self.width, size)
        ]
        return int.from_bytes(b"".join(blocks), "little")


def chunks(count: int, size: int) -> int:
    """How many stretches of so many points there are."""
    return -(-count // size)
