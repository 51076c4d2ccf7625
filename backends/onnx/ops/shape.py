"""Layers that move, cut, rearrange or interpolate as ONNX nodes."""

from typing import TYPE_CHECKING, Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import channel_axis
from ..builder import Builder
from .base import PAD_MODES, lowers, pad_node
from .means import mean

if TYPE_CHECKING:
    from numpy.typing import NDArray


@lowers("slice")
def _slice(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    bounds = [b.ints("start", [a.a]), b.ints("stop", [a.b]), b.ints("axis", [1 + channel_axis(step.out_shape)])]
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
    value = a.value if a.mode == "constant" else 0.0
    return pad_node(b, xs[0], step.out_shape, a.p, "", PAD_MODES.get(a.mode, "constant"), value)


@lowers("upsample")
def _upsample(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """Resize by PyTorch's rules: half pixels or aligned corners; a = −0.75 for cubic.

    Nearest is a Resize where every rounding of the places gives the same, else picks its places by index.
    """
    if a.mode == "nearest":
        return _nearest(b, a, step, xs[0])
    place = "align_corners" if a.align_corners else "half_pixel"
    how: dict[str, Any] = {
        "mode": "cubic" if a.mode == "bicubic" else "linear", "coordinate_transformation_mode": place,
    }  # fmt: skip
    if a.mode == "bicubic":
        how["cubic_coeff_a"] = -0.75
    return _resize(b, a, step, xs[0], **how)


def _resize(b: Builder, a: Any, step: Apply, x: str, **how: Any) -> str:
    """ONNX Runtime carries a Transpose past a Resize and forgets to turn its axes; no Transpose gets past a Reshape."""
    if any(node.op_type == "Transpose" for node in b.nodes):
        shape = step.in_shapes[0]
        x = b.node("Reshape", [x, b.ints("same", [-1, *shape])], shape, "still")
    if a.scale is None:  # a rounded scale might give another extent
        sizes = b.ints("sizes", list(a.size))
        return b.node("Resize", [x, "", "", sizes], step.out_shape, axes=list(range(2, len(a.size) + 2)), **how)
    scales = b.constant("scales", np.array([1, 1, *a.scale], np.float32))
    return b.node("Resize", [x, "", scales], step.out_shape, **how)


def _nearest(b: Builder, a: Any, step: Apply, x: str) -> str:
    extents = step.in_shapes[0][1:]
    factors = a.scale or (None,) * len(a.size)
    places = [_places(*axis) for axis in zip(extents, a.size, factors, strict=True)]
    if all(_plain(*axis) for axis in zip(places, extents, strict=True)):
        how = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
        return _resize(b, a, step, x, mode="nearest", **how)
    shape = list(step.in_shapes[0])
    for axis, indices in enumerate(places, 1):
        shape[axis] = len(indices)
        part = "" if axis == len(places) else f"axis{axis}"
        x = b.node("Gather", [x, b.constant(f"places{axis}", indices)], tuple(shape), part, axis=axis + 1)
    return x


def _places(extent: int, n: int, scale: int | None) -> "NDArray[Any]":
    """The input ⌊i·r⌋ that each output copies, r = 1/scale or W/N in single precision, as PyTorch computes it."""
    ratio = np.float32(1 / scale if scale else extent / n)
    places: NDArray[Any] = np.minimum(np.floor(np.arange(n, dtype=np.float32) * ratio), extent - 1)
    return places.astype(np.int64)


def _plain(places: "NDArray[Any]", extent: int) -> bool:
    """Whether exact arithmetic and a division by the scale in single precision give the same places."""
    n = len(places)
    divided = np.minimum(np.floor(np.arange(n, dtype=np.float32) / np.float32(n / extent)), extent - 1)
    return bool((places == np.arange(n) * extent // n).all() and (places == divided).all())


@lowers("reshape")
def _reshape(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("Reshape", [xs[0], b.ints("shape", [-1, *a.shape])], step.out_shape)


@lowers("cmean")
def _cmean(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return mean(b, xs[0], step.in_shapes[0], 0)


@lowers("cmax")
def _cmax(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("ReduceMax", [xs[0], b.ints("axis", [1])], step.out_shape)


@lowers("crop")
def _crop(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    extents = step.in_shapes[0][1:]
    starts = b.ints("start", [before for before, _ in a.p])
    stops = b.ints("stop", [n - after for n, (_, after) in zip(extents, a.p, strict=True)])
    axes = b.ints("axes", list(range(2, len(a.p) + 2)))
    return b.node("Slice", [xs[0], starts, stops, axes], step.out_shape)


@lowers("permute")
def _permute(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("Transpose", xs, step.out_shape, perm=[0, *(axis + 1 for axis in a.axes)])


@lowers("scale")
def _scale(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    factor = b.weight("weight") if a.learn else b.constant("factor", np.array(a.init, np.float32))
    return b.node("Mul", [xs[0], factor], step.out_shape)
