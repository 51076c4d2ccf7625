"""Layers that move, cut or rearrange elements without computing."""

from fractions import Fraction
from typing import Annotated, Any, NamedTuple

from ..diagnostics import Reject
from ..symbolic import Sym, differs
from .base import (
    NoParams,
    Op,
    Saved,
    Shape,
    Taps,
    Tokens,
    Use,
    Weight,
    Work,
    channels_of,
    check_extents,
    define,
    no_work,
    same_shape,
    saves_both,
    saves_nothing,
    size,
    with_channels,
)
from .formula import Line, asked, by_axis, factor, in_words, one_less, product, shape_text, text
from .kinds import Flag, Integer, Ints, Number, Optional, Order, Padding, Pairs, PerAxis, Shaped, Word
from .taps import resized, sliding


class Slice(NamedTuple):
    a: Annotated[int, Integer("first channel", least=0)]
    b: Annotated[int | None, Optional(Integer("channel after the last"), "all")]


def resolve_slice(a: Slice, x: Shape) -> Slice:
    return a if a.b is not None else Slice(a.a, channels_of(x))


def slice_lines(a: Slice, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    return (Line("channels", f"{factor(a.b)} − {factor(a.a)}", channels_of(out)),)


def slice_shape(a: Slice, x: Shape) -> Shape:
    """The channels from a to b. Raises E0219 unless a < b ≤ C."""
    assert a.b is not None  # from resolve_slice
    channels = channels_of(x)
    if a.a >= a.b or a.b > channels:  # with formulas: at all sizes; others are found when the sizes are known
        raise Reject("E0219", start=a.a, stop=a.b, channels=channels)
    return with_channels(x, a.b - a.a)


slice_: Op[Slice] = define(
    Op(
        name="slice",
        known_as=("Narrow", "StridedSlice"),
        doc="The channels from a up to, but without, b.",
        signature=Slice,
        resolve=resolve_slice,
        shape=slice_shape,
        work=no_work,
        saves=saves_nothing,
        view=True,
        tokens=True,
        shape_lines=slice_lines,
        samples=(
            "slice(1) @ 5",
            "slice(1, 3) @ 4x5x5",
            "slice(0, 2) @ 4x7",
            "tokens -> slice(1) @ 4x3x2",
            "tokens -> slice(1, 3) -> fc(3) @ 4x5",
        ),
        rejects=(("slice(3, 3) @ 4x5x5", "E0219"), ("slice(0, 9) @ 4x5x5", "E0219"), ("slice(-1) @ 4", "E0305")),
    )
)


class Shuffle(NamedTuple):
    g: Annotated[int, Integer("groups; the channels must be a multiple of it")]


class PixelShuffle(NamedTuple):
    r: Annotated[int, Integer("factor by which height and width grow")]


class Pad(NamedTuple):
    p: Annotated[Pairs, Padding("elements added to each side")]
    mode: Annotated[str, Word("what they are", ("zeros", "constant", "reflect", "replicate", "circular"), "zeros")]
    value: Annotated[float, Number("the constant", 0.0)]


ANY_RATIO = "scales are whole numbers; any other extents are given as size: upsample(size=(48, 48))"


class Upsample(NamedTuple):
    scale: Annotated[Ints | None, Optional(PerAxis("factor by which extents grow", way=ANY_RATIO), "from size")]
    size: Annotated[Ints | None, Optional(PerAxis("output extent"), "from scale")]
    mode: Annotated[
        str, Word("how values are found between", ("nearest", "linear", "bilinear", "bicubic", "trilinear"), "nearest")
    ]
    align_corners: Annotated[bool, Flag("whether the corners of input and output coincide", False)]


class Reshape(NamedTuple):
    shape: Annotated[Ints, Shaped("channels and extents")]


class Crop(NamedTuple):
    """A crop's arguments; as attributes, `p` is what is taken off."""

    size: Annotated[Ints | None, Optional(PerAxis("output extent, cut from the middle"), "from p")]
    p: Annotated[Pairs | None, Optional(Padding("elements taken off each side"), "from size")]


class Permute(NamedTuple):
    axes: Annotated[Ints, Order("which axis of the input each axis is, from 0 for the channels; not the batch")]


class Scale(NamedTuple):
    init: Annotated[float, Number("the factor, or its initial value", 1.0)]
    learn: Annotated[bool, Flag("whether each channel has a factor of its own that is learnt", True)]


RANK_OF_MODE = {"linear": 1, "bilinear": 2, "bicubic": 2, "trilinear": 3}
TAPS_OF_MODE = {"nearest": 1, "linear": 2, "bilinear": 2, "bicubic": 4, "trilinear": 2}


def shuffle_shape(a: Shuffle, x: Shape) -> Shape:
    if x[0] % a.g:
        raise Reject("E0210", groups=a.g, cin=x[0], cout=x[0])
    return x


def pixel_shuffle_shape(a: PixelShuffle, x: Shape) -> Shape:
    """C/r² × rH × rW. Raises E0223 unless r² divides C."""
    if x[0] % (a.r * a.r):
        raise Reject("E0223", channels=x[0], factor=a.r * a.r)
    return check_extents((x[0] // (a.r * a.r), x[1] * a.r, x[2] * a.r))


def pixel_unshuffle_shape(a: PixelShuffle, x: Shape) -> Shape:
    """C·r² × H/r × W/r. Raises E0223 unless r divides H and W."""
    for extent in x[1:]:
        if differs(extent % a.r, 0):
            raise Reject("E0223", channels=extent, factor=a.r)
    return check_extents((x[0] * a.r * a.r, x[1] // a.r, x[2] // a.r))


def shuffle_lines(a: PixelShuffle, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    channels = Line("channels", f"{factor(xs[0][0])}/({text(a.r)}·{text(a.r)})", out[0])
    return channels, *by_axis([product(a.r, n) for n in xs[0][1:]], out[1:])


def unshuffle_lines(a: PixelShuffle, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    """Written with a floor, which changes nothing, so that a formula in symbols need not know that."""
    channels = Line("channels", product(xs[0][0], a.r, a.r), out[0])
    return channels, *by_axis([f"⌊{factor(n)}/{text(a.r)}⌋" for n in xs[0][1:]], out[1:])


def pad_lines(a: Pad, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    sides = zip(xs[0][1:], a.p, strict=True)
    return by_axis([" + ".join(map(factor, (n, *pair))) for n, pair in sides], out[1:])


def pad_shape(a: Pad, x: Shape) -> Shape:
    """W + P₀ + P₁. Raises E0216 where reflection or wrapping would need more than there is."""
    most = {"reflect": 1, "circular": 0}
    for extent, pad in zip(x[1:], a.p, strict=True):
        if a.mode in most and max(pad) > extent - most[a.mode]:
            raise Reject("E0216", mode=a.mode, pad=max(pad), extent=extent)
    return check_extents((x[0], *(n + sum(pad) for n, pad in zip(x[1:], a.p, strict=True))))


def resolve_pad(a: Pad, x: Shape) -> Pad:
    if isinstance(a.p, str):
        raise Reject(
            "E0304", name="p", layer="pad", expected="a number, one per axis or pairs per axis", got=f"`{a.p}`"
        )
    return a


def resolve_upsample(a: Upsample, x: Shape) -> Upsample:
    """Scale and size from one of the two (E0224 if both or neither), the mode checked against the rank."""
    if (a.scale is None) == (a.size is None):
        raise Reject("E0224", reason="give either a scale or a size")
    if a.mode in RANK_OF_MODE and RANK_OF_MODE[a.mode] != len(x) - 1:
        raise Reject(
            "E0224", reason=f"{a.mode} interpolates over {RANK_OF_MODE[a.mode]} axes, the input has {len(x) - 1}"
        )
    if a.align_corners and a.mode == "nearest":
        raise Reject("E0224", reason="align_corners needs an interpolating mode such as bilinear")
    size_ = a.size if a.scale is None else tuple(n * s for n, s in zip(x[1:], a.scale, strict=True))
    return a._replace(size=size_)


def upsample_shape(a: Upsample, x: Shape) -> Shape:
    assert a.size is not None
    return check_extents((x[0], *a.size))


def upsample_lines(a: Upsample, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    if a.scale is None:
        return asked(a, xs, out)
    return by_axis([product(n, f) for n, f in zip(xs[0][1:], a.scale, strict=True)], out[1:])


def upsample_work(a: Upsample, x: Shape, out: Shape) -> Work:
    """Per output and axis as many products and additions as neighbours; nearest only copies."""
    taps = TAPS_OF_MODE[a.mode]
    neighbours = taps ** (len(x) - 1) if taps > 1 else 0
    return Work(mul=size(out) * neighbours, add=size(out) * max(neighbours - 1, 0))


NEIGHBOURS = {"nearest": (0, 0), "bicubic": (-1, 2)}
"""Which neighbours of ⌊u⌋ a place u between positions is computed from; by the linear modes, ⌊u⌋ and the next."""


def upsample_window(a: Upsample, x: Shape) -> tuple[Taps | None, ...]:
    assert a.size is not None
    factors = a.scale or (None,) * len(a.size)
    return tuple(_resize(a, *axis) for axis in zip(x[1:], a.size, factors, strict=True))


def _resize(a: Upsample, extent: Any, n: Any, factor: Any) -> Taps | None:
    """How N positions look at W; None, for all of them, where formulas hide the ratio."""
    known = not isinstance(extent, Sym) and not isinstance(n, Sym)
    if extent == 1 or isinstance(factor, Sym) or not (known or (factor and not a.align_corners)):
        return None
    reach = NEIGHBOURS.get(a.mode, (0, 1))
    if a.align_corners:
        return resized(Fraction(extent - 1, n - 1) if n > 1 else Fraction(1), Fraction(0), reach, extent)
    ratio = Fraction(1, factor) if factor else Fraction(extent, n)
    return resized(ratio, Fraction(0) if a.mode == "nearest" else (ratio - 1) / 2, reach, extent)


def pad_window(a: Pad, x: Shape) -> tuple[Taps | None, ...]:
    return tuple(sliding(1, 1, before) for before, _ in a.p)


def crop_window(a: Crop, x: Shape) -> tuple[Taps | None, ...]:
    assert a.p is not None
    return tuple(sliding(1, 1, -before) for before, _ in a.p)


def shuffle_window(a: PixelShuffle, x: Shape) -> tuple[Taps | None, ...]:
    taps = None if isinstance(a.r, Sym) else resized(Fraction(1, a.r), Fraction(0), (0, 0), x[1])
    return (taps, taps)


def unshuffle_window(a: PixelShuffle, x: Shape) -> tuple[Taps | None, ...]:
    return (sliding(a.r, a.r, 0),) * 2


def reshape_shape(a: Reshape, x: Shape) -> Shape:
    if differs(size(a.shape), size(x)) or len(a.shape) > 4:
        raise Reject("E0225", got=a.shape, have=size(x))
    return a.shape


def resolve_crop(a: Crop, x: Shape) -> Crop:
    """What is taken off each side; of an odd rest, the element more goes from the end. Raises E0228, E0304."""
    if (a.size is None) == (a.p is None):
        raise Reject("E0228", reason="give either a size or p")
    if isinstance(a.p, str):
        raise Reject("E0304", name="p", layer="crop", expected="a number, one per axis or pairs per axis", got=a.p)
    if a.p is not None:
        return a
    assert a.size is not None
    rests = [extent - n for extent, n in zip(x[1:], a.size, strict=True)]
    return Crop(None, tuple((rest // 2, rest - rest // 2) for rest in rests))


def crop_shape(a: Crop, x: Shape) -> Shape:
    """W − P₀ − P₁, at least 1 and at most W. Raises E0228."""
    assert a.p is not None
    extents = [extent - before - after for extent, (before, after) in zip(x[1:], a.p, strict=True)]
    for extent, n in zip(x[1:], extents, strict=True):
        if n < 1:
            raise Reject("E0228", reason=f"nothing is left of {extent} elements")
        if n > extent:
            raise Reject("E0228", reason=f"{n} elements of {extent}")
    return (x[0], *extents)


def crop_lines(a: Crop, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    assert a.p is not None
    sides = zip(xs[0][1:], a.p, strict=True)
    return by_axis([" − ".join(map(factor, (n, *pair))) for n, pair in sides], out[1:])


def permute_lines(a: Permute, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    return (Line("shape", f"axes {', '.join(map(str, a.axes))} of {shape_text(xs[0])}, counted from 0"),)


def reshape_lines(a: Reshape, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    return (Line("elements", product(*xs[0]), size(xs[0])), Line("elements", product(*out), size(out), ", and "))


def permute_shape(a: Permute, x: Shape) -> Shape:
    if sorted(a.axes) != list(range(len(x))):
        raise Reject("E0229", axes=", ".join(map(str, a.axes)), rank=len(x))
    return tuple(x[axis] for axis in a.axes)


def pad_saves(a: Pad, x: Shape, out: Shape, use: Use) -> Saved:
    """Only reflection and replication keep the input."""
    return Saved(operands=(0,)) if a.mode in ("reflect", "replicate") else Saved()


def saves_scaled(a: Scale, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, for the gradient of learnt factors."""
    return Saved(operands=(0,)) if a.learn else Saved()


def scale_weights(a: Scale, x: Shape) -> tuple[Weight, ...]:
    """One factor per channel, as C×1×… to stretch over positions."""
    return (Weight("weight", factors(x), "constant", value=a.init),) if a.learn else ()


def factors(x: Shape) -> Shape:
    """The shape that one number per channel has, to stretch over positions or tokens."""
    return (channels_of(x),) if isinstance(x, Tokens) else (x[0], *(1 for _ in x[1:]))


def pooled_channels(a: NoParams, x: Shape) -> Shape:
    return (1, *x[1:])


shuffle: Op[Shuffle] = define(
    Op(
        name="shuffle",
        known_as=("ChannelShuffle",),
        doc="Channel shuffle: channels of g groups in turn (Zhang et al., ShuffleNet, 2017).",
        signature=Shuffle,
        shape=shuffle_shape,
        work=no_work,
        saves=saves_nothing,
        ranks=(1, 2, 3),
        samples=("shuffle(2) @ 6x5", "shuffle(3) @ 6x4x5", "shuffle(2) @ 4x3x3x3"),
        rejects=(("shuffle(4) @ 6x4x4", "E0210"), ("shuffle2 @ 6x4x4", "E0321")),
    )
)

pixelshuffle: Op[PixelShuffle] = define(
    Op(
        name="pixelshuffle",
        known_as=("PixelShuffle", "DepthToSpace"),
        doc="Channels to space: C·r² × H × W becomes C × rH × rW (Shi et al., 2016).",
        signature=PixelShuffle,
        shape=pixel_shuffle_shape,
        work=no_work,
        saves=saves_nothing,
        window=shuffle_window,
        ranks=(2,),
        shape_lines=shuffle_lines,
        samples=("pixelshuffle(2) @ 8x3x4", "pixelshuffle(3) @ 9x2x2"),
        rejects=(("pixelshuffle(2) @ 6x4x4", "E0223"), ("pixelshuffle(2) @ 8x4", "E0215")),
    )
)

pixelunshuffle: Op[PixelShuffle] = define(
    Op(
        name="pixelunshuffle",
        known_as=("PixelUnshuffle", "SpaceToDepth"),
        doc="Space to channels, the inverse of pixelshuffle.",
        signature=PixelShuffle,
        shape=pixel_unshuffle_shape,
        work=no_work,
        saves=saves_nothing,
        window=unshuffle_window,
        ranks=(2,),
        shape_lines=unshuffle_lines,
        samples=("pixelunshuffle(2) @ 2x6x4", "pixelunshuffle(3) @ 1x3x6"),
        rejects=(("pixelunshuffle(2) @ 2x5x4", "E0223"),),
    )
)

pad: Op[Pad] = define(
    Op(
        name="pad",
        known_as=(
            "ZeroPad2d",
            "ZeroPadding2D",
            "ConstantPad2d",
            "ReflectionPad2d",
            "ReplicationPad2d",
            "CircularPad2d",
            "Padding",
        ),
        doc="Elements added around the input.",
        signature=Pad,
        resolve=resolve_pad,
        shape=pad_shape,
        work=no_work,
        saves=pad_saves,
        window=pad_window,
        ranks=(1, 2, 3),
        shape_lines=pad_lines,
        samples=(
            "pad(1) @ 3x5",
            "pad(((1, 2), (0, 3))) @ 3x4x5",
            "pad(2, mode=reflect) @ 3x4x5",
            "pad((1, 2), mode=replicate) @ 3x4x5",
            "pad(1, mode=circular) @ 3x4x5",
            "pad(1, mode=constant, value=0.5) @ 2x3x3x3",
        ),
        rejects=(("pad(4, mode=reflect) @ 3x4x4", "E0216"), ("pad @ 3x4x4", "E0303"), ("pad(same) @ 3x4x4", "E0304")),
    )
)

upsample: Op[Upsample] = define(
    Op(
        name="upsample",
        known_as=("Upsample", "UpSampling2D", "Interpolate", "UpsamplingNearest2d", "UpsamplingBilinear2d"),
        aliases=("resize",),
        doc="Larger maps by repeating or interpolating values, by a scale or to a size; nearest as PyTorch rounds.",
        signature=Upsample,
        resolve=resolve_upsample,
        shape=upsample_shape,
        work=upsample_work,
        saves=saves_nothing,
        window=upsample_window,
        suffix="scale",
        ranks=(1, 2, 3),
        shape_lines=upsample_lines,
        samples=(
            "upsample2 @ 3x5",
            "upsample41 @ 2x2",
            "upsample(size=46) @ 2x14",
            "upsample(size=(5, 46)) @ 2x3x14",
            "upsample41x3 @ 2x2x3",
            "ln -> upsample(size=(9, 11), mode=bicubic) -> ln @ 5x7x3",
            "permute((1, 2, 0)) -> relu -> upsample2(mode=bilinear) -> permute((2, 0, 1)) @ 5x7x3",
            "upsample2 @ 3x4x5",
            "upsample(3x2) @ 3x4x5",
            "upsample2(mode=bilinear) @ 3x4x5",
            "upsample2(mode=bilinear, align_corners=true) @ 3x4x5",
            "upsample(size=(7, 9), mode=bilinear) @ 3x4x5",
            "resize(size=7) @ 3x4x5",
            "upsample2(mode=bicubic) @ 3x4x5",
            "upsample2(mode=linear) @ 3x5",
            "upsample2(mode=trilinear) @ 2x3x4x3",
            "upsample2 @ 2x3x3x3",
        ),
        rejects=(
            ("upsample @ 3x4x4", "E0224"),
            ("upsample2(mode=bilinear) @ 3x4", "E0224"),
            ("upsample2(align_corners=true) @ 3x4x4", "E0224"),
        ),
    )
)

reshape: Op[Reshape] = define(
    Op(
        name="reshape",
        known_as=("Reshape", "View", "Unflatten"),
        doc="The same elements in order as another shape, channels first.",
        signature=Reshape,
        shape=reshape_shape,
        work=no_work,
        saves=saves_nothing,
        sees_all=True,
        view=True,
        tokens=True,
        shape_lines=reshape_lines,
        samples=(
            "reshape((2, 6)) @ 3x4",
            "reshape((4, 3, 1)) @ 12",
            "reshape((1, 4)) @ 4x1x1",
            "reshape((2, 12)) @ 3x2x2x2",
        ),
        rejects=(("reshape((5, 2)) @ 3x4", "E0225"),),
    )
)

cmean: Op[NoParams] = define(
    Op(
        name="cmean",
        known_as=("ChannelMean",),
        doc="Mean over the channels of each position, as one channel.",
        signature=NoParams,
        shape=pooled_channels,
        work=lambda a, x, out: Work(add=size(x) - size(out), div=size(out)),
        saves=saves_nothing,
        shape_lines=in_words("one channel for all"),
        each_text=lambda a, x, out: {"add": one_less(x[:1])},
        samples=("cmean @ 3x4x5", "cmean @ 6"),
    )
)

cmax: Op[NoParams] = define(
    Op(
        name="cmax",
        known_as=("ChannelMax",),
        doc="Largest value over the channels of each position, as one channel.",
        signature=NoParams,
        shape=pooled_channels,
        work=lambda a, x, out: Work(cmp=size(x) - size(out)),
        saves=saves_both,
        shape_lines=in_words("one channel for all"),
        each_text=lambda a, x, out: {"cmp": one_less(x[:1])},
        samples=("cmax @ 3x4x5", "cmax @ 6"),
    )
)

crop: Op[Crop] = define(
    Op(
        name="crop",
        known_as=("CenterCrop", "Cropping2D"),
        doc="The middle of the input of a given size, or the input without its borders.",
        signature=Crop,
        resolve=resolve_crop,
        shape=crop_shape,
        work=no_work,
        saves=saves_nothing,
        window=crop_window,
        view=True,
        ranks=(1, 2, 3),
        shape_lines=crop_lines,
        samples=("crop(3) @ 2x6", "crop(3x4) @ 2x5x7", "crop(p=((1, 2), (0, 1))) @ 2x5x7", "crop(p=1) @ 2x4x4x5"),
        rejects=(
            ("crop(9) @ 2x5x5", "E0228"),
            ("crop(p=3) @ 2x5x5", "E0228"),
            ("crop @ 2x5x5", "E0228"),
            ("crop(2, p=1) @ 2x5x5", "E0228"),
            ("crop(p=same) @ 2x5x5", "E0304"),
        ),
    )
)

permute: Op[Permute] = define(
    Op(
        name="permute",
        known_as=("Permute", "Transpose", "SwapAxes", "MoveAxis"),
        doc="The axes in another order; (1, 2, 0) puts the channels last.",
        signature=Permute,
        shape=permute_shape,
        work=no_work,
        saves=saves_nothing,
        view=True,
        tokens=True,
        shape_lines=permute_lines,
        samples=(
            "permute((1, 2, 0)) @ 2x3x4",
            "permute(0) @ 5",
            "permute((1, 0)) @ 3x5",
            "permute((3, 0, 2, 1)) @ 2x3x4x5",
        ),
        rejects=(("permute((0, 1)) @ 2x3x4", "E0229"), ("permute((0, 1, 1)) @ 2x3x4", "E0229")),
    )
)

scale: Op[Scale] = define(
    Op(
        name="scale",
        known_as=("LayerScale", "Rescaling"),
        doc="Multiplication by a learnt factor per channel (Touvron et al., LayerScale, 2021), or by a constant.",
        signature=Scale,
        shape=same_shape,
        weights=scale_weights,
        work=lambda a, x, out: Work(mul=size(out)),
        saves=saves_scaled,
        tokens=True,
        samples=(
            "scale @ 4x3x5",
            "scale(1e-6) @ 5",
            "tokens -> scale @ 3x2x2",
            "scale(0.5, learn=false) @ 3x4",
            "scale(3, learn=false) @ 2x3x3x3",
        ),
        rejects=(("scale(big) @ 3", "E0301"),),
    )
)
