"""Layers that act in training only."""

from typing import Annotated, NamedTuple

from .base import Op, Saved, Shape, Use, define, no_work, same_shape, size
from .kinds import Number


class Dropout(NamedTuple):
    p: Annotated[float, Number("probability of a zero", 0.5, low=0.0, high=1.0)]


class DropPath(NamedTuple):
    p: Annotated[float, Number("probability of leaving a sample out", 0.1, low=0.0, high=1.0)]


def dropout_saves(a: Dropout, x: Shape, out: Shape, use: Use) -> Saved:
    """The factors of all elements, as on a CPU; a GPU keeps a byte for each. At probability 1 they are one zero."""
    return Saved(fixed=1) if a.p == 1 else Saved(more=size(x) if a.p else 0)


def dropout2d_saves(a: Dropout, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(fixed=1) if a.p == 1 else Saved(more=x[0] if a.p else 0)


def droppath_saves(a: DropPath, x: Shape, out: Shape, use: Use) -> Saved:
    """Whether each sample is kept."""
    return Saved(flags=1 if a.p else 0)


dropout: Op[Dropout] = define(
    Op(
        name="dropout",
        known_as=("Dropout", "AlphaDropout"),
        doc="In training sets elements to zero with probability p and scales the rest by 1/(1 − p).",
        signature=Dropout,
        shape=same_shape,
        work=no_work,
        saves=dropout_saves,
        tokens=True,
        samples=("dropout @ 5", "dropout(0.2) @ 3x4x5", "dropout(1) @ 5"),
        rejects=(("dropout(1.5) @ 5", "E0305"),),
    )
)


dropout2d: Op[Dropout] = define(
    Op(
        name="dropout2d",
        known_as=("SpatialDropout2D", "FeatureDropout", "Dropout3d", "Dropout1d"),
        doc="Dropout of whole channels, in 1-D, 2-D or 3-D (Tompson et al., 2015).",
        signature=Dropout,
        shape=same_shape,
        work=no_work,
        saves=dropout2d_saves,
        ranks=(1, 2, 3),
        samples=("dropout2d @ 3x5", "dropout2d(0.2) @ 3x4x5", "dropout2d @ 2x3x3x3"),
        rejects=(("dropout2d @ 5", "E0215"),),
    )
)

droppath: Op[DropPath] = define(
    Op(
        name="droppath",
        known_as=("DropPath", "StochasticDepth", "DropConnect"),
        doc="Stochastic depth: in training a sample's whole branch is zero with probability p (Huang et al., 2016).",
        signature=DropPath,
        shape=same_shape,
        work=no_work,
        saves=droppath_saves,
        tokens=True,
        samples=("droppath @ 5", "res(conv1x1(3) -> droppath(0.2)) @ 3x4x5"),
        rejects=(("droppath(2) @ 5", "E0305"),),
    )
)
