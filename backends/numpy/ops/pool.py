"""Pooling by definition."""

# mypy: disable-error-code="no-any-return"

from collections.abc import Callable
from math import comb, prod
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from .base import Array, Weights, last_axes, lowers, padded, positions
from .conv import taps


def overhang(extent: int, k: int, s: int, p: tuple[int, int], d: int, ceil: bool) -> int:
    """How far the last window reaches beyond the padded axis; 0 unless output extents are rounded up.

    Rounding up allows one more window, but none that would start behind the input and the padding before it.
    """
    room = extent + sum(p) - d * (k - 1) - 1
    n = -(-room // s) + 1 if ceil else room // s + 1
    if ceil and (n - 1) * s >= p[0] + extent:
        n -= 1
    return max(0, (n - 1) * s + d * (k - 1) + 1 - extent - sum(p))


def overhangs(a: Any, x: Array) -> list[tuple[int, int]]:
    """`overhang` of each axis, as padding."""
    axes = zip(x.shape[2:], a.k, a.s, a.p, a.d, strict=True)
    return [(0, overhang(w, k, s, p, d, a.ceil)) for w, k, s, p, d in axes]


def windows(x: Array, a: Any, value: float) -> Array:
    """∏k×N×C×…: for each element of the window what it meets in all positions, `value` outside the input."""
    whole = padded(padded(x, a.p, value=value), overhangs(a, x), value=value)
    return np.stack([met for _, met in taps(whole, a.k, a.s, a.d)])


@lowers("maxpool")
def _maxpool(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array | tuple[Array, ...]:
    """The largest x[i·s + t·d] over the elements t of the window; padding never wins.

    Where its indices are used: also the place of the first such element, counted row by row through each channel.
    """
    x = xs[0]
    met = windows(x, a, -np.inf)
    if len(step.outputs) == 1:
        return met.max(axis=0)
    numbers = np.broadcast_to(np.arange(x[0, 0].size).reshape(x.shape[2:]), x.shape)
    winners = met.argmax(axis=0)[None]
    return met.max(axis=0), np.take_along_axis(windows(numbers, a, -1), winners, axis=0)[0]


@lowers("unpool")
def _unpool(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[index] = x within each channel, zero elsewhere. x, indices: N×C×…, y: as large as what was pooled."""
    x, indices = xs
    y = np.zeros((len(x), *a.size))
    for n, c in np.ndindex(*x.shape[:2]):
        y[n, c].reshape(-1)[indices[n, c].reshape(-1)] = x[n, c].reshape(-1)
    return y


@lowers("avgpool")
def _avgpool(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The mean of each window, with or without its padding."""
    return mean(xs[0], a, a.count_pad)


def mean(x: Array, a: Any, count_pad: bool) -> Array:
    """Σ_t x[i·s + t] divided by the number of elements t that count: those within the input, with `count_pad` also
    those within the padding, but never those beyond it, where a window that was rounded up ends."""
    inside = padded(np.ones_like(x[:1, :1]), a.p, value=float(count_pad))
    counted = padded(inside, overhangs(a, x))
    return windows(x, a, 0).sum(axis=0) / sum(met for _, met in taps(counted, a.k, a.s, a.d))


@lowers("lppool")
def _lppool(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """(∏k · the mean of xⁿ)^(1/n), which is (Σ xⁿ)^(1/n) for whole windows; not a number for roots of negatives."""
    return (prod(a.k) * mean(xs[0] ** a.norm, a, True)) ** (1 / a.norm)


@lowers("blurpool")
def _blurpool(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Σ_t x[i·s + t]·∏ C(k − 1, t)/2^(k − 1), the product over the axes; the border is reflected."""
    x = padded(xs[0], a.p, "reflect")
    return sum(
        met * prod(comb(k - 1, i) / 2 ** (k - 1) for k, i in zip(a.k, t, strict=True))
        for t, met in taps(x, a.k, a.s, a.d)
    )


def binned(x: Array, extents: Any, take: Callable[..., Any]) -> Array:
    """`take` over each bin: along an axis of extent W, output i of n covers ⌊i·W/n⌋ ≤ position < ⌈(i + 1)·W/n⌉."""
    results = []
    for i in np.ndindex(*extents):
        bins = [slice(j * w // n, -(-(j + 1) * w // n)) for j, w, n in zip(i, x.shape[2:], extents, strict=True)]
        results.append(take(last_axes(x, bins), axis=positions(x)))
    return np.stack(results, axis=-1).reshape(*x.shape[:2], *extents)


@lowers("adaptive_avgpool")
def _adaptive_avgpool(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The mean of each bin."""
    return binned(xs[0], a.size, np.mean)


@lowers("adaptive_maxpool")
def _adaptive_maxpool(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The largest value of each bin."""
    return binned(xs[0], a.size, np.max)


@lowers("gap")
def _gap(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The mean of each channel: N×C×… to N×C×1×…"""
    return xs[0].mean(axis=positions(xs[0]), keepdims=True)


@lowers("gmp")
def _gmp(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """The largest value of each channel: N×C×… to N×C×1×…"""
    return xs[0].max(axis=positions(xs[0]), keepdims=True)
