"""The analysis as a table of text cells with a footer. Every table names its convention."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from .constraints import constraints
from .cost import Summary
from .ir import Graph, known
from .report import Settings, one_or_all, totals_dict, training_dict
from .roofline import Roofline, intensity, roofline
from .rows import GROUPINGS, Row, grouped, rows

Columns: TypeAlias = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Headings, and the cells below them line by line."""


class Table(NamedTuple):
    """Cells as text. Columns from `numbers` on are numbers and align to the right; `costs` are the lines' own."""

    title: str
    columns: tuple[str, ...]
    numbers: int
    lines: list[tuple[str, ...]]
    footer: list[str]
    costs: list[Any]


def make_table(graph: Graph, summary: Summary, by: str, settings: Settings, folded: bool = True) -> Table:
    """The table of a network, by layer, block or op; with what the roofline model says of a device.

    folded: whether equal repeats share a line.
    """
    batch, headline = settings.batch, settings.convention.headline
    columns: tuple[str, ...]
    lines: list[tuple[str, ...]]
    if by == "layer":
        found = list(rows(graph, folded))
        columns, numbers = ("layer", "op", "output", "params", headline, "other ops", "field"), 3
        lines = [_layer_line(row, settings) for row in found]
        costs = [row.times * settings.convention.count(row.step) for row in found]
    else:
        groups = grouped(graph, by, settings.convention)
        columns, numbers = (by, "output", "layers", "params", headline, "other ops"), 2
        lines = [
            (g.name, _shape(batch, g.output) if by == "block" else "", f"{g.layers:,}", f"{g.params:,}",
             f"{batch * g.cost:,}", f"{batch * g.work.other:,}") for g in groups
        ]  # fmt: skip
        costs = [g.cost for g in groups]
    inputs = ", ".join(_shape(batch, known(t.value)) for t in graph.inputs)
    footer = list(_footer(graph, summary, settings))
    if settings.device is not None:
        times = roofline(graph, settings.device, batch, settings.dtype, folded or by != "layer")
        headings, cells = _layer_times(times) if by == "layer" else _group_times(graph, times, by)
        columns, lines = columns + headings, [line + more for line, more in zip(lines, cells, strict=True)]
        footer += _device_footer(times)
    return Table(f"{graph.name}, input {inputs}", columns, numbers, lines, footer, costs)


def _layer_line(row: Row, settings: Settings) -> tuple[str, ...]:
    field, batch = one_or_all(row.receptive_field), settings.batch
    return (
        row.name if row.times == 1 else f"{row.name} ({row.times} times)",
        row.op,
        _shape(batch, row.output),
        f"{row.params:,}",
        f"{batch * row.times * settings.convention.count(row.step):,}",
        f"{batch * row.times * row.work.other:,}",
        "" if field is None else _shape_text(field),
    )


def _layer_times(found: Roofline) -> Columns:
    """What a device adds to each line; the time is that of all its equal layers together."""
    cells: list[tuple[str, ...]] = [(_ratio(p.intensity), _time(p.times * p.seconds), p.bound) for p in found.points]
    return ("intensity", "time", "bound"), cells


def _group_times(graph: Graph, found: Roofline, by: str) -> Columns:
    sums: dict[str, tuple[int, int, float]] = {}
    for row, p in zip(rows(graph, folded=True), found.points, strict=True):
        name = GROUPINGS[by](row)
        work, moved, seconds = sums.get(name, (0, 0, 0.0))
        sums[name] = (
            work + p.times * p.operations, moved + p.times * p.bytes, seconds + p.times * p.seconds
        )  # fmt: skip
    cells: list[tuple[str, ...]] = [
        (_ratio(intensity(work, moved)), _time(seconds)) for work, moved, seconds in sums.values()
    ]
    return ("intensity", "time"), cells


