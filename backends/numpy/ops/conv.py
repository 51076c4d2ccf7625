"""Convolutions by definition."""

# mypy: disable-error-code="no-any-return"

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from .base import Array, Weights, kernel, last_axes, lowers, on_channels, padded, sigmoid


def taps(x: Array, k: Any, s: Any, d: Any) -> Iterator[tuple[tuple[int, ...], Array]]:
    """For each element t of the window, what it meets in all positions i of the window: x[…, i·s + t·d].

    Along an axis of extent W the window has ⌊(W − d(k − 1) − 1)/s⌋ + 1 positions.
    """
    extents = x.shape[x.ndim - len(k) :]
    counts = [(w - dd * (kk - 1) - 1) // ss + 1 for w, kk, ss, dd in zip(extents, k, s, d, strict=True)]
    for t in np.ndindex(*k):
        yield t, last_axes(x, spread(t, counts, s, d))


def spread(t: tuple[int, ...], counts: Any, s: Any, d: Any) -> list[slice]:
    """The index i·s + t·d for 0 ≤ i < count, along each axis."""
    return [slice(i * dd, i * dd + (n - 1) * ss + 1, ss) for i, n, ss, dd in zip(t, counts, s, d, strict=True)]


@lowers("conv", "dwconv")
def _conv(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[o, i] = b[o] + Σ_c Σ_t w[o, c, t]·x[c, i·s + t·d], c over the input channels of o's group.

    x: N×Cin×W…, w: Cout×Cin/g×k…, y: N×Cout×….
    """
    return convolved(padded(xs[0], a.p, a.pad_mode), kernel(weights), weights.get("bias"), a)


def convolved(x: Array, w: Array, bias: Array | None, a: Any) -> Array:
    """The sum above, of an input that is already padded."""
    n, cin = x.shape[:2]
    y: Any = 0.0
    for t, met in taps(x, a.k, a.s, a.d):
        extents = met.shape[2:]
        columns = met.reshape(n, a.g, cin // a.g, prod(extents))
        y = y + last_axes(w, t).reshape(a.g, len(w) // a.g, cin // a.g) @ columns
    y = y.reshape(n, len(w), *extents)
    return y if bias is None else y + on_channels(bias, y)


@lowers("deconv")
def _deconv(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[o, i·s + t·d − p] += w[c, o, t]·x[c, i] for all i, t and the input channels c of o's group; then the bias.

    x: N×Cin×W…, w: Cin×Cout/g×k…, y: N×Cout×(W − 1)·s + d·(k − 1) + 1 + op − 2p….
    """
    x, w = xs[0], kernel(weights, axis=1)
    (n, cin), extents = x.shape[:2], x.shape[2:]
    axes = zip(extents, a.k, a.s, a.op, a.d, strict=True)
    y = np.zeros((n, a.c, *((e - 1) * s + d * (k - 1) + 1 + op for e, k, s, op, d in axes)))
    columns = x.reshape(n, a.g, cin // a.g, prod(extents))
    for t in np.ndindex(*a.k):
        part = last_axes(w, t).reshape(a.g, cin // a.g, a.c // a.g)
        target = last_axes(y, spread(t, extents, a.s, a.d))
        target += (part.swapaxes(1, 2) @ columns).reshape(target.shape)
    y = last_axes(y, [slice(p, e - p) for p, e in zip(a.p, y.shape[2:], strict=True)])
    return y + on_channels(weights["bias"], y) if a.bias else y


@lowers("wsconv")
def _wsconv(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """A convolution with (w − μ)/√(σ² + ε), mean and variance over each output channel's kernel."""
    w = weights["weight"]
    axes = tuple(range(1, w.ndim))
    w = (w - w.mean(axes, keepdims=True)) / np.sqrt(w.var(axes, keepdims=True) + a.eps)
    return convolved(padded(xs[0], a.p, a.pad_mode), w, weights.get("bias"), a)


@lowers("deformconv")
def _deformconv(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[o, i] = b[o] + Σ_c Σ_t w[o, c, t]·m[t, i]·x[c, i·s + t·d − p + Δ[t, i]], x interpolated between its elements.

    Δ and, through a sigmoid, m come from a convolution: two coordinates for each t of each group of offsets, rows
    first, then the weights of all t. Outside the input x is 0. m is 1 without a mask.
    """
    x, (height, width) = xs[0], a.k
    n, cin = x.shape[:2]
    out = step.out_shape
    fields = convolved(padded(x, a.p), weights["offset.weight"], weights["offset.bias"], a._replace(g=1))
    shape = (n, a.offset_groups, height, width)
    offset = fields[:, : 2 * a.places].reshape(*shape, 2, *out[1:])
    mask = sigmoid(fields[:, 2 * a.places :]).reshape(*shape, *out[1:]) if a.mask else np.ones(shape)
    rows, columns = np.arange(out[1])[:, None] * a.s[0] - a.p[0][0], np.arange(out[2]) * a.s[1] - a.p[1][0]
    read = np.empty((n, cin, height, width, *out[1:]))
    for sample, c, i, j in np.ndindex(n, cin, height, width):
        group = c * a.offset_groups // cin
        down, right = offset[sample, group, i, j]
        value = between(x[sample, c], rows + i * a.d[0] + down, columns + j * a.d[1] + right)
        read[sample, c, i, j] = mask[sample, group, i, j] * value
    w = weights["weight"].reshape(a.g, a.c // a.g, -1)
    y = (w @ read.reshape(n, a.g, w.shape[2], -1)).reshape(n, *out)
    return y + on_channels(weights["bias"], y) if a.bias else y


def between(x: Array, row: Array, column: Array) -> Array:
    """A map at places between its elements: Σ x[r, c]·max(0, 1 − |row − r|)·max(0, 1 − |column − c|)."""
    total = np.zeros(row.shape)
    for down, right in np.ndindex(2, 2):
        r, c = np.floor(row).astype(int) + down, np.floor(column).astype(int) + right
        inside = (r >= 0) & (r < x.shape[0]) & (c >= 0) & (c < x.shape[1])
        near = np.maximum(0, 1 - np.abs(row - r)) * np.maximum(0, 1 - np.abs(column - c))
        total += np.where(inside, near * x[np.clip(r, 0, x.shape[0] - 1), np.clip(c, 0, x.shape[1] - 1)], 0)
    return total
