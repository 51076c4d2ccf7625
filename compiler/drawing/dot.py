"""A drawing as a DOT file for Graphviz: groups are clusters."""

from collections.abc import Iterator

from .model import Drawing, Group, Node
from .palette import PALETTE

STYLES = {"data": "solid", "tap": "dotted", "aux": "dashed"}


def dot_text(drawing: Drawing) -> str:
    lines = [
        f"digraph {_quoted(drawing.name)} {{",
        "  rankdir=TB;",
        '  node [shape=box, style="rounded,filled", fontname="Helvetica", fontsize=11];',
        '  edge [fontname="Helvetica", fontsize=9, color="#56606e"];',
        '  graph [fontname="Helvetica", fontsize=11, color="#b4bccb", labeljust=l];',
        *_inside(drawing.members(), "", 1),
    ]
    for edge in drawing.edges:
        attributes = f"label={_quoted(edge.text)}, style={STYLES[edge.kind]}"
        lines.append(f"  {edge.source} -> {edge.target} [{attributes}];")
    return "\n".join([*lines, "}"]) + "\n"


def _inside(members: dict[str, list[Group | Node]], within: str, level: int) -> Iterator[str]:
    indent = "  " * level
    for item in members[within]:
        if isinstance(item, Node):
            yield f"{indent}{item.id} [{_attributes(item)}];"
        else:
            yield f"{indent}subgraph cluster_{item.id} {{"
            yield f"{indent}  label={_quoted(item.text)};"
            yield from _inside(members, item.id, level + 1)
            yield f"{indent}}}"


def _attributes(node: Node) -> str:
    fill, line, *_ = PALETTE[node.family]
    style = ', style="rounded,filled,dashed"' if node.aux else ""
    return f'label={_quoted(*node.lines)}, fillcolor="{fill}", color="{line}"{style}, tooltip={_quoted(node.tip)}'


def _quoted(*lines: str) -> str:
    """Lines of text as a quoted string: no quotes, backslashes or escapes of Graphviz's own are left in them."""
    return '"' + "\\n".join(map(_escaped, lines)) + '"'


def _escaped(text: str) -> str:
    """`&` as an entity, since Graphviz reads entities in labels; line breaks as Graphviz writes them."""
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("&", "&amp;")
    return "".join(c if c.isprintable() else "\\n" if c == "\n" else " " for c in text)
