"""Activations as ONNX nodes."""

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ..builder import Builder
from .base import LOWERINGS, lowers, simple

LOWERINGS.update(
    relu=simple("Relu"),
    sigmoid=simple("Sigmoid"),
    tanh=simple("Tanh"),
    softmax=simple("Softmax", axis=1),
    abs=simple("Abs"),
    hardswish=simple("HardSwish"),
    logsoftmax=simple("LogSoftmax", axis=1),
    selu=simple("Selu"),
    softsign=simple("Softsign"),
    hardsigmoid=simple("HardSigmoid", alpha=1 / 6, beta=0.5),
)


@lowers("relu6")
def _relu6(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    bounds = [b.constant("min", np.array(0, np.float32)), b.constant("max", np.array(6, np.float32))]
    return b.node("Clip", [xs[0], *bounds], step.out_shape)


@lowers("lrelu")
def _lrelu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("LeakyRelu", xs, step.out_shape, alpha=a.a)


@lowers("prelu")
def _prelu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = step.in_shapes[0]
    slope = b.weight("weight")
    if a.per_channel and len(x) > 1:
        column = (x[0], *(1 for _ in x[1:]))
        slope = b.raw_node("Reshape", [slope, b.ints("channels", list(column))], column, "slope")
    return b.node("PRelu", [xs[0], slope], x)


@lowers("elu")
def _elu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("Elu", xs, step.out_shape, alpha=a.a)


@lowers("silu")
def _silu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    gate = b.node("Sigmoid", xs, step.out_shape, "gate")
    return b.node("Mul", [xs[0], gate], step.out_shape)


@lowers("gelu")
def _gelu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """Gelu from opset 20 on; before, x·(1 + erf(x/√2))/2, or x·(1 + tanh(√(2/π)·(x + 0.044715·x³)))/2."""
    x = step.out_shape
    if b.opset >= 20:
        return b.node("Gelu", xs, x, approximate=a.approx)
    if a.approx == "none":
        scaled = b.node("Mul", [xs[0], b.constant("root", np.array(0.5**0.5, np.float32))], x, "scaled")
        bent = b.node("Erf", [scaled], x, "erf")
    else:
        cube = b.node("Pow", [xs[0], b.constant("three", np.array(3, np.float32))], x, "cube")
        small = b.node("Mul", [cube, b.constant("factor", np.array(0.044715, np.float32))], x, "small")
        both = b.node("Add", [xs[0], small], x, "both")
        scaled = b.node("Mul", [both, b.constant("root", np.array((2 / np.pi) ** 0.5, np.float32))], x, "scaled")
        bent = b.node("Tanh", [scaled], x, "tanh")
    raised = b.node("Add", [bent, b.constant("one", np.array(1, np.float32))], x, "raised")
    half = b.node("Mul", [raised, b.constant("half", np.array(0.5, np.float32))], x, "half")
    return b.node("Mul", [xs[0], half], x)


@lowers("rrelu")
def _rrelu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("LeakyRelu", xs, step.out_shape, alpha=(a.lo + a.hi) / 2)


@lowers("hardtanh")
def _hardtanh(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    bounds = [b.constant("min", np.array(a.lo, np.float32)), b.constant("max", np.array(a.hi, np.float32))]
    return b.node("Clip", [xs[0], *bounds], step.out_shape)


@lowers("celu")
def _celu(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return b.node("Celu", xs, step.out_shape, alpha=a.a)


@lowers("mish")
def _mish(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    bent = b.node("Tanh", [b.node("Softplus", xs, step.out_shape, "softplus")], step.out_shape, "tanh")
    return b.node("Mul", [xs[0], bent], step.out_shape)


@lowers("softplus")
def _softplus(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """Softplus of beta·x by beta. The threshold matters only where it is so low that the curve is not yet straight."""
    x = step.out_shape
    beta = b.constant("beta", np.array(a.beta, np.float32)) if a.beta != 1 else ""
    sharp = b.node("Mul", [xs[0], beta], x, "sharp") if beta else xs[0]
    straight = a.threshold >= 20
    smooth = b.node("Softplus", [sharp], x, "smooth" if beta or not straight else "")
    if beta:
        smooth = b.node("Div", [smooth, beta], x, "curve" if not straight else "")
    if straight:
        return smooth
    above = b.raw_node("Greater", [sharp, b.constant("threshold", np.array(a.threshold, np.float32))],
                       (b.batch, *x), "above", kind="bool")  # fmt: skip
    return b.node("Where", [above, xs[0], smooth], x)


@lowers("logsigmoid")
def _logsigmoid(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """−log(1 + exp(−x))."""
    turned = b.node("Neg", xs, step.out_shape, "turned")
    return b.node("Neg", [b.node("Softplus", [turned], step.out_shape, "softplus")], step.out_shape)


@lowers("hardgate")
def _hardgate(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """The sign is −1, 0 or 1, of which the rectifier leaves 1 for positive x."""
    return b.node("Relu", [b.node("Sign", xs, step.out_shape, "sign")], step.out_shape)


@lowers("maxout")
def _maxout(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    x = step.in_shapes[0]
    split = (x[0] // a.k, a.k, *x[1:])
    pieces = b.node("Reshape", [xs[0], b.ints("split", [-1, *split])], split, "pieces")
    return b.node("ReduceMax", [pieces, b.ints("axis", [2])], step.out_shape, keepdims=0)
