"""The network layer by layer: flat rows with costs and receptive fields, summed by block or op on request."""

from collections.abc import Callable, Generator, Iterator
from typing import Any, NamedTuple

from .conventions import Convention
from .cost import layer_cost
from .fields import Field, Fields, field_of, of_input, repeated
from .ir import Apply, Call, Graph, Region, join, known
from .ops import Shape, Work
from .source import Span


class Row(NamedTuple):
    """One layer of the network, or `times` equal ones where repeats are folded. Shapes and work are per sample.

    Shapes and work are those of one of them, parameters and buffers of all together; a shared layer has its once.
    Fields are those of the last.
    """

    name: str
    op: str
    scope: str
    inputs: tuple[Shape, ...]
    output: Shape
    params: int
    buffers: int
    work: Work
    fields: tuple[Field, ...]
    """What a position of the output sees, for each spatial axis of the input."""
    span: Span
    times: int
    stored: bool
    """False where a shared layer's weights were counted at an earlier use."""
    step: Apply
    """The op in the graph, with its attributes."""

    @property
    def receptive_field(self) -> tuple[int, ...]:
        """How many input positions in a row an output position sees along each axis, those in padding included."""
        return tuple(field.size for field in self.fields)

    @property
    def jump(self) -> tuple[Any, ...]:
        """How far apart in the input neighbouring positions look; a fraction behind upsampling."""
        return tuple(field.jump for field in self.fields)

    @property
    def offset(self) -> tuple[int, ...]:
        """Where in the input the first output position begins to see; below 0 in the padding."""
        return tuple(field.offset for field in self.fields)

    @property
    def macs(self) -> int:
        return self.work.mac

    @property
    def flops(self) -> int:
        return 2 * self.work.mac


class Walk:
    """Expands regions into rows, receptive fields carried along."""

    def __init__(self, folded: bool) -> None:
        self.folded = folded
        self.seen: set[str] = set()

    def graph(self, graph: Graph) -> Iterator[Row]:
        fields: Fields = {t.value: of_input(known(t.value)) for t in graph.inputs}
        return self.region(graph.root, "", fields, 1, 1)

    def region(self, region: Region, prefix: str, fields: Fields, times: int, copies: int) -> Iterator[Row]:
        """Rows of a region that stands `times` times in the network, with so many `copies` of its weights."""
        for step in region.steps:
            if isinstance(step, Apply):
                yield self.row(step, prefix, fields, times, copies)
                continue
            inputs = [fields[v] for v in step.inputs]
            if self.folded and step.count > 1:
                span = f"{step.instance_name(0)}-{step.instance_name(step.count - 1)}" if not step.shared else ""
                path = step.shared or join(prefix, span)
                inputs = repeated(step.region, inputs, step.count - 1)
                inputs = yield from self.instance(step, path, inputs, times * step.count, copies * step.count)
            else:
                for i in range(step.count):
                    path = step.shared or join(prefix, step.instance_name(i))
                    inputs = yield from self.instance(step, path, inputs, times, copies)
            fields.update(zip(step.outputs, inputs, strict=True))

    def instance(
        self, step: Call, path: str, inputs: list[tuple[Field, ...]], times: int, copies: int
    ) -> Generator[Row, None, list[tuple[Field, ...]]]:
        """Rows of one instance; returns the fields of its outputs."""
        inner: Fields = dict(zip(step.region.inputs, inputs, strict=True))
        yield from self.region(step.region, path, inner, times, 1 if step.shared else copies)
        return [inner[v] for v in step.region.outputs]

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
            copies * cost.buffers if stored else 0, cost.work, field, step.span, times, stored, step,
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
