"""Each op as ONNX nodes."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ...compiler.ir import Apply
from ...compiler.ops.conv import Conv
from ...compiler.ops.pool import adaptive_bins
from .builder import Builder
from .fold import fold_norm

Lowering = Callable[[Builder, Any, Apply, list[str]], Any]
"""Gives the name of the output, or the names of all outputs."""
LOWERINGS: dict[str, Lowering] = {}
PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Register a function `(builder, attributes, step, inputs) -> output` for ops."""

    def register(function: Lowering) -> Lowering:
        for name in names:
            LOWERINGS[name] = function
        return function

    return register


def _simple(op: str, **attributes: Any) -> Lowering:
    return lambda b, a, step, xs: b.node(op, xs, step.out_shape, **attributes)


LOWERINGS.update(
    relu=_simple("Relu"),
    sigmoid=_simple("Sigmoid"),
    tanh=_simple("Tanh"),
    softmax=_simple("Softmax", axis=1),
    gap=_simple("GlobalAveragePool"),
    flatten=_simple("Flatten", axis=1),
    add=_simple("Add"),
    sub=_simple("Sub"),
    mul=_simple("Mul"),
    div=_simple("Div"),
    concat=_simple("Concat", axis=1),
    gmp=_simple("GlobalMaxPool"),
    abs=_simple("Abs"),
    hardswish=_simple("HardSwish"),
    hardsigmoid=_simple("HardSigmoid", alpha=1 / 6, beta=0.5),
)


@lowers("conv", "dwconv")
def _conv(b: Builder, a: Conv, step: Apply, xs: list[str]) -> str:
    x, pads = xs[0], a.p
    if a.pad_mode != "zeros":
        x, pads = _pad(b, step, x, pads, PAD_MODES[a.pad_mode]), ((0, 0),) * len(a.p)
    inputs = [x, b.weight("weight"), *([b.weight("bias")] if a.bias else [])]
    return b.node(
        "Conv", inputs, step.out_shape, kernel_shape=a.k, strides=a.s, dilations=a.d, group=a.g, pads=_flat(pads)
    )


def _flat(pads: tuple[tuple[int, int], ...]) -> list[int]:
    """ONNX's order: all sides before, then all after."""
    return [before for before, _ in pads] + [after for _, after in pads]


def _pad(b: Builder, step: Apply, x: str, pads: tuple[tuple[int, int], ...], mode: str) -> str:
    shape = step.in_shapes[0]
    padded = (shape[0], *(n + sum(p) for n, p in zip(shape[1:], pads, strict=True)))
    amounts = b.ints("pads", [0, 0, *(p[0] for p in pads), 0, 0, *(p[1] for p in pads)])
    return b.node("Pad", [x, amounts], padded, "pad", mode=mode)


@lowers("fc")
def _fc(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = xs[0]
    if len(step.in_shapes[0]) > 1:
        x = b.node("Flatten", [x], (step.in_shapes[0][0],), "flatten", axis=1)
    inputs = [x, b.weight("weight"), *([b.weight("bias")] if a.bias else [])]
    return b.node("Gemm", inputs, step.out_shape, transB=1)


@lowers("bn")
def _bn(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    folded = fold_norm(b, a, step, xs[0]) if b.inference else None
    if folded is not None:
        return folded
    channels = step.in_shapes[0][0]
    scale = b.weight("weight") if a.affine else b.constant("ones", np.ones(channels, np.float32))
    shift = b.weight("bias") if a.affine else b.constant("zeros", np.zeros(channels, np.float32))
    statistics = [b.weight("running_mean"), b.weight("running_var")]
    return b.node("BatchNormalization", [xs[0], scale, shift, *statistics], step.out_shape, epsilon=a.eps)


@lowers("dropout")
def _dropout(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    if b.inference:
        return xs[0]
    ratio = b.constant("ratio", np.array(a.p, np.float32))
    return b.node("Dropout", [xs[0], ratio], step.out_shape)


@lowers("relu6")
def _relu6(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    bounds = [b.constant("min", np.array(0, np.float32)), b.constant("max", np.array(6, np.float32))]
    return b.node("Clip", [xs[0], *bounds], step.out_shape)


@lowers("lrelu")
def _lrelu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("LeakyRelu", xs, step.out_shape, alpha=a.a)


@lowers("slice")
def _slice(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    bounds = [b.ints("start", [a.a]), b.ints("stop", [a.b]), b.ints("axis", [1])]
    return b.node("Slice", [xs[0], *bounds], step.out_shape)


def _reach(a: Any, step: Apply) -> tuple[tuple[int, int], ...]:
    """Padding that makes every window fit without ceil_mode, whose rounding differs between runtimes."""
    pairs = []
    for extent, n, k, s, p, d in zip(step.in_shapes[0][1:], step.out_shape[1:], a.k, a.s, a.p, a.d, strict=True):
        needed = (n - 1) * s + d * (k - 1) + 1 - extent - p[0]
        pairs.append((p[0], max(needed, 0) if a.ceil else p[1]))
    return tuple(pairs)


@lowers("maxpool")
def _maxpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> Any:
    pads = _flat(_reach(a, step))
    output = b.node("MaxPool", xs, step.out_shape, kernel_shape=a.k, strides=a.s, dilations=a.d, pads=pads)
    return output if len(step.outputs) == 1 else (output, b.second_output(output, step.out_shape, "indices"))


@lowers("avgpool")
def _avgpool(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    pads = _reach(a, step)
    settings = {"kernel_shape": a.k, "strides": a.s, "pads": _flat(pads)}
    if not a.ceil:
        return b.node("AveragePool", xs, step.out_shape, count_include_pad=int(a.count_pad), **settings)
    mean = b.node("AveragePool", xs, step.out_shape, "sum", count_include_pad=1, **settings)
    return b.node("Mul", [mean, b.constant("divisors", _divisors(a, step))], step.out_shape)


def _divisors(a: Any, step: Apply) -> Any:
    """What turns a mean over whole windows into PyTorch's, whose windows end with the padded input."""
    result = np.ones((1, 1, *step.out_shape[1:]))
    for axis, (extent, n) in enumerate(zip(step.in_shapes[0][1:], step.out_shape[1:], strict=True)):
        k, s, (before, after) = a.k[axis], a.s[axis], a.p[axis]
        starts = np.arange(n) * s - before
        if a.count_pad:
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
