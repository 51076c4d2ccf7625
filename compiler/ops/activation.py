"""Activations: one output per input element, except softmax, which looks at all channels of a position."""

from typing import Annotated, NamedTuple

from ..diagnostics import Reject
from .base import (
    NoParams,
    Op,
    Saved,
    Shape,
    Use,
    Weight,
    Work,
    define,
    same_shape,
    saves_both,
    saves_input,
    saves_one,
    saves_result,
    size,
)
from .formula import Line, one_less, product
from .kinds import Flag, Integer, Number, Word


class LeakySlope(NamedTuple):
    a: Annotated[float, Number("slope for negative values", 0.01)]


class EluScale(NamedTuple):
    a: Annotated[float, Number("scale of the negative part", 1.0)]


class ParametricSlope(NamedTuple):
    per_channel: Annotated[bool, Flag("one slope per channel instead of one for all", False)]
    init: Annotated[float, Number("initial slope", 0.25)]


class RandomSlope(NamedTuple):
    lo: Annotated[float, Number("least slope for negative values", 1 / 8)]
    hi: Annotated[float, Number("largest slope", 1 / 3)]


class Bounds(NamedTuple):
    lo: Annotated[float, Number("least value", -1.0)]
    hi: Annotated[float, Number("largest value, above lo", 1.0)]


class CeluScale(NamedTuple):
    a: Annotated[float, Number("scale of the negative part", 1.0, low=0.0, open_low=True)]


class Softplus(NamedTuple):
    beta: Annotated[float, Number("sharpness", 1.0, low=0.0, open_low=True)]
    threshold: Annotated[float, Number("value of beta·x above which the result is x", 20.0)]


class Gelu(NamedTuple):
    approx: Annotated[str, Word("exact (none) or the tanh formula", ("none", "tanh"), "none")]


class Pieces(NamedTuple):
    k: Annotated[int, Integer("channels of which the largest is kept; the input channels must be a multiple of it", 2)]


