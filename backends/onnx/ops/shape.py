"""Layers that move, cut, rearrange or interpolate as ONNX nodes."""

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ..builder import Builder
from .base import PAD_MODES, lowers


@lowers("slice")
def _slice(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    bounds = [b.ints("start", [a.a]), b.ints("stop", [a.b]), b.ints("axis", [1])]
    return b.node("Slice", [xs[0], *bounds], step.out_shape)


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
