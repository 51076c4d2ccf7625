"""Pooling."""

from math import prod
from typing import Annotated, Any, NamedTuple

from ..diagnostics import Reject
from ..symbolic import at_most, differs, gcd, same
from .base import NoParams, Op, Saved, Shape, Taps, Use, Work, check_extents, define, saves_nothing, size
from .formula import Line, asked, bracket, in_words, one_less, product, shape_text
from .kinds import Flag, Ints, Number, Optional, Padding, Pairs, PerAxis, PoolTap
from .taps import bins, spread, window_of
from .windows import reach, resolve_padding, symmetric, window_lines, window_shape

MOST_STARTS = 10_000
"""More windows in the padding than this are not looked at one by one."""
STRIDE = Optional(PerAxis("stride"), "as k")


class MaxPool(NamedTuple):
    k: Annotated[Ints, PerAxis("window extent")]
    s: Annotated[Ints, STRIDE]
    p: Annotated[Pairs, Padding("padding, at most half the window", 0)]
    d: Annotated[Ints, PerAxis("dilation", 1)]
    ceil: Annotated[bool, Flag("round output extents up", False)]


class AvgPool(NamedTuple):
    k: Annotated[Ints, PerAxis("window extent")]
    s: Annotated[Ints, STRIDE]
    p: Annotated[Pairs, Padding("padding, at most half the window", 0)]
    ceil: Annotated[bool, Flag("round output extents up", False)]
    count_pad: Annotated[bool, Flag("whether padding counts in the mean", True)]

    @property
    def d(self) -> Ints:
        return (1,) * len(self.k)


class LpPool(NamedTuple):
    k: Annotated[Ints, PerAxis("window extent")]
    norm: Annotated[float, Number("the power n", 2.0, low=0.0, open_low=True)]
    s: Annotated[Ints, STRIDE]
    ceil: Annotated[bool, Flag("round output extents up", False)]

    @property
    def d(self) -> Ints:
        return (1,) * len(self.k)

    @property
    def p(self) -> Pairs:
        return ((0, 0),) * len(self.k)


