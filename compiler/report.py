"""The analysis as rows and totals: flat layers with their costs, grouped by block or op on request, as plain data."""

from collections.abc import Generator, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from .cost import Summary, layer_cost
from .fields import Field, Fields, field_of, of_input, repeated
from .ir import Apply, Call, Graph, Region, join, known
from .memory import DTYPE_BYTES
from .ops import Shape, Work
from .ops.base import size
from .symbolic import Sym

CONVENTIONS = {
    "torchvision": "multiply-accumulates, as torchvision publishes in `_ops`",
    "torch": "2 floating-point operations per multiply-accumulate, as torch.utils.flop_counter counts",
}
"""The counting conventions and what each counts."""


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
    span: Any
    times: int
    stored: bool
    """False where a shared layer's weights were counted at an earlier use."""

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


class _Walk:
    """Expands regions into rows, receptive fields carried along."""

    def __init__(self, folded: bool) -> None:
        self.folded = folded
        self.seen: set[str] = set()

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
            copies * cost.buffers if stored else 0, cost.work, field, step.span, times, stored,
        )  # fmt: skip


def rows(graph: Graph, folded: bool = False) -> Iterator[Row]:
    """Every layer in order; with `folded`, equal repeats as one row each. Training-only layers are included."""
    fields: Fields = {t.value: of_input(known(t.value)) for t in graph.inputs}
    return _Walk(folded).region(graph.root, "", fields, 1, 1)


class Group(NamedTuple):
    """Costs summed over several layers."""

    name: str
    layers: int
    params: int
    work: Work
    output: Shape


def by_block(graph: Graph, depth: int = 1) -> list[Group]:
    """Rows summed by the first `depth` parts of their scope; layers of the net itself stand alone."""
    return _grouped(rows(graph, True), lambda row: ".".join(row.scope.split(".")[:depth]) if row.scope else row.name)


def by_op(graph: Graph) -> list[Group]:
    """Rows summed by op."""
    return _grouped(rows(graph, True), lambda row: row.op)


def _grouped(items: Iterator[Row], key: Any) -> list[Group]:
    groups: dict[str, Group] = {}
    for row in items:
        name = key(row)
        old = groups.get(name, Group(name, 0, 0, Work(), ()))
        groups[name] = Group(
            name,
            old.layers + row.times,
            old.params + row.params,
            old.work.plus(row.work, row.times),
            row.output,
        )
    return list(groups.values())


def report_dict(graph: Graph, summary: Summary, batch: int, dtype: str, convention: str) -> dict[str, Any]:
    """The stable JSON report; its schema is docs/report.schema.json. Shapes carry the batch axis."""
    return {
        "schema": 1,
        "net": graph.name,
        "convention": convention,
        "batch": batch,
        "dtype": dtype,
        "inputs": [{"name": t.name, "shape": with_batch(batch, known(t.value))} for t in graph.inputs],
        "outputs": [{"name": t.name, "shape": with_batch(batch, known(t.value))} for t in graph.outputs],
        "totals": totals_dict(summary, batch, dtype, convention),
        "layers": [layer_dict(row, batch) for row in rows(graph)],
    }


def totals_dict(summary: Summary, batch: int, dtype: str, convention: str) -> dict[str, Any]:
    """Sums over the network: parameters as stored, work and memory for the whole batch."""
    width = DTYPE_BYTES[dtype]
    macs = batch * summary.work.mac
    figures = {
        "layers": summary.layers,
        "params": summary.params,
        "buffers": summary.buffers,
        "macs": macs,
        "flops": 2 * macs,
        "other_ops": batch * summary.work.other,
        "cost": macs if convention == "torchvision" else 2 * macs,
        "activation_bytes": batch * width * summary.activations,
        "peak_bytes": batch * width * summary.peak,
        "weight_bytes": width * summary.params,
        "depth": summary.depth,
    }
    return {name: plain(value) for name, value in figures.items()}


def with_batch(batch: int, shape: Shape) -> list[Any]:
    """A shape with the batch axis in front."""
    return [batch, *map(plain, shape)]


def layer_dict(row: Row, batch: int) -> dict[str, Any]:
    """One layer of the JSON report."""
    return {
        "name": row.name,
        "op": row.op,
        "scope": row.scope,
        "inputs": [with_batch(batch, shape) for shape in row.inputs],
        "output": with_batch(batch, row.output),
        "params": plain(row.params),
        "macs": plain(batch * row.work.mac),
        "flops": plain(2 * batch * row.work.mac),
        "other_ops": plain(batch * row.work.other),
        "receptive_field": one_or_all(row.receptive_field),
        "jump": one_or_all(row.jump),
        "offset": one_or_all(row.offset),
        "span": {"file": row.span.source.name, "line": row.span.line, "column": row.span.column},
    }


def one_or_all(values: tuple[Any, ...]) -> Any:
    """A number where all axes agree, a list where they differ, None for an input without spatial axes."""
    values = tuple(plain(int(v) if isinstance(v, Fraction) and v == int(v) else v) for v in values)
    if not values:
        return None
    return values[0] if len(set(values)) == 1 else list(values)


def plain(value: Any) -> Any:
    """A figure as JSON has it: numbers as they are, formulas as text."""
    if isinstance(value, Sym):
        return str(value)
    return float(value) if isinstance(value, Fraction) else value


def activation_bytes(row: Row, batch: int, dtype: str) -> int:
    return batch * DTYPE_BYTES[dtype] * size(row.output)
