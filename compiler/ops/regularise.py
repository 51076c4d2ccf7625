"""Layers that act in training only."""

from typing import Annotated, NamedTuple

from .base import Op, define, no_work, same_shape
from .kinds import Number


class Dropout(NamedTuple):
    p: Annotated[float, Number("probability of a zero", 0.5, low=0.0, high=1.0)]


dropout: Op[Dropout] = define(
    Op(
        name="dropout",
        doc="In training sets elements to zero with probability p and scales the rest by 1/(1 − p).",
        signature=Dropout,
        shape=same_shape,
        work=no_work,
        samples=("dropout @ 5", "dropout(0.2) @ 3x4x5"),
        rejects=(("dropout(1.5) @ 5", "E0305"),),
    )
)
