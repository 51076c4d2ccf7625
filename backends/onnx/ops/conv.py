"""Convolutions as ONNX nodes."""

from typing import Any

import numpy as np

from ....compiler.diagnostics import usage
from ....compiler.ir import Apply
from ..builder import Builder
from .base import PAD_MODES, flat, lowers, pad_node, padded


@lowers("conv", "dwconv", "wsconv")
def _conv(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x, pads = xs[0], a.p
    if a.pad_mode != "zeros":
        x = pad_node(b, x, padded(step.in_shapes[0], pads), pads, mode=PAD_MODES[a.pad_mode])
        pads = ((0, 0),) * len(a.p)
    weight = _standardized(b, a, step) if step.op.name == "wsconv" else b.weight("weight")
    inputs = [x, weight, *([b.weight("bias")] if a.bias else [])]
    return b.node(
        "Conv", inputs, step.out_shape, kernel_shape=a.k, strides=a.s, dilations=a.d, group=a.g, pads=flat(pads)
    )


def _standardized(b: Builder, a: Any, step: Apply) -> str:
    """Every output channel's kernel at mean 0 and variance 1."""
    shape = step.weights()[0].shape
    ones = b.constant("ones", np.ones(shape[1:], np.float32))
    return b.raw_node("LayerNormalization", [b.weight("weight"), ones], shape, "standardized", axis=1, epsilon=a.eps)


@lowers("deformconv")
def _deformconv(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """DeformConv, whose offsets (and weights of the places) come from a convolution. Opset 19 on."""
    if b.opset < 19:
        raise usage("E0512", op="deformconv", backend="ONNX", reason="the operator exists from opset 19 on")
    out = step.out_shape
    settings = {"kernel_shape": a.k, "strides": a.s, "dilations": a.d, "pads": flat(a.p)}
    field_weights = [b.weight("offset.weight"), b.weight("offset.bias")]
    fields = b.node("Conv", [xs[0], *field_weights], (a.fields, *out[1:]), "fields", **settings)
    offset, mask = fields, ""
    if a.mask:
        axis = b.ints("axis", [1])

        def part(name: str, start: int, stop: int) -> str:
            bounds = [b.ints(f"{name}.start", [start]), b.ints(f"{name}.stop", [stop]), axis]
            return b.node("Slice", [fields, *bounds], (stop - start, *out[1:]), name)

        offset = part("places", 0, 2 * a.places)
        mask = b.node("Sigmoid", [part("logits", 2 * a.places, a.fields)], (a.places, *out[1:]), "mask")
    bias = b.weight("bias") if a.bias else ""
    inputs = [xs[0], b.weight("weight"), offset, bias, mask]
    while not inputs[-1]:
        inputs.pop()
    return b.node("DeformConv", inputs, out, group=a.g, offset_group=a.offset_groups, **settings)


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
    return _cut_from_whole(b, a, step, inputs, bias, **settings)


def _cut_from_whole(b: Builder, a: Any, step: Apply, inputs: list[str], bias: list[str], **settings: Any) -> str:
    """The whole transposed convolution, output padding after it, and of that the part between the padding."""
    out, rank = step.out_shape, len(a.k)
    extents = zip(step.in_shapes[0][1:], a.k, a.s, a.d, strict=True)
    whole = [(n - 1) * s + d * (k - 1) + 1 for n, k, s, d in extents]
    axes = b.ints("axes", list(range(2, rank + 2)))
    y = b.node("ConvTranspose", inputs, (out[0], *whole), "whole", **settings)
    longer = (out[0], *(n + op for n, op in zip(whole, a.op, strict=True)))
    y = pad_node(b, y, longer, tuple((0, op) for op in a.op), "longer")
    stops = [p + n for p, n in zip(a.p, out[1:], strict=True)]
    y = b.node("Slice", [y, b.ints("start", list(a.p)), b.ints("stop", stops), axes], out, "part" if bias else "")
    if not bias:
        return y
    column = (out[0], *(1 for _ in a.k))
    return b.node("Add", [y, b.raw_node("Reshape", [*bias, b.ints("column", list(column))], column, "shift")], out)
