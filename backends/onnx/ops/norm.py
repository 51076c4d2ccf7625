"""Normalisation as ONNX nodes."""

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import Shape, size
from ....compiler.ops.norm import normalized
from ..builder import Builder
from ..fold import fold_norm
from .base import lowers


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
    scale = b.weight("weight") if a.affine else b.constant("ones", np.ones(shape, np.float32))
    inputs = [scale, *([b.weight("bias")] if a.affine else [])]
    if len(shape) == len(x):
        return b.node("LayerNormalization", [xs[0], *inputs], x, axis=1, epsilon=a.eps)
    rank = len(x) - 1
    last = (*x[1:], x[0])
    turned = b.node("Transpose", xs, last, "last", perm=[0, *range(2, rank + 2), 1])
    normal = b.node("LayerNormalization", [turned, *inputs], last, "norm", axis=-1, epsilon=a.eps)
    return b.node("Transpose", [normal], x, perm=[0, rank + 1, *range(1, rank + 1)])


@lowers("gn")
def _gn(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """Instance normalisation of the groups as channels; GroupNormalization changed its meaning between opsets."""
    x = step.in_shapes[0]
    grouped = (a.groups, size(x) // a.groups)
    ones, zeros = b.constant("ones", np.ones(a.groups, np.float32)), b.constant("zeros", np.zeros(a.groups, np.float32))
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
    scale = b.weight("weight") if a.affine else b.constant("ones", np.ones(x[0], np.float32))
    shift = b.weight("bias") if a.affine else b.constant("zeros", np.zeros(x[0], np.float32))
    return b.node("InstanceNormalization", [xs[0], scale, shift], x, epsilon=a.eps)


@lowers("l2norm")
def _l2norm(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """x / max(‖x‖₂, 10⁻¹²), as PyTorch's normalize."""
    x = step.in_shapes[0]
    row = (1, *x[1:])
    length = b.node("ReduceL2", [xs[0], b.ints("axis", [1])], row, "length")
    safe = b.node("Max", [length, b.constant("least", np.array(1e-12, np.float32))], row, "safe")
    return b.node("Div", [xs[0], safe], x)
