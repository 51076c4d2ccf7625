"""Convolutions as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from ....compiler.ops.conv import Conv
from .base import Arg, Code, Context, New, compact, helper, lowers, outer_pad, settings

helper('''class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution whose padding differs between the sides of an axis."""

    def __init__(self, *args, pad, mode="constant", **kwargs):
        super().__init__(*args, **kwargs)
        self.pad, self.mode = pad, mode

    def forward(self, x):
        return super().forward(F.pad(x, self.pad, self.mode))
''')


@lowers("conv", "dwconv")
def _conv(a: Conv, x: Shape, context: Context) -> Code:
    rank = len(a.k)
    symmetric = all(before == after for before, after in a.p)
    base = (Arg("in_channels", x[0]), Arg("out_channels", a.c), Arg("kernel_size", compact(a.k)))
    padding = compact(tuple(before for before, _ in a.p)) if symmetric else 0
    rest = settings(
        stride=(compact(a.s), 1), padding=(padding, 0), dilation=(compact(a.d), 1), groups=(a.g, 1), bias=(a.bias, True)
    )
    if symmetric:
        mode = settings(padding_mode=(a.pad_mode if padding else "zeros", "zeros"))
        return Code(New(f"nn.Conv{rank}d", (*base, *rest, *mode)))
    mode = settings(mode=({"zeros": "constant"}.get(a.pad_mode, a.pad_mode), "constant"))
    return Code(
        New(f"PaddedConv{rank}d", (*base, Arg("pad", outer_pad(a.p)), *rest, *mode)), helper=f"PaddedConv{rank}d"
    )


@lowers("deconv")
def _deconv(a: Any, x: Shape, context: Context) -> Code:
    base = (Arg("in_channels", x[0]), Arg("out_channels", a.c), Arg("kernel_size", compact(a.k)))
    rest = settings(
        stride=(compact(a.s), 1), padding=(compact(a.p), 0), output_padding=(compact(a.op), 0), groups=(a.g, 1),
        bias=(a.bias, True), dilation=(compact(a.d), 1),
    )  # fmt: skip
    return Code(New(f"nn.ConvTranspose{len(a.k)}d", (*base, *rest)))
