"""What the page shows beside the JSON report: the spec, what its lines and blocks cost, and memory step by step."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from ..cost import Summary, inference_region, inference_steps
from ..ir import Apply, Call, Graph, join
from ..memory import DTYPE_BYTES, trace
from ..report import Settings, plain, report_dict
from ..rows import Row, rows
from ..source import Source, Span

TRACE_STEPS = 20_000
"""Layers that the memory trace has a step for."""


class Block(NamedTuple):
    """One instance of a region in the expanded network. parent: its place in the list, -1 for the network itself."""

    name: str
    title: str
    parent: int
    span: Span


class Place(NamedTuple):
    """Where a layer stands: the block that it is in, its name in folded rows, whether inference needs it."""

    block: int
    drawn: str
    active: bool


class Parts(NamedTuple):
    """The expanded network: layers and blocks, and where in which source each stands."""

    rows: list[Row]
    places: list[Place]
    blocks: list[Block]
    sources: list[Source]

    def at(self, span: Span) -> tuple[int, int]:
        """A source's number and a line in it."""
        return self.sources.index(span.source), span.line

    def around(self, place: Place) -> Iterator[int]:
        """The block that a layer is in, and those around it."""
        block = place.block
        while block >= 0:
            yield block
            block = self.blocks[block].parent


def page_data(graph: Graph, summary: Summary, settings: Settings) -> dict[str, Any]:
    """All that the page's script needs: `report` is the JSON report, and some lists go along with its layers."""
    blocks, places = expanded(graph)
    found = list(rows(graph))
    spans = [*(row.span for row in found), *(block.span for block in blocks)]
    parts = Parts(found, places, blocks, sources_of(graph, spans))
    return {
        "report": report_dict(graph, summary, settings),
        "headline": settings.convention.headline,
        "doc": settings.convention.doc,
        "sources": [{"name": s.name, "lines": s.text.removesuffix("\n").split("\n")} for s in parts.sources],
        "places": [parts.at(row.span) for row in found],
        "block_of": [place.block for place in places],
        "drawn": [place.drawn for place in places],
        "active": [place.active for place in places],
        "blocks": block_dicts(parts, settings),
        "lines": line_dicts(parts, settings),
        "memory": memory_dict(graph, settings),
    }


def expanded(graph: Graph) -> tuple[list[Block], list[Place]]:
    """The blocks of the network, each after the one it is in, and the places of its layers, in the order of rows."""
    blocks: list[Block] = []
    needed = {id(step) for step in inference_steps(graph)}

    def visit(steps: list[Apply | Call], path: str, folded: str, parent: int, active: bool) -> Iterator[Place]:
        for step in steps:
            if isinstance(step, Apply):
                yield Place(parent, join(folded, step.name), active)
                continue
            span = step.name if step.count == 1 else f"{step.instance_name(0)}-{step.instance_name(step.count - 1)}"
            for i in range(step.count):
                inner = step.shared or join(path, step.instance_name(i))
                blocks.append(Block(inner, step.region.title or step.region.kind, parent, step.span))
                outer = step.shared or join(folded, span)
                yield from visit(step.region.steps, inner, outer, len(blocks) - 1, active)

    places = [place for step in graph.root.steps for place in visit([step], "", "", -1, id(step) in needed)]
    return blocks, places


def sources_of(graph: Graph, spans: list[Span]) -> list[Source]:
    """The texts that layers and blocks come from, the program itself first."""
    return list(dict.fromkeys([graph.root.span.source, *(span.source for span in spans)]))


class Sums:
    """Figures added up over layers: parameters of all, work of those that inference needs."""

    def __init__(self) -> None:
        self.layers = 0
        self.params: Any = 0
        self.macs: Any = 0
        self.other_ops: Any = 0
        self.cost: Any = 0

    def add(self, row: Row, active: bool, settings: Settings) -> None:
        self.layers += 1
        self.params += row.params
        if active:
            self.macs += settings.batch * row.work.mac
            self.other_ops += settings.batch * row.work.other
            self.cost += settings.batch * settings.convention.count(row.step)

    def plain(self) -> dict[str, Any]:
        return {name: plain(value) for name, value in vars(self).items()}


def block_dicts(parts: Parts, settings: Settings) -> list[dict[str, Any]]:
    """The blocks with the sums of all that is in them."""
    sums = [Sums() for _ in parts.blocks]
    for row, place in zip(parts.rows, parts.places, strict=True):
        for i in parts.around(place):
            sums[i].add(row, place.active, settings)
    return [
        {"name": b.name, "title": b.title, "parent": b.parent, "place": parts.at(b.span), **total.plain()}
        for b, total in zip(parts.blocks, sums, strict=True)
    ]


def line_dicts(parts: Parts, settings: Settings) -> list[dict[str, Any]]:
    """What each line of the spec costs.

    `own` sums the layers that stand on the line, so that all lines together are the network; `all` those, too, that
    are in the blocks which the line uses.
    """
    own: dict[tuple[int, int], Sums] = {}
    every: dict[tuple[int, int], Sums] = {}
    calls = [parts.at(block.span) for block in parts.blocks]
    for row, place in zip(parts.rows, parts.places, strict=True):
        line = parts.at(row.span)
        own.setdefault(line, Sums()).add(row, place.active, settings)
        for at in {line, *(calls[i] for i in parts.around(place))}:
            every.setdefault(at, Sums()).add(row, place.active, settings)
    nothing = Sums()
    return [{"place": at, "own": own.get(at, nothing).plain(), "all": every[at].plain()} for at in sorted(every)]


def memory_dict(graph: Graph, settings: Settings) -> dict[str, Any]:
    """Elements alive at each step, for one sample: at first the inputs alone, then with each layer of inference.

    peak: the first step at which most are alive, None where that depends on sizes that are not known.
    """
    elements = [moment.elements for moment in trace(inference_region(graph), TRACE_STEPS)]
    known = all(isinstance(value, int) for value in (*elements, settings.batch))
    return {
        "element_bytes": plain(settings.batch * DTYPE_BYTES[settings.dtype]),
        "elements": [plain(value) for value in elements],
        "peak": elements.index(max(elements)) if known else None,
    }
