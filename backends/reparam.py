"""Weights that other tensors express, in NumPy: what those begin as, and the weight that they come to."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.ir import Graph, weights_of
from ..compiler.ops import Weight
from ..compiler.ops.reparam import PREFIX

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

DERIVED = ("lengths", "left", "right")
"""Initial values that are computed from another tensor."""


def complete(arrays: "Arrays", graph: Graph) -> None:
    """Fill in the tensors whose initial values follow from others: lengths, and singular vectors."""
    weights = {name: weight for name, weight, _ in weights_of(graph)}
    for name, weight in weights.items():
        if weight.init in DERIVED:
            arrays[name] = derived(arrays, name, weights)


def derived(arrays: "Mapping[str, NDArray[Any]]", name: str, weights: Mapping[str, Weight]) -> "NDArray[Any]":
    """The initial value of a tensor that follows from others."""
    weight = weights[name]
    if weight.init == "lengths":
        return lengths(arrays[name.removesuffix("0") + "1"])
    stem = name.removesuffix("_u").removesuffix("_v")
    left = weights[f"{stem}_u"]
    matrix = as_matrix(arrays[f"{stem.removesuffix('0.')}original"], left.fan_in)
    return leading(matrix, left)[weight.init == "right"]


def lengths(direction: "NDArray[Any]") -> "NDArray[Any]":
    """The Euclidean length of each slice along the first axis, kept as an axis."""
    axes = tuple(range(1, direction.ndim))
    return np.asarray(np.sqrt(np.square(direction, dtype=np.float64).sum(axes, keepdims=True)), np.float32)


def as_matrix(weight: "NDArray[Any]", axis: int) -> "NDArray[Any]":
    return np.moveaxis(weight, axis, 0).reshape(weight.shape[axis], -1)


def leading(matrix: "NDArray[Any]", weight: Weight) -> "tuple[NDArray[Any], NDArray[Any]]":
    """Estimates of the singular vectors of the largest singular value, by power iteration as PyTorch begins with."""
    u = np.ones(weight.shape) / np.sqrt(weight.shape[0])
    for _ in range(15):
        v = _unit(matrix.T @ u)
        u = _unit(matrix @ v)
    return u.astype(np.float32), v.astype(np.float32)


def _unit(v: "NDArray[Any]") -> "NDArray[Any]":
    return np.asarray(v / max(float(np.linalg.norm(v)), 1e-12))


def weight_from(arrays: "Mapping[str, NDArray[Any]]", path: str, axis: int) -> "NDArray[Any]":
    """The weight of a layer that `reparam` expresses by other tensors; `axis` holds the rows of its matrix."""
    prefix = f"{path}.{PREFIX}" if path else PREFIX
    if f"{prefix}.original1" in arrays:
        direction = arrays[f"{prefix}.original1"]
        return np.asarray(direction * (arrays[f"{prefix}.original0"] / lengths(direction)), np.float32)
    weight = arrays[f"{prefix}.original"]
    matrix = as_matrix(weight, axis).astype(np.float64)
    return np.asarray(weight / (arrays[f"{prefix}.0._u"] @ matrix @ arrays[f"{prefix}.0._v"]), np.float32)
