"""The table of definitions, and what several families of them share."""

# mypy: disable-error-code="no-any-return"
# NumPy types what an index or an operator makes of an array of any element type as Any.

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ....compiler.ir import Apply
from ....compiler.ops.reparam import PREFIX

Array: TypeAlias = NDArray[Any]
Weights: TypeAlias = dict[str, Array]
Lowering: TypeAlias = Callable[[Any, Apply, list[Array], Weights], Array | tuple[Array, ...]]
LOWERINGS: dict[str, Lowering] = {}
PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Register a function `(attributes, step, inputs, weights by their names within the layer) -> output` for ops."""

    def register(function: Lowering) -> Lowering:
        for name in names:
            LOWERINGS[name] = function
        return function

    return register


def kernel(weights: Weights, axis: int = 0) -> Array:
    """A layer's weight w; or g·v/‖v‖ with a length g for each slice v of the first axis; or w/(uᵀ·W·v), W the matrix
    of w with `axis` as rows, u and v its estimated leading singular vectors."""
    if "weight" in weights:
        return weights["weight"]
    if f"{PREFIX}.original1" in weights:
        v = weights[f"{PREFIX}.original1"]
        return weights[f"{PREFIX}.original0"] * v / np.sqrt((v**2).sum(tuple(range(1, v.ndim)), keepdims=True))
    w = weights[f"{PREFIX}.original"]
    u, v = weights[f"{PREFIX}.0._u"], weights[f"{PREFIX}.0._v"]
    return w / (u @ np.moveaxis(w, axis, 0).reshape(len(u), -1) @ v)


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


def softmax(x: Array, axis: int) -> Array:
    """exp(x)/Σexp(x) over an axis; the largest x is taken off before, which cancels."""
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def positions(x: Array) -> tuple[int, ...]:
    """The axes behind batch and channels."""
    return tuple(range(2, x.ndim))


def on_channels(v: Array, x: Array) -> Array:
    """A vector with one element per channel, shaped to combine with N×C×…"""
    return v.reshape(1, -1, *(1,) * (x.ndim - 2))


def last_axes(x: Array, index: Sequence[int | slice]) -> Array:
    """`x` at an index of its last axes: x[…, i, j]."""
    key: Any = (..., *index)
    return x[key]


def padded(x: Array, pads: Any, mode: str = "zeros", value: float = 0.0) -> Array:
    """`x` with `(before, after)` elements more on each of its last axes."""
    amounts = [(0, 0)] * (x.ndim - len(pads)) + list(pads)
    if mode == "zeros":
        return np.pad(x, amounts, constant_values=value)
    return np.pad(x, amounts, mode=PAD_MODES[mode])  # type: ignore[call-overload]
