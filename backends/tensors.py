"""Weights that are made when they are needed, whole or block by block, so that a network may have more than fit."""

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..compiler.ir import Graph, weights_of
from ..compiler.ops import Weight
from .initial import draw_blocks
from .reparam import DERIVED, derived
from .weights import draw_one, generator

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[Any]

BLOCK = 2**24
"""Elements that are in memory at once where a tensor can be made in blocks."""


class Tensor(NamedTuple):
    """A tensor's shape and type, and what makes its values: all at once, or in blocks of its flattened form."""

    shape: tuple[int, ...]
    dtype: "np.dtype[Any]"
    array: "Callable[[], Array]"
    blocks: "Callable[[], Iterator[Array]] | None" = None
    """None where its values are only there as a whole."""

    @property
    def nbytes(self) -> int:
        return prod(self.shape) * self.dtype.itemsize

    def data(self) -> Iterator[bytes]:
        """The values in C order and little-endian, as ONNX stores them."""
        for block in (self.array(),) if self.blocks is None else self.blocks():
            yield np.ascontiguousarray(block).astype(block.dtype.newbyteorder("<"), copy=False).tobytes()


def at_hand(array: "Array") -> Tensor:
    """A tensor that is in memory."""
    return Tensor(array.shape, array.dtype, lambda: array)


class Given(dict[str, Any]):
    """Weights that are in memory, by name."""

    def tensor(self, name: str) -> Tensor:
        return at_hand(self[name])


class Drawn(Mapping[str, Any]):
    """Initial values of a network's weights: each is drawn, from the seed and its own name, when it is asked for."""

    def __init__(self, graph: Graph, seed: int) -> None:
        self.seed = seed
        self.weights: dict[str, Weight] = {name: weight for name, weight, _ in weights_of(graph)}

    def __getitem__(self, name: str) -> "Array":
        weight = self.weights[name]
        if weight.init in DERIVED:
            return derived(self, name, self.weights)
        return draw_one(name, weight, self.seed)

    def __contains__(self, name: object) -> bool:
        return name in self.weights  # what is only asked for is not drawn

    def __iter__(self) -> Iterator[str]:
        return iter(self.weights)

    def __len__(self) -> int:
        return len(self.weights)

    def tensor(self, name: str) -> Tensor:
        weight = self.weights[name]
        dtype = np.dtype(np.int64 if weight.init == "count" else np.float32)
        in_blocks = draw_blocks(weight, BLOCK) if prod(weight.shape) > BLOCK else None
        blocks = None if in_blocks is None else lambda: in_blocks(generator(name, self.seed))
        return Tensor(weight.shape, dtype, lambda: self[name], blocks)
