"""The forms that a table is written in: plain text, Markdown, CSV, and drawn on a terminal with rich."""

import io
import re
from collections.abc import Callable
from typing import Any

from .table import Table


def plain_text(table: Table) -> str:
    """Aligned columns without colours or frames."""
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
    return "\n".join([*text, "", *table.footer]) + "\n"


def markdown(table: Table) -> str:
    """A pipe table, and the totals as a list."""
    lines = [f"**{_escaped(table.title)}**", "", _row(table.columns)]
    lines.append(_row(["---:" if i >= table.numbers else "---" for i in range(len(table.columns))]))
    lines += [_row(map(_escaped, line)) for line in table.lines]
    lines += ["", *(f"- {_escaped(' '.join(text.split()))}" for text in table.footer)]
    return "\n".join(lines) + "\n"


def _row(cells: Any) -> str:
    return f"| {' | '.join(cells)} |"


def _escaped(text: str) -> str:
    """Text in which Markdown finds nothing to mark up."""
    return "".join(f"\\{c}" if c in "\\|*_`<[" else c for c in text)


SEPARATOR = re.compile(r"(?<=\d),(?=\d)")
"""Between the digits of a number; the comma in `max(H, 4)` has a blank behind it."""


def comma_separated(table: Table) -> str:
    """The lines alone, for spreadsheets: no separators in numbers. The heading of the cost names the convention."""
    out = io.StringIO()
    import csv

    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for line in table.lines:
        writer.writerow(SEPARATOR.sub("", c) if i >= table.numbers else c for i, c in enumerate(line))
    return out.getvalue()


WRITERS: dict[str, Callable[[Table], str]] = {"table": plain_text, "md": markdown, "csv": comma_separated}
"""The forms that are text, by the name that `--format` has for them."""


WIDEST_BAR, NARROWEST_BAR = 20, 4


def draw(table: Table) -> None:
    """The table on a terminal, with a bar for each line's share of the cost.

    Bars take what room is left. Where there is too little for the numbers themselves, lines run over as plain
    text does.
    """
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    console = Console()
    room = console.width - sum(max(map(len, column)) + 2 for column in zip(table.columns, *table.lines, strict=True))
    bar = min(room - len(" 100.0%"), WIDEST_BAR)
    view: Any = RichTable(title=Text(table.title), title_justify="left", header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate([*table.columns, "share"]):
        view.add_column(column, justify="right" if table.numbers <= i < len(table.columns) else "left", no_wrap=True)
    amounts = [cost if isinstance(cost, int) else 0 for cost in table.costs]
    whole = max(sum(amounts), 1)
    for line, amount in zip(table.lines, amounts, strict=True):
        view.add_row(*map(Text, line), Text(_bar(amount, whole, bar), style="cyan"))
    Console(width=max(console.width, console.width - room + 8)).print(view)
    console.print()
    for text in table.footer:
        console.print(Text(text), soft_wrap=True)


def _bar(amount: int, whole: int, width: int) -> str:
    if not amount:
        return ""
    blocks = "█" * round(width * amount / whole) + " " if width >= NARROWEST_BAR else ""
    return f"{blocks}{amount / whole:.1%}"
