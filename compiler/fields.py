"""Receptive fields: what part of the input a position of a layer's output sees, and how far apart positions look.

Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019, derive them for
windows. Here positions may also lie closer together than those of the input, as behind upsampling; then neighbours
see different stretches, in turn, and the field keeps them all. What lies in padding is seen as well. Statistics of
normalisation are taken as given, although some of them depend on all positions.
"""

from fractions import Fraction
from functools import partial, reduce
from math import ceil, floor, gcd, lcm
from typing import Any, NamedTuple

from .ir import Apply, Region, Value
from .ops import Shape, Taps, Tokens
from .ops.attention import tokens
from .ops.base import channel_axis
from .ops.shape import permute
from .ops.taps import MOST_PLACES
from .symbolic import Sym, largest, smallest

Stretch = tuple[Any, Any]
"""The first and the last of some positions in a row."""


class Field(NamedTuple):
    """What positions see along an axis of the input.

    places: what each of the first positions sees, or None for nothing; after that many it is the same, `step` further.
    axis: the tensor's axis that the positions lie along, 0 being the channels; None where it is no longer one axis.
    whole: what every position sees besides. count: the number of positions, once `axis` is None.
    """

    places: tuple[Stretch | None, ...]
    step: Any
    axis: int | None
    whole: Stretch | None = None
    count: Any = 1

    @property
    def jump(self) -> Any:
        """The distance in the input between what one position and what the next one sees."""
        return _quotient(self.step, len(self.places))

    @property
    def offset(self) -> Any:
        """Where in the input the first position begins to see; below 0 in the padding."""
        return next((stretch[0] for stretch in self._first() if stretch), 0)

    @property
    def size(self) -> Any:
        """How many input positions in a row one position sees, at the most."""
        stretches = self.places if self.whole is None else self._first()
        sizes = [_down(stretch[1] - stretch[0]) + 1 for stretch in stretches if stretch]
        return reduce(largest, sizes) if sizes else 0

    def at(self, i: int) -> Stretch | None:
        """The first and the last input position that position i sees."""
        place = _shifted(self.places[i % len(self.places)], i // len(self.places) * self.step)
        return _both(None if place is None else (_up(place[0]), _down(place[1])), self.whole)

    def _first(self) -> list[Stretch | None]:
        return [self.at(i) for i in range(len(self.places))]


Fields = dict[Value, tuple[Field, ...]]
"""The fields of values, one for each spatial axis of the input."""


def of_input(shape: Shape) -> tuple[Field, ...]:
    """The fields of an input, whose positions see themselves."""
    return tuple(Field(((0, 0),), 1, axis) for axis in range(1, len(shape)))


def field_of(step: Apply, inputs: list[tuple[Field, ...]]) -> tuple[Field, ...]:
    """The receptive field of an op's output from those of its operands, for each spatial axis of the input."""
    op, x, out = step.op, step.in_shapes[0], step.out_shape
    fields = _joined(step, inputs)
    if op is permute:
        return tuple(f._replace(axis=None if f.axis is None else step.attrs.axes.index(f.axis)) for f in fields)
    if op is tokens:
        return tuple(_in_a_row(f, x) for f in fields)
    if op.window is not None:
        taps = op.window(step.attrs, x)
        return tuple(_through(f, taps[f.axis - 1], x[f.axis]) if f.axis else _all(f, x) for f in fields)
    if op.sees_all or len(out) < len(x):
        kept = len(out) == len(x) and isinstance(out, Tokens) == isinstance(x, Tokens)
        return tuple(_all(f, x)._replace(axis=f.axis if kept else None) for f in fields)
    return tuple(_all(f, x) if op.depth and f.axis == channel_axis(x) else f for f in fields)


def repeated(region: Region, inputs: list[tuple[Field, ...]], count: int) -> list[tuple[Field, ...]]:
    """The fields behind `count` instances of a region, each on what the one before gave.

    One instance may have any number of inputs and outputs, several have one of each. Where several positions have
    fields of their own, growth repeats after as many instances as there are such.
    """
    if count == 1:
        return _behind(region, inputs)
    past = [inputs]
    for done in range(1, count + 1):
        inputs = _behind(region, inputs)
        if inputs == past[-1]:
            break
        period = lcm(*(len(field.places) for field in inputs[0]))
        if period <= len(past) and all(map(_grows_evenly, past[-period][0], inputs[0])):
            rounds, rest = divmod(count - done, period)
            grown = _growth(past[-period][0], inputs[0])
            for _ in range(rest):
                inputs = _behind(region, inputs)
            return [tuple(map(partial(_grown, times=rounds), inputs[0], grown))]
        past.append(inputs)
    return inputs


def _grows_evenly(before: Field, after: Field) -> bool:
    """Whether further instances add what these did: minima and maxima of sums move with their terms, if alike."""
    if before._replace(places=()) != after._replace(places=()) or after.whole is not None:
        return False
    if len(before.places) != len(after.places) or None in before.places or None in after.places:
        return False
    return len(set(_differences(before, after))) == 1


def _differences(before: Field, after: Field) -> list[Stretch]:
    """What each position's stretch has grown by, at its beginning and its end."""
    pairs = zip(before.places, after.places, strict=True)
    return [(b[0] - a[0], b[1] - a[1]) for a, b in pairs if a is not None and b is not None]


def _growth(before: tuple[Field, ...], after: tuple[Field, ...]) -> list[Stretch]:
    return [_differences(*pair)[0] for pair in zip(before, after, strict=True)]


def _grown(field: Field, by: Stretch, times: int) -> Field:
    places = tuple(None if p is None else (p[0] + times * by[0], p[1] + times * by[1]) for p in field.places)
    return field._replace(places=places)


def _behind(region: Region, inputs: list[tuple[Field, ...]]) -> list[tuple[Field, ...]]:
    fields: Fields = dict(zip(region.inputs, inputs, strict=True))
    for step in region.steps:
        operands = [fields[v] for v in step.inputs]
        if isinstance(step, Apply):
            fields.update(dict.fromkeys(step.outputs, field_of(step, operands)))
        else:
            fields.update(zip(step.outputs, repeated(step.region, operands, step.count), strict=True))
    return [fields[v] for v in region.outputs]


def _joined(step: Apply, inputs: list[tuple[Field, ...]]) -> tuple[Field, ...]:
    """The union over operands that have as many axes as any has; one that stretches shows all positions the same."""
    axes = max(map(len, inputs))
    fields: tuple[Field, ...] = ()
    for shape, operand in zip(step.in_shapes, inputs, strict=True):
        if len(operand) == axes:
            operand = tuple(_stretched(f, shape, step.out_shape) for f in operand) if step.op.operator else operand
            joined = (_union(a, b, shape) for a, b in zip(fields, operand, strict=True)) if fields else operand
            fields = tuple(joined)
    return fields


def _stretched(field: Field, x: Shape, out: Shape) -> Field:
    axis = 0 if field.axis is None else field.axis
    return _all(field, x) if x[axis] == 1 and out[axis] != 1 else field


def _union(a: Field, b: Field, x: Shape) -> Field:
    """What one or the other sees. If they move at different paces, b is taken to see everywhere what it ever sees."""
    if a.places == (None,):
        a, b = b, a
    count = lcm(len(a.places), len(b.places))
    if count > MOST_PLACES and not (_symbolic(a) or _symbolic(b)):
        a, b, count = _levelled(a), _levelled(b), 1
    if b.places != (None,) and (a.jump != b.jump or a.axis != b.axis or count > MOST_PLACES):
        b = _all(b, x)
    whole = _both(a.whole, b.whole)
    if b.places == (None,):
        return a._replace(whole=whole)
    pairs = zip(_repeated(a, count), _repeated(b, count), strict=True)
    step = _quotient(a.step * count, len(a.places))
    return Field(tuple(_both(*pair) for pair in pairs), step, a.axis, whole, a.count)


def _repeated(field: Field, count: int) -> list[Stretch | None]:
    """What each of `count` first positions sees, `whole` aside."""
    n = len(field.places)
    return [_shifted(field.places[i % n], i // n * field.step) for i in range(count)]


def _levelled(field: Field) -> Field:
    """One stretch, between input positions, that moves with every position and covers what each sees."""
    jump = field.jump
    places = (_shifted(stretch, -i * jump) for i, stretch in enumerate(field.places))
    return field._replace(places=(reduce(_both, places),), step=jump)


def _through(field: Field, taps: Taps | None, extent: Any) -> Field:
    """The field behind a layer whose positions look at those of this field by `taps`."""
    if taps is None or _inexpressible(field, taps):
        return _seen_by_all(field, extent)
    if field.places == (None,):
        return field._replace(step=_quotient(field.step * taps.advance, len(taps.places)))
    rounds = _rounds(field, taps)
    if rounds * len(taps.places) > MOST_PLACES:
        field, rounds = _levelled(field), 1
    looks = [
        None if tap is None else (tap[0] + i * taps.advance, tap[1] + i * taps.advance, tap[2])
        for i in range(rounds)
        for tap in taps.places
    ]
    places = tuple(_look(field, look) for look in looks)
    step = _quotient(field.step * taps.advance * rounds, len(field.places))
    return field._replace(places=places if any(places) else (None,), step=step)


def _inexpressible(field: Field, taps: Taps) -> bool:
    """Whether formulas meet positions between those of the input, where they would have to be told apart or divided."""
    numbers = (field.step, taps.advance, *(n for tap in taps.places if tap for n in tap))
    between = len(taps.places) * len(field.places) > 1 or any(isinstance(n, Fraction) for n in numbers)
    return between and (_symbolic(field) or any(isinstance(n, Sym) for n in numbers))


def _rounds(field: Field, taps: Taps) -> int:
    """How many times the taps repeat until the places of the field do too."""
    n = len(field.places)
    if n == 1:
        return 1
    return n // gcd(taps.advance, n) if isinstance(taps.advance, int) else MOST_PLACES + 1  # between positions: never


def _look(field: Field, look: tuple[Any, Any, Any] | None) -> Stretch | None:
    """What is seen from positions `first` to `last`, `spacing` apart, of which the outermost see farthest."""
    if look is None:
        return None
    first, last, spacing = look
    n = len(field.places)
    if n == 1:
        return _both(_shifted(field.places[0], first * field.step), _shifted(field.places[0], last * field.step))
    positions = range(first, last + 1, spacing)
    outermost = {*positions[:n], *positions[-n:]}
    return reduce(_both, (_shifted(field.places[m % n], m // n * field.step) for m in outermost))


def _in_a_row(field: Field, x: Shape) -> Field:
    """The field behind `tokens`, which puts positions along several axes into one row."""
    if len(x) == 2 or field.axis in (0, None):
        return field._replace(axis=None if field.axis is None else 1 - field.axis)
    return field._replace(axis=None, count=x[field.axis])


def _all(field: Field, x: Shape) -> Field:
    """Every position sees what any of them sees."""
    return _seen_by_all(field, field.count if field.axis is None else x[field.axis])


def _seen_by_all(field: Field, extent: Any) -> Field:
    """As `_all`, for a number of positions along the axis."""
    seen = field.whole
    n = len(field.places)
    for i, stretch in enumerate(field.places):
        if stretch is not None and (isinstance(extent, Sym) or i < extent):
            further = ((extent - 1 - i) // n if n > 1 else extent - 1) * field.step
            seen = _both(seen, (_down(stretch[0]), _up(stretch[1] + further)))
    return field._replace(places=(None,), step=field.jump, whole=seen, count=1)


def _shifted(stretch: Stretch | None, by: Any) -> Stretch | None:
    return None if stretch is None else (stretch[0] + by, stretch[1] + by)


def _both(a: Stretch | None, b: Stretch | None) -> Stretch | None:
    """The stretch over two."""
    if a is None or b is None:
        return a or b
    if any(isinstance(n, Fraction) for n in (*a, *b)):
        return min(a[0], b[0]), max(a[1], b[1])
    return smallest(a[0], b[0]), largest(a[1], b[1])


def _down(n: Any) -> Any:
    return n if isinstance(n, Sym) else floor(n)


def _up(n: Any) -> Any:
    return n if isinstance(n, Sym) else ceil(n)


def _symbolic(field: Field) -> bool:
    return isinstance(field.step, Sym) or any(
        isinstance(n, Sym) for stretch in field.places if stretch for n in stretch
    )


def _quotient(a: Any, n: int) -> Any:
    """a/n, whole where it comes out even."""
    if n == 1 or isinstance(a, Sym):
        return a
    quotient = Fraction(a) / n
    return int(quotient) if quotient.denominator == 1 else quotient
