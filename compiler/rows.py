"""The network layer by layer: flat rows with costs and receptive fields, summed by block or op on request."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

from .conventions import Convention
from .cost import layer_cost
from .fields import Field, field_of
from .ir import Apply, Call, Graph, Region, Value, join, known
from .ops import Shape, Work
from .source import Span


class Row(NamedTuple):
    """One layer of the network, or `times` equal ones where repeats are folded. Shapes and work are per sample.

    Shapes and work are those of one of them, parameters and buffers of all together; a shared layer has its once.
    """

    name: str
    op: str
    scope: str
    inputs: tuple[Shape, ...]
    output: Shape
    params: int
    buffers: int
    work: Work
    receptive_field: tuple[int, ...]
    jump: tuple[int, ...]
    span: Span
    times: int
    stored: bool
    """False where a shared layer's weights were counted at an earlier use."""
    step: Apply
    """The op in the graph, with its attributes."""

    @property
    def macs(self) -> int:
        return self.work.mac

    @property
    def flops(self) -> int:
        return 2 * self.work.mac


Fields = dict[Value, tuple[Field, ...]]


class Walk:
    """Expands regions into rows, receptive fields carried along."""

    def __init__(self, folded: bool) -> None:
        self.folded = folded
        self.seen: set[str] = set()

    def graph(self, graph: Graph) -> Iterator[Row]:
        fields: Fields = {t.value: tuple(Field(0, 0, 1) for _ in known(t.value)[1:]) for t in graph.inputs}
        return self.region(graph.root, "", fields, 1, 1)

    def region(self, region: Region, prefix: str, fields: Fields, times: int, copies: int) -> Iterator[Row]:
        """Rows of a region that stands `times` times in the network, with so many `copies` of its weights."""
        for step in region.steps:
            if isinstance(step, Apply):
                yield self.row(step, prefix, fields, times, copies)
                continue
            if self.folded and step.count > 1:
                span = f"{step.instance_name(0)}-{step.instance_name(step.count - 1)}" if not step.shared else ""
                path = step.shared or join(prefix, span)
                yield from self.instance(step, path, fields, times * step.count, copies * step.count)
            else:
                for i in range(step.count):
                    path = step.shared or join(prefix, step.instance_name(i))
                    yield from self.instance(step, path, fields, times, copies)
                    if i + 1 < step.count:
                        fields[step.inputs[0]] = fields[step.outputs[0]]

    def instance(self, step: Call, path: str, fields: Fields, times: int, copies: int) -> Iterator[Row]:
        inner: Fields = {i: fields[o] for i, o in zip(step.region.inputs, step.inputs, strict=True)}
        yield from self.region(step.region, path, inner, times, 1 if step.shared else copies)
        for outer, value in zip(step.outputs, step.region.outputs, strict=True):
            fields[outer] = inner[value]

    def row(self, step: Apply, prefix: str, fields: Fields, times: int, copies: int) -> Row:
        field = field_of(step, [fields[v] for v in step.inputs])
        fields.update(dict.fromkeys(step.outputs, field))
        cost = layer_cost(step)
        path = join(prefix, step.name)
        stored = path not in self.seen
        if cost.params or cost.buffers:
            self.seen.add(path)
        return Row(
            path, step.op.name, prefix, step.in_shapes, step.out_shape, copies * cost.params if stored else 0,
            copies * cost.buffers if stored else 0, cost.work, tuple(f.hi - f.lo + 1 for f in field),
            tuple(f.jump for f in field), step.span, times, stored, step,
        )  # fmt: skip


def rows(graph: Graph, folded: bool = False) -> Iterator[Row]:
    """Every layer in order; with `folded`, equal repeats as one row each. Training-only layers are included."""
    return Walk(folded).graph(graph)


class Group(NamedTuple):
    """Costs summed over several layers."""

    name: str
    layers: int
    params: int
    work: Work
    cost: int
    """In the convention asked for."""
    output: Shape


GROUPINGS: dict[str, Callable[[Row], str]] = {
    "block": lambda row: row.scope.split(".")[0] if row.scope else row.name,
    "op": lambda row: row.op,
}
"""How rows can be put together: by the outermost block, where layers of the net itself stand alone, or by op."""


def grouped(graph: Graph, by: str, convention: Convention) -> list[Group]:
    """Rows summed by block or op."""
    groups: dict[str, Group] = {}
    for row in rows(graph, True):
        name = GROUPINGS[by](row)
        old = groups.get(name, Group(name, 0, 0, Work(), 0, ()))
        groups[name] = Group(
            name,
            old.layers + row.times,
            old.params + row.params,
            old.work.plus(row.work, row.times),
            old.cost + row.times * convention.count(row.step),
            row.output,
        )
    return list(groups.values())
