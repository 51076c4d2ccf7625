"""Where everything of a drawing goes: boxes, frames around groups, lines between them.

The layers, orders, coordinates and orthogonal routes come from graphlay (MIT or Apache-2.0, a Rust wheel without
further requirements), once for each group: its inside is laid out first and is a box of that size in the group around
it. Of the libraries that pip installs alone, fast-sugiyama (MIT) takes one size for all vertices and routes no edges;
grandalf, which does both, stands under the GPL or EPL and is no longer maintained. graphlay takes sizes, ports and room
for labels, routes around boxes, gives the same result every time, and lays out hundreds of boxes in milliseconds.
"""

from typing import Any, NamedTuple

from ..diagnostics import usage
from .lines import LABEL, LEADING, Line, Rect, label_rect, settled
from .measure import text_width
from .model import Drawing, Group, Node
from .stretches import End, Port, Stretch, stretches_of

TITLE, DETAIL, NAME, HEADING = 12.0, 11.0, 10.0, 11.0
"""Font sizes."""
SIDE, ABOVE = 10.0, 7.0
"""Room between a box and its text."""
PADDING = 14.0
"""Room within a frame."""
CLEAR = 8.0
"""How far a heading stays from lines that enter beside it."""
OPTIONS = {
    "direction": "topbottom",
    "spacing": {"layer_gap": 30.0, "node_gap": 22.0, "dummy_gap": 16.0, "stub": 8.0, "port_gap": 12.0,
                "edge_label_margin": 6.0, "port_stroke_clear": 8.0},
    "routing": {"merge_edges": "forks", "port_sides": "facing_only"},
    "coords": {"branch_bands": False},
    "labels": {"reservation": "always"},
    "limits": {"max_dummies": 5_000},
}  # fmt: skip

CROWDED = 60
"""Stretches in one group from which on its lines are not polished, which would take minutes for hundreds."""
UNPOLISHED = {"effort": "fast", "tuning": {"routing": {"port_relax_rounds": 0, "overlap_repair_rounds": 0}}}


class Heading(NamedTuple):
    """A group's text: its lines, and where the first one starts from the frame's corner."""

    lines: tuple[str, ...]
    x: float


class Level(NamedTuple):
    """The inside of a group, from the frame's corner; x of each port on the frame."""

    width: float
    height: float
    boxes: dict[str, Rect]
    lines: list[Line]
    ports: dict[Port, float]
    heading: Heading

    @property
    def axis(self) -> float:
        """The x of the line that goes through: where the first tensor enters, or else leaves."""
        entering = [x for port, x in self.ports.items() if port.entering]
        return next(iter([*entering, *self.ports.values()]), self.width / 2)


class Placed(NamedTuple):
    """Everything at its place, frames of groups included."""

    width: float
    height: float
    boxes: dict[str, Rect]
    lines: list[Line]
    headings: dict[str, Heading]


def node_size(node: Node) -> tuple[float, float]:
    """A box that holds its text."""
    widths = [text_width(text, size) for text, size in sized_lines(node)]
    heights = [size * LEADING for _, size in sized_lines(node)]
    return max(widths) + 2 * SIDE, sum(heights) + 2 * ABOVE


def sized_lines(node: Node) -> list[tuple[str, float]]:
    """The lines of a label with their font sizes."""
    lines = [(node.title, TITLE), *((text, DETAIL) for text in node.details), (node.name, NAME)]
    return [(text, size) for text, size in lines if text]


def place(drawing: Drawing) -> Placed:
    """Lay the drawing out, innermost groups first."""
    stretches = stretches_of(drawing)
    levels: dict[str, Level] = {}
    members = drawing.members()
    for group in (*reversed(drawing.groups), None):
        id = group.id if group else ""
        levels[id] = lay_out(group, members[id], stretches.get(id, []), levels)
    root = levels[""]
    boxes, lines = dict(root.boxes), list(root.lines)
    for group in drawing.groups:
        frame, level = boxes[group.id], levels[group.id]
        boxes.update((id, box.moved(frame.x, frame.y)) for id, box in level.boxes.items())
        lines += [line.moved(frame.x, frame.y) for line in level.lines]
    headings = {group.id: levels[group.id].heading for group in drawing.groups}
    return Placed(root.width, root.height, boxes, lines, headings)


