"""The comparison of two networks as a table of text cells."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any

from .difference import Difference, Item, Line, Total
from .table import Table, mebibytes

FEW = 2
"""So many equal lines in a row are shown; more share one."""


def difference_table(found: Difference) -> Table:
    """Lines that differ, each with both networks' figures, and the sums below."""
    a, b = found.names
    headline = found.convention.headline
    first: tuple[str, ...]
    if found.by == "layer":
        first, numbers = ("layer", "op", "output A", "output B"), 4
    else:
        first, numbers = (found.by, "layers A", "layers B"), 1
    columns = (*first, "params A", "params B", "change", f"{headline} A", "B", "change")
    lines = list(_lines(found, len(columns)))
    return Table(f"A: {a}, B: {b}", columns, numbers, lines, list(_footer(found)), [])


def _lines(found: Difference, width: int) -> Iterator[tuple[str, ...]]:
    for equal, group in groupby(found.lines, lambda line: line.equal):
        run = list(group)
        if equal and len(run) > FEW:
            yield (_folded(run, found.by), *("" for _ in range(width - 1)))
        else:
            yield from (_cells(line, found.by) for line in run)


def _folded(run: Sequence[Line], by: str) -> str:
    """Equal lines as one; repeats count as often as they stand in the network."""
    layers = sum(line.a.layers for line in run if line.a is not None)
    text = f"… {layers:,} equal layers" if by == "layer" else f"… {len(run):,} equal {by}s"
    renamed = sum(line.renamed for line in run)
    return f"{text}, {renamed:,} with weights of another name" if renamed else text


def _cells(line: Line, by: str) -> tuple[str, ...]:
    a, b = line.a, line.b
    names = list(dict.fromkeys(_name(item, by) for item in (a, b) if item is not None))
    params, costs = _three(a and a.params, b and b.params), _three(a and a.cost, b and b.cost)
    if by != "layer":
        return (" / ".join(names), _number(a and a.layers), _number(b and b.layers), *params, *costs)
    ops = dict.fromkeys(item.op for item in (a, b) if item is not None)
    op = f"{' / '.join(ops)}{_arguments(a, b)}"
    return (" / ".join(names), op, _shape(a), _shape(b), *params, *costs)


def _arguments(a: Item | None, b: Item | None) -> str:
    """The arguments that differ, where no figure shows that something does."""
    if a is None or b is None or (a.output, a.params, a.cost) != (b.output, b.params, b.cost):
        return ""
    old, new = dict(a.arguments), dict(b.arguments)
    changed = [f"{name} {_short(old[name])} -> {_short(new[name])}" for name in old if old[name] != new.get(name)]
    return f" ({', '.join(changed)})" if changed else ""


def _short(value: Any) -> str:
    """A value that is the same along all axes as one of them."""
    while isinstance(value, tuple) and value and all(v == value[0] for v in value):
        value = value[0]
    return str(value)


def _name(item: Item, by: str) -> str:
    return item.name if item.layers == 1 or by != "layer" else f"{item.name} ({item.layers} times)"


def _three(a: Any, b: Any) -> tuple[str, str, str]:
    """A figure of each network, and its change where there is one."""
    change = (b or 0) - (a or 0)
    return _number(a), _number(b), "" if isinstance(change, int) and change == 0 else signed(change)


def _number(value: Any) -> str:
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else str(value)


def signed(value: Any) -> str:
    return f"{value:+,}" if isinstance(value, int) else str(value)


def _shape(item: Item | None) -> str:
    return "-" if item is None else "x".join(map(str, (1, *item.output)))


def _footer(found: Difference) -> Iterator[str]:
    shown = [_total(total) for total in found.totals]
    widths = [max(len(line[i]) for line in shown) for i in range(3)]
    for total, (a, b, change, relative) in zip(found.totals, shown, strict=True):
        cells = f"{a:>{widths[0]}} -> {b:>{widths[1]}}  {change:>{widths[2]}}  {relative}"
        yield f"{total.title.ljust(20)}  {cells}".rstrip()
    yield f"{'convention'.ljust(20)}  {found.convention.name}: {found.convention.doc}"
    if found.rewired:
        yield f"{'connections'.ljust(20)}  equal layers read other tensors"
    elif found.equal:
        yield f"{'equal'.ljust(20)}  all layers, connections and names of weights"


def _total(total: Total) -> tuple[str, str, str, str]:
    a, b = (_amount(value, total.unit) for value in (total.a, total.b))
    if total.change is None or (isinstance(total.change, int) and total.change == 0):
        return a, b, "", ""
    change = signed(total.change)
    if total.unit == "bytes" and isinstance(total.change, int):
        change = f"{'+' if total.change > 0 else '-'}{mebibytes(abs(total.change))}"
    return a, b, change, "" if total.relative is None else f"{total.relative:+.2%}"


def _amount(value: Any, unit: str) -> str:
    if value is None:
        return "unavailable"
    return mebibytes(value) if unit == "bytes" else _number(value)
