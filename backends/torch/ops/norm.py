"""Normalisation as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from ....compiler.ops.norm import normalized, on_last_axis
from .base import Arg, Code, Context, Function, New, helper, lowers, settings, stateless

helper('''class ChannelNorm(nn.LayerNorm):
    """Layer normalisation over the channels of each position of maps."""

    def forward(self, x):
        return super().forward(x.movedim(1, -1)).movedim(-1, 1)
''')

stateless("L2Norm", "Channels divided by their Euclidean length.", "F.normalize(x)")

helper('''class VolumeResponseNorm(nn.LocalResponseNorm):
    """Local response normalisation of volumes in any layout of memory."""

    def forward(self, x):
        return super().forward(x.contiguous())
''')

helper('''class GlobalResponseNorm(nn.Module):
    """Channels weighed by their length relative to the mean of all channels."""

    def __init__(self, shape, eps=1e-6):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bias = nn.Parameter(torch.zeros(shape))
        self.eps = eps

    def forward(self, x):
        positions = tuple(range(2, x.dim()))
        length = torch.linalg.vector_norm(x, dim=positions, keepdim=True)
        share = length / (length.mean(1, keepdim=True) + self.eps)
        return x + self.weight * (x * share) + self.bias
''')


@lowers("bn")
def _bn(a: Any, x: Shape, context: Context) -> Code:
    rank = max(1, len(x) - 1)
    rest = settings(eps=(a.eps, 1e-5), momentum=(a.momentum, 0.1), affine=(a.affine, True))
    return Code(New(f"nn.BatchNorm{rank}d", (Arg("num_features", x[0]), *rest)))


@lowers("ln")
def _ln(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(eps=(a.eps, 1e-5), elementwise_affine=(a.affine, True))
    shape = normalized(a, x)
    if len(shape) == len(x) or on_last_axis(a, x):
        return Code(New("nn.LayerNorm", (Arg("normalized_shape", shape[0] if len(shape) == 1 else shape), *rest)))
    return Code(New("ChannelNorm", (Arg("normalized_shape", x[0]), *rest)), helper="ChannelNorm")


@lowers("gn")
def _gn(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(eps=(a.eps, 1e-5), affine=(a.affine, True))
    return Code(New("nn.GroupNorm", (Arg("num_groups", a.groups), Arg("num_channels", x[0]), *rest)))


@lowers("instnorm")
def _instnorm(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(eps=(a.eps, 1e-5), affine=(a.affine, False))
    return Code(New(f"nn.InstanceNorm{len(x) - 1}d", (Arg("num_features", x[0]), *rest)))


@lowers("l2norm")
def _l2norm(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("L2Norm"), Function("F.normalize"), helper="L2Norm" if context.as_module else None)


@lowers("lrn")
def _lrn(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(alpha=(a.alpha, 1e-4), beta=(a.beta, 0.75), k=(a.k, 1.0))
    name = "VolumeResponseNorm" if len(x) == 4 else "nn.LocalResponseNorm"
    return Code(New(name, (Arg("size", a.size), *rest)), helper=None if name.startswith("nn.") else name)


@lowers("grn")
def _grn(a: Any, x: Shape, context: Context) -> Code:
    args = (Arg("shape", (x[0], *(1 for _ in x[1:]))), *settings(eps=(a.eps, 1e-6)))
    return Code(New("GlobalResponseNorm", args), helper="GlobalResponseNorm")
