"""From the graph to a drawing: a region is a group, a repeat one instance with its count, each use a box of its own."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from ..cost import inference_steps, layer_cost, totals
from ..diagnostics import usage
from ..ir import Apply, Call, Graph, Region, Step, Value, join
from ..source import Span
from .captions import FAMILY, FOLLOWERS, block_text, block_tip, clipped, layer_tip, op_text, shape_of
from .model import Drawing, Edge, Group, Node

MOST_BOXES = 3_000
"""What a drawing may hold before it is refused: more is neither laid out in seconds nor readable.

No flag raises it: E0570 names the ways to a smaller drawing."""


class Place:
    """Where in the network a region is drawn: the group, the names around it, how often it stands there."""

    __slots__ = ("alone", "aux", "depth", "group", "local", "path", "span", "times")

    def __init__(self, group: str, path: str, local: str, depth: int, times: int, span: Span, aux: bool) -> None:
        self.group, self.path, self.local = group, path, local
        self.depth, self.times, self.span, self.aux = depth, times, span, aux
        self.alone = False  # whether the region's name serves for its only box


class Builder:
    """Collects boxes, arrows and groups while it walks the regions."""

    def __init__(self, graph: Graph, depth: int | None, compact: bool) -> None:
        self.graph = graph
        self.compact = compact
        self.depth = depth
        self.program = graph.root.span.source
        self.whole = totals(graph.root).work.mac
        self.nodes: list[Node] = []
        self.edges: dict[Edge, None] = {}
        self.groups: list[Group] = []
        self.makers: dict[Value, str] = {}

    def build(self) -> Drawing:
        root = self.graph.root
        for terminal in self.graph.inputs:
            self.makers[terminal.value] = self.terminal(terminal.name, "input", terminal.value)
        kept = {id(step) for step in inference_steps(self.graph)}
        self.region(root, Place("", "", "", 0, 1, root.span, False), kept)
        aux = {terminal.name for terminal in self.graph.aux}
        for terminal in (*self.graph.outputs, *self.graph.aux):
            node = self.terminal(terminal.name, "output", terminal.value, terminal.name in aux)
            self.edge(terminal.value, node, "aux" if terminal.name in aux else "data")
        return Drawing(self.graph.name, tuple(self.nodes), tuple(self.edges), tuple(self.groups))

    def terminal(self, name: str, family: str, value: Value, aux: bool = False) -> str:
        tip = f"{'training-only ' if aux else ''}{family} {name}: {shape_of(value)}"
        title = family if name == family else clipped(f"{family} {name}")
        details = ("training only",) if aux else ()
        return self.node("", title, details, family, Place("", "", "", 0, 1, self.graph.root.span, aux), (), 0, tip)

    # Regions

    def region(self, region: Region, place: Place, kept: set[int] | None = None) -> None:
        for step in region.steps:
            here = place
            if kept is not None and id(step) not in kept:
                here = Place(place.group, place.path, place.local, place.depth, place.times, place.span, True)
            if isinstance(step, Apply):
                self.layer(step, here)
            else:
                self.call(step, here)

    def layer(self, step: Apply, place: Place) -> None:
        cost = layer_cost(step)
        path = join(place.path, step.name)
        tip = "\n".join(layer_tip(step, path, cost.params, cost.work.mac))
        name = clipped(place.local if place.alone else join(place.local, step.name))
        node = self.node(
            name, op_text(step), (), FAMILY.get(step.op.name, "shape"), place, (path,), cost.work.mac, tip, step.span
        )
        self.connect(step, node, len(step.op.taps))

    def call(self, step: Call, place: Place) -> None:
        last = step.count - 1
        own = step.name if not last else f"{step.instance_name(0)}-{step.instance_name(last)}"
        path, local = step.shared or join(place.path, own), join(place.local, own)
        times, span = place.times * step.count, self.span_of(step.span, place.span)
        shared = step.shared is not None or step.reuse
        inner = Place(place.group, path, local, place.depth, times, span, place.aux)
        alone = self.compact and is_one_box(step.region) and step.count == 1 and not shared
        if alone or stands_open(step) or not step.region.totals.layers:
            inner.alone = alone
            self.enter(step, inner)
        elif self.depth is not None and place.depth >= self.depth:
            self.closed(step, place, path, local, shared)
        else:
            inner.group = self.group(step, place, inner, shared)
            inner.local, inner.depth = "", place.depth + 1
            self.enter(step, inner)

    def enter(self, step: Call, place: Place) -> None:
        """Draw an instance's inside; its inputs and outputs are the tensors outside."""
        region = step.region
        outer = self.makers
        self.makers = {v: outer[w] for v, w in zip(region.inputs, step.inputs, strict=True)}
        self.region(region, place)
        made = [self.makers[v] for v in region.outputs]
        self.makers = outer
        outer.update(zip(step.outputs, made, strict=True))

    def group(self, step: Call, around: Place, inner: Place, shared: bool) -> str:
        self.check_size()
        found = totals(step.region)
        tip = "\n".join(block_tip(step, inner.path, found.params, found.work.mac, found.layers))
        name = clipped(inner.local)
        id = f"g{len(self.groups) + 1}"
        self.groups.append(
            Group(id, name, block_text(step.region), around.group, step.count, shared,
                  self.share(found.work.mac, inner.times), tip, inner.span)
        )  # fmt: skip
        return id

    def closed(self, step: Call, place: Place, path: str, local: str, shared: bool) -> None:
        """A block that is drawn as one box."""
        found = totals(step.region)
        count = f" × {step.count}" if step.count > 1 else ""
        details = (f"{step.count * found.layers:,} layers{', shared' if shared else ''}",)
        tip = "\n".join(block_tip(step, path, found.params, found.work.mac, found.layers))
        inside = Place(place.group, path, local, place.depth, place.times * step.count, place.span, place.aux)
        node = self.node(
            clipped(local), f"{block_text(step.region)}{count}", details, "block", inside, (path,), found.work.mac,
            tip, step.span,
        )  # fmt: skip
        self.connect(step, node, 0)

    # Boxes and arrows

    def node(
        self, name: str, title: str, details: tuple[str, ...], family: str, place: Place, layers: tuple[str, ...],
        macs: Any, tip: str, span: Span | None = None,
    ) -> str:  # fmt: skip
        self.check_size()
        id = f"n{len(self.nodes) + 1}"
        share = self.share(macs, place.times)
        where = self.span_of(span or place.span, place.span)
        self.nodes.append(
            Node(id, name, title, details, family, place.group, layers, place.times, share, tip, where, place.aux)
        )
        return id

    def check_size(self) -> None:
        if len(self.nodes) + len(self.groups) >= MOST_BOXES:
            raise usage("E0570", what=f"more than {MOST_BOXES:,} boxes")

    def share(self, macs: Any, times: int) -> float | None:
        if not isinstance(self.whole, int) or not isinstance(macs, int):
            return None
        return times * macs / max(self.whole, 1)

    def span_of(self, span: Span, around: Span) -> Span:
        """The place in the program itself: blocks of other files are where the program uses them."""
        return span if span.source is self.program else around

    def connect(self, step: Step, node: str, taps: int) -> None:
        main = len(step.inputs) - taps
        for i, value in enumerate(step.inputs):
            self.edge(value, node, "data" if i < main else "tap")
        self.makers.update(dict.fromkeys(step.outputs, node))

    def edge(self, value: Value, target: str, kind: str) -> None:
        self.edges[Edge(self.makers[value], target, shape_of(value), kind)] = None


def stands_open(step: Call) -> bool:
    """Whether a call is no unit to a reader: a chain that is a value of its own and stands there once."""
    return step.region.kind != "block" and step.count == 1 and step.shared is None and not step.reuse


def is_one_box(region: Region) -> bool:
    """Whether a region is a single layer with followers, so that a frame around it would say nothing."""
    steps: Sequence[Apply | Call] = region.steps
    if not steps or any(isinstance(step, Call) for step in steps) or region.outputs != steps[-1].outputs:
        return False
    return all(
        isinstance(after, Apply) and after.inputs == before.outputs and FAMILY.get(after.op.name) in FOLLOWERS
        for before, after in pairwise(steps)
    )
