"""Linear layers as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape, Tokens
from ....compiler.ops.linear import features_of
from .base import Arg, Code, Context, Function, New, helper, lowers, settings

helper('''class FlatLinear(nn.Linear):
    """A linear layer on C x 1 x 1 maps."""

    def forward(self, x):
        return super().forward(torch.flatten(x, 1))
''')


@lowers("fc")
def _fc(a: Any, x: Shape, context: Context) -> Code:
    args = (Arg("in_features", features_of(x)), Arg("out_features", a.n), *settings(bias=(a.bias, True)))
    if isinstance(x, Tokens):
        return Code(New("nn.Linear", args))
    if context.as_module and len(x) > 1:
        return Code(New("FlatLinear", args), helper="FlatLinear")
    return Code(New("nn.Linear", args), flatten=len(x) > 1)


@lowers("flatten")
def _flatten(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Flatten"), Function("torch.flatten", ("1",)))


@lowers("bilinear")
def _bilinear(a: Any, x: Shape, context: Context) -> Code:
    sizes = (Arg("in1_features", x[0]), Arg("in2_features", a.other), Arg("out_features", a.n))
    return Code(New("nn.Bilinear", (*sizes, *settings(bias=(a.bias, True)))))
