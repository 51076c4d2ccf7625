"""Two networks side by side: their layers aligned, and what each figure changes by."""

import re
from collections.abc import Hashable, Iterator, Sequence
from itertools import count, zip_longest
from typing import Any, NamedTuple

from .align import Pairs, align, match
from .conventions import Convention, cost_of
from .cost import summarize
from .ir import Apply, Graph, Region, Value
from .memory import DTYPE_BYTES
from .report import plain, with_batch
from .rows import Row, grouped, rows
from .symbolic import UndecidedError
from .training import training

REPEAT = re.compile(r"(\d+)-\d+")


class Item(NamedTuple):
    """A layer, several equal ones, or a group of layers of one of the networks."""

    name: str
    op: str
    output: tuple[Any, ...]
    layers: int
    params: Any
    cost: Any
    """In the convention that was asked for."""
    kind: Hashable = ()
    """What must be equal for the layers to be: op, arguments, shapes, how many."""
    weights: bool = False
    arguments: tuple[tuple[str, Any], ...] = ()

    @property
    def first(self) -> str:
        """The name without the end of a range of repeats, which may be longer in the other network."""
        return REPEAT.sub(r"\1", self.name)


class Line(NamedTuple):
    """Two items that correspond, or one without a counterpart."""

    a: Item | None
    b: Item | None

    @property
    def equal(self) -> bool:
        """Whether nothing but the name may differ."""
        return self.a is not None and self.b is not None and self.a[1:] == self.b[1:]

    @property
    def renamed(self) -> bool:
        """Whether weights go by another name."""
        return self.a is not None and self.b is not None and self.a.weights and self.a.name != self.b.name


class Total(NamedTuple):
    """A sum over each network, None where it depends on sizes that are not known. `unit`: bytes, or nothing."""

    name: str
    title: str
    unit: str
    a: Any
    b: Any

    @property
    def change(self) -> Any:
        return None if self.a is None or self.b is None else self.b - self.a

    @property
    def relative(self) -> float | None:
        """The change as a part of the first network's figure."""
        whole = isinstance(self.a, int) and isinstance(self.b, int)
        return (self.b - self.a) / self.a if whole and self.a else None


class Difference(NamedTuple):
    """What distinguishes network B from network A; `by` says what a line stands for."""

    names: tuple[str, str]
    by: str
    convention: Convention
    lines: list[Line]
    totals: list[Total]
    rewired: bool
    """Whether equal layers read other tensors."""

    @property
    def equal(self) -> bool:
        """Whether both have the same layers, connected in the same way, with the same names of weights and sums."""
        same = all(line.equal and not line.renamed for line in self.lines) and not self.rewired
        return same and all(t.a == t.b for t in self.totals)

    def to_dict(self) -> dict[str, Any]:
        """The comparison as plain data: all lines, equal ones too."""
        return {
            "schema": 1,
            "a": self.names[0],
            "b": self.names[1],
            "by": self.by,
            "convention": self.convention.name,
            "equal": self.equal,
            "rewired": self.rewired,
            "lines": [_line_dict(line, self.by) for line in self.lines],
            "totals": {t.name: _total_dict(t) for t in self.totals},
        }

    def __str__(self) -> str:
        from .difference_table import difference_table
        from .formats import plain_text

        return plain_text(difference_table(self))


def compare(a: Graph, b: Graph, by: str, convention: Convention) -> Difference:
    """Network B against network A, by layer, block or op."""
    if by == "layer":
        old, new = _layers(a, convention), _layers(b, convention)
        pairs = align(old, new, (_by_name, _by_kind, _by_op))
    else:
        old, new = ([_group(g, by) for g in grouped(graph, by, convention)] for graph in (a, b))
        pairs = match([item.name for item in old], [item.name for item in new])
    lines = list(_lines(old, new, pairs))
    alike = by == "layer" and all(line.equal for line in lines)
    return Difference((a.name, b.name), by, convention, lines, _totals(a, b, convention), alike and _rewired(a, b))


def _layers(graph: Graph, convention: Convention) -> list[Item]:
    return [_layer(row, convention) for row in rows(graph, folded=True)]


def _layer(row: Row, convention: Convention) -> Item:
    fields = row.step.attrs._asdict() if hasattr(row.step.attrs, "_asdict") else {}
    attrs = tuple((name, None if isinstance(v, Value) else v) for name, v in fields.items())
    kind = (row.op, attrs, row.inputs, row.output, row.times, row.params)
    cost, weights = row.times * convention.count(row.step), bool(row.params or row.buffers)
    return Item(row.name, row.op, row.output, row.times, row.params, cost, kind, weights, attrs)


