"""Normalisation by definition."""

# mypy: disable-error-code="no-any-return"

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import Tokens
from .base import Array, Weights, lowers, on_channels, positions


def standardized(x: Array, axes: tuple[int, ...], eps: float) -> Array:
    """(x − mean)/√(variance + ε), both over the given axes; the variance divides by the number of elements."""
    mean = x.mean(axis=axes, keepdims=True)
    variance = ((x - mean) ** 2).mean(axis=axes, keepdims=True)
    return (x - mean) / np.sqrt(variance + eps)


def scaled(y: Array, a: Any, weights: Weights) -> Array:
    """γ·y + β per channel, where they are learnt."""
    return y * on_channels(weights["weight"], y) + on_channels(weights["bias"], y) if a.affine else y


@lowers("bn")
def _bn(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """γ·(x − μ)/√(σ² + ε) + β per channel, with the running mean μ and variance σ²."""
    mean, variance = (on_channels(weights[name], xs[0]) for name in ("running_mean", "running_var"))
    return scaled((xs[0] - mean) / np.sqrt(variance + a.eps), a, weights)


@lowers("ln")
def _ln(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Standardised over the channels of each position, γ and β per channel; or over all, γ and β per element."""
    if a.axes == "last" or (a.axes == "channels" and isinstance(step.in_shapes[0], Tokens)):
        y = standardized(xs[0], (xs[0].ndim - 1,), a.eps)
        return y * weights["weight"] + weights["bias"] if a.affine else y
    if a.axes == "channels":
        return scaled(standardized(xs[0], (1,), a.eps), a, weights)
    y = standardized(xs[0], (1, *positions(xs[0])), a.eps)
    return y * weights["weight"] + weights["bias"] if a.affine else y


@lowers("gn")
def _gn(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Standardised over the channels and positions of each of the groups of neighbouring channels."""
    groups = xs[0].reshape(len(xs[0]), a.groups, -1)
    return scaled(standardized(groups, (2,), a.eps).reshape(xs[0].shape), a, weights)


@lowers("instnorm")
def _instnorm(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Standardised over the positions of each channel."""
    return scaled(standardized(xs[0], positions(xs[0]), a.eps), a, weights)


@lowers("l2norm")
def _l2norm(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x/max(√Σx², 10⁻¹²), the sum over the channels of each position."""
    return xs[0] / np.maximum(np.sqrt((xs[0] ** 2).sum(axis=1, keepdims=True)), 1e-12)


@lowers("lrn")
def _lrn(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x[c]/(k + α/n·Σ x[j]²)^β over the n channels c − ⌊n/2⌋ ≤ j ≤ c + ⌊(n − 1)/2⌋ that there are."""
    square = xs[0] ** 2
    total = np.zeros_like(square)
    for c in range(square.shape[1]):
        total[:, c] = square[:, max(c - a.size // 2, 0) : c + (a.size - 1) // 2 + 1].sum(axis=1)
    return xs[0] / (a.k + a.alpha / a.size * total) ** a.beta


@lowers("grn")
def _grn(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x + γ·x·‖x[c]‖/(mean over c of ‖x[c]‖ + ε) + β, ‖·‖ the Euclidean length over the positions."""
    length = np.sqrt((xs[0] ** 2).sum(axis=positions(xs[0]), keepdims=True))
    share = length / (length.mean(axis=1, keepdims=True) + a.eps)
    return xs[0] + weights["weight"] * xs[0] * share + weights["bias"]
