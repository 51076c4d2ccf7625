"""Weights expressed by other tensors: weight and spectral normalisation, with PyTorch's names for them."""

from math import prod
from typing import Any

from .base import Saved, Shape, Weight
from .kinds import Word

REPARAM = Word(
    "what the weight is made of: itself, its length and direction (Salimans and Kingma, 2016), or its direction over "
    "its largest singular value (Miyato et al., 2018)",
    ("none", "weight_norm", "spectral_norm"),
    "none",
)
PREFIX = "parametrizations.weight"


def expressed(a: Any, weight: Weight) -> tuple[Weight, ...]:
    """The trainable tensors that stand for a weight: with weight_norm a length for each index of the first axis."""
    how = getattr(a, "reparam", "none")
    if how == "weight_norm":
        lengths = (weight.shape[0], *(1 for _ in weight.shape[1:]))
        return Weight(f"{PREFIX}.original0", lengths, "lengths"), weight._replace(name=f"{PREFIX}.original1")
    return (weight._replace(name=f"{PREFIX}.original"),) if how == "spectral_norm" else (weight,)


def singular_vectors(a: Any, shape: Shape, axis: int = 0) -> tuple[Weight, ...]:
    """The stored estimates of the vectors of the largest singular value; rows of the matrix run along `axis`."""
    if getattr(a, "reparam", "none") != "spectral_norm":
        return ()
    return (
        Weight(f"{PREFIX}.0._u", (shape[axis],), "left", axis),
        Weight(f"{PREFIX}.0._v", (columns(shape, axis),), "right", axis),
    )


def columns(shape: Shape, axis: int) -> int:
    """Of the matrix that a weight is when its rows run along an axis; no quotient, which formulas might not have."""
    return prod((*shape[:axis], *shape[axis + 1 :]))


def kept_for(a: Any, shape: Shape, axis: int = 0) -> Saved:
    """What the backward pass keeps of a weight made of other tensors: the weight itself, and lengths or the vectors
    of its largest singular value and that value.
    """
    how = getattr(a, "reparam", "none")
    if how == "weight_norm":
        return Saved(fixed=prod(shape), fixed_floats=shape[0])
    if how == "spectral_norm":
        return Saved(fixed=shape[axis] + columns(shape, axis) + 1 + prod(shape))
    return Saved()
