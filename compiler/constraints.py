"""What the symbols of an input must satisfy for every layer to fit, and which layer says so.

Shapes are formulas there, and rules that compare two of them, as a concatenation does, let pass what may be equal.
Those comparisons are equations in the symbols. Formulas are polynomials over floors of quotients, so whether an
equation in one symbol holds depends, for large sizes, on the remainder of that symbol by some period.
"""

from collections.abc import Iterable, Iterator
from math import lcm
from typing import NamedTuple

from .ir import Apply, Graph, regions_of
from .source import Span
from .symbolic import Floor, Gcd, Largest, Sym, Whole, at, questions, symbols_in

LONGEST_PERIOD = 2**12
"""Equations with a longer period are given as they are."""
CALLED = {
    "concat": "the concatenation",
    "add": "the sum",
    "sub": "the difference",
    "mul": "the product",
    "div": "the quotient",
}


class Constraint(NamedTuple):
    """A condition on symbols. `rule` is text such as "multiples of 32".

    modulus, remainder: where the condition is a remainder; 0 and 0 where it is another.
    op, span: the layer that it comes from.
    """

    symbols: tuple[str, ...]
    rule: str
    modulus: int
    remainder: int
    op: str
    span: Span

    def __str__(self) -> str:
        who = " and ".join(self.symbols)
        if self.modulus and not self.remainder:
            must = "must be multiples of" if len(self.symbols) > 1 else "must be a multiple of"
            rule = f"{who} {must} {self.modulus}"
        elif self.modulus:
            rule = f"{who} must leave {self.remainder} when divided by {self.modulus}"
        else:
            rule = self.rule
        place = CALLED.get(self.op, f"`{self.op}`")
        return f"{rule}: {place} at {self.span.line}:{self.span.column}"


class _Equation(NamedTuple):
    """Two formulas that a layer needs to be equal."""

    step: Apply
    left: Whole
    right: Whole

    def as_given(self, rest: str = "") -> Constraint:
        symbols = tuple(sorted(symbols_in(self.left - self.right)))
        return Constraint(symbols, f"{self.left} must be {self.right}{rest}", 0, 0, self.step.op.name, self.step.span)


def constraints(graph: Graph) -> list[Constraint]:
    """The conditions of all layers, those in one symbol together: the layer named is that of the longest period."""
    alone: dict[str, dict[Whole, _Equation]] = {}
    rest: dict[str, Constraint] = {}
    for equation in _equations(graph):
        difference = equation.left - equation.right
        symbols = symbols_in(difference)
        if len(symbols) == 1 and _period(difference) <= LONGEST_PERIOD:
            alone.setdefault(symbols.pop(), {}).setdefault(difference, equation)
        else:
            given = equation.as_given()
            rest.setdefault(given.rule, given)
    return [*_joined(c for name, found in sorted(alone.items()) for c in _solved(name, found)), *rest.values()]


def nearest(graph: Graph, symbol: str, extent: int) -> tuple[str, list[int]]:
    """What a symbol must be as far as no other decides, and the nearest extents on both sides that are so."""
    differences = {e.left - e.right for e in _equations(graph)}
    alone = [d for d in differences if symbols_in(d) == {symbol}]
    period = lcm(*map(_period, alone)) if alone else 1
    if not alone or period > LONGEST_PERIOD:
        return "", []

    def fits(n: int) -> bool:
        return not any(at(d, {symbol: n}) for d in alone)

    below = next((n for n in range(extent, max(0, extent - 2 * period), -1) if fits(n)), None)
    above = next((n for n in range(extent, extent + 2 * period + 1) if fits(n)), None)
    found = [n for n in dict.fromkeys((below, above)) if n is not None]
    modulus = _modulus([r for r in range(period) if fits(4 * period + r)], period) if found else 0
    if not modulus:
        return "one that all strides divide", found
    rest = found[0] % modulus
    return (f"{rest} more than " if rest else "") + f"a multiple of {modulus}", found


def _equations(graph: Graph) -> Iterator[_Equation]:
    roots = [graph.root, *graph.shared.values()]
    for region in {id(r): r for root in roots for r in regions_of(root)}.values():
        for step in region.steps:
            if isinstance(step, Apply) and any(symbols_in(n) for shape in step.in_shapes for n in shape):
                with questions() as asked:
                    step.op.shape(step.attrs, *step.in_shapes)
                yield from (_Equation(step, left, right) for left, right in asked)


def _solved(symbol: str, equations: dict[Whole, _Equation]) -> Iterator[Constraint]:
    """What all equations in one symbol ask of it together. Sizes below a few periods may differ; `at` checks those."""
    periods = {difference: _period(difference) for difference in equations}
    whole = lcm(*periods.values())
    if whole > LONGEST_PERIOD:
        yield from (equation.as_given() for equation in equations.values())
        return
    fits = [r for r in range(whole) if not any(at(d, {symbol: 4 * whole + r}) for d in equations)]
    longest = equations[max(periods, key=lambda d: periods[d])]
    op, span = longest.step.op.name, longest.step.span
    if not fits:
        yield from (equation.as_given(f", which no large {symbol} allows") for equation in equations.values())
        return
    modulus = _modulus(fits, whole)
    if modulus == 1:
        return
    if modulus:
        yield Constraint((symbol,), f"remainder by {modulus}", modulus, fits[0] % modulus, op, span)
        return
    shown = ", ".join(map(str, fits[:8])) + (", …" if len(fits) > 8 else "")
    yield Constraint((symbol,), f"{symbol} divided by {whole} must leave one of {shown}", 0, 0, op, span)


def _modulus(fits: list[int], period: int) -> int:
    """The number by which all fitting remainders leave the same, if every such remainder fits; else 0."""
    if not fits or period % len(fits):
        return 0
    modulus = period // len(fits)
    return modulus if all(r % modulus == fits[0] % modulus for r in fits) else 0


def _period(value: Whole) -> int:
    """A number of steps after which floors and gcds in a formula repeat their remainders."""
    result = 1
    for monomial in value.terms if isinstance(value, Sym) else ():
        for atom in monomial:
            if isinstance(atom, Floor):
                result = lcm(result, atom.divisor * _period(atom.body))
            elif isinstance(atom, Gcd):  # in extents, only with a number
                result = lcm(result, atom.number * _period(atom.body) if isinstance(atom.number, int) else 1)
            elif isinstance(atom, Largest):
                result = lcm(result, *map(_period, atom.choices))
    return result


def _joined(items: Iterable[Constraint]) -> list[Constraint]:
    """Symbols that the same layer asks the same of in one line."""
    joined: dict[tuple[int, int, str, Span], Constraint] = {}
    rest = []
    for item in items:
        if not item.modulus:
            rest.append(item)
            continue
        key = (item.modulus, item.remainder, item.op, item.span)
        old = joined.get(key)
        joined[key] = item._replace(symbols=tuple(sorted({*old.symbols, *item.symbols}))) if old else item
    return [*joined.values(), *rest]
