"""Convolutions as ONNX nodes."""

from typing import Any

from ....compiler.ir import Apply
from ....compiler.ops.conv import Conv
from ..builder import Builder
from .base import PAD_MODES, flat, lowers, pad_node


@lowers("conv", "dwconv")
def _conv(b: Builder, a: Conv, step: Apply, xs: list[str]) -> str:
    x, pads = xs[0], a.p
    if a.pad_mode != "zeros":
        x, pads = pad_node(b, step, x, pads, PAD_MODES[a.pad_mode]), ((0, 0),) * len(a.p)
    inputs = [x, b.weight("weight"), *([b.weight("bias")] if a.bias else [])]
    return b.node(
        "Conv", inputs, step.out_shape, kernel_shape=a.k, strides=a.s, dilations=a.d, group=a.g, pads=flat(pads)
    )


@lowers("deconv")
def _deconv(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """ONNX Runtime wants output padding below the stride; more of it is less padding after the axis."""
    settings = {"kernel_shape": a.k, "strides": a.s, "dilations": a.d, "group": a.g}
    inputs = [xs[0], b.weight("weight")]
    bias = [b.weight("bias")] if a.bias else []
    if all(op < s for op, s in zip(a.op, a.s, strict=True)):
        return b.node(
            "ConvTranspose", inputs + bias, step.out_shape, pads=[*a.p, *a.p], output_padding=a.op, **settings
        )
    after = [p - op for p, op in zip(a.p, a.op, strict=True)]
    pads = [*a.p, *(max(n, 0) for n in after)]
    if min(after) >= 0:
        return b.node("ConvTranspose", inputs + bias, step.out_shape, pads=pads, **settings)
    return _extended(b, step, inputs, bias, [max(-n, 0) for n in after], pads=pads, **settings)


def _extended(b: Builder, step: Apply, inputs: list[str], bias: list[str], more: list[int], **settings: Any) -> str:
    """A transposed convolution followed by positions that no window reaches: they hold the bias alone."""
    out = step.out_shape
    reached = (out[0], *(n - m for n, m in zip(out[1:], more, strict=True)))
    y = b.node("ConvTranspose", inputs, reached, "reached", **settings)
    axes = b.ints("axes", list(range(2, len(out) + 1)))
    y = b.node("Pad", [y, b.ints("more", [0] * len(more) + more), "", axes], out, "extended" if bias else "")
    if not bias:
        return y
    column = (out[0], *(1 for _ in more))
    return b.node("Add", [y, b.raw_node("Reshape", [*bias, b.ints("column", list(column))], column, "shift")], out)
