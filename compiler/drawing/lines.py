"""Lines of a drawing and the texts on them: a text stands on or beside its own line, which opens where it passes."""

from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple, TypeAlias

from .measure import text_width
from .stretches import Stretch

LABEL = 10.0
"""Font size of the texts on lines."""
LEADING = 1.35
NEAR = 8.0
"""How far a text may stand from its line and still be read as the line's."""
AIR = 2.5
"""Between a text and the ends of the line that opens for it."""
TIP = 7.0
"""Length of an arrow's tip, which stays whole."""

Point: TypeAlias = tuple[float, float]


class Rect(NamedTuple):
    """The upper left corner and the size."""

    x: float
    y: float
    width: float
    height: float

    def moved(self, x: float, y: float) -> "Rect":
        return self._replace(x=self.x + x, y=self.y + y)

    def distance(self, other: "Rect") -> float:
        """Along the axis on which they are farther apart; zero where they touch."""
        across = max(self.x - other.x - other.width, other.x - self.x - self.width)
        down = max(self.y - other.y - other.height, other.y - self.y - self.height)
        return max(across, down, 0.0)


class Line(NamedTuple):
    """A stretch with its route. `label` is where the centre of its text goes, if it carries the arrow's."""

    stretch: Stretch
    points: tuple[Point, ...]
    label: Point | None

    def moved(self, x: float, y: float) -> "Line":
        label = (self.label[0] + x, self.label[1] + y) if self.label else None
        return self._replace(points=tuple((px + x, py + y) for px, py in self.points), label=label)

    def pieces(self) -> Iterator[Rect]:
        """The straight pieces."""
        for (ax, ay), (bx, by) in pairwise(self.points):
            yield Rect(min(ax, bx), min(ay, by), abs(ax - bx), abs(ay - by))


def label_rect(line: Line) -> Rect:
    """What a line's text takes."""
    assert line.label is not None
    width, height = text_width(line.stretch.text, LABEL), LABEL * LEADING
    return Rect(line.label[0] - width / 2, line.label[1] - height / 2, width, height)


def settled(lines: list[Line], boxes: Iterable[Rect]) -> list[Line]:
    """Texts that stand far from their lines moved onto them, where a piece of the line has room."""
    boxes, lines = list(boxes), list(lines)
    for i, line in enumerate(lines):
        if line.label and min(label_rect(line).distance(piece) for piece in line.pieces()) > NEAR:
            others = [other for other in lines if other is not line]
            taken = [*boxes, *(piece for other in others for piece in other.pieces())]
            taken += [label_rect(other) for other in others if other.label]
            middles = [(p.x + p.width / 2, p.y + p.height / 2) for p in sorted(line.pieces(), key=lambda p: -p.width)]
            free = (line._replace(label=m) for m in middles)
            lines[i] = next((f for f in free if all(label_rect(f).distance(box) for box in taken)), line)
    return lines


def opened(line: Line, labels: Iterable[Rect]) -> list[tuple[Point, ...]]:
    """A line's route in parts, none of which runs through the texts."""
    parts: list[list[Point]] = [[line.points[0]]]
    last = len(line.points) - 2
    for i, (start, end) in enumerate(pairwise(line.points)):
        length = abs(end[0] - start[0]) + abs(end[1] - start[1])
        for a, b in sorted(filter(None, (_within(start, end, length, label) for label in labels))):
            stop = min(b, length - TIP) if i == last else b
            if a < stop:
                parts[-1].append(_along(start, end, a / length))
                parts.append([_along(start, end, stop / length)])
        parts[-1].append(end)
    return [tuple(part) for part in parts if len(set(part)) > 1]


def _within(start: Point, end: Point, length: float, label: Rect) -> tuple[float, float] | None:
    """From where to where, on the way from start to end, a text is passed."""
    across = (label.x - AIR, label.x + label.width + AIR)
    down = (label.y + AIR / 2, label.y + label.height - AIR / 2)
    axis = 0 if start[1] == end[1] else 1
    (low, high), (near, far) = (across, down) if axis == 0 else (down, across)
    if not length or not near < start[1 - axis] < far:
        return None
    ways = sorted((at - start[axis]) * (1 if end[axis] > start[axis] else -1) for at in (low, high))
    a, b = max(ways[0], 0.0), min(ways[1], length)
    return (a, b) if a < b else None


def _along(start: Point, end: Point, part: float) -> Point:
    return start[0] + part * (end[0] - start[0]), start[1] + part * (end[1] - start[1])
