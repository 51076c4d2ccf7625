"""The table of lowerings to ONNX nodes, and what several families of them share."""

from collections.abc import Callable
from typing import Any

from ....compiler.ir import Apply
from ..builder import Builder

Lowering = Callable[[Builder, Any, Apply, list[str]], Any]
"""Gives the name of the output, or the names of all outputs."""
LOWERINGS: dict[str, Lowering] = {}
PAD_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Register a function `(builder, attributes, step, inputs) -> output` for ops."""

    def register(function: Lowering) -> Lowering:
        for name in names:
            LOWERINGS[name] = function
        return function

    return register


def simple(op: str, **attributes: Any) -> Lowering:
    return lambda b, a, step, xs: b.node(op, xs, step.out_shape, **attributes)


def flat(pads: tuple[tuple[int, int], ...]) -> list[int]:
    """ONNX's order: all sides before, then all after."""
    return [before for before, _ in pads] + [after for _, after in pads]


def pad_node(b: Builder, step: Apply, x: str, pads: tuple[tuple[int, int], ...], mode: str) -> str:
    shape = step.in_shapes[0]
    padded = (shape[0], *(n + sum(p) for n, p in zip(shape[1:], pads, strict=True)))
    amounts = b.ints("pads", [0, 0, *(p[0] for p in pads), 0, 0, *(p[1] for p in pads)])
    return b.node("Pad", [x, amounts], padded, "pad", mode=mode)
