"""Linear layers by definition."""

# mypy: disable-error-code="no-any-return"

from typing import Any

from ....compiler.ir import Apply
from .base import Array, Weights, lowers


@lowers("fc")
def _fc(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y = x·wᵀ + b. x: N×Cin, or N×Cin×1×…, w: Cout×Cin, y: N×Cout."""
    y = xs[0].reshape(len(xs[0]), -1) @ weights["weight"].T
    return y + weights["bias"] if a.bias else y


@lowers("flatten")
def _flatten(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """N×C×… to N×(C·…)."""
    return xs[0].reshape(len(xs[0]), -1)
