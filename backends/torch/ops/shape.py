"""Layers that move, cut, rearrange or interpolate as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape, channel_axis
from ....compiler.ops.shape import factors
from .base import Arg, Code, Context, Function, New, compact, helper, lowers, outer_pad, settings, stateless

helper('''class Crop(nn.Module):
    """The input without its borders: before and after, of the last axis first."""

    def __init__(self, border):
        super().__init__()
        self.border = [-n for n in border]

    def forward(self, x):
        return F.pad(x, self.border)
''')

helper('''class Permute(nn.Module):
    """The axes in another order."""

    def __init__(self, axes):
        super().__init__()
        self.axes = axes

    def forward(self, x):
        return x.permute(self.axes)
''')

helper('''class Scale(nn.Module):
    """Multiplication by a learnt factor per channel."""

    def __init__(self, shape, init=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full(shape, init))

    def forward(self, x):
        return x * self.weight
''')

helper('''class Multiply(nn.Module):
    """Multiplication by a constant."""

    def __init__(self, factor):
        super().__init__()
        self.factor = factor

    def forward(self, x):
        return x * self.factor
''')

helper('''class Slice(nn.Module):
    """The channels from start up to, but without, stop."""

    def __init__(self, start, stop, axis=1):
        super().__init__()
        self.start, self.length, self.axis = start, stop - start, axis

    def forward(self, x):
        return x.narrow(self.axis, self.start, self.length)
''')

helper('''class Reshape(nn.Module):
    """The same elements as another shape."""

    def __init__(self, shape):
        super().__init__()
        self.shape = shape

    def forward(self, x):
        return x.reshape(-1, *self.shape)
''')

stateless("ChannelMean", "Mean over the channels.", "x.mean(1, keepdim=True)")
stateless("ChannelMax", "Largest value over the channels.", "x.amax(1, keepdim=True)")


@lowers("slice")
def _slice(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        axis = settings(axis=(1 + channel_axis(x), 1))
        return Code(New("Slice", (Arg("start", a.a), Arg("stop", a.b), *axis)), helper="Slice")
    return Code(template=f"{{x}}[{':, ' * (1 + channel_axis(x))}{a.a}:{a.b}]")


@lowers("shuffle")
def _shuffle(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.ChannelShuffle", (Arg("groups", a.g),)), Function("F.channel_shuffle", (str(a.g),)))


@lowers("pixelshuffle")
def _pixelshuffle(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.PixelShuffle", (Arg("upscale_factor", a.r),)))


@lowers("pixelunshuffle")
def _pixelunshuffle(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.PixelUnshuffle", (Arg("downscale_factor", a.r),)))


@lowers("pad")
def _pad(a: Any, x: Shape, context: Context) -> Code:
    sides, rank = outer_pad(a.p), len(a.p)
    kinds = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}
    if a.mode in kinds:
        return Code(New(f"nn.{kinds[a.mode]}{rank}d", (Arg("padding", sides),)))
    value = a.value if a.mode == "constant" else 0.0
    return Code(New(f"nn.ConstantPad{rank}d", (Arg("padding", sides), Arg("value", value))))


@lowers("upsample")
def _upsample(a: Any, x: Shape, context: Context) -> Code:
    target = (Arg("size", compact(a.size)),) if a.scale is None else (Arg("scale_factor", compact(a.scale)),)
    align = settings(align_corners=(a.align_corners, False)) if a.mode != "nearest" else ()
    return Code(New("nn.Upsample", (*target, *settings(mode=(a.mode, "nearest")), *align)))


@lowers("reshape")
def _reshape(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("Reshape", (Arg("shape", a.shape),)), helper="Reshape")
    return Code(template=f"{{x}}.reshape(-1, {', '.join(map(str, a.shape))})")


@lowers("cmean")
def _cmean(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("ChannelMean"), helper="ChannelMean")
    return Code(template="{x}.mean(1, keepdim=True)")


@lowers("cmax")
def _cmax(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("ChannelMax"), helper="ChannelMax")
    return Code(template="{x}.amax(1, keepdim=True)")


@lowers("crop")
def _crop(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("Crop", (Arg("border", outer_pad(a.p)),)), helper="Crop")
    cuts = [f"{before or ''}:{-after or ''}" for before, after in a.p]
    return Code(template=f"{{x}}[..., {', '.join(cuts)}]")


@lowers("permute")
def _permute(a: Any, x: Shape, context: Context) -> Code:
    axes = (0, *(axis + 1 for axis in a.axes))
    if context.as_module:
        return Code(New("Permute", (Arg("axes", axes),)), helper="Permute")
    return Code(template=f"{{x}}.permute({', '.join(map(str, axes))})")


@lowers("scale")
def _scale(a: Any, x: Shape, context: Context) -> Code:
    if a.learn:
        return Code(New("Scale", (Arg("shape", factors(x)), *settings(init=(a.init, 1.0)))), helper="Scale")
    if context.as_module:
        return Code(New("Multiply", (Arg("factor", a.init),)), helper="Multiply")
    return Code(template=f"{{x}} * {a.init!r}" if a.init >= 0 else f"{{x}} * ({a.init!r})")
