"""Layers that move, cut or rearrange elements without computing."""

from typing import Annotated, NamedTuple

from ..diagnostics import Reject
from .base import Op, Shape, define, no_work
from .kinds import Integer, Optional


class Slice(NamedTuple):
    a: Annotated[int, Integer("first channel", least=0)]
    b: Annotated[int | None, Optional(Integer("channel after the last"), "all")]


def resolve_slice(a: Slice, x: Shape) -> Slice:
    return a if a.b is not None else Slice(a.a, x[0])


def slice_shape(a: Slice, x: Shape) -> Shape:
    """The channels from a to b. Raises E0219 unless a < b ≤ C."""
    stop = x[0] if a.b is None else a.b
    if not a.a < stop <= x[0]:
        raise Reject("E0219", start=a.a, stop=stop, channels=x[0])
    return (stop - a.a, *x[1:])


slice_: Op[Slice] = define(
    Op(
        name="slice",
        doc="The channels from a up to, but without, b.",
        signature=Slice,
        resolve=resolve_slice,
        shape=slice_shape,
        work=no_work,
        view=True,
        samples=("slice(1) @ 5", "slice(1, 3) @ 4x5x5", "slice(0, 2) @ 4x7"),
        rejects=(("slice(3, 3) @ 4x5x5", "E0219"), ("slice(0, 9) @ 4x5x5", "E0219"), ("slice(-1) @ 4", "E0305")),
    )
)
