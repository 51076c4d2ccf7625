"""Activations: one output per input element, except softmax, which looks at all channels of a position."""

from typing import Annotated, NamedTuple

from .base import NoParams, Op, Shape, Weight, Work, define, same_shape, size
from .kinds import Flag, Number, Word


class LeakySlope(NamedTuple):
    a: Annotated[float, Number("slope for negative values", 0.01)]


class EluScale(NamedTuple):
    a: Annotated[float, Number("scale of the negative part", 1.0)]


class ParametricSlope(NamedTuple):
    per_channel: Annotated[bool, Flag("one slope per channel instead of one for all", False)]
    init: Annotated[float, Number("initial slope", 0.25)]


class Gelu(NamedTuple):
    approx: Annotated[str, Word("exact (none) or the tanh formula", ("none", "tanh"), "none")]


def per_element(**work: int) -> "_PerElement":
    return _PerElement(Work(**work))


class _PerElement:
    """A work rule: so many operations for every output element."""

    def __init__(self, work: Work) -> None:
        self.work = work

    def __call__(self, a: object, x: Shape, out: Shape) -> Work:
        return Work(*(n * size(out) for n in self.work))


def softmax_work(a: NoParams, x: Shape, out: Shape) -> Work:
    """Per element a comparison (the maximum), a subtraction, an exponential, an addition and a division."""
    n = size(x)
    positions = n // x[0]
    return Work(cmp=n - positions, add=2 * n - positions, special=n, div=n)


relu: Op[NoParams] = define(
    Op(
        name="relu",
        doc="max(x, 0).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=1),
        inplace=True,
        samples=("relu @ 5", "relu @ 3x4x5"),
        rejects=(("relu(1) @ 5", "E0307"), ("relu3 @ 3x5x5", "E0321")),
    )
)

relu6: Op[NoParams] = define(
    Op(
        name="relu6",
        doc="min(max(x, 0), 6) (Krizhevsky, 2010).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=2),
        inplace=True,
        samples=("relu6 @ 3x4x5",),
    )
)

lrelu: Op[LeakySlope] = define(
    Op(
        name="lrelu",
        aliases=("leaky_relu",),
        doc="x for positive x, a·x otherwise (Maas, Hannun and Ng, 2013).",
        signature=LeakySlope,
        shape=same_shape,
        work=per_element(cmp=1, mul=1),
        inplace=True,
        samples=("lrelu @ 3x4x5", "lrelu(0.2) @ 6"),
        rejects=(("lrelu(a=big) @ 6", "E0301"),),
    )
)

sigmoid: Op[NoParams] = define(
    Op(
        name="sigmoid",
        doc="1/(1 + exp(−x)).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, div=1, special=1),
        inplace=True,
        samples=("sigmoid @ 3x4x5",),
    )
)

tanh: Op[NoParams] = define(
    Op(
        name="tanh",
        doc="Hyperbolic tangent.",
        signature=NoParams,
        shape=same_shape,
        work=per_element(special=1),
        inplace=True,
        samples=("tanh @ 3x4x5",),
    )
)

softmax: Op[NoParams] = define(
    Op(
        name="softmax",
        doc="exp(x)/Σexp(x) over the channels of each position.",
        signature=NoParams,
        shape=same_shape,
        work=softmax_work,
        samples=("softmax @ 7", "softmax @ 3x4x5"),
    )
)

prelu: Op[ParametricSlope] = define(
    Op(
        name="prelu",
        doc="x for positive x, otherwise x times a learnt slope (He et al., 2015).",
        signature=ParametricSlope,
        shape=same_shape,
        weights=lambda a, x: (Weight("weight", (x[0] if a.per_channel else 1,), "constant", value=a.init),),
        work=per_element(cmp=1, mul=1),
        samples=("prelu @ 6", "prelu(per_channel=true) @ 3x4x5", "prelu(true, init=0.1) @ 3x7"),
    )
)

elu: Op[EluScale] = define(
    Op(
        name="elu",
        doc="x for positive x, a·(exp(x) − 1) otherwise (Clevert, Unterthiner and Hochreiter, 2015).",
        signature=EluScale,
        shape=same_shape,
        work=per_element(cmp=1, add=1, mul=1, special=1),
        inplace=True,
        samples=("elu @ 3x4x5", "elu(0.5) @ 6"),
        rejects=(("elu(a=true) @ 6", "E0304"),),
    )
)

silu: Op[NoParams] = define(
    Op(
        name="silu",
        aliases=("swish",),
        doc="x·sigmoid(x) (Elfwing, Uchibe and Doya, 2017; Ramachandran, Zoph and Le, 2017).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, div=1, mul=1, special=1),
        inplace=True,
        samples=("silu @ 3x4x5", "swish @ 6"),
    )
)

gelu: Op[Gelu] = define(
    Op(
        name="gelu",
        doc="x·Φ(x), Φ the normal distribution function (Hendrycks and Gimpel, 2016).",
        signature=Gelu,
        shape=same_shape,
        work=per_element(add=1, mul=3, special=1),
        samples=("gelu @ 3x4x5", "gelu(approx=tanh) @ 6"),
        rejects=(("gelu(approx=sigmoid) @ 6", "E0304"),),
    )
)

hardsigmoid: Op[NoParams] = define(
    Op(
        name="hardsigmoid",
        doc="min(max(x + 3, 0), 6)/6.",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, cmp=2, mul=1),
        inplace=True,
        samples=("hardsigmoid @ 3x4x5",),
    )
)

hardswish: Op[NoParams] = define(
    Op(
        name="hardswish",
        doc="x·hardsigmoid(x) (Howard et al., MobileNetV3, 2019).",
        signature=NoParams,
        shape=same_shape,
        work=per_element(add=1, cmp=2, mul=2),
        inplace=True,
        samples=("hardswish @ 3x4x5",),
    )
)

abs_: Op[NoParams] = define(
    Op(
        name="abs",
        doc="Absolute value.",
        signature=NoParams,
        shape=same_shape,
        work=per_element(cmp=1),
        inplace=True,
        samples=("abs @ 3x4x5",),
    )
)