def _device_footer(found: Roofline) -> Iterator[str]:
    device = found.device
    peak, bandwidth = (f"{rate / 1e9:,.10g} G" for rate in (device.peak[found.dtype], device.bandwidth))
    need = f"weights {mebibytes(found.weight_bytes)}, activations {mebibytes(found.activation_bytes)}"
    room = mebibytes(device.memory)
    if device.storage is not None:
        room = f"{mebibytes(device.storage)} and {room}"
    verdict = "fits in" if found.fits else "does not fit in"
    yield f"device                {device.name}: {peak} operations/s in {found.dtype}, {bandwidth}B/s"
    yield f"time                  {_time(found.seconds)} at the least, {found.memory_share:.0%} of it bound by memory"
    yield f"memory                {need}; {verdict} {room}, largest batch {found.largest_batch:,}"


def _ratio(value: Fraction | float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{float(value):,.2f}"


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:,.2f} {unit}"
    return f"{seconds / 1e-9:.2f} ns" if seconds else ""


def _shape(batch: Any, shape: tuple[int, ...]) -> str:
    return "x".join(map(_extent, (batch, *shape)))


def _shape_text(value: Any) -> str:
    return "x".join(map(_extent, value)) if isinstance(value, list) else str(value)


def _extent(value: Any) -> str:
    """One factor of a shape: `1x64x(H - 2)x(W - 2)`."""
    text = str(value)
    return f"({text})" if " " in text or "//" in text else text


def _footer(graph: Graph, summary: Summary, settings: Settings) -> Iterator[str]:
    convention, totals = settings.convention, totals_dict(graph, summary, settings)
    weights, buffers = mebibytes(totals["weight_bytes"]), totals["buffers"]
    whole, peak = mebibytes(totals["activation_bytes"]), mebibytes(totals["peak_bytes"])
    yield f"parameters            {_count(totals['params'])} ({weights} in {settings.dtype}), buffers {_count(buffers)}"
    yield f"MACs (torchvision)    {_giga(totals['macs'])}"
    yield f"FLOPs (torch)         {_giga(totals['flops'])}"
    if convention.name not in ("torchvision", "torch"):
        yield f"{convention.headline.ljust(20)}  {_giga(totals['cost'])}"
    yield f"other operations      {_count(totals['other_ops'])}"
    yield f"activations           {whole} in all, {peak} at the peak, batch {settings.batch}"
    density = f", {_ratio(totals['intensity'])} operations per byte" if totals["intensity"] is not None else ""
    yield f"bytes moved           {mebibytes(totals['bytes_moved'])}{density}"
    yield from _training_lines(training_dict(graph, summary, settings), settings.dtype)
    yield from (f"sizes                 {constraint}" for constraint in constraints(graph))
    yield f"depth                 {totals['depth']}, {totals['layers']:,} layers"
    yield f"convention            {convention.name}: {convention.doc}"


def _training_lines(figures: dict[str, Any] | None, dtype: str) -> Iterator[str]:
    if figures is None:
        reason = "nothing trains in int8" if dtype == "int8" else "it depends on the sizes, give numbers with --at"
        yield f"training              unavailable: {reason}"
        return
    each, fixed = mebibytes(figures["saved_bytes_per_sample"]), mebibytes(figures["saved_bytes_fixed"])
    gradients = mebibytes(figures["gradient_bytes"])
    yield f"training              {each} per sample + {fixed} kept for backward, {gradients} gradients"
    states: dict[str, list[str]] = {}
    for name, amount in figures["optimizer_bytes"].items():
        states.setdefault(mebibytes(amount), []).append(name)
    texts = [f"{amount} {', '.join(names)}" for amount, names in states.items()]
    yield f"optimizer state       {'; '.join(texts)}"
    yield f"backward MACs         {_giga(figures['backward_macs'])}"


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _giga(value: Any) -> str:
    if not isinstance(value, int):
        return str(value)
    for unit, scale in (("G", 10**9), ("M", 10**6)):
        if value >= scale:
            thousandths = (1000 * value + scale // 2) // scale  # a float has too few digits for very large networks
            return f"{value:,} ({thousandths // 1000}.{thousandths % 1000:03} {unit})"
    return f"{value:,}"


def mebibytes(count: Any) -> str:
    """Bytes as people read them; a formula in bytes."""
    if not isinstance(count, int):
        return f"{count} bytes"
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"
