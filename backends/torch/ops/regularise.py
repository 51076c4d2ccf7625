"""Regularisation as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from .base import Arg, Code, Context, New, helper, lowers

helper('''class DropPath(nn.Module):
    """Stochastic depth: in training leaves out samples with probability p."""

    def __init__(self, p):
        super().__init__()
        self.p = p

    def forward(self, x):
        if not self.training or self.p == 0:
            return x
        shape = (x.shape[0], *[1] * (x.dim() - 1))
        kept = torch.rand(shape, device=x.device) >= self.p
        return x * kept / max(1 - self.p, 1e-12)
''')


@lowers("dropout")
def _dropout(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Dropout", (Arg("p", a.p),)))


@lowers("dropout2d")
def _dropout2d(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.Dropout{len(x) - 1}d", (Arg("p", a.p),)))


@lowers("droppath")
def _droppath(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("DropPath", (Arg("p", a.p),)), helper="DropPath")
