"""Receptive fields: what part of the input a position of a layer's output sees, and how far apart positions look."""

from fractions import Fraction
from typing import Any, NamedTuple

from .ir import Apply
from .ops import Shape, Tokens, Window
from .symbolic import smallest


class Field(NamedTuple):
    """What an output position sees along an axis: input positions lo to hi for the first, and the step to the next.

    `last`, once positions are tokens in a row: up to where all of them together see.
    Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019, section 2.
    """

    lo: Any
    hi: Any
    jump: Any
    last: Any = None


def through_window(fields: tuple[Field, ...], window: Window) -> tuple[Field, ...]:
    """The fields after a window has slid over positions that have these fields."""
    axes = zip(fields, window.kernel, window.stride, window.padding, window.dilation, strict=True)
    if window.up:
        return tuple(_spread(f, d * (k - 1) // s, s) for f, k, s, _, d in axes)
    return tuple(
        Field(f.lo - p[0] * f.jump, f.hi + (d * (k - 1) - p[0]) * f.jump, f.jump * s) for f, k, s, p, d in axes
    )


def _spread(field: Field, more: int, stride: int) -> Field:
    """Positions spread out by a stride: an output sees at most `more` further inputs, and they lie closer together."""
    jump = Fraction(field.jump) / stride
    return Field(field.lo - more * field.jump, field.hi, int(jump) if jump.denominator == 1 else jump)


def field_of(step: Apply, inputs: list[tuple[Field, ...]]) -> tuple[Field, ...]:
    """The receptive field of an op's output from those of its operands."""
    fields = inputs[0]
    for other in inputs[1:]:
        if len(other) == len(fields):
            fields = tuple(
                Field(_least(a.lo, b.lo), -_least(-a.hi, -b.hi), max(a.jump, b.jump), a.last or b.last)
                for a, b in zip(fields, other, strict=True)
            )
    x = step.in_shapes[0]
    if step.op.window is not None and slides(step, len(fields)):
        return through_window(fields, step.op.window(step.attrs, x))
    if step.op.sees_all or len(step.out_shape) < len(x):
        in_a_row = isinstance(step.out_shape, Tokens) and not isinstance(x, Tokens)
        return tuple(_seen(f, n, in_a_row) for f, n in zip(fields, _spans(x, len(fields)), strict=True))
    return fields


def slides(step: Apply, axes: int) -> bool:
    """Whether an op's window moves along the fields' axes; after a reshape axes mean something else."""
    return step.op.window is not None and len(step.in_shapes[0]) - 1 == axes


def _least(a: Any, b: Any) -> Any:
    """The smaller of two numbers, formulas or, behind upsampling, fractions."""
    return min(a, b) if isinstance(a, Fraction) or isinstance(b, Fraction) else smallest(a, b)


def _spans(x: Shape, axes: int) -> tuple[int, ...]:
    """How many positions there are along each axis that fields are kept for."""
    return x[1:] if len(x) - 1 == axes and not isinstance(x, Tokens) else (1,) * axes


def _seen(field: Field, positions: int, in_a_row: bool) -> Field:
    """The field of all positions together, which positions put in a row as tokens only remember."""
    last = field.last if field.last is not None else field.hi + (positions - 1) * field.jump
    return field._replace(last=last) if in_a_row else field._replace(hi=last)
