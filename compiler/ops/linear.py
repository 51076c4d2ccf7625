"""Fully connected layers and flattening."""

from typing import Annotated, NamedTuple

from ..diagnostics import Reject
from .base import NoParams, Op, Shape, Weight, Work, check_extents, define, no_work, size
from .kinds import Flag, Integer


class Linear(NamedTuple):
    n: Annotated[int, Integer("output features")]
    bias: Annotated[bool, Flag("whether a bias is added", True)]


def linear_shape(a: Linear, x: Shape) -> Shape:
    """A vector of n. A C×1×1 input is flattened; any other extent raises E0206."""
    if any(extent != 1 for extent in x[1:]):
        raise Reject("E0206", shape=x, flat=size(x))
    return check_extents((a.n,))


def linear_weights(a: Linear, x: Shape) -> tuple[Weight, ...]:
    weight = Weight("weight", (a.n, x[0]), "uniform", x[0])
    return (weight, Weight("bias", (a.n,), "uniform", x[0])) if a.bias else (weight,)


def linear_work(a: Linear, x: Shape, out: Shape) -> Work:
    """MAC = in·out; a bias is one addition per output."""
    return Work(mac=x[0] * a.n, add=a.n if a.bias else 0)


fc: Op[Linear] = define(
    Op(
        name="fc",
        doc="Fully connected (linear) layer on a vector; a C×1×1 input is flattened first.",
        signature=Linear,
        shape=linear_shape,
        weights=linear_weights,
        work=linear_work,
        sees_all=True,
        depth=True,
        samples=("fc(10) @ 12", "fc(10, bias=false) @ 12x1x1", "fc(1) @ 7x1"),
        rejects=(("fc(10) @ 3x4x4", "E0206"), ("fc @ 12", "E0303"), ("fc(true) @ 12", "E0304")),
    )
)

flatten: Op[NoParams] = define(
    Op(
        name="flatten",
        doc="All elements as one vector, channel by channel.",
        signature=NoParams,
        shape=lambda a, x: check_extents((size(x),)),
        work=no_work,
        view=True,
        samples=("flatten @ 3x4x5", "flatten @ 7"),
    )
)
