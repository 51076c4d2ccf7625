"""Where everything of a drawing goes: boxes, frames around groups, lines between them.

The layers, orders, coordinates and orthogonal routes come from graphlay (MIT or Apache-2.0, a Rust wheel without
further requirements), once for each group: its inside is laid out first and is a box of that size in the group around
it. A tensor crosses a frame at a port, so that it enters once however many layers read it, and no line runs under a
frame. Of the libraries that pip installs alone, fast-sugiyama takes one size for all vertices and routes no edges, and
grandalf, which does both, is pure Python under the GPL and no longer maintained; graphlay takes node sizes, ports and
room for labels, is deterministic, and lays out hundreds of boxes in milliseconds.
"""

from typing import Any, NamedTuple, TypeAlias

from ..diagnostics import usage
from .measure import text_width
from .model import Drawing, Edge, Group, Node

TITLE, DETAIL, NAME, LABEL, HEADING = 12.0, 11.0, 10.0, 10.0, 11.0
"""Font sizes."""
LEADING = 1.35
SIDE, ABOVE = 10.0, 7.0
"""Room between a box and its text."""
PADDING, HEADER = 14.0, 22.0
"""Room within a frame, and for its heading."""
CLEAR = 8.0
"""How far a heading stays from lines that enter beside it."""
OPTIONS = {
    "direction": "topbottom",
    "spacing": {"layer_gap": 24.0, "node_gap": 22.0, "dummy_gap": 16.0, "stub": 8.0, "port_gap": 12.0,
                "edge_label_margin": 6.0, "port_stroke_clear": 8.0},
    "routing": {"merge_edges": "forks", "port_sides": "facing_only"},
    "labels": {"reservation": "always"},
}  # fmt: skip

Point: TypeAlias = tuple[float, float]


class Rect(NamedTuple):
    """The upper left corner and the size."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, x: float, y: float) -> "Rect":
        return self._replace(x=self.x + x, y=self.y + y)


class Port(NamedTuple):
    """Where a tensor enters or leaves a group."""

    group: str
    entering: bool
    source: str
    text: str
    kind: str


End: TypeAlias = str | Port
"""What a stretch of a line connects: a box, or a port, seen from inside of its group or from outside."""


class Stretch(NamedTuple):
    """A part of an arrow within one group."""

    start: End
    end: End
    text: str
    kind: str


class Line(NamedTuple):
    """A stretch with its route. `label` is where the centre of its text goes, if it carries the arrow's."""

    stretch: Stretch
    points: tuple[Point, ...]
    label: Point | None

    def moved(self, x: float, y: float) -> "Line":
        label = (self.label[0] + x, self.label[1] + y) if self.label else None
        return self._replace(points=tuple((px + x, py + y) for px, py in self.points), label=label)


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
    stretches = levels_of(drawing)
    levels: dict[str, Level] = {}
    nodes = {node.id: node for node in drawing.nodes}
    for group in (*reversed(drawing.groups), None):
        id = group.id if group else ""
        levels[id] = lay_out(group, drawing.members(id), stretches.get(id, []), nodes, levels)
    root = levels[""]
    boxes, lines = dict(root.boxes), list(root.lines)
    for group in drawing.groups:
        frame, level = boxes[group.id], levels[group.id]
        boxes.update((id, box.moved(frame.x, frame.y)) for id, box in level.boxes.items())
        lines += [line.moved(frame.x, frame.y) for line in level.lines]
    headings = {group.id: levels[group.id].heading for group in drawing.groups}
    return Placed(root.width, root.height, boxes, lines, headings)


# Arrows, cut at frames


def levels_of(drawing: Drawing) -> dict[str, list[Stretch]]:
    """Each arrow as one stretch for each group that it passes, by the group; equal stretches once."""
    parents = {group.id: group.parent for group in drawing.groups}
    homes = {node.id: node.group for node in drawing.nodes}
    found: dict[str, dict[Stretch, None]] = {}
    for edge in drawing.edges:
        leaving, entering = _around(homes[edge.source], parents), _around(homes[edge.target], parents)
        shared = set(leaving) & set(entering)
        exits = [_port(group, False, edge) for group in leaving if group not in shared]
        entries = [_port(group, True, edge) for group in reversed(entering) if group not in shared]
        ends: list[End] = [edge.source, *exits, *entries, edge.target]
        top = next(group for group in leaving if group in shared)
        groups = [*(port.group for port in exits), top, *(port.group for port in entries)]
        for start, end, group in zip(ends[:-1], ends[1:], groups, strict=True):
            found.setdefault(group, {})[Stretch(start, end, edge.text, edge.kind)] = None
    return {group: list(stretches) for group, stretches in found.items()}


def _around(group: str, parents: dict[str, str]) -> list[str]:
    """The groups around a box from the inside out; the network itself is the last."""
    found = [group]
    while group:
        group = parents[group]
        found.append(group)
    return found


def _port(group: str, entering: bool, edge: Edge) -> Port:
    return Port(group, entering, edge.source, edge.text, edge.kind)


# One group


