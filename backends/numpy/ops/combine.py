"""Operators between tensors by definition."""

# mypy: disable-error-code="no-any-return"

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import channel_axis
from .base import Array, Weights, lowers


@lowers("add")
def _add(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x + y; an axis of extent 1 stretches, here and in the next three."""
    return xs[0] + xs[1]


@lowers("sub")
def _sub(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x − y."""
    return xs[0] - xs[1]


@lowers("mul")
def _mul(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x·y."""
    return xs[0] * xs[1]


@lowers("div")
def _div(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x/y."""
    return xs[0] / xs[1]


@lowers("concat")
def _concat(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """N×C₁×…, N×C₂×…, … to N×(C₁ + C₂ + …)×…; of tokens, N×L×C₁, N×L×C₂, … to N×L×(C₁ + C₂ + …)."""
    return np.concatenate(xs, axis=1 + channel_axis(step.out_shape))
