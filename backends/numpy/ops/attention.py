"""Attention by definition."""

# mypy: disable-error-code="no-any-return"

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.base import Tokens
from ....compiler.ops.pool import MaxPool
from .base import Array, Weights, lowers, softmax
from .pool import windows


def as_tokens(x: Array) -> Array:
    """N×C×… to N×L×C, the positions row by row."""
    return x.reshape(*x.shape[:2], -1).swapaxes(1, 2)


@lowers("tokens")
def _tokens(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """y[l, c] = x[c, position l]."""
    return as_tokens(xs[0])


@lowers("mhsa")
def _mhsa(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """For each head softmax(q·kᵀ/√d)·v with its d channels of q, k, v = x·wᵀ + b; then a projection of all heads."""
    on_maps = not isinstance(step.in_shapes[0], Tokens)
    x = as_tokens(xs[0]) if on_maps else xs[0]
    c = x.shape[2]
    all_ = x @ weights["in_proj_weight"].T + weights.get("in_proj_bias", 0.0)
    y = np.empty_like(x)
    for head in np.split(np.arange(c), a.heads):
        q, k, v = all_[:, :, head], all_[:, :, c + head], all_[:, :, 2 * c + head]
        y[:, :, head] = softmax(q @ k.swapaxes(1, 2) / np.sqrt(len(head)), axis=2) @ v
    y = y @ weights["out_proj.weight"].T + weights.get("out_proj.bias", 0.0)
    return y.swapaxes(1, 2).reshape(xs[0].shape) if on_maps else y


@lowers("nonlocal")
def _nonlocal(a: Any, step: Apply, xs: list[Array], weights: Weights) -> Array:
    """x + W·(softmax(θᵀ·φ)·gᵀ)ᵀ, with θ, φ and g 1×1 convolutions of x, φ and g perhaps pooled."""
    x, rank = xs[0], xs[0].ndim - 2
    pool = MaxPool((a.sub,) * rank, (a.sub,) * rank, ((0, 0),) * rank, (1,) * rank, ceil=False)

    def project(name: str, source: Array) -> Array:
        rows = source.reshape(*source.shape[:2], -1)
        w = weights[f"{name}.weight"]
        bias = weights[f"{name}.bias"][:, None] if a.bias else 0.0
        return (w.reshape(w.shape[:2]) @ rows + bias).reshape(len(source), len(w), *source.shape[2:])

    def attended_to(name: str) -> Array:
        return as_tokens(windows(project(name, x), pool, -np.inf).max(axis=0))

    shares = softmax(as_tokens(project("theta", x)) @ attended_to("phi").swapaxes(1, 2), axis=2)
    gathered = (shares @ attended_to("g")).swapaxes(1, 2)
    return x + project("out", gathered.reshape(len(x), a.m, *x.shape[2:]))
