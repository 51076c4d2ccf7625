"""Where layers look along an axis of their input, as `Taps`."""

from fractions import Fraction
from math import ceil, floor, gcd
from typing import Any

from ..symbolic import Sym
from .base import Shape, Taps

MOST_PLACES = 128
"""Where positions see different stretches in turn, more than this are not told apart; a stretch covers them all."""


def window_of(a: Any, x: Shape) -> tuple[Taps, ...]:
    """Where the window of any attributes with fields k, s, p and d looks."""
    return tuple(sliding(k, s, p[0], d) for k, s, p, d in zip(a.k, a.s, a.p, a.d, strict=True))


def sliding(k: Any, s: Any, before: Any, d: Any = 1) -> Taps:
    """Output i looks at i·S − P₀ + D·t, for t from 0 to F − 1."""
    return Taps(((-before, d * (k - 1) - before, d),), s)


def spread(k: Any, s: Any, p: Any, d: Any, extent: Any) -> Taps | None:
    """A window the other way round, as in a transposed convolution: output i looks at every whole (i + P − D·t)/S."""
    if any(isinstance(n, Sym) for n in (k, s, p, d)):
        return None
    if s > MOST_PLACES:
        return _level(Fraction(p - d * (k - 1), s), Fraction(p, s), Fraction(1, s), extent)
    return Taps(tuple(_reached(i + p, k, s, d) for i in range(s)), 1)


def _reached(i: int, k: int, s: int, d: int) -> tuple[int, int, int] | None:
    common = gcd(s, d)
    first = next((t for t in range(min(k, s)) if (i - d * t) % s == 0), None)
    if first is None:
        return None
    last = first + (k - 1 - first) // (s // common) * (s // common)
    return (i - d * last) // s, (i - d * first) // s, d // common


def resized(ratio: Fraction, start: Fraction, reach: tuple[int, int], extent: Any) -> Taps | None:
    """Output i looks around u = i·ratio + start: at ⌊u⌋ or, where u is not whole, as far around it as `reach` says."""
    if ratio.denominator > MOST_PLACES:
        return _level(start + reach[0] - 1, start + reach[1], ratio, extent)
    places = []
    for i in range(ratio.denominator):
        u = i * ratio + start
        before, after = (0, 0) if u.denominator == 1 else reach
        places.append((floor(u) + before, floor(u) + after, 1))
    return Taps(tuple(places), ratio.numerator)


def bins(extent: Any, n: Any) -> Taps | None:
    """Output i looks at the bin from ⌊i·W/N⌋ to ⌈(i + 1)·W/N⌉."""
    if n == 1 or isinstance(extent, Sym) or isinstance(n, Sym) or extent == 1:
        return None
    ratio = Fraction(extent, n)
    if ratio.denominator > MOST_PLACES:
        return _level(Fraction(-1), ratio, ratio, extent)
    edges = [(floor(i * ratio), ceil((i + 1) * ratio) - 1, 1) for i in range(ratio.denominator)]
    return Taps(tuple(edges), ratio.numerator)


def _level(first: Fraction, last: Fraction, ratio: Fraction, extent: Any) -> Taps | None:
    """One stretch for every output, between positions, in place of too many different ones."""
    return None if isinstance(extent, Sym) else Taps(((first, last, 1),), ratio)