def lay_out(
    group: Group | None, members: list[str], stretches: list[Stretch], nodes: dict[str, Node], levels: dict[str, Level]
) -> Level:
    """The inside of a group, whose own groups are laid out already."""
    id = group.id if group else ""
    ports = list(dict.fromkeys(end for s in stretches for end in s[:2] if isinstance(end, Port) and end.group == id))
    sizes = {m: node_size(nodes[m]) if m in nodes else (levels[m].width, levels[m].height) for m in members}
    index: dict[End, int] = {end: i for i, end in enumerate([*members, *ports])}
    request = {
        "nodes": [_sized(*sizes[m]) for m in members]
        + [_sized(2.0, 2.0, rank="first" if port.entering else "last") for port in ports],
        "edges": [_edge(s, index, levels, id) for s in stretches],
    }
    labelled = {i for i, s in enumerate(stretches) if _carries_text(s, stretches[:i])}
    for i in labelled:
        text = stretches[i].text
        request["edges"][i]["label_size"] = {"width": text_width(text, LABEL) + 4, "height": LABEL * LEADING}
    found = _graphlay(request)
    low, high = found["bounds"]["min"], found["bounds"]["max"]
    top = PADDING + (HEADER if group else 0.0)
    dx, dy = PADDING - low["x"], top - low["y"]
    places = {port: found["nodes"][index[port]]["center"]["x"] + dx for port in ports}
    width, height = high["x"] - low["x"] + 2 * PADDING, high["y"] - low["y"] + top + PADDING
    heading = Heading((), 0.0)
    if group:
        entries = sorted({places[port] for port in ports if port.entering})
        heading, width, shift, extra = place_heading(group, width, entries)
        dx, dy, height = dx + shift, dy + extra, height + extra
        places = {port: x + shift for port, x in places.items()}
    boxes, lines = {}, []
    for m in members:
        centre = found["nodes"][index[m]]["center"]
        w, h = sizes[m]
        boxes[m] = Rect(centre["x"] + dx - w / 2, centre["y"] + dy - h / 2, w, h)
    for i, (stretch, route) in enumerate(zip(stretches, found["edges"], strict=True)):
        anchor = route.get("label_anchor") if i in labelled else None
        points = tuple((p["x"] + dx, p["y"] + dy) for p in route["points"])
        if isinstance(stretch.start, Port) and stretch.start.group == id:
            points = ((points[0][0], 0.0), *points)
        if isinstance(stretch.end, Port) and stretch.end.group == id:
            points = (*points, (points[-1][0], height))
        lines.append(Line(stretch, points, (anchor["x"] + dx, anchor["y"] + dy) if anchor else None))
    return Level(width, height, boxes, lines, places, heading)


def _sized(width: float, height: float, **more: Any) -> dict[str, Any]:
    return {"size": {"width": width, "height": height}, **more}


def _edge(stretch: Stretch, index: dict[End, int], levels: dict[str, Level], group: str) -> dict[str, Any]:
    """A stretch as graphlay reads it; at a group inside, it ends at the group's port."""
    edge: dict[str, Any] = {}
    for key, end in (("source", stretch.start), ("target", stretch.end)):
        if isinstance(end, Port) and end.group != group:
            level = levels[end.group]
            edge[key] = index[end.group]
            offset = 2 * level.ports[end] / level.width - 1
            edge[f"{key}_port"] = {"offset": ["top" if end.entering else "bottom", offset]}
        else:
            edge[key] = index[end]
    return edge


def _carries_text(stretch: Stretch, before: list[Stretch]) -> bool:
    """A tensor's shape stands at its first stretch, next to the layer that makes it."""
    first = isinstance(stretch.start, str)
    return first and all((s.start, s.text, s.kind) != (stretch.start, stretch.text, stretch.kind) for s in before)


def _graphlay(graph: dict[str, Any]) -> Any:
    try:
        from graphlay import layout
    except ModuleNotFoundError:
        raise usage("E0507", package="graphlay", extra="cnnc[draw]") from None
    return layout(graph, options=OPTIONS).raw


# Headings


def place_heading(group: Group, width: float, entries: list[float]) -> tuple[Heading, float, float, float]:
    """The heading where no line enters; the frame's width then, and how far its inside goes right and down.

    In one line if there is room beside the lines that enter, else in two; a frame that is too narrow grows.
    """
    one = (group.text,)
    name = " ".join(filter(None, [group.name, f"× {group.times}" if group.times > 1 else ""]))
    two = tuple(filter(None, [name, " ".join([group.title, *(["(shared)"] if group.shared else [])])]))
    best: tuple[float, Heading, float, float, float] | None = None
    for lines in (one, two):
        long = max(text_width(line, HEADING) for line in lines)
        extra = (len(lines) - 1) * HEADING * LEADING
        shift = max(CLEAR + long + CLEAR - entries[0], 0.0) if entries else 0.0
        right = (entries[-1] if entries else 0.0) + CLEAR
        needed = max(width + shift, long + 2 * CLEAR)
        for grown, choice in (
            (needed - width, (Heading(lines, CLEAR), needed, shift, extra)),
            (max(right + long + CLEAR - width, 0.0), (Heading(lines, right), max(width, right + long + CLEAR), 0.0, extra)),
        ):
            if best is None or grown < best[0]:
                best = (grown, *choice)
    assert best is not None
    return best[1:]
