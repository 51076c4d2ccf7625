"""Activations as PyTorch."""

from typing import Any

from ....compiler.ops.base import Shape
from .base import Arg, Code, Context, Function, New, lowers, settings, stateless

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
