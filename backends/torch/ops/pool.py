"""Pooling as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from ....compiler.ops.pool import plain_padding
from ....compiler.ops.windows import reach, symmetric
from .base import Arg, Code, Context, New, compact, helper, lowers, outer_pad, settings

helper('''class PaddedMaxPool{rank}d(nn.MaxPool{rank}d):
    """Max pooling with any padding; indices are those of the input without it."""

    def __init__(self, *args, pad, **kwargs):
        super().__init__(*args, **kwargs)
        self.pad = pad

    def forward(self, x):
        padded = F.pad(x, self.pad, value=float("-inf"))
        if not self.return_indices:
            return super().forward(padded)
        y, rest = super().forward(padded)
        indices, stride = torch.zeros_like(rest), 1
        for axis, before in enumerate(self.pad[::2], 1):
            indices += (rest % padded.shape[-axis] - before) * stride
            rest = rest // padded.shape[-axis]
            stride *= x.shape[-axis]
        return y, indices
''')

helper('''class PaddedAvgPool{rank}d(nn.AvgPool{rank}d):
    """Average pooling with any padding; nothing in `over` counts."""

    def __init__(self, *args, pad, over=None, count_include_pad=True, **kwargs):
        super().__init__(*args, **kwargs)
        self.pad, self.over, self.count_pad = pad, over, count_include_pad

    def extend(self, x, value=0.0):
        x = F.pad(x, self.pad, value=value)
        return x if self.over is None else F.pad(x, self.over)

    def forward(self, x):
        mean = super().forward(self.extend(x))
        if self.count_pad and self.over is None:
            return mean
        ones = torch.ones_like(x[:1, :1])
        return mean / super().forward(self.extend(ones, float(self.count_pad)))
''')

helper('''class Unpool(nn.Module):
    """Each value where the max pooling with these indices found it, zeros elsewhere."""

    def forward(self, x, indices, size):
        y = x.new_zeros(*x.shape[:2], *size).flatten(2)
        return y.scatter(2, indices.flatten(2), x.flatten(2)).unflatten(2, size)
''')

helper('''class BlurPool{rank}d(nn.Module):
    """Subsampling after a binomial filter with the border reflected."""

    def __init__(self, kernel_size=(3,) * {rank}, stride=2):
        super().__init__()
        kernel = torch.ones(())
        for n in kernel_size:
            row = torch.ones(1)
            for _ in range(n - 1):
                row = (F.pad(row, (1, 0)) + F.pad(row, (0, 1))) / 2
            kernel = kernel.unsqueeze(-1) * row
        self.register_buffer("kernel", kernel[None, None], persistent=False)
        sides = [((n - 1) // 2, n // 2) for n in reversed(kernel_size)]
        self.pad = [side for pair in sides for side in pair]
        self.stride = stride

    def forward(self, x):
        channels = x.shape[1]
        kernel = self.kernel.expand(channels, *self.kernel.shape[1:])
        x = F.pad(x, self.pad, "reflect")
        return F.conv{rank}d(x, kernel, stride=self.stride, groups=channels)
''')


@lowers("maxpool")
def _maxpool(a: Any, x: Shape, context: Context) -> Code:
    """nn.MaxPool takes the same padding on both sides, half the undilated window at most; else a padded class."""
    rank = len(a.k)
    stride = settings(stride=(compact(a.s), compact(a.k)))
    rest = settings(dilation=(compact(a.d), 1), return_indices=(len(context.step.outputs) > 1, False))
    if plain_padding(a):
        padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
        ceil = settings(ceil_mode=(a.ceil, False))
        return Code(New(f"nn.MaxPool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *padding, *rest, *ceil)))
    name = f"PaddedMaxPool{rank}d"
    pad = Arg("pad", outer_pad(reach(x, context.step.out_shape, a)))
    return Code(New(name, (Arg("kernel_size", compact(a.k)), pad, *stride, *rest)), helper=name)


@lowers("avgpool")
def _avgpool(a: Any, x: Shape, context: Context) -> Code:
    """nn.AvgPool takes the same padding on both sides; the 3-D one also refuses windows larger than the input."""
    rank = len(a.k)
    stride = settings(stride=(compact(a.s), compact(a.k)))
    count = settings(count_include_pad=(a.count_pad, True))
    fits = rank < 3 or all(k <= extent for k, extent in zip(a.k, x[1:], strict=True))
    if fits and symmetric(a.p):
        padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
        rest = (*padding, *settings(ceil_mode=(a.ceil, False)), *count)
        return Code(New(f"nn.AvgPool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *rest)))
    name = f"PaddedAvgPool{rank}d"
    covered = reach(x, context.step.out_shape, a)
    beyond = tuple((0, after - declared) for (_, after), (_, declared) in zip(covered, a.p, strict=True))
    over = settings(over=(outer_pad(beyond), (0,) * (2 * rank)))
    base = (Arg("kernel_size", compact(a.k)), Arg("pad", outer_pad(a.p)), *stride, *over)
    return Code(New(name, (*base, *count)), helper=name)


@lowers("adaptive_avgpool")
def _adaptive(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveAvgPool{len(a.size)}d", (Arg("output_size", compact(a.size)),)))


@lowers("gap")
def _gap(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveAvgPool{len(x) - 1}d", (Arg("output_size", 1),)))


@lowers("unpool")
def _unpool(a: Any, x: Shape, context: Context) -> Code:
    """The size is given at the call, since the pooling may have dropped positions at the end.

    nn.MaxUnpool knows neither dilation nor padding that differs by side, and refuses a size that is a stride or more
    away from the one it expects.
    """
    rank = len(a.k)
    before = tuple(p[0] for p in a.p)
    expected = [(n - 1) * s + k - 2 * p for n, k, s, p in zip(x[1:], a.k, a.s, before, strict=True)]
    if all(e - s < n < e + s for n, e, s in zip(a.size[1:], expected, a.s, strict=True)):
        rest = settings(stride=(compact(a.s), compact(a.k)), padding=(compact(before), 0))
        return Code(New(f"nn.MaxUnpool{rank}d", (Arg("kernel_size", compact(a.k)), *rest)), extra=f"{a.size[1:]}")
    return Code(New("Unpool"), extra=f"{a.size[1:]}", helper="Unpool")


@lowers("adaptive_maxpool")
def _adaptive_max(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveMaxPool{len(a.size)}d", (Arg("output_size", compact(a.size)),)))


@lowers("gmp")
def _gmp(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveMaxPool{len(x) - 1}d", (Arg("output_size", 1),)))


@lowers("lppool")
def _lppool(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(stride=(compact(a.s), compact(a.k)), ceil_mode=(a.ceil, False))
    base = (Arg("norm_type", int(a.norm) if a.norm == int(a.norm) else a.norm), Arg("kernel_size", compact(a.k)))
    return Code(New(f"nn.LPPool{len(a.k)}d", (*base, *rest)))


@lowers("blurpool")
def _blurpool(a: Any, x: Shape, context: Context) -> Code:
    name = f"BlurPool{len(a.k)}d"
    args = settings(kernel_size=(a.k, (3,) * len(a.k)), stride=(compact(a.s), 2))
    return Code(New(name, args), helper=name)
