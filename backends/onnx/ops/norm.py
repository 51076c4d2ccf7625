"""Normalisation as ONNX nodes."""

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import Shape, size
from ....compiler.ops.norm import normalized, on_last_axis
from ..builder import Builder
from ..fold import fold_norm
from .base import lowers
from .means import LONG, as_rows, length, standardised


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


@lowers("ln")
def _ln(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """LayerNormalization takes trailing axes, so channels go last and come back."""
    x = step.in_shapes[0]
    shape = normalized(a, x)
    if size(shape) > LONG:
        return _ln_of_many(b, a, x, xs[0], shape)
    scale = b.weight("weight") if a.affine else b.constant("ones", np.ones(shape, np.float32))
    inputs = [scale, *([b.weight("bias")] if a.affine else [])]
    if len(shape) == len(x) or on_last_axis(a, x):
        return b.node("LayerNormalization", [xs[0], *inputs], x, axis=-len(shape), epsilon=a.eps)
    rank = len(x) - 1
    last = (*x[1:], x[0])
    turned = b.node("Transpose", xs, last, "last", perm=[0, *range(2, rank + 2), 1])
    normal = b.node("LayerNormalization", [turned, *inputs], last, "norm", axis=-1, epsilon=a.eps)
    return b.node("Transpose", [normal], x, perm=[0, rank + 1, *range(1, rank + 1)])


def _ln_of_many(b: Builder, a: Any, x: Shape, value: str, shape: Shape) -> str:
    """Over more elements than LayerNormalization adds up exactly enough: trailing axes, or the channels."""
    if len(shape) == len(x) or on_last_axis(a, x):
        rows = (*x[: len(x) - len(shape)], size(shape))
        value = b.node("Reshape", [value, b.ints("rows", [-1, *rows])], rows, "rows") if rows != x else value
        normal = standardised(b, value, rows, a.eps)
        back = b.node("Reshape", [normal, b.ints("shape", [-1, *x])], x, "" if not a.affine else "back")
    else:
        turned = (*x[1:], x[0])
        rank = len(x) - 1
        rows_first = b.node("Transpose", [value], turned, "last", perm=[0, *range(2, rank + 2), 1])
        normal = standardised(b, rows_first, turned, a.eps)
        back = b.node("Transpose", [normal], x, "back" if a.affine else "", perm=[0, rank + 1, *range(1, rank + 1)])
    if not a.affine:
        return back
    column = shape if len(shape) == len(x) or on_last_axis(a, x) else (x[0], *(1 for _ in x[1:]))
    to = b.ints("column", list(column))
    scale = b.raw_node("Reshape", [b.weight("weight"), to], column, "scale")
    shift = b.raw_node("Reshape", [b.weight("bias"), to], column, "shift")
    return b.node("Add", [b.node("Mul", [back, scale], x, "scaled"), shift], x)


@lowers("gn")
def _gn(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """Instance normalisation of the groups as channels; GroupNormalization changed its meaning between opsets."""
    x = step.in_shapes[0]
    grouped = (a.groups, size(x) // a.groups)
    if grouped[1] > LONG:
        rows = b.node("Reshape", [xs[0], b.ints("groups", [-1, *grouped])], grouped, "rows")
        normal = standardised(b, rows, grouped, a.eps)
    else:
        ones = b.constant("ones", np.ones(a.groups, np.float32))
        zeros = b.constant("zeros", np.zeros(a.groups, np.float32))
        rows = b.node("Reshape", [xs[0], b.ints("groups", [-1, *grouped])], grouped, "rows")
        normal = b.node("InstanceNormalization", [rows, ones, zeros], grouped, "norm", epsilon=a.eps)
    back = b.node("Reshape", [normal, b.ints("shape", [-1, *x])], x, "back" if a.affine else "")
    return _scale_and_shift(b, back, x) if a.affine else back


def _scale_and_shift(b: Builder, value: str, x: Shape) -> str:
    """A learnt scale and shift per channel."""
    shape = b.ints("channels", [x[0], *(1 for _ in x[1:])])
    column = (x[0], *(1 for _ in x[1:]))
    scale = b.raw_node("Reshape", [b.weight("weight"), shape], column, "scale")
    shift = b.raw_node("Reshape", [b.weight("bias"), shape], column, "shift")
    scaled = b.node("Mul", [value, scale], x, "scaled")
    return b.node("Add", [scaled, shift], x)


@lowers("instnorm")
def _instnorm(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = step.in_shapes[0]
    if size(x[1:]) > LONG:
        normal = standardised(b, *as_rows(b, xs[0], x), a.eps)
        back = b.node("Reshape", [normal, b.ints("shape", [-1, *x])], x, "back" if a.affine else "")
        return _scale_and_shift(b, back, x) if a.affine else back
    scale = b.weight("weight") if a.affine else b.constant("ones", np.ones(x[0], np.float32))
    shift = b.weight("bias") if a.affine else b.constant("zeros", np.zeros(x[0], np.float32))
    return b.node("InstanceNormalization", [xs[0], scale, shift], x, epsilon=a.eps)


@lowers("l2norm")
def _l2norm(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """x / max(‖x‖₂, 10⁻¹²), as PyTorch's normalize."""
    x = step.in_shapes[0]
    row = (1, *x[1:])
    safe = b.node("Max", [length(b, xs[0], x, 0), b.constant("least", np.array(1e-12, np.float32))], row, "safe")
    return b.node("Div", [xs[0], safe], x)


@lowers("lrn")
def _lrn(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """LRN for images and odd sizes. Otherwise from its parts, the mean by a pooling over the channels as an axis.

    ONNX puts the channel more of an even size after, PyTorch before; ONNX Runtime takes neither even sizes nor volumes.
    """
    x = step.out_shape
    if a.size % 2 and len(x) == 3 and a.alpha > 0 and a.beta > 0:
        return b.node("LRN", xs, x, size=a.size, alpha=a.alpha, beta=a.beta, bias=a.k)
    plane = (1, x[0], size(x[1:]))
    square = b.node("Mul", [xs[0], xs[0]], x, "square")
    flat = b.node("Reshape", [square, b.ints("plane", [-1, *plane])], plane, "flat")
    mean = b.node("AveragePool", [flat], plane, "mean", kernel_shape=[a.size, 1], count_include_pad=1,
                  pads=[a.size // 2, 0, (a.size - 1) // 2, 0])  # fmt: skip
    mean = b.node("Reshape", [mean, b.ints("shape", [-1, *x])], x, "around")
    scaled = b.node("Mul", [mean, b.constant("alpha", np.array(a.alpha, np.float32))], x, "scaled")
    raised = b.node("Add", [scaled, b.constant("k", np.array(a.k, np.float32))], x, "raised")
    power = b.node("Pow", [raised, b.constant("beta", np.array(a.beta, np.float32))], x, "power")
    return b.node("Div", [xs[0], power], x)


@lowers("grn")
def _grn(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = step.out_shape
    column, single = (x[0], *(1 for _ in x[1:])), tuple(1 for _ in x)
    if size(x[1:]) > LONG:
        rows = length(b, *as_rows(b, xs[0], x), 1)
        own = b.node("Reshape", [rows, b.ints("column", [-1, *column])], column, "lengths")
    else:
        own = b.node("ReduceL2", [xs[0], b.ints("axes", list(range(2, len(x) + 1)))], column, "length")
    average = b.node("ReduceMean", [own, b.ints("channels", [1])], single, "mean")
    safe = b.node("Add", [average, b.constant("eps", np.array(a.eps, np.float32))], single, "safe")
    share = b.node("Div", [own, safe], column, "share")
    weighted = b.node("Mul", [b.node("Mul", [xs[0], share], x, "response"), b.weight("weight")], x, "weighted")
    return b.node("Add", [b.node("Add", [xs[0], weighted], x, "sum"), b.weight("bias")], x)
