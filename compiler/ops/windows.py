"""Arithmetic of sliding windows, shared by convolutions and pooling."""

from typing import Any

from ..diagnostics import Reject
from ..symbolic import largest, same, smallest
from .base import Shape
from .formula import Line, by_axis, divisor, factor, product, text
from .kinds import Ints, Pairs

AXES = ("the depth", "the height", "the width")


def window_extent(extent: int, k: int, s: int, pad: tuple[int, int], d: int, ceil: bool = False, axis: str = "") -> int:
    """Output extent along one axis: N = ⌊(W + P₀ + P₁ − D(F − 1) − 1)/S⌋ + 1.

    Dumoulin and Visin, "A guide to convolution arithmetic for deep learning", 2016, relationship 15. With `ceil` the
    division rounds up, so that the first window, too, may reach up to S − 1 positions beyond the padded input; a last
    window that would start in the padding after the input is dropped. PyTorch does the same.
    Raises E0201 when the window is larger than that.
    """
    room = extent + pad[0] + pad[1] - d * (k - 1) - 1
    beyond = s - 1 if ceil else 0
    if room + beyond < 0:
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
        last = smallest(room + beyond, extent + pad[0] - 1)  # formulas can tell, unlike of their quotients
        return last // s + 1  # type: ignore[return-value]
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
    cover = d * (k - 1) + 1
    total: Any = (extent + s - 1) // s * s - s + cover - extent
    if cover < s:  # else even the full windows reach as far as the input
        total = largest(0, total) if cover > 1 else 0
    return total // 2, total - total // 2


def symmetric(pairs: Pairs) -> bool:
    """Whether the padding is the same on both sides of each axis. Raises UndecidedError where that depends on sizes."""
    return all(same(before, after) for before, after in pairs)


def reach(x: Shape, out: Shape, a: Any) -> Pairs:
    """Padding with which exactly the output's windows fit, so that no rounding up is needed.

    The padding after an axis grows where rounding up added a window, and shrinks to 0 at the least otherwise.
    """
    pairs: list[tuple[Any, Any]] = []
    for extent, n, k, s, p, d in zip(x[1:], out[1:], a.k, a.s, a.p, a.d, strict=True):
        needed = (n - 1) * s + d * (k - 1) + 1 - extent - p[0]
        pairs.append((p[0], largest(needed, 0) if a.ceil else p[1]))
    return tuple(pairs)


def window_lines(a: Any, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    """`window_extent` with its numbers in it, for any attributes with fields k, s, p and d."""
    ceil = getattr(a, "ceil", False)
    axes = zip(xs[0][1:], out[1:], a.k, a.s, a.p, a.d, strict=True)
    return by_axis([_extent_text(w, n, k, s, p, d, ceil) for w, n, k, s, p, d in axes], out[1:])


def _extent_text(extent: int, n: int, k: int, s: int, pad: tuple[int, int], d: int, ceil: bool) -> str:
    sides = product(2, pad[0]) if pad[0] == pad[1] else f"{factor(pad[0])} + {factor(pad[1])}"
    quotient = f"({factor(extent)} + {sides} − {factor(d)}·({text(k)} − 1) − 1)/{divisor(s)}"
    if not ceil:
        return f"⌊{quotient}⌋ + 1"
    if (extent + sum(pad) - d * (k - 1) - 1 + s - 1) // s + 1 == n:
        return f"⌈{quotient}⌉ + 1"
    return f"min(⌈{quotient}⌉, ⌊({factor(extent)} + {factor(pad[0])} − 1)/{divisor(s)}⌋) + 1"
