"""Pooling as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from .base import Arg, Code, Context, New, compact, lowers, outer_pad, settings


@lowers("maxpool")
def _maxpool(a: Any, x: Shape, context: Context) -> Code:
    rank = len(a.k)
    stride = settings(stride=(compact(a.s), compact(a.k)))
    rest = settings(dilation=(compact(a.d), 1), return_indices=(context.outputs > 1, False), ceil_mode=(a.ceil, False))
    if all(before == after for before, after in a.p):
        padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
        return Code(New(f"nn.MaxPool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *padding, *rest)))
    name = f"PaddedMaxPool{rank}d"
    return Code(New(name, (Arg("kernel_size", compact(a.k)), Arg("pad", outer_pad(a.p)), *stride, *rest)), helper=name)


@lowers("avgpool")
def _avgpool(a: Any, x: Shape, context: Context) -> Code:
    rank = len(a.k)
    stride = settings(stride=(compact(a.s), compact(a.k)))
    rest = settings(ceil_mode=(a.ceil, False), count_include_pad=(a.count_pad, True))
    if all(before == after for before, after in a.p):
        padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
        return Code(New(f"nn.AvgPool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *padding, *rest)))
    name = f"PaddedAvgPool{rank}d"
    return Code(New(name, (Arg("kernel_size", compact(a.k)), Arg("pad", outer_pad(a.p)), *stride, *rest)), helper=name)


@lowers("adaptive_avgpool")
def _adaptive(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveAvgPool{len(a.size)}d", (Arg("output_size", compact(a.size)),)))


@lowers("gap")
def _gap(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveAvgPool{len(x) - 1}d", (Arg("output_size", 1),)))


@lowers("unpool")
def _unpool(a: Any, x: Shape, context: Context) -> Code:
    """The size is given at the call, since the pooling may have dropped positions at the end."""
    rank = len(a.k)
    padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
    stride = settings(stride=(compact(a.s), compact(a.k)))
    return Code(
        New(f"nn.MaxUnpool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *padding)), extra=f"{a.size[1:]}"
    )


@lowers("adaptive_maxpool")
def _adaptive_max(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveMaxPool{len(a.size)}d", (Arg("output_size", compact(a.size)),)))


@lowers("gmp")
def _gmp(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveMaxPool{len(x) - 1}d", (Arg("output_size", 1),)))