# One group


class Inside:
    """What one group holds, and how graphlay is asked to lay it out."""

    def __init__(
        self, group: Group | None, members: list[Group | Node], stretches: list[Stretch], levels: dict[str, Level]
    ) -> None:
        self.id = group.id if group else ""
        self.members, self.stretches, self.levels = [m.id for m in members], stretches, levels
        ends = [end for s in stretches for end in (s.start, s.end)]
        self.ports = list(dict.fromkeys(end for end in ends if isinstance(end, Port) and end.group == self.id))
        everything: list[End] = [*self.members, *self.ports]
        self.index = {end: i for i, end in enumerate(everything)}
        self.sizes = {
            m.id: node_size(m) if isinstance(m, Node) else (levels[m.id].width, levels[m.id].height) for m in members
        }
        self.axes = {m: levels[m].axis if m in levels else self.sizes[m][0] / 2 for m in self.members}
        # a tensor's shape stands once, beside the layer that makes it
        first = {(s.start, s.text, s.kind): i for i, s in reversed(list(enumerate(stretches)))}
        self.labelled = {i for (start, *_), i in first.items() if isinstance(start, str)}

    def request(self) -> dict[str, Any]:
        """The graph as graphlay reads it. A box is as wide as it is symmetric about the line through it."""
        boxes = [{"size": {"width": self.reach(m) * 2, "height": self.sizes[m][1]}} for m in self.members]
        ports = [
            {"size": {"width": 2.0, "height": 2.0}, "rank": "first" if port.entering else "last"} for port in self.ports
        ]
        return {"nodes": boxes + ports, "edges": [self.edge(i, s) for i, s in enumerate(self.stretches)]}

    def reach(self, member: str) -> float:
        return max(self.axes[member], self.sizes[member][0] - self.axes[member])

    def edge(self, i: int, stretch: Stretch) -> dict[str, Any]:
        """A stretch; at a group inside it ends at the group's port."""
        edge: dict[str, Any] = {}
        for key, end in (("source", stretch.start), ("target", stretch.end)):
            if isinstance(end, Port) and end.group != self.id:
                edge[key] = self.index[end.group]
                offset = (self.levels[end.group].ports[end] - self.axes[end.group]) / self.reach(end.group)
                edge[f"{key}_port"] = {"offset": ["top" if end.entering else "bottom", offset]}
            else:
                edge[key] = self.index[end]
        if i in self.labelled:
            edge["label_size"] = {"width": text_width(stretch.text, LABEL) + 4, "height": LABEL * LEADING}
        return edge


def lay_out(
    group: Group | None, members: list[Group | Node], stretches: list[Stretch], levels: dict[str, Level]
) -> Level:
    """The inside of a group, whose own groups are laid out already."""
    inside = Inside(group, members, stretches, levels)
    found = _graphlay(inside.request())
    boxes, lines, ports = read_layout(inside, found)
    rects = [*boxes.values(), *(label_rect(line) for line in lines if line.label)]
    xs = [x for line in lines for x, _ in line.points] + [x for r in rects for x in (r.x, r.x + r.width)]
    ys = [y for line in lines for _, y in line.points] + [y for r in rects for y in (r.y, r.y + r.height)]
    width = max(xs) - min(xs) + 2 * PADDING
    heading, dx, extra = Heading((), 0.0), PADDING - min(xs), PADDING
    if group:
        entries = sorted(x + dx for port, x in ports.items() if port.entering)
        heading, width, shift = place_heading(group, width, entries)
        dx, extra = dx + shift, (ABOVE + len(heading.lines) * HEADING * LEADING) + (-4.0 if entries else PADDING)
    dy = extra - min(ys)
    height = max(ys) + dy + (2.0 if any(not port.entering for port in ports) else PADDING)
    return Level(
        width,
        height,
        {m: box.moved(dx, dy) for m, box in boxes.items()},
        [to_frame(line.moved(dx, dy), inside.id, height) for line in lines],
        {port: x + dx for port, x in ports.items()},
        heading,
    )


