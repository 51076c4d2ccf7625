"""Linear layers as ONNX nodes."""

from typing import Any

from ....compiler.ir import Apply
from ....compiler.ops.base import Shape, Tokens
from ..builder import Builder
from .base import LOWERINGS, lowers, simple

LOWERINGS.update(
    flatten=simple("Flatten", axis=1),
)


@lowers("fc")
def _fc(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = xs[0]
    if isinstance(step.in_shapes[0], Tokens):
        return token_linear(b, x, step.out_shape, "weight", "bias" if a.bias else "")
    if len(step.in_shapes[0]) > 1:
        x = b.node("Flatten", [x], (step.in_shapes[0][0],), "flatten", axis=1)
    inputs = [x, b.weight("weight"), *([b.weight("bias")] if a.bias else [])]
    return b.node("Gemm", inputs, step.out_shape, transB=1)


def token_linear(b: Builder, x: str, shape: Shape, weight: str, bias: str, part: str = "") -> str:
    """x·wᵀ + b for every token; Gemm takes matrices only."""
    prefix = f"{part}." if part else ""
    stored = b.weight(weight)
    features = b.stored[stored].shape[::-1]
    turned = b.raw_node("Transpose", [stored], features, f"{prefix}turned", perm=[1, 0])
    y = b.node("MatMul", [x, turned], shape, f"{prefix}product" if bias else part)
    return b.node("Add", [y, b.weight(bias)], shape, part) if bias else y


@lowers("bilinear")
def _bilinear(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """One product with all matrices side by side, then a product with the other vector for each."""
    first, wide = step.in_shapes[0][0], a.n * a.other
    turned = b.raw_node("Transpose", [b.weight("weight")], (first, a.n, a.other), "turned", perm=[1, 0, 2])
    matrix = b.raw_node("Reshape", [turned, b.ints("flat", [first, wide])], (first, wide), "matrix")
    half = b.node("MatMul", [xs[0], matrix], (wide,), "half")
    rows = b.node("Reshape", [half, b.ints("rows", [-1, a.n, a.other])], (a.n, a.other), "forms")
    column = b.node("Reshape", [xs[-1], b.ints("column", [-1, a.other, 1])], (a.other, 1), "other")
    y = b.node("MatMul", [rows, column], (a.n, 1), "both")
    y = b.node("Reshape", [y, b.ints("vector", [-1, a.n])], (a.n,), "sum" if a.bias else "")
    return b.node("Add", [y, b.weight("bias")], (a.n,)) if a.bias else y
