"""What a notebook shows of a network: its table, and its drawing where it can be laid out."""

from html import escape
from zlib import crc32

from ..diagnostics import UsageError
from ..ir import Graph
from . import svg


def html(graph: Graph, report: str) -> str:
    """The report as it stands, and below it the drawing, unless the package for it is missing or it is too large."""
    table = f"<pre>{escape(report)}</pre>"
    prefix = f"d{crc32(report.encode()):08x}-"  # several drawings share a page
    try:
        return f'{table}\n<div style="overflow:auto;max-height:60em">{svg(graph, prefix=prefix)}</div>'
    except UsageError:
        return table
