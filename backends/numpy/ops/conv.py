"""Convolutions by definition."""

# mypy: disable-error-code="no-any-return"

from collections.abc import Iterator
from math import prod
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from .base import Array, Weights, last_axes, lowers, on_channels, padded


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
    x, w = padded(xs[0], a.p, a.pad_mode), weights["weight"]
    n, cin = x.shape[:2]
    y: Any = 0.0
    for t, met in taps(x, a.k, a.s, a.d):
        extents = met.shape[2:]
        columns = met.reshape(n, a.g, cin // a.g, prod(extents))
        y = y + last_axes(w, t).reshape(a.g, a.c // a.g, cin // a.g) @ columns
    y = y.reshape(n, a.c, *extents)
    return y + on_channels(weights["bias"], y) if a.bias else y


@lowers("deconv")
def _deconv(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[o, i·s + t·d − p] += w[c, o, t]·x[c, i] for all i, t and the input channels c of o's group; then the bias.

    x: N×Cin×W…, w: Cin×Cout/g×k…, y: N×Cout×(W − 1)·s + d·(k − 1) + 1 + op − 2p….
    """
    x, w = xs[0], weights["weight"]
    (n, cin), extents = x.shape[:2], x.shape[2:]
    axes = zip(extents, a.k, a.s, a.op, a.d, strict=True)
    y = np.zeros((n, a.c, *((e - 1) * s + d * (k - 1) + 1 + op for e, k, s, op, d in axes)))
    columns = x.reshape(n, a.g, cin // a.g, prod(extents))
    for t in np.ndindex(*a.k):
        kernel = last_axes(w, t).reshape(a.g, cin // a.g, a.c // a.g)
        target = last_axes(y, spread(t, extents, a.s, a.d))
        target += (kernel.swapaxes(1, 2) @ columns).reshape(target.shape)
    y = last_axes(y, [slice(p, e - p) for p, e in zip(a.p, y.shape[2:], strict=True)])
    return y + on_channels(weights["bias"], y) if a.bias else y
