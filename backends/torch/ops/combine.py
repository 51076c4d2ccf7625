"""Operators between tensors as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape, channel_axis
from .base import Code, Context, lowers


@lowers("add")
def _add(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="+")


@lowers("sub")
def _sub(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="-")


@lowers("mul")
def _mul(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="*")


@lowers("div")
def _div(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="/")


@lowers("concat")
def _concat(a: Any, x: Shape, context: Context) -> Code:
    return Code(concat=1 + channel_axis(x))
