"""The analysis as a table: plain text for pipes, drawn with rich on a terminal. Every table names its convention."""

from collections.abc import Iterator
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from .cost import Summary
from .ir import Graph, known
from .report import CONVENTIONS, Row, by_block, by_op, group_name, one_or_all, rows, totals_dict
from .roofline import Device, Roofline, intensity, roofline

HEADLINES = {"torchvision": ("MACs (torchvision)", 1), "torch": ("FLOPs (torch)", 2)}

Columns: TypeAlias = tuple[tuple[str, ...], list[tuple[str, ...]]]
"""Headings, and the cells below them line by line."""


class Table(NamedTuple):
    """Cells as text. Columns from `numbers` on are numbers and align to the right."""

    title: str
    columns: tuple[str, ...]
    numbers: int
    lines: list[tuple[str, ...]]
    footer: list[str]


def make_table(
    graph: Graph, summary: Summary, by: str, batch: int, dtype: str, convention: str, device: Device | None = None
) -> Table:
    """The table of a network, by layer, block or op; with what the roofline model says of a device."""
    headline, factor = HEADLINES[convention]
    factor *= batch
    columns: tuple[str, ...]
    lines: list[tuple[str, ...]]
    if by == "layer":
        columns, numbers = ("layer", "op", "output", "params", headline, "other ops", "field"), 3
        lines = [_layer_line(row, factor, batch) for row in rows(graph, folded=True)]
    else:
        groups = by_op(graph) if by == "op" else by_block(graph)
        columns, numbers = (by, "output", "layers", "params", headline, "other ops"), 2
        lines = [
            (g.name, _shape(batch, g.output) if by == "block" else "", f"{g.layers:,}", f"{g.params:,}",
             f"{factor * g.work.mac:,}", f"{batch * g.work.other:,}") for g in groups
        ]  # fmt: skip
    inputs = ", ".join(_shape(batch, known(t.value)) for t in graph.inputs)
    footer = list(_footer(summary, batch, dtype, convention))
    if device is not None:
        found = roofline(graph, device, batch, dtype, folded=True)
        headings, cells = _layer_times(found) if by == "layer" else _group_times(graph, found, by)
        columns, lines = columns + headings, [line + more for line, more in zip(lines, cells, strict=True)]
        footer += _device_footer(found)
    return Table(f"{graph.name}, input {inputs}", columns, numbers, lines, footer)


def _layer_line(row: Row, factor: int, batch: int) -> tuple[str, ...]:
    field = one_or_all(row.receptive_field)
    return (
        row.name if row.times == 1 else f"{row.name} ({row.times} times)",
        row.op,
        _shape(batch, row.output),
        f"{row.params:,}",
        f"{factor * row.times * row.work.mac:,}",
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
        work, moved, seconds = sums.get(group_name(row, by), (0, 0, 0.0))
        sums[group_name(row, by)] = (
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
    yield f"bytes moved           {mebibytes(found.bytes)}, {_ratio(found.intensity)} operations for each byte"
    yield f"time                  {_time(found.seconds)} at the least, {found.memory_share:.0%} of it bound by memory"
    yield f"memory                {need}; {verdict} {room}, largest batch {found.largest_batch:,}"


def _ratio(value: Fraction | None) -> str:
    return "" if value is None else f"{float(value):,.2f}"


def _time(seconds: float) -> str:
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:,.2f} {unit}"
    return f"{seconds / 1e-9:.2f} ns" if seconds else ""


def _shape(batch: int, shape: tuple[int, ...]) -> str:
    return "x".join(map(str, (batch, *shape)))


def _shape_text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _footer(summary: Summary, batch: int, dtype: str, convention: str) -> Iterator[str]:
    totals = totals_dict(summary, batch, dtype, convention)
    weights, buffers = mebibytes(totals["weight_bytes"]), totals["buffers"]
    whole, peak = mebibytes(totals["activation_bytes"]), mebibytes(totals["peak_bytes"])
    yield f"parameters            {_count(totals['params'])} ({weights} in {dtype}), buffers {buffers:,}"
    yield f"MACs (torchvision)    {_giga(totals['macs'])}"
    yield f"FLOPs (torch)         {_giga(totals['flops'])}"
    yield f"other operations      {_count(totals['other_ops'])}"
    yield f"activations           {whole} in all, {peak} at the peak, batch {batch}"
    yield f"depth                 {totals['depth']}, {totals['layers']:,} layers"
    yield f"convention            {convention}: {CONVENTIONS[convention]}"


def _count(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else str(value)


def _giga(value: Any) -> str:
    return f"{value:,} ({value / 1e9:.3f} G)" if isinstance(value, int) else str(value)


def mebibytes(count: Any) -> str:
    """Bytes as people read them; a formula in bytes."""
    if not isinstance(count, int):
        return f"{count} bytes"
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


def plain_table(
    graph: Graph, summary: Summary, by: str, batch: int, dtype: str, convention: str, device: Device | None = None
) -> str:
    """The table as text without colours or frames."""
    table = make_table(graph, summary, by, batch, dtype, convention, device)
    cells = [table.columns, *table.lines]
    widths = [max(len(line[i]) for line in cells) for i in range(len(table.columns))]
    text = [table.title, ""]
    for line in cells:
        parts = [
            c.rjust(w) if i >= table.numbers else c.ljust(w) for i, (c, w) in enumerate(zip(line, widths, strict=True))
        ]
        text.append("  ".join(parts).rstrip())
        if line is table.columns:
            text.append("  ".join("-" * w for w in widths))
    return "\n".join([*text, "", *table.footer])


def draw_table(
    graph: Graph, summary: Summary, by: str, batch: int, dtype: str, convention: str, device: Device | None = None
) -> None:
    """The table on a terminal, with a bar for each line's share of the work."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = make_table(graph, summary, by, batch, dtype, convention, device)
    view: Any = RichTable(title=table.title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(table.columns):
        view.add_column(column, justify="right" if i >= table.numbers else "left", overflow="fold")
    view.add_column("share")
    work = next(i for i, column in enumerate(table.columns) if column.startswith(("MACs", "FLOPs")))
    amounts = [
        int(line[work].replace(",", "")) if line[work][0].isdigit() and line[work].replace(",", "").isdigit() else 0
        for line in table.lines
    ]
    whole = max(sum(amounts), 1)
    for line, amount in zip(table.lines, amounts, strict=True):
        view.add_row(*map(Text, line), Text("█" * round(20 * amount / whole), style="cyan"))
    console = Console()
    console.print(view)
    console.print()
    for text in table.footer:
        console.print(Text(text))
