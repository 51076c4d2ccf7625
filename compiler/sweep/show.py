"""What a sweep found, as the command prints it: counts, and the Pareto front as a table."""

import os
import sys
from itertools import islice
from typing import Any

from ..diagnostics import show as show_fact
from ..formats import plain_text
from ..table import Table
from .results import Row, columns
from .run import Sweep
from .space import BYTES, Space
from .values import spelled

MOST_LINES = 40
"""Lines of the front that are printed."""

TITLES = {name: f"{column.removesuffix('_bytes')} bytes" for name, column in BYTES.items()}


def describe(found: Sweep) -> str:
    """Everything in plain text."""
    return "\n".join([*counts(found), "", plain_text(front_table(found)).rstrip()]) + "\n"


def show(found: Sweep) -> None:
    """Print it, on a terminal that has colours with them."""
    if not sys.stdout.isatty() or "NO_COLOR" in os.environ:
        print(describe(found), end="")
        return
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console, table = Console(), front_table(found)
    console.print(Text("\n".join(counts(found)) + "\n"), soft_wrap=True)
    view: Any = RichTable(title=Text(table.title), title_justify="left", header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(table.columns):
        goal = "cyan" if column in goals(found.space) else None
        view.add_column(column, justify="right" if i >= table.numbers else "left", no_wrap=True, style=goal)
    for line in table.lines:
        view.add_row(*map(Text, line))
    width = sum(max(map(len, column)) + 2 for column in zip(table.columns, *table.lines, strict=True))
    Console(width=max(console.width, width)).print(view)
    for text in table.footer:
        console.print(Text(text), soft_wrap=True)


def counts(found: Sweep) -> list[str]:
    """How many points there are, and why the others are not kept."""
    space, tally = found.space, found.tally
    kind = "all of the grid" if space.sample == "grid" else f"of {show_fact(space.size)}, seed {space.seed}"
    lines = [f"{found.name}: {amount(tally.points, 'point')} ({kind}), {tally.kept:,} kept"]
    limits = dict(space.limits)
    for name, over in tally.over.items():
        least = f", the least is {spelled_figure(tally.least[name])}" if over == tally.points - found.failed else ""
        lines.append(f"{over:,} over the limit of {spelled_figure(limits[name])} {TITLES.get(name, name)}{least}")
    for code, (count, point, reason) in sorted(tally.failed.items()):
        lines.append(f"{amount(count, 'point')} did not compile, {code}; the first is {point}: {reason}")
    return lines


def amount(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"


def front_table(found: Sweep) -> Table:
    """The front: the keys that vary, then the figures."""
    space = found.space
    rows = list(islice(found.front(), MOST_LINES))
    total = sum(1 for _ in found.front())
    names = shown(space)
    numbers = names.index("params")
    lines = [tuple(cell(row[name]) for name in names) for row in rows]
    titles = tuple(next((TITLES[n] for n, column in BYTES.items() if column == name), name) for name in names)
    where = f" in {found.path}, where `front` is true" if found.path is not None else ", with --format json or -o"
    footer = [f"{total - len(rows):,} more{where}"] if total > len(rows) else []
    title = f"Pareto front, {amount(total, 'point')}: {aims(space)}"
    return Table(title, titles, numbers, lines, footer, [])


def aims(space: Space) -> str:
    """What the front is about, in words."""
    least = [f"least {TITLES.get(name, name)}" for name in space.minimise]
    return ", ".join([*least, *(f"most {TITLES.get(name, name)}" for name in space.maximise)])


def goals(space: Space) -> set[str]:
    return {TITLES.get(name, name) for name in space.objectives}


def shown(space: Space) -> list[str]:
    """The columns of the table: no keys of one value, and no figure that another tells as well."""
    names = columns(space)
    few = {name for name, values in space.params if len(values) == 1}
    few |= {"input"} if space.inputs == (None,) else set()
    few |= {name for name, values in (("batch", space.batches), ("dtype", space.dtypes)) if len(values) == 1}
    few |= {"front", *({"flops", "activation_bytes"} - {BYTES.get(n, n) for n in space.objectives})}
    return [name for name in names if name not in few]


def cell(value: Any) -> str:
    return spelled_figure(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else spelled(value)


def spelled_figure(value: Any) -> str:
    """A number with separators, or of time its first digits."""
    return f"{value:,}" if isinstance(value, int) else f"{value:.6g}"


def report(found: Sweep) -> dict[str, Any]:
    """The result as plain JSON data."""
    tally = found.tally
    front: list[Row] = [plain(row) for row in found.front()]
    return {
        "schema": 1,
        "network": found.name,
        "sample": found.space.sample,
        "space": found.space.size,
        "points": tally.points,
        "kept": tally.kept,
        "failed": [
            {"code": code, "count": count, "first": {"point": point, "reason": reason}}
            for code, (count, point, reason) in sorted(tally.failed.items())
        ],
        "limits": {
            name: {"most": most, "over": tally.over.get(name, 0), "least": tally.least.get(name)}
            for name, most in found.space.limits
        },
        "objectives": {"minimise": list(found.space.minimise), "maximise": list(found.space.maximise)},
        "front": front,
        "output": str(found.path) if found.path is not None else None,
    }


def plain(row: Row) -> Row:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row.items()}
