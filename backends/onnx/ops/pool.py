"""Pooling as ONNX nodes."""

from math import comb, prod
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import size
from ....compiler.ops.kinds import Pairs
from ....compiler.ops.pool import adaptive_bins
from ....compiler.ops.windows import reach
from ..builder import Builder
from .base import LOWERINGS, flat, lowers, pad_node, padded, simple
from .means import LONG, as_rows, mean

LOWERINGS.update(
    gmp=simple("GlobalMaxPool"),
)


@lowers("gap")
def _gap(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = step.in_shapes[0]
    if size(x[1:]) <= LONG:
        return b.node("GlobalAveragePool", xs, step.out_shape)
    rows, shape = as_rows(b, xs[0], x)
    average = mean(b, rows, shape, 1, "mean")
    return b.node("Reshape", [average, b.ints("shape", [-1, *step.out_shape])], step.out_shape)


@lowers("maxpool")
def _maxpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> Any:
    """Without ceil_mode, whose rounding differs between runtimes.

    ONNX Runtime refuses padding as large as the undilated window; that is a Pad of its own.
    """
    pads = reach(step.in_shapes[0], step.out_shape, a)
    apart = any(max(pair) >= k for pair, k in zip(pads, a.k, strict=True))
    x = pad_node(b, xs[0], padded(step.in_shapes[0], pads), pads, value=-np.inf) if apart else xs[0]
    settings = {"kernel_shape": a.k, "strides": a.s, "dilations": a.d}
    if not apart:
        settings["pads"] = flat(pads)
    output = b.node("MaxPool", [x], step.out_shape, **settings)
    if len(step.outputs) == 1:
        return output
    indices = b.second_output(output, step.out_shape, "indices")
    return output, _unpadded(b, indices, step, pads) if apart else indices


def _unpadded(b: Builder, indices: str, step: Apply, pads: Pairs) -> str:
    """Places within the padded input as places within the input: Σ (coordinate − padding)·stride over the axes."""
    rest, total, stride = indices, "", 1
    x, shape = step.in_shapes[0], (b.batch, *step.out_shape)

    def compute(op: str, left: str, right: int, part: str) -> str:
        return b.raw_node(op, [left, b.ints(f"{part}.by", [right])], shape, part, kind="int64")

    for axis, extent in reversed(list(enumerate(padded(x, pads)[1:]))):
        along = compute("Mod", rest, extent, f"along{axis}")
        inner = compute("Sub", along, pads[axis][0], f"inner{axis}")
        term = compute("Mul", inner, stride, f"term{axis}")
        total = b.raw_node("Add", [total, term], shape, f"sum{axis}", kind="int64") if total else term
        rest = compute("Div", rest, extent, f"rest{axis}")
        stride *= x[axis + 1]
    outer = compute("Mul", rest, stride, "outer")
    return b.raw_node("Add", [total, outer], shape, "place", kind="int64")


@lowers("avgpool")
def _avgpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return _mean(b, a, step, xs[0])


def _mean(b: Builder, a: Any, step: Apply, x: str, part: str = "") -> str:
    """The mean of each window as PyTorch takes it."""
    pads = reach(step.in_shapes[0], step.out_shape, a)
    settings = {"kernel_shape": a.k, "strides": a.s, "pads": flat(pads)}
    count_pad = getattr(a, "count_pad", True)
    if not a.ceil:
        return b.node("AveragePool", [x], step.out_shape, part, count_include_pad=int(count_pad), **settings)
    mean = b.node("AveragePool", [x], step.out_shape, f"{part}.sum" if part else "sum", count_include_pad=1, **settings)
    return b.node("Mul", [mean, b.constant("divisors", _divisors(a, step, count_pad))], step.out_shape, part)


def _divisors(a: Any, step: Apply, count_pad: bool) -> Any:
    """What turns a mean over whole windows into PyTorch's, whose windows end with the padded input."""
    result = np.ones((1, 1, *step.out_shape[1:]))
    for axis, (extent, n) in enumerate(zip(step.in_shapes[0][1:], step.out_shape[1:], strict=True)):
        k, s, (before, after) = a.k[axis], a.s[axis], a.p[axis]
        starts = np.arange(n) * s - before
        if count_pad:
            counts = np.minimum(starts + k, extent + after) - starts
        else:
            counts = np.minimum(starts + k, extent) - np.maximum(starts, 0)
        result = result * (k / counts).reshape([-1 if i == axis + 2 else 1 for i in range(result.ndim)])
    return result.astype(np.float32)


@lowers("adaptive_avgpool")
def _adaptive_avgpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """A plain pooling where the bins are equal, else one averaging matrix for each axis."""
    extents = step.in_shapes[0][1:]
    if all(n % m == 0 for n, m in zip(extents, a.size, strict=True)):
        window = [n // m for n, m in zip(extents, a.size, strict=True)]
        return b.node("AveragePool", xs, step.out_shape, kernel_shape=window, strides=window)
    x, shape = xs[0], list(step.in_shapes[0])
    last = len(shape) - 1
    for axis in range(1, last + 1):
        matrix = b.constant(f"bins{axis}", _bin_matrix(shape[axis], a.size[axis - 1]))
        shape[axis] = a.size[axis - 1]
        x = _along(b, x, shape, axis, matrix, "" if axis == last else f"axis{axis}")
    return x


def _bin_matrix(extent: int, n: int) -> Any:
    matrix = np.zeros((extent, n), np.float32)
    for i, (start, stop) in enumerate(adaptive_bins(extent, n)):
        matrix[start:stop, i] = 1 / (stop - start)
    return matrix


def _along(b: Builder, x: str, shape: list[int], axis: int, matrix: str, part: str) -> str:
    """Multiply one axis of `x` by a matrix; `shape` is the result's, without the batch."""
    last = len(shape) - 1
    if axis == last:
        return b.node("MatMul", [x, matrix], tuple(shape), part)
    order = list(range(len(shape) + 1))
    order[axis + 1], order[last + 1] = order[last + 1], order[axis + 1]
    turned = [shape[i - 1] for i in order[1:]]
    before = list(turned)
    before[last] = b_extent(b, x, axis)
    x = b.node("Transpose", [x], tuple(before), f"{part}.turn", perm=order)
    x = b.node("MatMul", [x, matrix], tuple(turned), f"{part}.mean")
    return b.node("Transpose", [x], tuple(shape), part, perm=order)


def b_extent(b: Builder, x: str, axis: int) -> int:
    """The extent of a tensor along an axis, before it is averaged."""
    assert b.step is not None
    shape = b.shapes.get(x, (b.batch, *b.step.in_shapes[0]))
    return int(shape[axis + 1])


@lowers("unpool")
def _unpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """A scatter by hand: MaxUnpool takes a fixed output shape, which a dynamic batch does not have.

    ONNX counts a pooling's indices through the whole batch, so they point into the flattened output directly.
    """
    elements = size(a.size)
    batch = b.raw_node("Shape", [xs[0]], (1,), "batch", kind="int64", start=0, end=1)
    count = b.raw_node("Mul", [batch, b.ints("elements", [elements])], (1,), "count", kind="int64")
    all_, few = b.times(elements), b.times(size(step.in_shapes[0]))
    zeros = b.raw_node("ConstantOfShape", [count], (all_,), "zeros")
    flat = b.ints("flat", [-1])
    where = b.raw_node("Reshape", [xs[1], flat], (few,), "where", kind="int64")
    values = b.raw_node("Reshape", [xs[0], flat], (few,), "values")
    filled = b.raw_node("ScatterElements", [zeros, where, values], (all_,), "filled", axis=0)
    return b.node("Reshape", [filled, b.ints("shape", [-1, *a.size])], step.out_shape)


@lowers("adaptive_maxpool")
def _adaptive_maxpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """A plain pooling where the bins are equal, else the largest of each bin, axis by axis."""
    extents = step.in_shapes[0][1:]
    if all(n % m == 0 for n, m in zip(extents, a.size, strict=True)):
        window = [n // m for n, m in zip(extents, a.size, strict=True)]
        return b.node("MaxPool", xs, step.out_shape, kernel_shape=window, strides=window)
    x, shape = xs[0], list(step.in_shapes[0])
    for axis in range(1, len(shape)):
        x = _bins(b, x, shape, axis, a.size[axis - 1], last=axis == len(shape) - 1)
        shape[axis] = a.size[axis - 1]
    return x


def _bins(b: Builder, x: str, shape: list[int], axis: int, n: int, last: bool) -> str:
    """The largest value of each bin along one axis."""
    along = b.ints(f"axis{axis}", [axis + 1])
    parts = []
    for i, (start, stop) in enumerate(adaptive_bins(shape[axis], n)):
        bounds = [b.ints(f"start{axis}_{i}", [start]), b.ints(f"stop{axis}_{i}", [stop]), along]
        cut = [*shape[:axis], stop - start, *shape[axis + 1 :]]
        one = [*shape[:axis], 1, *shape[axis + 1 :]]
        piece = b.node("Slice", [x, *bounds], tuple(cut), f"cut{axis}_{i}")
        parts.append(b.node("ReduceMax", [piece, along], tuple(one), f"bin{axis}_{i}"))
    joined = [*shape[:axis], n, *shape[axis + 1 :]]
    return b.node("Concat", parts, tuple(joined), "" if last else f"bins{axis}", axis=axis + 1)


@lowers("lppool")
def _lppool(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """From its parts: ONNX's LpPool takes absolute values and whole powers, PyTorch's does neither."""
    power = b.constant("power", np.array(a.norm, np.float32))
    raised = b.node("Pow", [xs[0], power], step.in_shapes[0], "raised")
    mean = _mean(b, a, step, raised, "mean")
    total = b.node("Mul", [mean, b.constant("count", np.array(prod(a.k), np.float32))], step.out_shape, "total")
    return b.node("Pow", [total, b.constant("root", np.array(1 / a.norm, np.float32))], step.out_shape)


@lowers("blurpool")
def _blurpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """A depthwise convolution with the outer product of binomial coefficients."""
    channels = step.in_shapes[0][0]
    kernel = np.ones(())
    for k in a.k:
        kernel = kernel[..., None] * np.array([comb(k - 1, i) for i in range(k)]) / 2 ** (k - 1)
    kernel = np.broadcast_to(kernel, (channels, 1, *a.k)).astype(np.float32)
    x = pad_node(b, xs[0], padded(step.in_shapes[0], a.p), a.p, mode="reflect")
    settings = {"kernel_shape": a.k, "strides": a.s, "group": channels}
    return b.node("Conv", [x, b.constant("kernel", kernel)], step.out_shape, **settings)
