"""The table of lowerings to ONNX nodes, and what several families of them share."""

from collections.abc import Callable
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops import Shape
from ....compiler.ops.kinds import Pairs
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


def pad_node(
    b: Builder, x: str, shape: Shape, pads: Pairs, part: str = "pad", mode: str = "constant", value: float = 0.0
) -> str:
    """Positions of `x` with `pads` around them; `shape` is what comes out.

    All axes are named. ONNX Runtime moves a Pad without names into a following MaxPool, which pads with −∞; and one
    that names only some it carries past a Transpose as if it named all.
    """
    prefix = f"{part}." if part else ""
    amounts = b.ints(f"{prefix}amounts", flat(((0, 0), (0, 0), *pads)))
    axes = b.ints(f"{prefix}axes", list(range(len(shape) + 1)))
    filling = b.constant(f"{prefix}value", np.array(value, np.float32)) if mode == "constant" else ""
    return b.node("Pad", [x, amounts, filling, axes], shape, part, mode=mode)


def padded(x: Shape, pads: Pairs) -> Shape:
    """The shape of a tensor with `pads` around its positions."""
    return (x[0], *(n + sum(pair) for n, pair in zip(x[1:], pads, strict=True)))
