"""Layers that move, cut, rearrange or interpolate by definition."""

# mypy: disable-error-code="no-any-return"

from math import floor
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import channel_axis
from .base import Array, Weights, last_axes, lowers, padded


@lowers("cmean")
def _cmean(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The mean over the channels of each position: N×C×… to N×1×…"""
    return xs[0].mean(axis=1, keepdims=True)


@lowers("cmax")
def _cmax(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The largest value over the channels of each position: N×C×… to N×1×…"""
    return xs[0].max(axis=1, keepdims=True)


@lowers("reshape")
def _reshape(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The same elements, the last axis running fastest."""
    return xs[0].reshape(len(xs[0]), *a.shape)


@lowers("slice")
def _slice(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The channels a ≤ c < b."""
    return xs[0].take(range(a.a, a.b), axis=1 + channel_axis(step.in_shapes[0]))


@lowers("pad")
def _pad(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Zeros, a constant, or elements of the input on all sides."""
    if a.mode == "constant":
        return padded(xs[0], a.p, value=a.value)
    return padded(xs[0], a.p, a.mode)


@lowers("shuffle")
def _shuffle(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[j·g + i] = x[i·C/g + j] for 0 ≤ i < g: the first channel of every group, then the second, …"""
    y = np.empty_like(xs[0])
    for i, group in enumerate(np.split(xs[0], a.g, axis=1)):
        y[:, i :: a.g] = group
    return y


@lowers("pixelshuffle")
def _pixelshuffle(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[c, h·r + i, w·r + j] = x[c·r² + i·r + j, h, w]. N×C·r²×H×W to N×C×rH×rW."""
    n, c, h, w = xs[0].shape
    y = np.empty((n, c // a.r**2, a.r * h, a.r * w))
    for i, j in np.ndindex(a.r, a.r):
        y[:, :, i :: a.r, j :: a.r] = xs[0][:, i * a.r + j :: a.r**2]
    return y


@lowers("pixelunshuffle")
def _pixelunshuffle(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[c·r² + i·r + j, h, w] = x[c, h·r + i, w·r + j]. N×C×rH×rW to N×C·r²×H×W."""
    n, c, h, w = xs[0].shape
    y = np.empty((n, c * a.r**2, h // a.r, w // a.r))
    for i, j in np.ndindex(a.r, a.r):
        y[:, i * a.r + j :: a.r**2] = xs[0][:, :, i :: a.r, j :: a.r]
    return y


@lowers("upsample")
def _upsample(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Along one axis after the other, every output is a copy or a weighted sum of inputs: y = M·x."""
    y = xs[0]
    for axis, n in enumerate(a.size, 2):
        if a.mode == "nearest":
            y = y.take(nearest(y.shape[axis], n, None if a.scale is None else a.scale[axis - 2]), axis)
            continue
        matrix = interpolation(y.shape[axis], n, a.mode == "bicubic", a.align_corners)
        y = np.moveaxis(np.tensordot(matrix, y, axes=(1, axis)), 0, axis)
    return y


def nearest(extent: int, n: int, scale: int | None) -> Array:
    """The input ⌊i·r⌋ that output i copies, r = 1/scale, or W/N for a size, in PyTorch's single precision.

    A product that is whole in exact arithmetic may round to just below it: at a scale of 41 output 41 copies input 0.
    """
    ratio = np.float32(1 / scale if scale else extent / n)
    return np.minimum(np.floor(np.arange(n, dtype=np.float32) * ratio).astype(int), extent - 1)


def interpolation(extent: int, n: int, cubic: bool, align_corners: bool) -> Array:
    """The N×W matrix that makes N values of W.

    Output i looks at the place u = i·(W − 1)/(N − 1) with `align_corners`, else
    (i + 1/2)·W/N − 1/2; linear interpolation starts at 0. A place between elements is a sum over its two or, for the
    cubic, four neighbours weighted by distance; beyond the ends the outermost element is repeated.
    """
    matrix = np.zeros((n, extent))
    for i in range(n):
        u = i * (extent - 1) / max(n - 1, 1) if align_corners else (i + 0.5) * extent / n - 0.5
        u = u if cubic else max(u, 0)
        for neighbour in range(floor(u) - cubic, floor(u) + 2 + cubic):
            distance = abs(u - neighbour)
            matrix[i, min(max(neighbour, 0), extent - 1)] += cubic_weight(distance) if cubic else 1 - distance
    return matrix


def cubic_weight(x: float) -> float:
    """Keys' cubic convolution kernel with a = −3/4 at a distance of x < 2 (IEEE Trans. ASSP 29, 1981)."""
    a = -0.75
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a


@lowers("crop")
def _crop(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x without (before, after) elements of each of its last axes."""
    return last_axes(xs[0], [slice(before, n - after) for n, (before, after) in zip(xs[0].shape[2:], a.p, strict=True)])


@lowers("permute")
def _permute(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Axis i of the result is axis a.axes[i] of the input; the batch stays first."""
    return xs[0].transpose(0, *(axis + 1 for axis in a.axes))


@lowers("scale")
def _scale(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """w·x, w one factor per channel, or a constant."""
    return xs[0] * (weights["weight"] if a.learn else a.init)
