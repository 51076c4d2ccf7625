"""A drawing as SVG: one file without scripts, legible on light and dark grounds, with full figures as tooltips."""

from collections.abc import Iterator
from html import escape

from .lines import LABEL, LEADING, Line, Point, Rect, label_rect, opened
from .model import Drawing, Group, Node
from .palette import GROUND, PALETTE
from .place import ABOVE, HEADING, TITLE, Placed, place, sized_lines
from .stretches import End, Port

MARGIN = 6.0
CORNER = 5.0


def svg_text(drawing: Drawing, prefix: str = "") -> str:
    """The drawing as a document; with a prefix its ids differ from those of another drawing on the same page."""
    placed = place(drawing)
    width, height = placed.width + 2 * MARGIN, placed.height + 2 * MARGIN
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="cnnc-drawing" role="img" width="{_n(width)}" '
        f'height="{_n(height)}" viewBox="{_n(-MARGIN)} {_n(-MARGIN)} {_n(width)} {_n(height)}">',
        f"<title>{_text(drawing.name)}</title>",
        f"<style>{style()}</style>",
        f'<defs><marker id="{prefix}arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" '
        'orient="auto"><path class="tip" d="M0 0.5 8 4 0 7.5Z"/></marker></defs>',
        f'<rect class="ground" x="{_n(-MARGIN)}" y="{_n(-MARGIN)}" width="{_n(width)}" height="{_n(height)}"/>',
        *(frame(group, placed, prefix) for group in drawing.groups),
        *paths(placed, prefix),
        *(label(line) for line in placed.lines if line.label),
        *boxes(drawing, placed, prefix),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def style() -> str:
    """Colours as variables, light and dark; each also as itself, for programs that know no variables."""
    light = {**{k: v[0] for k, v in GROUND.items()}, **_family_colours(0)}
    dark = {**{k: v[1] for k, v in GROUND.items()}, **_family_colours(2)}

    def use(rule: str, **colours: str) -> str:
        body = "".join(f"{key}:{light[name]};{key}:var(--{name});" for key, name in colours.items())
        return f".cnnc-drawing {rule}{{{body}}}"

    def declare(colours: dict[str, str]) -> str:
        return f".cnnc-drawing{{{''.join(f'--{name}:{colour};' for name, colour in colours.items())}}}"

    families = [use(f".{family} rect", fill=f"{family}-fill", stroke=f"{family}-line") for family in PALETTE]
    return "\n".join([
        "",
        declare(light),
        f"@media (prefers-color-scheme:dark){{{declare(dark)}}}",
        '.cnnc-drawing text{font-family:"Helvetica Neue",Helvetica,Arial,"DejaVu Sans",sans-serif;}',
        use("text", fill="text"),
        use(".name", fill="muted"),
        use(".label", fill="muted", stroke="ground"),
        use(".ground", fill="ground"),
        use(".edge", stroke="line"),
        use(".tip", fill="line"),
        use(".group rect", stroke="frame", fill="inside"),
        *families,
        use(".node .heat", fill="heat"),
        ".cnnc-drawing .edge{fill:none;stroke-width:1.4;}",
        ".cnnc-drawing .tap{stroke-dasharray:2 3;}",
        ".cnnc-drawing .edge.aux, .cnnc-drawing .node.aux rect{stroke-dasharray:5 3;}",
        ".cnnc-drawing .group rect{fill-opacity:0.07;stroke-width:1;}",
        ".cnnc-drawing .group text, .cnnc-drawing .title{font-weight:600;}",
        ".cnnc-drawing .group .more{font-weight:400;}",
        ".cnnc-drawing .node rect{stroke-width:1.2;}",
        ".cnnc-drawing .node .heat{stroke:none;}",
        ".cnnc-drawing .node text{text-anchor:middle;}",
        ".cnnc-drawing .label{text-anchor:middle;stroke-width:3;paint-order:stroke;}",
        "",
    ])  # fmt: skip


def _family_colours(first: int) -> dict[str, str]:
    colours = {}
    for family, four in PALETTE.items():
        colours[f"{family}-fill"], colours[f"{family}-line"] = four[first : first + 2]
    return colours


# Shapes


def frame(group: Group, placed: Placed, prefix: str) -> str:
    """A group's frame and heading."""
    box, heading = placed.boxes[group.id], placed.headings[group.id]
    texts = []
    for i, line in enumerate(heading.lines):
        y = box.y + ABOVE + HEADING + i * HEADING * LEADING
        kind = ' class="more"' if i else ""
        texts.append(
            f'<text{kind} x="{_n(box.x + heading.x)}" y="{_n(y)}" font-size="{_n(HEADING)}">{_text(line)}</text>'
        )
    return (
        f'<g class="group" id="{prefix}{group.id}" data-line="{group.span.line}"{_share(group.share)}>'
        f"<title>{_text(_tip(group.tip, group.share, group.times))}</title>{_rect(box)}{''.join(texts)}</g>"
    )