def read_layout(inside: Inside, found: Any) -> tuple[dict[str, Rect], list[Line], dict[Port, float]]:
    """Boxes, lines and the positions of ports as graphlay placed them; lines through a port all run through its x."""
    boxes = {}
    for m in inside.members:
        centre, (width, height) = found["nodes"][inside.index[m]]["center"], inside.sizes[m]
        boxes[m] = Rect(centre["x"] - inside.axes[m], centre["y"] - height / 2, width, height)
    lines, ports = [], {}
    for i, (stretch, route) in enumerate(zip(inside.stretches, found["edges"], strict=True)):
        anchor = route.get("label_anchor") if i in inside.labelled else None
        points = tuple((p["x"], p["y"]) for p in route["points"])
        lines.append(Line(stretch, points, (anchor["x"], anchor["y"]) if anchor else None))
    for port in inside.ports:
        ports[port] = found["nodes"][inside.index[port]]["center"]["x"]
        for line in lines:
            if port in line.stretch and is_upright(line) and all(isinstance(end, Port) for end in line.stretch[:2]):
                ports[port] = line.points[0][0]
    return boxes, settled([snapped(line, ports) for line in lines], boxes.values()), ports


def is_upright(line: Line) -> bool:
    return len({x for x, _ in line.points}) == 1


def snapped(line: Line, ports: dict[Port, float]) -> Line:
    """A line whose upright ends at ports stand exactly below or above them, not a little beside."""
    points = list(line.points)
    for end, at in ((line.stretch.start, slice(0, 2)), (line.stretch.end, slice(-2, None))):
        if isinstance(end, Port) and end in ports and (len(points) > 2 or is_upright(line)):
            points[at] = [(ports[end], y) for _, y in points[at]]
    return line._replace(points=tuple(points))


def to_frame(line: Line, group: str, height: float) -> Line:
    """A line that begins or ends at one of the group's ports, drawn on to the frame."""
    points = line.points
    if isinstance(line.stretch.start, Port) and line.stretch.start.group == group:
        points = ((points[0][0], 0.0), *points)
    if isinstance(line.stretch.end, Port) and line.stretch.end.group == group:
        points = (*points, (points[-1][0], height))
    return line._replace(points=points)


def _graphlay(graph: dict[str, Any]) -> Any:
    try:
        from graphlay import GraphlayError, layout
    except ModuleNotFoundError:
        raise usage("E0507", package="graphlay", extra="cnnc[draw]") from None
    polish = UNPOLISHED if len(graph["edges"]) > CROWDED else {}
    try:
        return layout(graph, options={**OPTIONS, **polish}).raw
    except GraphlayError:
        raise usage("E0570", what="its arrows pass by too many boxes") from None


# Headings


def place_heading(group: Group, width: float, entries: list[float]) -> tuple[Heading, float, float]:
    """The heading where no line enters; the frame's width then, and how far its inside goes to the right.

    In one line if there is room beside the lines that enter, else in two; a frame that is too narrow grows.
    """
    two = tuple(filter(None, group.heading))
    choices = []
    for lines in ((group.text,), two):
        long = max(text_width(line, HEADING) for line in lines)
        shift = max(CLEAR + long + CLEAR - entries[0], 0.0) if entries else 0.0
        choices.append((Heading(lines, CLEAR), max(width + shift, long + 2 * CLEAR), shift))
        right = (entries[-1] if entries else 0.0) + CLEAR
        choices.append((Heading(lines, right), max(width, right + long + CLEAR), 0.0))
    return min(choices, key=lambda choice: choice[1])
