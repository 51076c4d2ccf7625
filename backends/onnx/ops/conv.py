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
    inputs = [xs[0], b.weight("weight"), *([b.weight("bias")] if a.bias else [])]
    return b.node(
        "ConvTranspose", inputs, step.out_shape, kernel_shape=a.k, strides=a.s, dilations=a.d, group=a.g,
        pads=[*a.p, *a.p], output_padding=a.op,
    )  # fmt: skip
