"""What operators and brackets in a program become: elementwise combination with broadcasting, and concatenation."""

from collections.abc import Callable

from ..diagnostics import Reject, show
from ..symbolic import differs
from .base import (
    NoParams,
    Op,
    Saved,
    SaveRule,
    Shape,
    Tokens,
    Use,
    Work,
    channels_of,
    check_extents,
    define,
    no_work,
    saves_nothing,
    size,
    with_channels,
)
from .formula import Line, factor


def broadcast(a: NoParams, x: Shape, y: Shape) -> Shape:
    """The common shape of two operands; an axis of extent 1 stretches. Raises E0203."""
    if x == y:
        return x
    if isinstance(x, Tokens) != isinstance(y, Tokens):
        raise Reject("E0203", left=x, right=y, **_tokens_beside_maps((x, y)))
    if len(x) != len(y):
        raise Reject("E0203", left=x, right=y)
    for m, n in zip(x, y, strict=True):
        if m != 1 and n != 1 and differs(m, n):
            raise Reject("E0203", left=x, right=y)
    return check_extents(type(x)(n if m == 1 else m for m, n in zip(x, y, strict=True)))


def concat_shape(a: NoParams, *xs: Shape) -> Shape:
    """Channels add up, all other extents must agree. Raises E0204 with the first that differs."""
    for i, x in enumerate(xs):
        same_kind = len(x) == len(xs[0]) and isinstance(x, Tokens) == isinstance(xs[0], Tokens)
        if not same_kind or any(map(differs, with_channels(x, 1), with_channels(xs[0], 1))):
            raise Reject("E0204", first=xs[0], other=x, index=i + 1, **_of_one_kind(xs))
    return check_extents(with_channels(xs[0], sum(map(channels_of, xs))))


def _of_one_kind(shapes: tuple[Shape, ...]) -> dict[str, str]:
    """The way out for tokens beside maps, and unlike numbers of axes, which no stride or padding makes alike."""
    tokens = [shape for shape in shapes if isinstance(shape, Tokens)]
    if 0 < len(tokens) < len(shapes):
        return _tokens_beside_maps(shapes)
    if tokens:
        return {"help": "branches of tokens need the same length"}
    if len({len(shape) for shape in shapes}) == 1:
        return {}
    return {"help": "give all branches the same number of axes: flatten all of them, or none"}


def _tokens_beside_maps(shapes: tuple[Shape, ...]) -> dict[str, str]:
    """The way out for branches of which some give tokens."""
    tokens = next(shape for shape in shapes if isinstance(shape, Tokens))
    return {"help": f"{show(tokens)} is length × channels of a sequence: end all branches in tokens, or none"}


def broadcast_lines(a: NoParams, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    stretched = any(x != out for x in xs)
    return (Line("shape", "an axis of 1 stretches to the other operand's" if stretched else "as both operands"),)


def concat_lines(a: NoParams, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    return (Line("channels", " + ".join(factor(channels_of(x)) for x in xs), channels_of(out)),)


def _one(kind: str) -> Callable[[NoParams, Shape, Shape], Work]:
    return lambda a, x, out: Work(**{kind: size(out)})


def product_saves(a: NoParams, x: Shape, out: Shape, use: Use) -> Saved:
    """Each operand for the gradient of the other."""
    return Saved(operands=tuple(i for i in (0, 1) if use.needs[1 - i]))


def quotient_saves(a: NoParams, x: Shape, out: Shape, use: Use) -> Saved:
    """The divisor for both gradients, the dividend for the divisor's."""
    return Saved(operands=(0, 1) if use.needs[1] else (1,))


def _elementwise(name: str, doc: str, kind: str, saves: SaveRule) -> Op[NoParams]:
    return define(
        Op(
            name=name,
            doc=doc,
            signature=NoParams,
            shape=broadcast,
            work=_one(kind),
            saves=saves,
            inplace=True,
            operator=True,
            shape_lines=broadcast_lines,
        )
    )


add = _elementwise("add", "Elementwise sum of two tensors.", "add", saves_nothing)
sub = _elementwise("sub", "Elementwise difference of two tensors.", "add", saves_nothing)
mul = _elementwise("mul", "Elementwise product of two tensors; a C×1×1 operand is a gate.", "mul", product_saves)
div = _elementwise("div", "Elementwise quotient of two tensors.", "div", quotient_saves)

concat: Op[NoParams] = define(
    Op(
        name="concat",
        doc="Concatenation on channels.",
        signature=NoParams,
        shape=concat_shape,
        work=no_work,
        saves=saves_nothing,
        operator=True,
        shape_lines=concat_lines,
    )
)
