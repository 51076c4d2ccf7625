"""The forms that a table is written in: plain text, Markdown, CSV, and drawn on a terminal with rich."""

import csv
import io
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


def comma_separated(table: Table) -> str:
    """The lines alone, for spreadsheets: no separators in numbers. The heading of the cost names the convention."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(table.columns)
    for line in table.lines:
        writer.writerow(c.replace(",", "") if i >= table.numbers else c for i, c in enumerate(line))
    return out.getvalue()


WRITERS: dict[str, Callable[[Table], str]] = {"table": plain_text, "md": markdown, "csv": comma_separated}
"""The forms that are text, by the name that `--format` has for them."""


def draw(table: Table) -> None:
    """The table on a terminal, with a bar for each line's share of the cost."""
    from rich.console import Console
    from rich.table import Table as RichTable
    from rich.text import Text

    view: Any = RichTable(title=table.title, title_justify="left", header_style="bold", box=None, pad_edge=False)
    for i, column in enumerate(table.columns):
        view.add_column(column, justify="right" if i >= table.numbers else "left", overflow="fold")
    view.add_column("share")
    amounts = [cost if isinstance(cost, int) else 0 for cost in table.costs]
    whole = max(sum(amounts), 1)
    for line, amount in zip(table.lines, amounts, strict=True):
        view.add_row(*map(Text, line), Text(_bar(amount, whole), style="cyan"))
    console = Console()
    console.print(view)
    console.print()
    for text in table.footer:
        console.print(Text(text))


def _bar(amount: int, whole: int) -> str:
    return f"{'█' * round(20 * amount / whole)} {amount / whole:.1%}" if amount else ""