def _group(group: Any, by: str) -> Item:
    output = group.output if by == "block" else ()
    return Item(group.name, "", output, group.layers, group.params, group.cost, group.work)


def _by_name(item: Item) -> Hashable:
    return item.first, item.op


def _by_kind(item: Item) -> Hashable:
    return item.kind


def _by_op(item: Item) -> Hashable:
    return item.op


def _lines(a: Sequence[Item], b: Sequence[Item], pairs: Pairs) -> Iterator[Line]:
    """Pairs, and between them what has no counterpart, A's first."""
    last_a = last_b = 0
    for i, j in [*pairs, (len(a), len(b))]:
        yield from (Line(item, None) for item in a[last_a:i])
        yield from (Line(None, item) for item in b[last_b:j])
        if i < len(a):
            yield Line(a[i], b[j])
        last_a, last_b = i + 1, j + 1


# Totals and connections


def _totals(a: Graph, b: Graph, convention: Convention) -> list[Total]:
    old, new = _figures(a, convention), _figures(b, convention)
    return [Total(name, title, unit, old[name], new[name]) for name, title, unit in _shown(convention)]


def _shown(convention: Convention) -> list[tuple[str, str, str]]:
    """Name, title and unit of each sum, in the order in which they are shown."""
    other = convention.name not in ("torchvision", "torch")
    return [
        ("layers", "layers", ""),
        ("params", "parameters", ""),
        ("macs", "MACs (torchvision)", ""),
        ("flops", "FLOPs (torch)", ""),
        *([("cost", convention.headline, "")] if other else []),
        ("other_ops", "other operations", ""),
        ("activation_bytes", "activations", "bytes"),
        ("peak_bytes", "peak of activations", "bytes"),
        ("training_bytes", "kept for backward", "bytes"),
        ("depth", "depth", ""),
    ]


def _figures(graph: Graph, convention: Convention) -> dict[str, Any]:
    """The sums of a network for one sample in fp32."""
    summary, width = summarize(graph), DTYPE_BYTES["fp32"]
    return {
        "layers": summary.layers,
        "params": summary.params,
        "macs": summary.work.mac,
        "flops": 2 * summary.work.mac,
        "cost": cost_of(graph, convention),
        "other_ops": summary.work.other,
        "activation_bytes": width * summary.activations,
        "peak_bytes": width * summary.peak,
        "training_bytes": saved_bytes(graph),
        "depth": summary.depth,
    }


def saved_bytes(graph: Graph) -> Any:
    """What a training step keeps of one sample, None where it depends on sizes that are not known."""
    try:
        return training(graph).saved_bytes(1, "fp32")
    except UndecidedError:
        return None


def _rewired(a: Graph, b: Graph) -> bool:
    return any(x != y for x, y in zip_longest(_sources(a), _sources(b)))


def _sources(graph: Graph) -> Iterator[tuple[int, ...]]:
    """The layers whose results each layer reads, by their numbers; those of the network's outputs last."""
    number = count()
    values = {terminal.value: -1 - i for i, terminal in enumerate(graph.inputs)}
    yield from _read(graph.root, values, number)
    yield tuple(values[t.value] for t in (*graph.outputs, *graph.aux))


def _read(region: Region, values: dict[Value, int], number: Iterator[int]) -> Iterator[tuple[int, ...]]:
    for step in region.steps:
        inputs = tuple(values[v] for v in step.inputs)
        if isinstance(step, Apply):
            yield inputs
            values.update(dict.fromkeys(step.outputs, next(number)))
            continue
        for _ in range(step.count):
            inner = dict(zip(step.region.inputs, inputs, strict=True))
            yield from _read(step.region, inner, number)
            inputs = tuple(inner[v] for v in step.region.outputs)
        values.update(zip(step.outputs, inputs, strict=True))


# Plain data


def _line_dict(line: Line, by: str) -> dict[str, Any]:
    return {"equal": line.equal, "a": _item_dict(line.a, by), "b": _item_dict(line.b, by)}


def _item_dict(item: Item | None, by: str) -> dict[str, Any] | None:
    if item is None:
        return None
    place = {"op": item.op, "output": with_batch(1, item.output)} if by == "layer" else {}
    figures = {"layers": item.layers, "params": plain(item.params), "cost": plain(item.cost)}
    return {"name": item.name, **place, **figures}


def _total_dict(total: Total) -> dict[str, Any]:
    figures = {"a": plain(total.a), "b": plain(total.b), "change": plain(total.change)}
    return {**figures, "relative": total.relative}
