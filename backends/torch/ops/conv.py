"""Convolutions as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from ....compiler.ops.windows import symmetric
from .base import Arg, Code, Context, New, compact, helper, lowers, outer_pad, settings

helper('''class PaddedConv{rank}d(nn.Conv{rank}d):
    """A convolution whose padding differs between the sides of an axis."""

    def __init__(self, *args, pad, mode="constant", **kwargs):
        super().__init__(*args, **kwargs)
        self.pad, self.mode = pad, mode

    def forward(self, x):
        return super().forward(F.pad(x, self.pad, self.mode))
''')


helper('''class WSConv{rank}d(nn.Conv{rank}d):
    """A convolution whose kernels are brought to mean 0 and variance 1."""

    def __init__(self, *args, eps=1e-5, pad=None, mode="constant", **kwargs):
        super().__init__(*args, **kwargs)
        self.eps, self.pad, self.mode = eps, pad, mode

    def forward(self, x):
        weight = F.layer_norm(self.weight, self.weight.shape[1:], eps=self.eps)
        if self.pad is not None:
            x = F.pad(x, self.pad, self.mode)
        return self._conv_forward(x, weight, self.bias)
''')

helper('''class DeformableConv2d(DeformConv2d):
    """Deformable convolution with a convolution for its offsets and their weights."""

    def __init__(self, *args, mask=False, offset_groups=1, pad=None, **kwargs):
        super().__init__(*args, **kwargs)
        self.pad, self.mask = pad, mask
        self.places = offset_groups * self.weight[0, 0].numel()
        self.offset = nn.Conv2d(
            self.in_channels,
            self.places * (3 if mask else 2),
            self.kernel_size,
            self.stride,
            self.padding,
            self.dilation,
        )
        nn.init.zeros_(self.offset.weight)
        nn.init.zeros_(self.offset.bias)

    def forward(self, x):
        if self.pad is not None:
            x = F.pad(x, self.pad)
        fields = self.offset(x)
        mask = torch.sigmoid(fields[:, 2 * self.places :]) if self.mask else None
        return super().forward(x, fields[:, : 2 * self.places], mask)
''')


REPARAMS = {
    "weight_norm": ("WeightNorm", "given by a length and a direction"),
    "spectral_norm": ("SpectralNorm", "divided by its largest singular value"),
}
for function, (prefix, doc) in REPARAMS.items():
    helper(f'''class {prefix}Conv{{rank}}d(nn.Conv{{rank}}d):
    """A convolution whose weight is {doc}."""

    def __init__(self, *args, pad=None, mode="constant", **kwargs):
        super().__init__(*args, **kwargs)
        self.pad, self.mode = pad, mode
        nn.utils.parametrizations.{function}(self)

    def forward(self, x):
        return super().forward(x if self.pad is None else F.pad(x, self.pad, self.mode))
''')
    helper(f'''class {prefix}ConvTranspose{{rank}}d(nn.ConvTranspose{{rank}}d):
    """Transposed convolution, the weight {doc}."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        nn.utils.parametrizations.{function}(self)
''')


def conv_settings(a: Any) -> tuple[Arg, ...]:
    """Arguments that all convolutions share; padding is 0 where the sides differ."""
    padding = compact(tuple(before for before, _ in a.p)) if symmetric(a.p) else 0
    return settings(
        stride=(compact(a.s), 1), padding=(padding, 0), dilation=(compact(a.d), 1), groups=(a.g, 1), bias=(a.bias, True)
    )


def channels_and_kernel(a: Any, x: Shape) -> tuple[Arg, ...]:
    return Arg("in_channels", x[0]), Arg("out_channels", a.c), Arg("kernel_size", compact(a.k))


@lowers("conv", "dwconv", "wsconv")
def _conv(a: Any, x: Shape, context: Context) -> Code:
    """A convolution of torch.nn, or a class of our own where padding differs by side or weights are standardised."""
    rank = len(a.k)
    standardized = context.step.op.name == "wsconv"
    special = "WS" if standardized else REPARAMS[a.reparam][0] if a.reparam != "none" else ""
    eps = settings(eps=(a.eps, 1e-5)) if standardized else ()
    if symmetric(a.p):
        mode = settings(padding_mode=(a.pad_mode if any(map(any, a.p)) else "zeros", "zeros"))
        own = f"{special}Conv{rank}d" if special else None
        name = own or f"nn.Conv{rank}d"
        return Code(New(name, (*channels_and_kernel(a, x), *conv_settings(a), *mode, *eps)), helper=own)
    pad = Arg("pad", outer_pad(a.p))
    mode = settings(mode=({"zeros": "constant"}.get(a.pad_mode, a.pad_mode), "constant"))
    name = f"{special or 'Padded'}Conv{rank}d"
    return Code(New(name, (*channels_and_kernel(a, x), pad, *conv_settings(a), *mode, *eps)), helper=name)


@lowers("deformconv")
def _deformconv(a: Any, x: Shape, context: Context) -> Code:
    pad = () if symmetric(a.p) else (Arg("pad", outer_pad(a.p)),)
    rest = settings(mask=(a.mask, False), offset_groups=(a.offset_groups, 1))
    args = (*channels_and_kernel(a, x), *pad, *conv_settings(a), *rest)
    return Code(New("DeformableConv2d", args), helper="DeformableConv2d")


@lowers("deconv")
def _deconv(a: Any, x: Shape, context: Context) -> Code:
    base = (Arg("in_channels", x[0]), Arg("out_channels", a.c), Arg("kernel_size", compact(a.k)))
    rest = settings(
        stride=(compact(a.s), 1), padding=(compact(a.p), 0), output_padding=(compact(a.op), 0), groups=(a.g, 1),
        bias=(a.bias, True), dilation=(compact(a.d), 1),
    )  # fmt: skip
    plain = f"ConvTranspose{len(a.k)}d"
    if a.reparam == "none":
        return Code(New(f"nn.{plain}", (*base, *rest)))
    name = f"{REPARAMS[a.reparam][0]}{plain}"
    return Code(New(name, (*base, *rest)), helper=name)
