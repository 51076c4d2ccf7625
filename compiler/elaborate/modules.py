"""Blocks from other texts: the prelude, which is always in scope, and the files that `use` names."""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from ...grammar import prelude_text
from .. import syntax as ast
from ..diagnostics import Sink
from ..limits import Limits
from ..parse import parse
from ..source import Source

BLOCK = re.compile(r"^block (\w+)", re.MULTILINE)

Loader = Callable[[str, Source], Source]
"""Reads the file that a `use` line names, seen from the file that the line is in. Raises CnncError."""

PRELUDE_KNOWN_AS: dict[str, tuple[str, ...]] = {
    "cbr": ("ConvBNReLU", "ConvNormActivation", "ConvNormAct", "ConvBNAct", "BasicConv2d"),
    "se": ("SqueezeExcitation", "SqueezeExcite", "SqueezeAndExcitation", "SELayer", "SEBlock"),
    "cbam": ("CBAM",),
    "eca": ("ECA", "EfficientChannelAttention"),
    "basic": ("BasicBlock", "ResidualUnit"),
    "bottleneck": ("Bottleneck", "ResNetBottleneck"),
    "preact": ("PreActBlock", "PreActBottleneck"),
    "resnext": ("ResNeXtBlock", "ResNeXtBottleneck"),
    "inverted_residual": ("InvertedResidual", "MBConv", "InvertedBottleneck", "LinearBottleneck"),
    "fire": ("FireModule", "Fire"),
    "dense_layer": ("DenseLayer",),
    "transition": ("TransitionLayer", "TransitionBlock"),
    "shuffle_unit": ("ShuffleUnit", "ShuffleBlock"),
    "ghost": ("GhostModule", "GhostConv"),
    "aspp": ("ASPP", "AtrousSpatialPyramidPooling"),
    "sk": ("SKConv", "SKUnit", "SelectiveKernel"),
}
"""What blocks of the prelude are called elsewhere."""


class Paragraph(NamedTuple):
    """The text of one prelude block, from its comment to the next."""

    start: int
    end: int


@cache
def prelude_source() -> Source:
    return Source(prelude_text(), "prelude.cnn")


@cache
def prelude_paragraphs() -> dict[str, Paragraph]:
    """Where each block of the prelude stands; found without parsing, since most programs use few of them."""
    text = prelude_source().text
    starts = [(match.group(1), match.start()) for match in BLOCK.finditer(text)]
    ends = [start for _, start in starts[1:]] + [len(text)]
    return {name: Paragraph(start, end) for (name, start), end in zip(starts, ends, strict=True)}


def prelude_names() -> set[str]:
    """The names of the prelude's blocks."""
    return set(prelude_paragraphs())


@cache
def prelude_block(name: str) -> ast.Block:
    """The declaration of a prelude block, parsed on its own; positions are those in the whole prelude."""
    place = prelude_paragraphs()[name]
    text = prelude_source().text
    masked = "".join(c if c == "\n" else " " for c in text[: place.start]) + text[place.start : place.end]
    (block,) = parse(Source(masked, "prelude.cnn"), Sink(), Limits()).items
    assert isinstance(block, ast.Block)
    return block