def maxout_shape(a: Pieces, x: Shape) -> Shape:
    """C/k channels. Raises E0210 unless k divides C."""
    if x[0] % a.k:
        raise Reject("E0210", groups=a.k, cin=x[0], cout=x[0])
    return (x[0] // a.k, *x[1:])


def per_element(**work: int) -> "_PerElement":
    return _PerElement(Work(**work))


class _PerElement:
    """A work rule: so many operations for every output element."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, a: object, x: Shape, out: Shape) -> Work:
        count = size(out)
        return Work(*[n and n * count for n in self.work])


def saves_slope(a: LeakySlope, x: Shape, out: Shape, use: Use) -> Saved:
    """The result tells positive from negative only if the slope keeps signs; else nothing is overwritten."""
    return saves_one(a, x, out, use._replace(overwritten=use.overwritten and a.a >= 0))


def saves_noise(a: RandomSlope, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(operands=(0,), more=size(x))


def saves_ratio(a: NoParams, x: Shape, out: Shape, use: Use) -> Saved:
    """x and 1 + |x|."""
    return Saved(operands=(0,), more=size(x))


def saves_exponential(a: NoParams, x: Shape, out: Shape, use: Use) -> Saved:
    """x and exp(−|x|), as on a CPU."""
    return Saved(operands=(0,), more=size(x))


def saves_chance(a: NoParams, x: Shape, out: Shape, use: Use) -> Saved:
    """The sigmoid whose gradient is used."""
    return Saved(more=size(x))


def softmax_work(a: NoParams, x: Shape, out: Shape) -> Work:
    """Per element a comparison (the maximum), a subtraction, an exponential, an addition and a division."""
    n = size(x)
    positions = size(x[1:])
    return Work(cmp=n - positions, add=2 * n - positions, special=n, div=n)


def log_softmax_work(a: NoParams, x: Shape, out: Shape) -> Work:
    """Per element a comparison, two subtractions, an exponential and an addition; per position a logarithm."""
    n = size(x)
    positions = size(x[1:])
    return Work(cmp=n - positions, add=3 * n - positions, special=n + positions)


def bounded_shape(a: Bounds, x: Shape) -> Shape:
    if a.lo >= a.hi:
        raise Reject("E0227", lo=f"{a.lo:g}", hi=f"{a.hi:g}")
    return x


def random_slope_shape(a: RandomSlope, x: Shape) -> Shape:
    if a.lo > a.hi:
        raise Reject("E0227", lo=f"{a.lo:g}", hi=f"{a.hi:g}")
    return x


relu: Op[NoParams] = define(
    Op(
        name="relu",
        known_as=("ReLU", "Relu"),
        doc="max(x, 0).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=1),
        saves=saves_result,
        inplace=True,
        tokens=True,
        samples=("relu @ 5", "relu @ 3x4x5"),
        rejects=(("relu(1) @ 5", "E0307"), ("relu3 @ 3x5x5", "E0321")),
    )
)

relu6: Op[NoParams] = define(
    Op(
        name="relu6",
        known_as=("ReLU6",),
        doc="min(max(x, 0), 6) (Krizhevsky, 2010).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=2),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("relu6 @ 3x4x5",),
    )
)

lrelu: Op[LeakySlope] = define(
    Op(
        name="lrelu",
        known_as=("LeakyReLU", "leaky"),
        aliases=("leaky_relu",),
        doc="x for positive x, a·x otherwise (Maas, Hannun and Ng, 2013).",
        signature=LeakySlope,
        shape=same_shape,
        work=per_element(cmp=1, mul=1),
        saves=saves_slope,
        inplace=True,
        tokens=True,
        samples=("lrelu @ 3x4x5", "lrelu(0.2) @ 6"),
        rejects=(("lrelu(a=big) @ 6", "E0301"),),
    )
)

sigmoid: Op[NoParams] = define(
    Op(
        name="sigmoid",
        known_as=("Sigmoid", "Logistic"),
        doc="1/(1 + exp(−x)).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, div=1, special=1),
        saves=saves_result,
        inplace=True,
        tokens=True,
        samples=("sigmoid @ 3x4x5",),
    )
)

tanh: Op[NoParams] = define(
    Op(
        name="tanh",
        known_as=("Tanh",),
        doc="Hyperbolic tangent.",
        signature=NoParams,
        shape=same_shape,
        work=per_element(special=1),
        saves=saves_result,
        inplace=True,
        tokens=True,
        samples=("tanh @ 3x4x5",),
    )
)

softmax: Op[NoParams] = define(
    Op(
        name="softmax",
        known_as=("Softmax2d",),
        doc="exp(x)/Σexp(x) over the channels of each position.",
        signature=NoParams,
        shape=same_shape,
        work=softmax_work,
        saves=saves_result,
        samples=("softmax @ 7", "softmax @ 3x4x5"),
    )
)

prelu: Op[ParametricSlope] = define(
    Op(
        name="prelu",
        known_as=("PReLU",),
        doc="x for positive x, otherwise x times a learnt slope (He et al., 2015).",
        signature=ParametricSlope,
        shape=same_shape,
        weights=lambda a, x: (Weight("weight", (x[0] if a.per_channel else 1,), "constant", value=a.init),),
        work=per_element(cmp=1, mul=1),
        saves=saves_input,
        samples=("prelu @ 6", "prelu(per_channel=true) @ 3x4x5", "prelu(true, init=0.1) @ 3x7"),
    )
)

elu: Op[EluScale] = define(
    Op(
        name="elu",
        known_as=("ELU",),
        doc="x for positive x, a·(exp(x) − 1) otherwise (Clevert, Unterthiner and Hochreiter, 2015).",
        signature=EluScale,
        shape=same_shape,
        work=per_element(cmp=1, add=1, mul=1, special=1),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("elu @ 3x4x5", "elu(0.5) @ 6"),
        rejects=(("elu(a=true) @ 6", "E0304"),),
    )
)

silu: Op[NoParams] = define(
    Op(
        name="silu",
        known_as=("SiLU", "Swish"),
        aliases=("swish",),
        doc="x·sigmoid(x) (Elfwing, Uchibe and Doya, 2017; Ramachandran, Zoph and Le, 2017).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, div=1, mul=1, special=1),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("silu @ 3x4x5", "swish @ 6"),
    )
)

gelu: Op[Gelu] = define(
    Op(
        name="gelu",
        known_as=("GELU",),
        doc="x·Φ(x), Φ the normal distribution function (Hendrycks and Gimpel, 2016).",
        signature=Gelu,
        shape=same_shape,
        work=per_element(add=1, mul=3, special=1),
        saves=saves_input,
        tokens=True,
        samples=("gelu @ 3x4x5", "gelu(approx=tanh) @ 6"),
        rejects=(("gelu(approx=sigmoid) @ 6", "E0304"),),
    )
)

hardsigmoid: Op[NoParams] = define(
    Op(
        name="hardsigmoid",
        known_as=("Hardsigmoid", "HSigmoid"),
        doc="min(max(x + 3, 0), 6)/6.",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, cmp=2, mul=1),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("hardsigmoid @ 3x4x5",),
    )
)

hardswish: Op[NoParams] = define(
    Op(
        name="hardswish",
        known_as=("Hardswish", "HSwish"),
        doc="x·hardsigmoid(x) (Howard et al., MobileNetV3, 2019).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, cmp=2, mul=2),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("hardswish @ 3x4x5",),
    )
)

abs_: Op[NoParams] = define(
    Op(
        name="abs",
        known_as=("Abs", "Absolute"),
        doc="Absolute value.",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=1),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("abs @ 3x4x5",),
    )
)

rrelu: Op[RandomSlope] = define(
    Op(
        name="rrelu",
        known_as=("RReLU",),
        doc="x for positive x, otherwise x times a slope drawn from lo to hi, their mean in evaluation (Xu et al.).",
        signature=RandomSlope,
        shape=random_slope_shape,
        work=per_element(cmp=1, mul=1),
        saves=saves_noise,
        inplace=True,
        tokens=True,
        samples=("rrelu @ 3x4x5", "rrelu(0.1, 0.5) @ 6"),
        rejects=(("rrelu(0.5, 0.1) @ 6", "E0227"),),
    )
)

hardtanh: Op[Bounds] = define(
    Op(
        name="hardtanh",
        known_as=("Hardtanh", "Clip", "Clamp", "ThresholdedReLU"),
        doc="x between lo and hi, the nearer of them otherwise.",
        signature=Bounds,
        shape=bounded_shape,
        work=per_element(cmp=2),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("hardtanh @ 3x4x5", "hardtanh(-0.5, 2) @ 6"),
        rejects=(("hardtanh(1, 0) @ 6", "E0227"),),
    )
)

selu: Op[NoParams] = define(
    Op(
        name="selu",
        known_as=("SELU",),
        doc="λ·x for positive x, λ·α·(exp(x) − 1) otherwise, α and λ fixed (Klambauer et al., 2017).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=1, add=1, mul=2, special=1),
        saves=saves_one,
        inplace=True,
        tokens=True,
        samples=("selu @ 3x4x5", "selu @ 6"),
    )
)

celu: Op[CeluScale] = define(
    Op(
        name="celu",
        known_as=("CELU",),
        doc="x for positive x, a·(exp(x/a) − 1) otherwise (Barron, 2017).",
        signature=CeluScale,
        shape=same_shape,
        work=per_element(cmp=1, add=1, mul=1, div=1, special=1),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("celu @ 3x4x5", "celu(0.5) @ 6"),
        rejects=(("celu(0) @ 6", "E0305"), ("celu(-1) @ 6", "E0305")),
    )
)

mish: Op[NoParams] = define(
    Op(
        name="mish",
        known_as=("Mish",),
        doc="x·tanh(log(1 + exp(x))) (Misra, 2019).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, mul=1, special=3),
        saves=saves_input,
        inplace=True,
        tokens=True,
        samples=("mish @ 3x4x5",),
    )
)

softplus: Op[Softplus] = define(
    Op(
        name="softplus",
        known_as=("Softplus",),
        doc="log(1 + exp(beta·x))/beta, and x where beta·x is above the threshold.",
        signature=Softplus,
        shape=same_shape,
        work=per_element(cmp=1, mul=1, add=1, div=1, special=2),
        saves=saves_input,
        tokens=True,
        samples=("softplus @ 3x4x5", "softplus(2) @ 6", "softplus(beta=0.5, threshold=0.25) @ 3x4x5"),
        rejects=(("softplus(0) @ 6", "E0305"),),
    )
)

softsign: Op[NoParams] = define(
    Op(
        name="softsign",
        known_as=("Softsign",),
        doc="x/(1 + |x|).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=1, add=1, div=1),
        saves=saves_ratio,
        tokens=True,
        samples=("softsign @ 3x4x5",),
    )
)

logsigmoid: Op[NoParams] = define(
    Op(
        name="logsigmoid",
        known_as=("LogSigmoid",),
        doc="log(1/(1 + exp(−x))).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, special=2),
        saves=saves_exponential,
        tokens=True,
        samples=("logsigmoid @ 3x4x5",),
    )
)

logsoftmax: Op[NoParams] = define(
    Op(
        name="logsoftmax",
        known_as=("LogSoftmax",),
        doc="log of the softmax over the channels of each position.",
        signature=NoParams,
        shape=same_shape,
        work=log_softmax_work,
        saves=saves_result,
        samples=("logsoftmax @ 7", "logsoftmax @ 3x4x5"),
    )
)

hardgate: Op[NoParams] = define(
    Op(
        name="hardgate",
        doc="1 for positive x, else 0: hard attention. In training a draw of 1 with probability sigmoid(x) that passes "
        "gradients on as sigmoid does (straight-through; Bengio, Léonard and Courville, 2013).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=1),
        saves=saves_chance,
        tokens=True,
        samples=("hardgate @ 6", "id * (conv1x1(1) -> hardgate) @ 3x4x5"),
    )
)

maxout: Op[Pieces] = define(
    Op(
        name="maxout",
        known_as=("Maxout",),
        doc="The largest of each k neighbouring channels (Goodfellow et al., 2013).",
        signature=Pieces,
        shape=maxout_shape,
        work=lambda a, x, out: Work(cmp=size(x) - size(out)),
        saves=saves_both,
        shape_lines=lambda a, xs, out: (Line("channels", f"{product(xs[0][0])}/{product(a.k)}", out[0]),),
        each_text=lambda a, x, out: {"cmp": one_less((a.k,))},
        samples=("maxout @ 6x4x5", "maxout(3) @ 6"),
        rejects=(("maxout(4) @ 6x4x4", "E0210"), ("maxout(0) @ 6", "E0305")),
    )
)
