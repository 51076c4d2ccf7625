"""Activations: one output per input element, except softmax, which looks at all channels of a position."""

from typing import Annotated, NamedTuple

from .base import NoParams, Op, Shape, Work, define, same_shape, size
from .kinds import Number


class LeakySlope(NamedTuple):
    a: Annotated[float, Number("slope for negative values", 0.01)]


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
