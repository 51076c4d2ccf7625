"""The analysis as a table: plain text for pipes, drawn with rich on a terminal. Every table names its convention."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from .conventions import Convention
from .cost import Summary
from .ir import Graph, known
from .report import Row, grouped, one_or_all, rows, totals_dict, training_dict


class Table(NamedTuple):
    """Cells as text. Columns from `numbers` on are numbers and align to the right."""

    title: str
    columns: tuple[str, ...]
    numbers: int
    lines: list[tuple[str, ...]]
    footer: list[str]


def make_table(graph: Graph, summary: Summary, by: str, batch: int, dtype: str, convention: Convention) -> Table:
    """The table of a network, by layer, block or op."""
    columns: tuple[str, ...]
    lines: list[tuple[str, ...]]
    if by == "layer":
        columns, numbers = ("layer", "op", "output", "params", convention.headline, "other ops", "field"), 3
        lines = [_layer_line(row, convention, batch) for row in rows(graph, folded=True)]
    else:
        columns, numbers = (by, "output", "layers", "params", convention.headline, "other ops"), 2
        lines = [
            (g.name, _shape(batch, g.output) if by == "block" else "", f"{g.layers:,}", f"{g.params:,}",
             f"{batch * g.cost:,}", f"{batch * g.work.other:,}") for g in grouped(graph, by, convention)
        ]  # fmt: skip
    inputs = ", ".join(_shape(batch, known(t.value)) for t in graph.inputs)
    return Table(
        f"{graph.name}, input {inputs}",
        columns,
        numbers,
        lines,
        list(_footer(graph, summary, batch, dtype, convention)),
    )


def _layer_line(row: Row, convention: Convention, batch: int) -> tuple[str, ...]:
    field = one_or_all(row.receptive_field)
    return (
        row.name if row.times == 1 else f"{row.name} ({row.times} times)",
        row.op,
        _shape(batch, row.output),
        f"{row.params:,}",
        f"{batch * row.times * convention.count(row.step):,}",
        f"{batch * row.times * row.work.other:,}",
        "" if field is None else _shape_text(field),
    )


def _shape(batch: int, shape: tuple[int, ...]) -> str:
    return "x".join(map(str, (batch, *shape)))


def _shape_text(value: Any) -> str:
    return "x".join(map(str, value)) if isinstance(value, list) else str(value)


def _footer(graph: Graph, summary: Summary, batch: int, dtype: str, convention: Convention) -> Iterator[str]:
    totals = totals_dict(graph, summary, batch, dtype, convention)
    weights, buffers = mebibytes(totals["weight_bytes"]), totals["buffers"]
    whole, peak = mebibytes(totals["activation_bytes"]), mebibytes(totals["peak_bytes"])
    yield f"parameters            {_count(totals['params'])} ({weights} in {dtype}), buffers {buffers:,}"
    yield f"MACs (torchvision)    {_giga(totals['macs'])}"
    yield f"FLOPs (torch)         {_giga(totals['flops'])}"
    if convention.name not in ("torchvision", "torch"):
        yield f"{convention.headline.ljust(20)}  {_giga(totals['cost'])}"
    yield f"other operations      {_count(totals['other_ops'])}"
    yield f"activations           {whole} in all, {peak} at the peak, batch {batch}"
    yield from _training_lines(training_dict(graph, summary, batch, dtype), dtype)
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
    return f"{value:,} ({value / 1e9:.3f} G)" if isinstance(value, int) else str(value)


def mebibytes(count: Any) -> str:
    """Bytes as people read them; a formula in bytes."""
    if not isinstance(count, int):
        return f"{count} bytes"
    for unit, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return f"{count / scale:.1f} {unit}"
    return f"{count} B"


def plain_table(graph: Graph, summary: Summary, by: str, batch: int, dtype: str, convention: Convention) -> str:
    """The table as text without colours or frames."""
    table = make_table(graph, summary, by, batch, dtype, convention)
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


def draw_table(graph: Graph, summary: Summary, by: str, batch: int, dtype: str, convention: Convention) -> None:
    """The table on a terminal, with a bar for each line's share of the work."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    table = make_table(graph, summary, by, batch, dtype, convention)
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
