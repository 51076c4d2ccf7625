"""Operators between tensors as ONNX nodes."""

from typing import Any

from ....compiler.ir import Apply
from ....compiler.ops.base import channel_axis
from ..builder import Builder
from .base import LOWERINGS, lowers, simple

LOWERINGS.update(
    add=simple("Add"),
    sub=simple("Sub"),
    mul=simple("Mul"),
    div=simple("Div"),
)


@lowers("concat")
def _concat(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("Concat", xs, step.out_shape, axis=1 + channel_axis(step.out_shape))
