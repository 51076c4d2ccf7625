"""Normalisation."""

from functools import lru_cache
from typing import Annotated, NamedTuple

from ..diagnostics import Reject
from .base import NoParams, Op, Saved, Shape, Tokens, Use, Weight, Work, define, same_shape, size
from .kinds import Flag, Integer, Number, Word

NORMALISED = Word(
    "what is normalised together; last is the last axis of channels-last maps",
    ("channels", "all", "last"),
    "channels",
)
EPS = Number("added to the variance", 1e-5, low=0.0, open_low=True)


class BatchNorm(NamedTuple):
    eps: Annotated[float, EPS]
    momentum: Annotated[float, Number("weight of a new batch in the running statistics", 0.1, low=0.0, high=1.0)]
    affine: Annotated[bool, Flag("whether a scale and a shift per channel are learnt", True)]


class LayerNorm(NamedTuple):
    axes: Annotated[
        str,
        Word(
            "what is normalised together; last is the last axis of channels-last maps",
            ("channels", "all", "last"),
            "channels",
        ),
    ]
    eps: Annotated[float, EPS]
    affine: Annotated[bool, Flag("whether a scale and a shift are learnt", True)]


class GroupNorm(NamedTuple):
    groups: Annotated[int, Integer("groups; the channels must be a multiple of it")]
    eps: Annotated[float, EPS]
    affine: Annotated[bool, Flag("whether a scale and a shift per channel are learnt", True)]


class InstanceNorm(NamedTuple):
    eps: Annotated[float, EPS]
    affine: Annotated[bool, Flag("whether a scale and a shift per channel are learnt", False)]


class LocalNorm(NamedTuple):
    size: Annotated[int, Integer("channels that are summed over")]
    alpha: Annotated[float, Number("factor of the mean square", 1e-4)]
    beta: Annotated[float, Number("exponent", 0.75)]
    k: Annotated[float, Number("added to the mean square", 1.0)]


class GlobalResponse(NamedTuple):
    eps: Annotated[float, Number("added to the mean length", 1e-6, low=0.0, open_low=True)]


@lru_cache(1024)
def affine_weights(shape: Shape, affine: bool) -> tuple[Weight, ...]:
    """A scale of ones and a shift of zeros, where they are learnt."""
    if not affine:
        return ()
    return Weight("weight", shape, "constant", value=1.0), Weight("bias", shape, "constant")


def norm_buffers(a: BatchNorm, x: Shape) -> tuple[Weight, ...]:
    return running_statistics(x[0])


@lru_cache(1024)
def running_statistics(channels: int) -> tuple[Weight, ...]:
    """What a batch normalisation learns of its channels without gradients."""
    return (
        Weight("running_mean", (channels,), "constant"),
        Weight("running_var", (channels,), "constant", value=1.0),
        Weight("num_batches_tracked", (), "count"),
    )


def norm_work(a: BatchNorm, x: Shape, out: Shape) -> Work:
    """In inference a scale and a shift per element, the statistics folded into them."""
    return Work(add=size(x), mul=size(x))


def statistics_work(groups: int, affine: bool, x: Shape) -> Work:
    """Mean and variance of every group on the spot, then the same as batch normalisation.

    Per element an addition for the mean, a subtraction, a square and an addition for the variance, and a product; per
    group two divisions and a square root; with a learnt scale and shift a product and an addition more per element.
    """
    n = size(x)
    return Work(add=3 * n + affine * n, mul=2 * n + affine * n, div=2 * groups, special=groups)


def normalized(a: LayerNorm, x: Shape) -> Shape:
    """The axes that are normalised together, which are also the shape of the weights."""
    return tuple(x) if a.axes == "all" else (x[-1] if on_last_axis(a, x) else x[0],)


def on_last_axis(a: LayerNorm, x: Shape) -> bool:
    """Whether what is normalised stands last in the shape: channels of tokens or of channels-last maps."""
    return a.axes == "last" or (a.axes == "channels" and isinstance(x, Tokens))


def groups_of(a: LayerNorm, x: Shape) -> int:
    """How many sets of elements are normalised apart from each other."""
    if a.axes == "all":
        return 1
    return size(x[:-1]) if on_last_axis(a, x) else size(x[1:])


