"""Drawings of a network: SVG, Mermaid and DOT, all from one plain model."""

from collections.abc import Callable

from ..ir import Graph
from .build import Builder
from .dot import dot_text
from .merge import compact as compacted
from .mermaid import mermaid_text
from .model import Drawing
from .svg import svg_text

ENDINGS = {"svg": ".svg", "mermaid": ".mmd", "dot": ".dot"}
"""The forms of a drawing, and the endings of their files."""
WRITERS: dict[str, Callable[[Drawing], str]] = {"svg": svg_text, "mermaid": mermaid_text, "dot": dot_text}


def drawing(graph: Graph, depth: int | None = None, compact: bool = True) -> Drawing:
    """A network as boxes, arrows and groups.

    depth: how many levels of blocks are open; deeper ones are one box each. compact: whether normalisations,
    activations and dropout join the box of the layer that they follow. Raises UsageError (E0570) for too many boxes.
    """
    found = Builder(graph, depth, compact).build()
    return compacted(found) if compact else found


def svg(graph: Graph, depth: int | None = None, compact: bool = True, prefix: str = "") -> str:
    """The network as an SVG document; arguments as for `drawing`. Raises UsageError without graphlay (E0507)."""
    return svg_text(drawing(graph, depth, compact), prefix)
