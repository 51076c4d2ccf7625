"""Arithmetic of sliding windows, shared by convolutions and pooling, and of positions that are spread or resized."""

from fractions import Fraction
from math import ceil, floor, gcd
from typing import Any

from ..diagnostics import Reject
from ..symbolic import Sym, largest, smallest
from .base import Shape, Taps
from .kinds import Ints, Pairs

AXES = ("the depth", "the height", "the width")
MOST_PLACES = 128
"""Where positions see different stretches in turn, more than this are not told apart; a stretch covers them all."""


def window_extent(extent: int, k: int, s: int, pad: tuple[int, int], d: int, ceil: bool = False, axis: str = "") -> int:
    """Output extent along one axis: N = ⌊(W + P₀ + P₁ − D(F − 1) − 1)/S⌋ + 1.

    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, relationship 15. With `ceil` the
    division rounds up, and a last window that would start in the padding after the input is dropped, as PyTorch does.
    Raises E0201 when the window is larger than the padded input.
    """
    room = extent + pad[0] + pad[1] - d * (k - 1) - 1
    if room < 0:
        raise Reject(
            "E0201",
            axis=axis or "the axis",
            extent=extent,
            before=pad[0],
            after=pad[1],
            have=extent + pad[0] + pad[1],
            k=k,
            d=d,
            cover=d * (k - 1) + 1,
        )
    if ceil:
        return smallest(-(-room // s), (extent + pad[0] - 1) // s) + 1  # type: ignore[return-value]
    return room // s + 1


def window_shape(x: Shape, k: Ints, s: Ints, p: Pairs, d: Ints, ceil: bool = False) -> Shape:
    """The spatial extents after a window has slid over `x`."""
    names = AXES[-len(k) :]
    axes = zip(x[1:], k, s, p, d, names, strict=True)
    return tuple(window_extent(n, kk, ss, pp, dd, ceil, name) for n, kk, ss, pp, dd, name in axes)


def resolve_padding(p: Any, x: Shape, k: Ints, s: Ints, d: Ints) -> Pairs:
    """Padding as `(before, after)` per axis; the words `same` and `same_upper` become numbers here.

    `same` is D(F − 1)/2 on each side (E0205 if that is not whole); `same_upper` is TensorFlow's SAME: the output has
    ⌈W/S⌉ positions and an odd element of padding goes after the input.
    """
    if p == "same":
        return tuple(_same(kk, dd) for kk, dd in zip(k, d, strict=True))
    if p == "same_upper":
        return tuple(_same_upper(*axis) for axis in zip(x[1:], k, s, d, strict=True))
    pairs: Pairs = p
    return pairs


def _same(k: int, d: int) -> tuple[int, int]:
    if d * (k - 1) % 2:
        raise Reject("E0205", k=k, d=d, cover=d * (k - 1) + 1)
    return d * (k - 1) // 2, d * (k - 1) // 2


def _same_upper(extent: int, k: int, s: int, d: int) -> tuple[int, int]:
    total: Any = largest(0, (-(-extent // s) - 1) * s + d * (k - 1) + 1 - extent)
    return total // 2, total - total // 2


def reach(x: Shape, out: Shape, a: Any) -> Pairs:
    """Padding with which exactly the output's windows fit, so that no rounding up is needed.

    The padding after an axis grows where rounding up added a window, and shrinks to 0 at the least otherwise.
    """
    pairs = []
    for extent, n, k, s, p, d in zip(x[1:], out[1:], a.k, a.s, a.p, a.d, strict=True):
        needed = (n - 1) * s + d * (k - 1) + 1 - extent - p[0]
        pairs.append((p[0], max(needed, 0) if a.ceil else p[1]))
    return tuple(pairs)


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
