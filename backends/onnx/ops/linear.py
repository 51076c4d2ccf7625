"""Linear layers as ONNX nodes."""

from typing import Any

from ....compiler.ir import Apply
from ..builder import Builder
from .base import LOWERINGS, lowers, simple

LOWERINGS.update(
    flatten=simple("Flatten", axis=1),
)


@lowers("fc")
def _fc(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = xs[0]
    if len(step.in_shapes[0]) > 1:
        x = b.node("Flatten", [x], (step.in_shapes[0][0],), "flatten", axis=1)
    inputs = [x, b.weight("weight"), *([b.weight("bias")] if a.bias else [])]
    return b.node("Gemm", inputs, step.out_shape, transB=1)
