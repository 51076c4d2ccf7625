"""A drawing as a Mermaid flowchart, which GitHub and many notebooks draw by themselves."""

from collections.abc import Iterator

from .model import Drawing, Group, Node
from .palette import PALETTE

ARROWS = {"data": "-->", "tap": "-.->", "aux": "-.->"}


def mermaid_text(drawing: Drawing) -> str:
    """Groups are subgraphs, families classes."""
    families = sorted({node.family for node in drawing.nodes})
    lines = ["flowchart TD", *_inside(drawing.members(), "", 1)]
    for edge in drawing.edges:
        lines.append(f'  {edge.source} {ARROWS[edge.kind]}|"{_escaped(edge.text)}"| {edge.target}')
    for family in families:
        fill, line, *_ = PALETTE[family]
        lines.append(f"  classDef {family} fill:{fill},stroke:{line},color:#1c2430")
    for family in families:
        lines.append(f"  class {','.join(n.id for n in drawing.nodes if n.family == family)} {family}")
    return "\n".join(lines) + "\n"


def _inside(members: dict[str, list[Group | Node]], within: str, level: int) -> Iterator[str]:
    indent = "  " * level
    for item in members[within]:
        if isinstance(item, Node):
            label = "<br>".join(map(_escaped, item.lines))
            yield f'{indent}{item.id}["{label}"]'
        else:
            yield f'{indent}subgraph {item.id}["{_escaped(item.text)}"]'
            yield from _inside(members, item.id, level + 1)
            yield f"{indent}end"


def _escaped(text: str) -> str:
    """Text in which Mermaid and HTML find nothing to interpret: everything doubtful as its character code."""
    return "".join(c if c.isalnum() or c in " .,:=()+-−×÷→…_/" else f"#{ord(c)};" for c in text)
