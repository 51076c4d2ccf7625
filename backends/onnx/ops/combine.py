"""Operators between tensors as ONNX nodes."""

from .base import LOWERINGS, simple

LOWERINGS.update(
    add=simple("Add"),
    sub=simple("Sub"),
    mul=simple("Mul"),
    div=simple("Div"),
    concat=simple("Concat", axis=1),
)
