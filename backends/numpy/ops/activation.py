"""Activations by definition."""

# mypy: disable-error-code="no-any-return"

import math
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from .base import Array, Weights, lowers, on_channels, sigmoid, softmax


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
    """exp(x)/Σexp(x), the sum over the channels."""
    return softmax(xs[0], axis=1)


@lowers("rrelu")
def _rrelu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x where x > 0, else x·(lo + hi)/2, the mean of the slopes drawn in training."""
    return np.where(xs[0] > 0, xs[0], (a.lo + a.hi) / 2 * xs[0])


@lowers("hardtanh")
def _hardtanh(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """min(max(x, lo), hi)."""
    return np.minimum(np.maximum(xs[0], a.lo), a.hi)


@lowers("selu")
def _selu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """λ·x where x > 0, else λ·α·(exp(x) − 1), with the constants of Klambauer et al., 2017."""
    alpha, scale = 1.6732632423543772, 1.0507009873554805
    return scale * np.where(xs[0] > 0, xs[0], alpha * np.expm1(xs[0]))


@lowers("celu")
def _celu(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """max(x, 0) + min(a·(exp(x/a) − 1), 0)."""
    return np.maximum(xs[0], 0) + np.minimum(a.a * np.expm1(xs[0] / a.a), 0)


def softplus(x: Array) -> Array:
    """log(1 + exp(x)), without overflow."""
    return np.logaddexp(x, 0)


@lowers("mish")
def _mish(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x·tanh(log(1 + exp(x)))."""
    return xs[0] * np.tanh(softplus(xs[0]))


@lowers("softplus")
def _softplus(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """log(1 + exp(b·x))/b, and x where b·x exceeds the threshold."""
    return np.where(a.beta * xs[0] > a.threshold, xs[0], softplus(a.beta * xs[0]) / a.beta)


@lowers("softsign")
def _softsign(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x/(1 + |x|)."""
    return xs[0] / (1 + np.abs(xs[0]))


@lowers("logsigmoid")
def _logsigmoid(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """log(1/(1 + exp(−x))) = −log(1 + exp(−x))."""
    return -softplus(-xs[0])


@lowers("logsoftmax")
def _logsoftmax(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x − log Σexp(x), the sum over the channels; the largest x is taken off before, which cancels."""
    low = xs[0] - xs[0].max(axis=1, keepdims=True)
    return low - np.log(np.exp(low).sum(axis=1, keepdims=True))


@lowers("hardgate")
def _hardgate(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """1 where x > 0, else 0."""
    return (xs[0] > 0).astype(np.float64)


@lowers("maxout")
def _maxout(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[c] = the largest of x[c·k] to x[c·k + k − 1]."""
    return xs[0].reshape(len(xs[0]), -1, a.k, *xs[0].shape[2:]).max(axis=2)