def boxes(drawing: Drawing, placed: Placed, prefix: str) -> Iterator[str]:
    hottest = max((node.share or 0.0 for node in drawing.nodes), default=0.0)
    for node in drawing.nodes:
        yield box(node, placed.boxes[node.id], hottest, prefix)


def box(node: Node, place: Rect, hottest: float, prefix: str) -> str:
    """A layer's box: its text, and along the bottom a bar for its share of the cost."""
    y = place.y + ABOVE
    texts = []
    for text, size in sized_lines(node):
        kind = "title" if size == TITLE else "name" if text == node.name else "detail"
        texts.append(
            f'<text class="{kind}" x="{_n(place.x + place.width / 2)}" y="{_n(y + size)}" '
            f'font-size="{_n(size)}">{_text(text)}</text>'
        )
        y += size * LEADING
    classes = f"node {node.family}{' aux' if node.aux else ''}"
    layers = f' data-layers="{_attribute(" ".join(node.layers))}"' if node.layers else ""
    return (
        f'<g class="{classes}" id="{prefix}{node.id}" data-line="{node.span.line}"{layers}{_share(node.share)}>'
        f"<title>{_text(_tip(node.tip, node.share, node.times))}</title>{_rect(place)}"
        f"{heat(node, place, hottest)}{''.join(texts)}</g>"
    )


def heat(node: Node, place: Rect, hottest: float) -> str:
    if not node.share or not hottest:
        return ""
    width = (place.width - 2 * CORNER) * node.share / hottest
    at = f'x="{_n(place.x + CORNER)}" y="{_n(place.y + place.height - 3.5)}"'
    return f'<rect class="heat" {at} width="{_n(width)}" height="2.5" rx="1"/>'


def paths(placed: Placed, prefix: str) -> Iterator[str]:
    """The lines. What leaves a box together opens together, so that none runs on below the text of another."""
    texts: dict[End, list[Rect]] = {}
    for line in placed.lines:
        if line.label:
            texts.setdefault(line.stretch.start, []).append(label_rect(line))
    for line in placed.lines:
        yield path(line, opened(line, texts.get(line.stretch.start, [])), prefix)


def path(line: Line, parts: list[tuple[Point, ...]], prefix: str) -> str:
    """A line with rounded bends, and a tip where it reaches a box."""
    arrow = "" if isinstance(line.stretch.end, Port) else f' marker-end="url(#{prefix}arrow)"'
    return f'<path class="edge {line.stretch.kind}" d="{"".join(map(route, parts))}"{arrow}/>'


def route(points: tuple[Point, ...], radius: float = CORNER) -> str:
    """SVG path data of a polyline, its corners rounded."""
    commands = [f"M{_n(points[0][0])} {_n(points[0][1])}"]
    for before, at, after in zip(points, points[1:], points[2:], strict=False):
        start, end = _towards(at, before, radius), _towards(at, after, radius)
        commands.append(f"L{_n(start[0])} {_n(start[1])}Q{_n(at[0])} {_n(at[1])} {_n(end[0])} {_n(end[1])}")
    return "".join(commands) + f"L{_n(points[-1][0])} {_n(points[-1][1])}"


def _towards(start: Point, end: Point, distance: float) -> Point:
    """A point on the way, at most half of it."""
    length = abs(end[0] - start[0]) + abs(end[1] - start[1])
    part = min(distance / length, 0.5) if length else 0.0
    return start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])


def label(line: Line) -> str:
    assert line.label is not None
    x, y = line.label
    return (
        f'<text class="label" x="{_n(x)}" y="{_n(y + LABEL * 0.36)}" '
        f'font-size="{_n(LABEL)}">{_text(line.stretch.text)}</text>'
    )


def _rect(box: Rect) -> str:
    return (
        f'<rect x="{_n(box.x)}" y="{_n(box.y)}" width="{_n(box.width)}" height="{_n(box.height)}" rx="{_n(CORNER)}"/>'
    )


def _tip(tip: str, share: float | None, times: int) -> str:
    """The tooltip, and how much of the network's multiply-accumulates all of the equal ones take together."""
    lines = [tip]
    if times > 1:
        lines.append(f"{times} of these")
    if share:
        lines.append(f"{share:.1%} of all MACs")
    return "\n".join(lines)


def _share(share: float | None) -> str:
    return "" if share is None else f' data-heat="{share:.4f}"'


def _text(text: str) -> str:
    """Text for an element."""
    return escape(_kept(text), quote=False)


def _attribute(text: str) -> str:
    """Text between double quotes."""
    return escape(_kept(text), quote=True)


def _kept(text: str) -> str:
    """What XML can hold; a mark stands in for the rest."""
    return "".join(c if c == "\n" or (c >= " " and c.isprintable()) else "\ufffd" for c in text)


def _n(value: float) -> str:
    """A coordinate with at most one decimal, so that the last bits of a computation do not show."""
    return f"{round(value, 1) + 0.0:.1f}".removesuffix(".0")
