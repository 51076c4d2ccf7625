"""Regularisation as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from .base import Arg, Code, Context, New, lowers


@lowers("dropout")
def _dropout(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Dropout", (Arg("p", a.p),)))
