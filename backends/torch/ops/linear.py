"""Linear layers as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape, Tokens, channels_of
from .base import Arg, Code, Context, Function, New, helper, lowers, settings
from .conv import REPARAMS

helper('''class FlatLinear(nn.Linear):
    """A linear layer on C x 1 x 1 maps."""

    def forward(self, x):
        return super().forward(torch.flatten(x, 1))
''')

helper('''class SelfBilinear(nn.Bilinear):
    """A bilinear layer with the same vector on both sides."""

    def __init__(self, in_features, out_features, bias=True):
        super().__init__(in_features, in_features, out_features, bias=bias)

    def forward(self, x):
        return super().forward(x, x)
''')

for function, (prefix, doc) in REPARAMS.items():
    helper(f'''class {prefix}Linear(nn.Linear):
    """A linear layer whose weight is {doc}."""

    def __init__(self, *args, flat=False, **kwargs):
        super().__init__(*args, **kwargs)
        self.flat = flat
        nn.utils.parametrizations.{function}(self)

    def forward(self, x):
        return super().forward(torch.flatten(x, 1) if self.flat else x)
''')


@lowers("fc")
def _fc(a: Any, x: Shape, context: Context) -> Code:
    args = (Arg("in_features", channels_of(x)), Arg("out_features", a.n), *settings(bias=(a.bias, True)))
    if a.reparam != "none":
        name = f"{REPARAMS[a.reparam][0]}Linear"
        flat = len(x) > 1 and not isinstance(x, Tokens)
        rest = settings(flat=(flat and context.as_module, False))
        return Code(New(name, (*args, *rest)), helper=name, flatten=flat and not context.as_module)
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
    if len(context.step.inputs) == 1:
        args = (Arg("in_features", x[0]), Arg("out_features", a.n), *settings(bias=(a.bias, True)))
        return Code(New("SelfBilinear", args), helper="SelfBilinear")
    return Code(New("nn.Bilinear", (*sizes, *settings(bias=(a.bias, True)))))
