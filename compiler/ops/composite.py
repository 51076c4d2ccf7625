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
        samples: Sequence[str] = (),
        rejects: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.name, self.doc, self.signature, self.expand = name, doc, signature, expand
        self.suffix, self.ranks, self.family = suffix, tuple(ranks), family or name
        self.aliases, self.samples, self.rejects = tuple(aliases), tuple(samples), tuple(rejects)
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
    doc="Depthwise separable convolution: each channel filtered by itself, then a 1×1 convolution (Chollet, 2017).",
    signature=SeparableConv,
    expand=expand_separable,
    suffix="k",
    family="conv",
    samples=("sepconv3(8, p=1) @ 4x9", "sepconv3x3(8, s=2, p=same) @ 4x9x9", "sepconv3x3x3(4, bias=false) @ 2x5x5x5"),
    rejects=(("sepconv3x3 @ 4x9x9", "E0303"), ("sepconv11x11(4) @ 4x9x9", "E0201")),
)

COMPOSITES: dict[str, Composite] = {sepconv.name: sepconv}
