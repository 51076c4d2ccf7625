"""Activations by definition."""

# mypy: disable-error-code="no-any-return"

import math
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from .base import Array, Weights, lowers, on_channels


@lowers("relu")
def _relu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """max(x, 0)."""
    return np.maximum(xs[0], 0)


@lowers("relu6")
def _relu6(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """min(max(x, 0), 6)."""
    return np.minimum(np.maximum(xs[0], 0), 6)


@lowers("lrelu")
def _lrelu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x where x > 0, else a·x."""
    return np.where(xs[0] > 0, xs[0], a.a * xs[0])


@lowers("prelu")
def _prelu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x where x > 0, else w·x; w is one slope, or one per channel."""
    return np.where(xs[0] > 0, xs[0], on_channels(weights["weight"], xs[0]) * xs[0])


@lowers("elu")
def _elu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x where x > 0, else a·(exp(x) − 1)."""
    return np.where(xs[0] > 0, xs[0], a.a * np.expm1(xs[0]))


@lowers("sigmoid")
def _sigmoid(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """1/(1 + exp(−x))."""
    return sigmoid(xs[0])


def sigmoid(x: Array) -> Array:
    return 1 / (1 + np.exp(-x))


@lowers("silu")
def _silu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x·sigmoid(x)."""
    return xs[0] * sigmoid(xs[0])


@lowers("tanh")
def _tanh(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """Hyperbolic tangent."""
    return np.tanh(xs[0])


@lowers("gelu")
def _gelu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x·Φ(x), Φ(x) = (1 + erf(x/√2))/2, or with `tanh` (1 + tanh(√(2/π)·(x + 0.044715·x³)))/2."""
    x = xs[0]
    if a.approx == "tanh":
        return x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))) / 2
    return x * (1 + np.vectorize(math.erf, otypes=[float])(x / math.sqrt(2))) / 2


@lowers("hardsigmoid")
def _hardsigmoid(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """min(max(x + 3, 0), 6)/6."""
    return np.clip(xs[0] + 3, 0, 6) / 6


@lowers("hardswish")
def _hardswish(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x·min(max(x + 3, 0), 6)/6."""
    return xs[0] * np.clip(xs[0] + 3, 0, 6) / 6


@lowers("abs")
def _abs(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """|x|."""
    return np.abs(xs[0])


@lowers("softmax")
def _softmax(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """exp(x)/Σexp(x), the sum over the channels; the largest x is taken off before, which cancels."""
    e = np.exp(xs[0] - xs[0].max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
