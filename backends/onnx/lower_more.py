"""Layers that ONNX has no single operator for, or one that runtimes disagree on."""

from typing import Any

import numpy as np

from ...compiler.ir import Apply
from ...compiler.ops.base import Shape, size
from ...compiler.ops.norm import normalized
from ...compiler.ops.pool import adaptive_bins
from .builder import Builder
from .lower import PAD_MODES, lowers


@lowers("deconv")
def _deconv(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    inputs = [xs[0], b.weight("weight"), *([b.weight("bias")] if a.bias else [])]
    return b.node(
        "ConvTranspose", inputs, step.out_shape, kernel_shape=a.k, strides=a.s, dilations=a.d, group=a.g,
        pads=[*a.p, *a.p], output_padding=a.op,
    )  # fmt: skip


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


@lowers("prelu")
def _prelu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = step.in_shapes[0]
    slope = b.weight("weight")
    if a.per_channel and len(x) > 1:
        column = (x[0], *(1 for _ in x[1:]))
        slope = b.raw_node("Reshape", [slope, b.ints("channels", list(column))], column, "slope")
    return b.node("PRelu", [xs[0], slope], x)


@lowers("elu")
def _elu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("Elu", xs, step.out_shape, alpha=a.a)


@lowers("silu")
def _silu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    gate = b.node("Sigmoid", xs, step.out_shape, "gate")
    return b.node("Mul", [xs[0], gate], step.out_shape)


@lowers("gelu")
def _gelu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """Gelu from opset 20 on; before, x·(1 + erf(x/√2))/2, or x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2."""
    x = step.out_shape
    if b.opset >= 20:
        return b.node("Gelu", xs, x, approximate=a.approx)
    if a.approx == "none":
        scaled = b.node("Mul", [xs[0], b.constant("root", np.array(0.5**0.5, np.float32))], x, "scaled")
        bent = b.node("Erf", [scaled], x, "erf")
    else:
        cube = b.node("Pow", [xs[0], b.constant("three", np.array(3, np.float32))], x, "cube")
        small = b.node("Mul", [cube, b.constant("factor", np.array(0.044715, np.float32))], x, "small")
        both = b.node("Add", [xs[0], small], x, "both")
        scaled = b.node("Mul", [both, b.constant("root", np.array((2 / np.pi) ** 0.5, np.float32))], x, "scaled")
        bent = b.node("Tanh", [scaled], x, "tanh")
    raised = b.node("Add", [bent, b.constant("one", np.array(1, np.float32))], x, "raised")
    half = b.node("Mul", [raised, b.constant("half", np.array(0.5, np.float32))], x, "half")
    return b.node("Mul", [xs[0], half], x)


@lowers("shuffle")
def _shuffle(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = step.in_shapes[0]
    split, turned = (a.g, x[0] // a.g, *x[1:]), (x[0] // a.g, a.g, *x[1:])
    parts = b.node("Reshape", [xs[0], b.ints("groups", [-1, *split])], split, "parts")
    mixed = b.node("Transpose", [parts], turned, "turned", perm=[0, 2, 1, *range(3, len(x) + 2)])
    return b.node("Reshape", [mixed, b.ints("shape", [-1, *x])], x)


@lowers("pixelshuffle")
def _pixelshuffle(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("DepthToSpace", xs, step.out_shape, blocksize=a.r, mode="CRD")


@lowers("pixelunshuffle")
def _pixelunshuffle(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """SpaceToDepth puts the channels last within a block, PyTorch first; so by reshaping."""
    c, h, w = step.in_shapes[0]
    cut, turned = (c, h // a.r, a.r, w // a.r, a.r), (c, a.r, a.r, h // a.r, w // a.r)
    parts = b.node("Reshape", [xs[0], b.ints("blocks", [-1, *cut])], cut, "parts")
    mixed = b.node("Transpose", [parts], turned, "turned", perm=[0, 1, 3, 5, 2, 4])
    return b.node("Reshape", [mixed, b.ints("shape", [-1, *step.out_shape])], step.out_shape)


@lowers("pad")
def _pad(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """The axes are named, since ONNX Runtime moves a Pad without them into a following MaxPool, which pads with −∞."""
    amounts = b.ints("pads", [*(p[0] for p in a.p), *(p[1] for p in a.p)])
    value = b.constant("value", np.array(a.value if a.mode == "constant" else 0, np.float32))
    axes = b.ints("axes", [axis + 2 for axis in range(len(a.p))])
    return b.node("Pad", [xs[0], amounts, value, axes], step.out_shape, mode=PAD_MODES.get(a.mode, "constant"))


@lowers("upsample")
def _upsample(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """Resize by PyTorch's rules: floor for nearest, else half pixels or aligned corners; a = −0.75 for cubic."""
    x = step.in_shapes[0]
    scales = b.constant("scales", np.array([1, 1, *(n / w for n, w in zip(a.size, x[1:], strict=True))], np.float32))
    target = [scales]
    if a.scale is None:  # a rounded scale might give another extent
        target = ["", b.ints("sizes", list(a.size))]
    how: dict[str, Any] = {"mode": "nearest", "nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    if a.mode != "nearest":
        place = "align_corners" if a.align_corners else "half_pixel"
        how = {"mode": "cubic" if a.mode == "bicubic" else "linear", "coordinate_transformation_mode": place}
    if a.mode == "bicubic":
        how["cubic_coeff_a"] = -0.75
    if a.scale is None:
        how["axes"] = list(range(2, len(x) + 1))
    return b.node("Resize", [xs[0], "", *target], step.out_shape, **how)


@lowers("reshape")
def _reshape(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("Reshape", [xs[0], b.ints("shape", [-1, *a.shape])], step.out_shape)


@lowers("cmean")
def _cmean(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("ReduceMean", [xs[0], b.ints("axis", [1])], step.out_shape)


@lowers("cmax")
def _cmax(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("ReduceMax", [xs[0], b.ints("axis", [1])], step.out_shape)
