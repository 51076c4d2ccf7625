"""Linear layers by definition."""

# mypy: disable-error-code="no-any-return"

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import Tokens
from .base import Array, Weights, kernel, lowers


@lowers("fc")
def _fc(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y = x·wᵀ + b. x: N×Cin, N×Cin×1×… or tokens N×L×Cin, w: Cout×Cin, y: N×Cout or N×L×Cout."""
    x = xs[0] if isinstance(step.in_shapes[0], Tokens) else xs[0].reshape(len(xs[0]), -1)
    y = x @ kernel(weights).T
    return y + weights["bias"] if a.bias else y


@lowers("flatten")
def _flatten(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """N×C×… to N×(C·…)."""
    return xs[0].reshape(len(xs[0]), -1)


@lowers("bilinear")
def _bilinear(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[k] = Σ_ij x[i]·w[k, i, j]·z[j] + b[k]."""
    y = np.einsum("ni,kij,nj->nk", xs[0], weights["weight"], xs[-1])
    return y + weights["bias"] if a.bias else y