def group_norm_shape(a: GroupNorm, x: Shape) -> Shape:
    if x[0] % a.groups:
        raise Reject("E0210", groups=a.groups, cin=x[0], cout=x[0])
    if size(x) == a.groups:
        raise Reject("E0232", layer="gn")
    return x


def instance_norm_shape(a: InstanceNorm, x: Shape) -> Shape:
    if size(x[1:]) == 1:
        raise Reject("E0232", layer="instnorm")
    return x


def l2_work(a: NoParams, x: Shape, out: Shape) -> Work:
    """Per element a square, an addition and a division; per position a square root."""
    positions = size(x[1:])
    return Work(mul=size(x), add=size(x) - positions, div=size(x), special=positions)


def bn_saves(a: BatchNorm, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, and of every channel the running and the batch's mean and variance."""
    return Saved(operands=(0,), fixed=2 * x[0], stored=2 * x[0])


def ln_saves(a: LayerNorm, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, and mean and deviation of every group."""
    return Saved(operands=(0,), more=2 * groups_of(a, x))


def gn_saves(a: GroupNorm, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(operands=(0,), more=2 * a.groups)


def instance_saves(a: InstanceNorm, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, and mean, deviation and a copy of the scale for every channel of every sample."""
    return Saved(operands=(0,), more=(3 if a.affine else 2) * x[0])


def l2_saves(a: NoParams, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, and each position's length before and after it is kept from 0."""
    return Saved(operands=(0,), more=2 * size(x[1:]))


bn: Op[BatchNorm] = define(
    Op(
        name="bn",
        known_as=("BatchNorm2d", "BatchNormalization", "SyncBatchNorm", "SpatialBN"),
        doc="Batch normalisation over the batch and all positions of each channel (Ioffe and Szegedy, 2015).",
        signature=BatchNorm,
        shape=same_shape,
        weights=lambda a, x: affine_weights((x[0],), a.affine),
        buffers=norm_buffers,
        work=norm_work,
        saves=bn_saves,
        samples=("bn @ 5", "bn @ 3x7", "bn(eps=0.001, momentum=0.01) @ 3x6x5", "bn(affine=false) @ 3x4x4x4"),
        rejects=(("bn(eps=0) @ 3x4x4", "E0305"), ("bn(momentum=2) @ 3x4x4", "E0305")),
    )
)

ln: Op[LayerNorm] = define(
    Op(
        name="ln",
        known_as=("LayerNorm", "LayerNormalization"),
        doc="Layer normalisation over the channels of each position, or over all elements (Ba et al., 2016).",
        signature=LayerNorm,
        shape=same_shape,
        weights=lambda a, x: affine_weights(normalized(a, x), a.affine),
        work=lambda a, x, out: statistics_work(groups_of(a, x), a.affine, x),
        saves=ln_saves,
        tokens=True,
        samples=(
            "ln @ 6",
            "ln @ 6x5",
            "ln(eps=0.001) @ 6x4x5",
            "ln(axes=all) @ 3x4x5",
            "ln(affine=false) @ 4x3x3x2",
            "permute((1, 2, 0)) -> ln(axes=last) @ 6x4x5",
            "ln(last) @ 6",
            "tokens -> ln @ 6x3x2",
            "tokens -> ln(axes=all) @ 6x4",
            "tokens -> ln(affine=false) @ 6x3x2",
        ),
        rejects=(("ln(axes=rows) @ 3x4x4", "E0304"), ("ln(eps=-1) @ 3", "E0305")),
    )
)

gn: Op[GroupNorm] = define(
    Op(
        name="gn",
        known_as=("GroupNorm", "GroupNormalization"),
        doc="Group normalisation: over the positions and channels of each group (Wu and He, 2018).",
        signature=GroupNorm,
        shape=group_norm_shape,
        weights=lambda a, x: affine_weights((x[0],), a.affine),
        work=lambda a, x, out: statistics_work(a.groups, a.affine, x),
        saves=gn_saves,
        samples=("gn(2) @ 6", "gn(3) @ 6x5", "gn(2) @ 6x4x5", "gn(6, affine=false) @ 6x4x5", "gn(2) @ 4x3x3x2"),
        rejects=(("gn(4) @ 4", "E0232"), ("gn(4) @ 6x4x4", "E0210"), ("gn @ 6x4x4", "E0303")),
    )
)

instnorm: Op[InstanceNorm] = define(
    Op(
        name="instnorm",
        known_as=("InstanceNorm2d", "InstanceNormalization"),
        doc="Instance normalisation: over the positions of each channel (Ulyanov, Vedaldi and Lempitsky, 2016).",
        signature=InstanceNorm,
        shape=instance_norm_shape,
        weights=lambda a, x: affine_weights((x[0],), a.affine),
        work=lambda a, x, out: statistics_work(x[0], a.affine, x),
        saves=instance_saves,
        ranks=(1, 2, 3),
        samples=("instnorm @ 3x7", "instnorm(affine=true) @ 3x6x5", "instnorm @ 2x4x4x4"),
        rejects=(("instnorm @ 5", "E0215"), ("gap -> instnorm @ 5x4x4", "E0232")),
    )
)

l2norm: Op[NoParams] = define(
    Op(
        name="l2norm",
        known_as=("Normalize", "LpNormalization", "UnitNormalization"),
        doc="Each position's channels divided by their Euclidean length.",
        signature=NoParams,
        shape=same_shape,
        work=l2_work,
        saves=l2_saves,
        samples=("l2norm @ 7", "l2norm @ 4x3x5"),
    )
)


def local_work(a: LocalNorm, x: Shape, out: Shape) -> Work:
    """Per element a square, `size` − 1 additions, a product, an addition, a power and a division."""
    n = size(x)
    return Work(mul=2 * n, add=a.size * n, special=n, div=n)


def response_work(a: GlobalResponse, x: Shape, out: Shape) -> Work:
    """Per element a square and an addition, two products and two additions; per channel a root, a sum, a division."""
    n, channels = size(x), x[0]
    return Work(mul=3 * n, add=3 * n + channels, special=channels, div=channels + 1)


def local_saves(a: LocalNorm, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, its padded squares, and two steps on the way to the divisor."""
    return Saved(operands=(0,), more=2 * size(x) + (x[0] + a.size - 1) * size(x[1:]))


def response_saves(a: GlobalResponse, x: Shape, out: Shape, use: Use) -> Saved:
    """The weighed input; for the input's gradient also itself, the lengths, their mean and their shares."""
    if not use.needs[0]:
        return Saved(more=size(x))
    return Saved(operands=(0,), more=size(x) + 2 * x[0] + 1)


def response_weights(a: GlobalResponse, x: Shape) -> tuple[Weight, ...]:
    shape = (x[0], *(1 for _ in x[1:]))
    return Weight("weight", shape, "constant"), Weight("bias", shape, "constant")


lrn: Op[LocalNorm] = define(
    Op(
        name="lrn",
        known_as=("LocalResponseNorm", "LocalResponseNormalization"),
        doc="Local response normalisation: x/(k + alpha·mean square of `size` channels)^beta (AlexNet, 2012).",
        signature=LocalNorm,
        shape=same_shape,
        work=local_work,
        saves=local_saves,
        ranks=(1, 2, 3),
        samples=(
            "lrn(5) @ 7x4x5",
            "lrn(5, alpha=0.5, beta=0.6, k=2) @ 7x4x5",
            "lrn(4, alpha=1) @ 7x4x5",
            "lrn(3, alpha=0) @ 7x4x5",
            "lrn(3, alpha=1) @ 4x6",
            "lrn(9, alpha=1) @ 4x3x3x2",
            "permute((0, 1, 3, 2)) -> lrn(3, alpha=0.5) @ 4x3x2x3",
        ),
        rejects=(("lrn @ 7x4x4", "E0303"), ("lrn(0) @ 7x4x4", "E0305"), ("lrn(3) @ 7", "E0215")),
    )
)

grn: Op[GlobalResponse] = define(
    Op(
        name="grn",
        known_as=("GlobalResponseNorm",),
        doc="Global response normalisation: x + γ·x·‖x‖/(the channels' mean ‖x‖) + β (Woo et al., ConvNeXt V2, 2023).",
        signature=GlobalResponse,
        shape=same_shape,
        weights=response_weights,
        work=response_work,
        saves=response_saves,
        ranks=(1, 2, 3),
        samples=("grn @ 4x5x6", "grn(eps=1e-3) @ 3x7", "grn @ 2x3x3x4"),
        rejects=(("grn @ 5", "E0215"), ("grn(eps=0) @ 4x5x6", "E0305")),
    )
)