class BlurPool(NamedTuple):
    k: Annotated[Ints, PerAxis("extent of the filter", 3)]
    s: Annotated[Ints, PerAxis("stride", 2)]

    @property
    def d(self) -> Ints:
        return (1,) * len(self.k)

    @property
    def p(self) -> Pairs:
        return tuple(((k - 1) // 2, k // 2) for k in self.k)


class Unpool(NamedTuple):
    """Attributes of an unpooling: those of the pooling whose indices it uses, and the shape that this one read."""

    k: Ints
    s: Ints
    p: Pairs
    d: Ints
    size: Shape


class UnpoolFrom(NamedTuple):
    tap: Annotated[Any, PoolTap("a label on the maxpool whose choices are undone")]
    k: Annotated[Ints | None, Optional(PerAxis("window extent, as a check"), "the pool's")]


class Adaptive(NamedTuple):
    size: Annotated[Ints, PerAxis("output extent")]


def resolve_pool(a: Any, x: Shape) -> Any:
    """Stride defaults to the window; padding becomes pairs, at most half the window as in PyTorch (E0208)."""
    s = a.s or a.k
    p = resolve_padding(a.p, x, a.k, s, a.d)
    for k, d, pair in zip(a.k, a.d, p, strict=True):
        if max(pair) > (d * (k - 1) + 1) // 2:
            raise Reject("E0208", pad=max(pair), k=k, most=(d * (k - 1) + 1) // 2)
    return a._replace(s=s, p=p)


def maxpool_shape(a: MaxPool, x: Shape) -> Shape:
    """As of any window; also refuses a dilated one that steps right across the input (E0226)."""
    out = pool_shape(a, x)
    for extent, n, k, s, (before, _), d in zip(x[1:], out[1:], a.k, a.s, a.p, a.d, strict=True):
        if isinstance(extent, int) and d > extent and not _all_met(extent, range(0, before, s)[:n], k, before, d):
            raise Reject("E0226", k=k, d=d, extent=extent)
    return out


def _all_met(extent: int, starts: range, k: int, before: int, d: int) -> bool:
    """Whether each window that starts in the padding before an axis has an element on the input, for d > W.

    The first element behind that padding of a window at t is (t − P₀) mod D elements into the input.
    """
    if len(starts) > MOST_STARTS:
        return False
    return all((t - before) % d < extent and -(-(before - t) // d) < k for t in starts)


def pool_shape(a: Any, x: Shape) -> Shape:
    return check_extents((x[0], *window_shape(x, a.k, a.s, a.p, a.d, a.ceil)))


def lp_shape(a: LpPool, x: Shape) -> Shape:
    """As of any window. In volumes the first window must lie inside, as PyTorch asks (E0201), rounded up or not."""
    if len(a.k) == 3:
        window_shape(x, a.k, a.s, a.p, a.d)
    return pool_shape(a, x)


def blur_shape(a: BlurPool, x: Shape) -> Shape:
    """As of a convolution that keeps the extents at stride 1. Raises E0216 where there is too little to reflect."""
    for extent, pair in zip(x[1:], a.p, strict=True):
        if max(pair) > extent - 1:
            raise Reject("E0216", mode="reflect", pad=max(pair), extent=extent)
    return check_extents((x[0], *window_shape(x, a.k, a.s, a.p, a.d)))


def lp_work(a: LpPool, x: Shape, out: Shape) -> Work:
    """A power per element read, ∏k − 1 additions and a root per output."""
    reads = size(out) * prod(a.k)
    return Work(special=reads + size(out), add=reads - size(out))


def max_work(a: MaxPool, x: Shape, out: Shape) -> Work:
    """∏k − 1 comparisons per output."""
    return Work(cmp=size(out) * (prod(a.k) - 1))


def avg_work(a: AvgPool, x: Shape, out: Shape) -> Work:
    """∏k − 1 additions and one division per output."""
    return Work(add=size(out) * (prod(a.k) - 1), div=size(out))


def plain_padding(a: Any) -> bool:
    """Whether PyTorch's own pooling pads so: the same on both sides, by half the undilated window at most."""
    return symmetric(a.p) and all(at_most(before, k // 2) for (before, _), k in zip(a.p, a.k, strict=True))


def extended_size(a: Any, x: Shape, out: Shape) -> int:
    """Elements of the input extended to what its windows cover."""
    return x[0] * prod(n + sum(pair) for n, pair in zip(x[1:], reach(x, out, a), strict=True))


def maxpool_saves(a: MaxPool, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, or a padded copy, and the indices of what was chosen, which may be a result."""
    if not plain_padding(a):
        return Saved(more=extended_size(a, x, out), indices=size(out))
    return Saved(operands=(0,), results=(1,)) if use.tapped else Saved(operands=(0,), indices=size(out))


def avgpool_saves(a: AvgPool, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, or a padded copy and, where the mean is corrected, how much of each window counts."""
    fits = len(a.k) < 3 or all(at_most(k, extent) for k, extent in zip(a.k, x[1:], strict=True))
    if fits and symmetric(a.p):
        return Saved(operands=(0,))
    declared = all(same(after, pair[1]) for (_, after), pair in zip(reach(x, out, a), a.p, strict=True))
    corrected = not (a.count_pad and declared)
    return Saved(more=extended_size(a, x, out), fixed=prod(out[1:]) if corrected else 0)


def lp_saves(a: LpPool, x: Shape, out: Shape, use: Use) -> Saved:
    """The input and its power, and four steps from their mean to the root."""
    return Saved(operands=(0,), more=size(x) + 4 * size(out))


def blur_saves(a: BlurPool, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, a copy with its border reflected, and the filter."""
    extended = x[0] * prod(n + sum(pair) for n, pair in zip(x[1:], a.p, strict=True))
    return Saved(operands=(0,), more=extended, fixed=prod(a.k))


def adaptive_saves(a: Adaptive, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, but for a single bin, which PyTorch computes as a mean."""
    return Saved() if prod(a.size) == 1 else Saved(operands=(0,))


def adaptive_max_saves(a: Any, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(operands=(0,), indices=size(out))


def adaptive_bins(extent: int, out: int) -> list[tuple[int, int]]:
    """The stretches that adaptive pooling averages: from ⌊i·W/N⌋ to ⌈(i + 1)·W/N⌉."""
    return [(i * extent // out, -(-(i + 1) * extent // out)) for i in range(out)]


def bins_total(extent: int, out: int) -> int:
    """Total length of the bins of `adaptive_bins`, without listing them when there are many.

    A bin has length ⌈(i + 1)W/N⌉ − ⌊iW/N⌋. Summed by telescoping: W, plus one for each of the N − gcd(W, N) inner
    borders that is not whole.
    """
    return extent + out - gcd(extent, out)  # type: ignore[return-value]  # whole for whole extents


def adaptive_shape(a: Adaptive, x: Shape) -> Shape:
    return check_extents((x[0], *a.size))


def adaptive_work(a: Adaptive, x: Shape, out: Shape) -> Work:
    reads = x[0] * prod(bins_total(w, n) for w, n in zip(x[1:], out[1:], strict=True))
    return Work(add=reads - size(out), div=size(out))


def adaptive_window(a: Adaptive, x: Shape) -> tuple[Taps | None, ...]:
    return tuple(bins(extent, n) for extent, n in zip(x[1:], a.size, strict=True))


def global_shape(a: NoParams, x: Shape) -> Shape:
    return (x[0], *(1 for _ in x[1:]))


def global_work(a: NoParams, x: Shape, out: Shape) -> Work:
    return Work(add=size(x) - size(out), div=size(out))


maxpool: Op[MaxPool] = define(
    Op(
        name="maxpool",
        known_as=("MaxPool2d", "MaxPooling2D"),
        doc="Largest value of each window; the stride is the window unless given.",
        signature=MaxPool,
        resolve=resolve_pool,
        shape=maxpool_shape,
        work=max_work,
        saves=maxpool_saves,
        window=window_of,
        suffix="k",
        ranks=(1, 2, 3),
        shape_lines=window_lines,
        each_text=lambda a, x, out: {"cmp": one_less(a.k)},
        samples=(
            "maxpool2 @ 3x9",
            "maxpool3(s=2, p=1) @ 3x9x8",
            "maxpool2 @ 2x4x4x4",
            "maxpool3(s=2, ceil=true) @ 3x8x8",
            "maxpool2x3(s=1, d=2) @ 2x9x9",
            "maxpool3(s=2, p=same_upper) @ 2x8x7",
            "maxpool3(s=2, p=1, ceil=true) @ 2x8x7",
            "maxpool2(p=((0,1),(0,1)), ceil=true) @ 2x4x4",
            "maxpool3(s=1, p=same_upper, d=2) @ 2x7x7",
            "maxpool2(p=1, d=2, ceil=true) @ 2x4",
            "maxpool1x2(s=1x3, d=2, ceil=true) @ 2x3x7",
            "maxpool3(p=2, d=2) @ 2x1",
        ),
        rejects=(
            ("maxpool3(p=2) @ 3x8x8", "E0208"),
            ("maxpool9 @ 3x8x8", "E0201"),
            ("maxpool2 @ 10", "E0215"),
            ("maxpool2(p=1, d=2) @ 2x1", "E0226"),
        ),
    )
)

avgpool: Op[AvgPool] = define(
    Op(
        name="avgpool",
        known_as=("AvgPool2d", "AveragePool", "AveragePooling2D", "MeanPool"),
        doc="Mean of each window; the stride is the window unless given.",
        signature=AvgPool,
        resolve=resolve_pool,
        shape=pool_shape,
        work=avg_work,
        saves=avgpool_saves,
        window=window_of,
        suffix="k",
        ranks=(1, 2, 3),
        shape_lines=window_lines,
        each_text=lambda a, x, out: {"add": one_less(a.k)},
        samples=(
            "avgpool2 @ 3x9",
            "avgpool3(s=2, p=1) @ 3x9x8",
            "avgpool3(s=2, p=1, count_pad=false) @ 3x9x8",
            "avgpool2 @ 2x4x4x4",
            "avgpool3(s=2, ceil=true) @ 3x8x8",
            "avgpool3(s=2, p=1, ceil=true, count_pad=false) @ 3x8x8",
            "avgpool3(s=2, p=1, ceil=true) @ 3x8x8",
            "avgpool3(s=2, p=same_upper) @ 2x8x7",
            "avgpool2(s=1, p=same_upper, count_pad=false) @ 2x8x7",
            "avgpool2(p=((0,1),(0,1)), ceil=true) @ 2x4x4",
            "avgpool3(s=2, p=((0,1),(1,0)), ceil=true, count_pad=false) @ 2x8x5",
            "avgpool(2x3x4, s=2, p=1) @ 2x2x4x2",
        ),
        rejects=(("avgpool3(p=2) @ 3x8x8", "E0208"), ("avgpool9 @ 3x8x8", "E0201")),
    )
)

adaptive_avgpool: Op[Adaptive] = define(
    Op(
        name="adaptive_avgpool",
        known_as=("AdaptiveAvgPool2d", "AdaptiveAveragePooling2D"),
        doc="Mean over as many bins as the output has positions.",
        signature=Adaptive,
        shape=adaptive_shape,
        work=adaptive_work,
        saves=adaptive_saves,
        window=adaptive_window,
        ranks=(1, 2, 3),
        shape_lines=asked,
        samples=(
            "adaptive_avgpool(3) @ 2x7",
            "adaptive_avgpool(6) @ 2x13x13",
            "adaptive_avgpool(3x5) @ 2x7x9",
            "adaptive_avgpool(7) @ 2x3x3",
            "adaptive_avgpool(2) @ 2x4x5x6",
        ),
        rejects=(("adaptive_avgpool(0) @ 2x7x7", "E0305"), ("adaptive_avgpool(1x2x3) @ 2x7x7", "E0304")),
    )
)

gap: Op[NoParams] = define(
    Op(
        name="gap",
        known_as=("GlobalAveragePool", "GlobalAveragePooling2D", "GlobalAvgPool", "GlobalPool", "ReduceMean"),
        doc="Global average pooling: the mean of each channel, kept as C×1×1.",
        signature=NoParams,
        shape=global_shape,
        work=global_work,
        saves=saves_nothing,
        sees_all=True,
        ranks=(1, 2, 3),
        shape_lines=in_words("every axis ends at 1"),
        each_text=lambda a, x, out: {"add": one_less(x[1:])},
        samples=("gap @ 3x7", "gap @ 3x7x5", "gap @ 3x4x4x2"),
        rejects=(("gap @ 10", "E0215"),),
    )
)

adaptive_maxpool: Op[Adaptive] = define(
    Op(
        name="adaptive_maxpool",
        known_as=("AdaptiveMaxPool2d", "AdaptiveMaxPooling2D"),
        doc="Largest value of as many bins as the output has positions.",
        signature=Adaptive,
        shape=adaptive_shape,
        work=lambda a, x, out: Work(cmp=adaptive_work(a, x, out).add),
        saves=adaptive_max_saves,
        window=adaptive_window,
        ranks=(1, 2, 3),
        shape_lines=asked,
        samples=(
            "adaptive_maxpool(3) @ 2x7",
            "adaptive_maxpool(6) @ 2x13x13",
            "adaptive_maxpool(3x5) @ 2x6x10",
            "adaptive_maxpool(2) @ 2x4x5x6",
        ),
        rejects=(("adaptive_maxpool(0) @ 2x7x7", "E0305"),),
    )
)

gmp: Op[NoParams] = define(
    Op(
        name="gmp",
        known_as=("GlobalMaxPool", "GlobalMaxPooling2D", "ReduceMax"),
        doc="Global max pooling: the largest value of each channel, kept as C×1×1.",
        signature=NoParams,
        shape=global_shape,
        work=lambda a, x, out: Work(cmp=size(x) - size(out)),
        saves=adaptive_max_saves,
        sees_all=True,
        ranks=(1, 2, 3),
        shape_lines=in_words("every axis ends at 1"),
        each_text=lambda a, x, out: {"cmp": one_less(x[1:])},
        samples=("gmp @ 3x7", "gmp @ 3x7x5", "gmp @ 3x4x4x2"),
        rejects=(("gmp @ 10", "E0215"),),
    )
)


def resolve_unpool(a: UnpoolFrom, x: Shape) -> Unpool:
    """The pooling behind the label. A window that differs from its own raises E0220."""
    pool = a.tap.maker
    if a.k is not None and a.k != pool.attrs.k:
        raise Reject("E0220", reason=f"the pool's window is {pool.attrs.k}, not {a.k}")
    return Unpool(pool.attrs.k, pool.attrs.s, pool.attrs.p, pool.attrs.d, pool.in_shapes[0])


def unpool_saves(a: Unpool, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(operands=(1,))


def unpool_shape(a: Unpool, x: Shape, indices: Shape) -> Shape:
    """The shape that the pooling read; the input must have the shape that it gave (E0220)."""
    if len(x) != len(indices) or any(map(differs, x, indices)):
        raise Reject(
            "E0220", reason=f"the pool gave {'×'.join(map(str, indices))}, the input is {'×'.join(map(str, x))}"
        )
    return a.size


def unpool_window(a: Unpool, x: Shape) -> tuple[Taps | None, ...]:
    """An output may hold any value whose pooling window it lies in."""
    axes = zip(a.k, a.s, a.p, a.d, x[1:], strict=True)
    return tuple(spread(k, s, p[0], d, extent) for k, s, p, d, extent in axes)


unpool: Op[Unpool] = define(
    Op(
        name="unpool",
        known_as=("MaxUnpool2d", "MaxUnpooling2D"),
        doc="Puts each value where the labelled max pooling found it, zeros elsewhere (Zeiler and Fergus, 2014).",
        signature=UnpoolFrom,
        resolve=resolve_unpool,
        shape=unpool_shape,
        work=lambda a, x, out: Work(),
        saves=unpool_saves,
        window=unpool_window,
        suffix="k",
        ranks=(1, 2, 3),
        taps=("tap",),
        shape_lines=lambda a, xs, out: (Line("shape", f"{shape_text(a.size)}, what the pooling read"),),
        samples=(
            "maxpool2 as p -> relu -> unpool2(p) @ 3x8x7",
            "maxpool3(s=2) as p -> unpool(p) @ 2x9",
            "maxpool2 as p -> unpool(p) @ 2x4x4x4",
            "maxpool2(s=1, d=2) as p -> unpool(p) @ 2x8",
            "maxpool3(s=2, p=same_upper) as p -> unpool(p) @ 2x8x8",
            "maxpool(4x3, s=3x2, p=((1,0),(0,0)), d=2x1, ceil=true) as p -> unpool(p) @ 2x10x3",
            "maxpool2(s=2, p=2, d=4) as p -> unpool(p) @ 2x3x9",
        ),
        rejects=(
            ("relu as p -> unpool2(p) @ 3x8x8", "E0304"),
            ("maxpool2 as p -> maxpool2 -> unpool2(p) @ 3x8x8", "E0220"),
        ),
    )
)

lppool: Op[LpPool] = define(
    Op(
        name="lppool",
        known_as=("LPPool2d", "LpPooling"),
        doc="Power-average pooling: (∏k · the mean of xⁿ over each window)^(1/n); n = 1 is sum pooling.",
        signature=LpPool,
        resolve=lambda a, x: a._replace(s=a.s or a.k),
        shape=lp_shape,
        work=lp_work,
        saves=lp_saves,
        window=window_of,
        suffix="k",
        ranks=(1, 2, 3),
        shape_lines=window_lines,
        each_text=lambda a, x, out: {"add": one_less(a.k), "special": f"({product(*a.k)} + 1)"},
        samples=(
            "lppool2 @ 3x9",
            "lppool3(s=2) @ 3x9x8",
            "relu -> lppool2(3) @ 3x8x8",
            "lppool2(norm=1) @ 3x8x8",
            "relu -> lppool2x3(1.5, s=1) @ 3x8x8",
            "lppool3(s=2, ceil=true) @ 3x8x8",
            "lppool2 @ 2x4x4x4",
        ),
        rejects=(("lppool2(0) @ 3x8x8", "E0305"), ("lppool9 @ 3x8x8", "E0201"), ("lppool2 @ 8", "E0215")),
    )
)

blurpool: Op[BlurPool] = define(
    Op(
        name="blurpool",
        known_as=("BlurPool2d", "AntiAlias"),
        doc="Subsampling after a binomial filter with the border reflected, which avoids aliasing (Zhang, 2019).",
        signature=BlurPool,
        shape=blur_shape,
        work=lambda a, x, out: Work(mac=size(out) * prod(a.k)),
        saves=blur_saves,
        window=window_of,
        suffix="k",
        ranks=(1, 2, 3),
        shape_lines=window_lines,
        macs_text=lambda a, x, out: product(*out, bracket(*a.k)),
        samples=("blurpool @ 3x8x7", "blurpool4 @ 3x9", "blurpool5x3(s=2x1) @ 2x8x8", "blurpool(s=2) @ 2x4x4x5"),
        rejects=(("blurpool9 @ 3x4x4", "E0216"), ("blurpool @ 4", "E0215")),
    )
)
