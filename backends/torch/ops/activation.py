"""Activations as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from .base import Arg, Code, Context, Function, New, helper, lowers, settings, stateless

helper('''class HardGate(nn.Module):
    """1 or 0 by the sign of x; in training by chance, with gradients of sigmoid."""

    def forward(self, x):
        if not self.training:
            return (x > 0).to(x.dtype)
        chance = torch.sigmoid(x)
        return torch.bernoulli(chance.detach()) + chance - chance.detach()
''')
helper('''class Maxout(nn.Module):
    """The largest of each few neighbouring channels."""

    def __init__(self, pieces):
        super().__init__()
        self.pieces = pieces

    def forward(self, x):
        return x.unflatten(1, (-1, self.pieces)).amax(2)
''')
stateless("Abs", "Absolute value.", "torch.abs(x)")


@lowers("relu")
def _relu(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    text = ("inplace=True",) if context.inplace else ()
    return Code(New("nn.ReLU", flag), Function("F.relu", text))


@lowers("relu6")
def _relu6(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    text = ("inplace=True",) if context.inplace else ()
    return Code(New("nn.ReLU6", flag), Function("F.relu6", text))


@lowers("lrelu")
def _lrelu(a: Any, x: Shape, context: Context) -> Code:
    return Code(
        New("nn.LeakyReLU", (Arg("negative_slope", a.a), *settings(inplace=(context.inplace and a.a >= 0, False))))
    )


@lowers("sigmoid")
def _sigmoid(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Sigmoid"), Function("torch.sigmoid"))


@lowers("tanh")
def _tanh(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Tanh"), Function("torch.tanh"))


@lowers("softmax")
def _softmax(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Softmax", (Arg("dim", 1),)), Function("torch.softmax", ("1",)))


@lowers("prelu")
def _prelu(a: Any, x: Shape, context: Context) -> Code:
    channels = x[0] if a.per_channel else 1
    return Code(New("nn.PReLU", settings(num_parameters=(channels, 1), init=(a.init, 0.25))))


@lowers("elu")
def _elu(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.ELU", settings(alpha=(a.a, 1.0))))


@lowers("silu")
def _silu(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.SiLU", flag), Function("F.silu", ("inplace=True",) if context.inplace else ()))


@lowers("gelu")
def _gelu(a: Any, x: Shape, context: Context) -> Code:
    rest = () if a.approx == "none" else (f'approximate="{a.approx}"',)
    return Code(New("nn.GELU", settings(approximate=(a.approx, "none"))), Function("F.gelu", rest))


@lowers("hardsigmoid")
def _hardsigmoid(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.Hardsigmoid", flag), Function("F.hardsigmoid", ("inplace=True",) if context.inplace else ()))


@lowers("hardswish")
def _hardswish(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.Hardswish", flag), Function("F.hardswish", ("inplace=True",) if context.inplace else ()))


@lowers("abs")
def _abs(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("Abs"), Function("torch.abs"), helper="Abs" if context.as_module else None)


@lowers("rrelu")
def _rrelu(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.RReLU", settings(lower=(a.lo, 1 / 8), upper=(a.hi, 1 / 3))))


@lowers("hardtanh")
def _hardtanh(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Hardtanh", settings(min_val=(a.lo, -1.0), max_val=(a.hi, 1.0))))


@lowers("selu")
def _selu(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.SELU", flag), Function("F.selu", ("inplace=True",) if context.inplace else ()))


@lowers("celu")
def _celu(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.CELU", settings(alpha=(a.a, 1.0))))


@lowers("mish")
def _mish(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.Mish", flag), Function("F.mish", ("inplace=True",) if context.inplace else ()))


@lowers("softplus")
def _softplus(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Softplus", settings(beta=(a.beta, 1.0), threshold=(a.threshold, 20.0))))


@lowers("softsign")
def _softsign(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Softsign"), Function("F.softsign"))


@lowers("logsigmoid")
def _logsigmoid(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.LogSigmoid"), Function("F.logsigmoid"))


@lowers("logsoftmax")
def _logsoftmax(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.LogSoftmax", (Arg("dim", 1),)), Function("torch.log_softmax", ("1",)))


@lowers("hardgate")
def _hardgate(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("HardGate"), helper="HardGate")


@lowers("maxout")
def _maxout(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("Maxout", (Arg("pieces", a.k),)), helper="Maxout")
