"""Normalisation."""

from typing import Annotated, NamedTuple

from .base import Op, Shape, Weight, Work, define, same_shape, size
from .kinds import Flag, Number


class BatchNorm(NamedTuple):
    eps: Annotated[float, Number("added to the variance", 1e-5, low=0.0, open_low=True)]
    momentum: Annotated[float, Number("weight of a new batch in the running statistics", 0.1, low=0.0, high=1.0)]
    affine: Annotated[bool, Flag("whether a scale and a shift per channel are learnt", True)]


def norm_weights(a: BatchNorm, x: Shape) -> tuple[Weight, ...]:
    return (Weight("weight", (x[0],), "ones"), Weight("bias", (x[0],), "zeros")) if a.affine else ()


def norm_buffers(a: BatchNorm, x: Shape) -> tuple[Weight, ...]:
    return (
        Weight("running_mean", (x[0],), "zeros"),
        Weight("running_var", (x[0],), "ones"),
        Weight("num_batches_tracked", (), "count"),
    )


def norm_work(a: BatchNorm, x: Shape, out: Shape) -> Work:
    """In inference a scale and a shift per element, the statistics folded into them."""
    return Work(add=size(x), mul=size(x))


bn: Op[BatchNorm] = define(
    Op(
        name="bn",
        doc="Batch normalisation over the batch and all positions of each channel (Ioffe and Szegedy, 2015).",
        signature=BatchNorm,
        shape=same_shape,
        weights=norm_weights,
        buffers=norm_buffers,
        work=norm_work,
        samples=("bn @ 5", "bn @ 3x7", "bn(eps=0.001, momentum=0.01) @ 3x6x5", "bn(affine=false) @ 3x4x4x4"),
        rejects=(("bn(eps=0) @ 3x4x4", "E0305"), ("bn(momentum=2) @ 3x4x4", "E0305")),
    )
)
