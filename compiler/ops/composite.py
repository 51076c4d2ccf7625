"""Layers that are short sequences of other layers, such as a depthwise separable convolution."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple, get_args

from .conv import PAD_MODES
from .kinds import Flag, Integer, Ints, Kind, Padding, Pairs, PerAxis, Word


class Part(NamedTuple):
    """One layer of a composite: the name of its weights, its op, and arguments by name."""

    label: str
    op: str
    args: dict[str, Any]


class Composite:
    """A layer that expands into a sequence of ops; backends see only those."""

    def __init__(
        self,
        *,
        name: str,
        doc: str,
        signature: type[Any],
        expand: Callable[[Any], tuple[Part, ...]],
        suffix: str | None = None,
        ranks: Sequence[int] = (1, 2, 3),
        family: str | None = None,
        aliases: Sequence[str] = (),
        known_as: Sequence[str] = (),
        samples: Sequence[str] = (),
        rejects: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.name, self.doc, self.signature, self.expand = name, doc, signature, expand
        self.suffix, self.ranks, self.family = suffix, tuple(ranks), family or name
        self.aliases, self.samples, self.rejects = tuple(aliases), tuple(samples), tuple(rejects)
        self.known_as = tuple(known_as)
        self.params: dict[str, Kind] = {
            field: next(m for m in get_args(hint) if isinstance(m, Kind))
            for field, hint in signature.__annotations__.items()
        }


class SeparableConv(NamedTuple):
    c: Annotated[int, Integer("output channels")]
    k: Annotated[Ints, PerAxis("kernel extent of the depthwise part")]
    s: Annotated[Ints, PerAxis("stride of the depthwise part", 1)]
    p: Annotated[Pairs, Padding("padding of the depthwise part", 0)]
    d: Annotated[Ints, PerAxis("dilation of the depthwise part", 1)]
    m: Annotated[int, Integer("depth multiplier", 1)]
    bias: Annotated[bool, Flag("whether both parts add a bias", True)]
    pad_mode: Annotated[str, Word("what the padding is filled with", PAD_MODES, "zeros")]


def expand_separable(a: SeparableConv) -> tuple[Part, ...]:
    depthwise = {"k": a.k, "s": a.s, "p": a.p, "d": a.d, "m": a.m, "bias": a.bias, "pad_mode": a.pad_mode}
    pointwise = {"c": a.c, "k": 1, "s": 1, "p": 0, "d": 1, "g": 1, "bias": a.bias, "pad_mode": "zeros"}
    return Part("depthwise", "dwconv", depthwise), Part("pointwise", "conv", pointwise)


sepconv = Composite(
    name="sepconv",
    known_as=("SeparableConv2D", "DepthwiseSeparableConv", "Separable"),
    doc="Depthwise separable convolution: each channel filtered by itself, then a 1×1 convolution (Chollet, 2017).",
    signature=SeparableConv,
    expand=expand_separable,
    suffix="k",
    family="conv",
    samples=("sepconv3(8, p=1) @ 4x9", "sepconv3x3(8, s=2, p=same) @ 4x9x9", "sepconv3x3x3(4, bias=false) @ 2x5x5x5"),
    rejects=(("sepconv3x3 @ 4x9x9", "E0303"), ("sepconv11x11(4) @ 4x9x9", "E0201")),
)


class SpatialConv(NamedTuple):
    c: Annotated[int, Integer("output channels")]
    k: Annotated[Ints, PerAxis("kernel extent")]
    s: Annotated[Ints, PerAxis("stride", 1)]
    p: Annotated[Pairs, Padding("padding", 0)]
    d: Annotated[Ints, PerAxis("dilation", 1)]
    g: Annotated[int, Integer("groups of every part", 1)]
    bias: Annotated[bool, Flag("whether every part adds a bias", True)]
    pad_mode: Annotated[str, Word("what the padding is filled with", PAD_MODES, "zeros")]


def expand_spatial(a: SpatialConv) -> tuple[Part, ...]:
    """One convolution along each axis, the first axis first: k×1, then 1×k."""
    rank = len(a.k)
    labels = ("depth", "vertical", "horizontal")[-rank:]

    def along(axis: int, values: Ints) -> Ints:
        return tuple(v if i == axis else 1 for i, v in enumerate(values))

    def padding(axis: int) -> Any:
        return a.p if isinstance(a.p, str) else tuple(v if i == axis else (0, 0) for i, v in enumerate(a.p))

    common = {"c": a.c, "g": a.g, "bias": a.bias, "pad_mode": a.pad_mode}
    return tuple(
        Part(label, "conv", {**common, "k": along(i, a.k), "s": along(i, a.s), "p": padding(i), "d": along(i, a.d)})
        for i, label in enumerate(labels)
    )


spatialconv = Composite(
    name="spatialconv",
    known_as=("SpatiallySeparableConv",),
    doc="Spatially separable convolution: k×1, then 1×k (Szegedy et al., 2015).",
    signature=SpatialConv,
    expand=expand_spatial,
    suffix="k",
    ranks=(2, 3),
    family="conv",
    samples=(
        "spatialconv3x3(8, p=1) @ 4x9x9",
        "spatialconv7x5(6, s=2, p=same, bias=false) @ 4x9x9",
        "spatialconv3(4, s=1x2, p=((0, 1), (1, 0)), d=2x1) @ 2x7x8",
        "spatialconv3x3x3(4) @ 2x5x5x5",
    ),
    rejects=(("spatialconv3(8) @ 4x9", "E0215"), ("spatialconv11x11(4) @ 4x9x9", "E0201")),
)

COMPOSITES: dict[str, Composite] = {sepconv.name: sepconv, spatialconv.name: spatialconv}
