"""Means and lengths over one axis, exact enough at any extent.

ONNX Runtime adds the elements of a reduction one after another in single precision, so the error grows with their
number: 2.5e-4 of the result of a group normalisation over two million elements. A long axis is therefore reduced in
stages, each over an axis so short that its error does not show: 1e-7 for those two million, as in PyTorch.
"""

from math import prod

import numpy as np

from ....compiler.ops import Shape
from ....compiler.ops.base import size
from ..builder import Builder

LONG = 2**14
"""Elements that one reduction may add up: an error of about 1e-5 at most."""
STAGE = 512
"""Elements that a stage adds up, where the extent has such divisors."""


def stages(extent: int) -> list[int]:
    """An extent as factors of at most STAGE, the last one first; rounded up where it has none."""
    found: list[int] = []
    while extent > STAGE:
        factor = next((f for f in range(STAGE, STAGE // 8, -1) if extent % f == 0), STAGE)
        found.insert(0, factor)
        extent = -(-extent // factor)
    return [extent, *found]


def mean(b: Builder, x: str, shape: Shape, axis: int, part: str = "") -> str:
    """The mean of a tensor along one of the axes behind the batch, which then has extent 1."""
    result = _with(shape, axis, 1)
    prefix = f"{part}." if part else ""
    extent = int(shape[axis])
    if extent <= LONG:
        return b.node("ReduceMean", [x, b.ints(f"{prefix}axis", [axis + 1])], result, part)
    factors = stages(extent)
    whole = prod(factors)
    if whole > extent:
        amounts = [0] * (2 * len(shape) + 2)  # before every axis, then behind every axis
        amounts[len(shape) + 2 + axis] = whole - extent
        x = b.node("Pad", [x, b.ints(f"{prefix}amounts", amounts)], _with(shape, axis, whole), f"{prefix}pad")
    split = (*shape[:axis], *factors, *shape[axis + 1 :])
    x = b.node("Reshape", [x, b.ints(f"{prefix}split", [-1, *split])], split, f"{prefix}rows")
    op = "ReduceMean" if whole == extent else "ReduceSum"  # zeros add nothing to a sum
    for i in reversed(range(axis, axis + len(factors))):
        split = _with(split, i, 1)
        x = b.node(op, [x, b.ints(f"{prefix}axis{i}", [i + 1])], split, f"{prefix}stage{i}")
    if whole > extent:
        x = b.node("Mul", [x, b.constant(f"{prefix}part", np.array(1 / extent, np.float32))], split, f"{prefix}share")
    return b.node("Reshape", [x, b.ints(f"{prefix}shape", [-1, *result])], result, part)


def _with(shape: Shape, axis: int, extent: int) -> Shape:
    return (*shape[:axis], extent, *shape[axis + 1 :])


def length(b: Builder, x: str, shape: Shape, axis: int) -> str:
    """The Euclidean length of a tensor along an axis, which then has extent 1."""
    result = _with(shape, axis, 1)
    if shape[axis] <= LONG:
        return b.node("ReduceL2", [x, b.ints("axis", [axis + 1])], result, "length")
    square = b.node("Mul", [x, x], shape, "square")
    average = mean(b, square, shape, axis, "mean")
    extent = b.constant("extent", np.array(shape[axis], np.float32))
    total = b.node("Mul", [average, extent], result, "total")
    return b.node("Sqrt", [total], result, "length")


def standardised(b: Builder, x: str, shape: Shape, eps: float) -> str:
    """A tensor of rows without its mean and divided by its standard deviation along the last axis."""
    axis = len(shape) - 1
    column = (*shape[:-1], 1)
    centred = b.node("Sub", [x, mean(b, x, shape, axis, "mean")], shape, "centred")
    square = b.node("Mul", [centred, centred], shape, "square")
    variance = mean(b, square, shape, axis, "variance")
    safe = b.node("Add", [variance, b.constant("eps", np.array(eps, np.float32))], column, "safe")
    return b.node("Div", [centred, b.node("Sqrt", [safe], column, "deviation")], shape, "norm")


def as_rows(b: Builder, x: str, shape: Shape) -> tuple[str, Shape]:
    """A tensor with all its positions as one axis behind the channels."""
    rows = (shape[0], size(shape[1:]))
    return (x if rows == shape else b.node("Reshape", [x, b.ints("plane", [-1, *rows])], rows, "rows")), rows
