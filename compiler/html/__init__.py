"""The analysis as one HTML page that works from a file: no network, no server, nothing to install.

The page is report.html with report.css and the scripts of this folder in it, and its data as a block of JSON. A
Content-Security-Policy lets it load nothing, and run no script but its own.
"""

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from pathlib import Path
from typing import Any

from ..diagnostics import UsageError, usage
from ..report import Settings
from .data import page_data

PAGE_LAYERS = 10_000
"""Layers that a page may show. No flag: browsers take long for more, and E0571 names forms without the limit."""

SCRIPTS = ("base", "spec", "graph", "memory", "layers", "blocks", "start")
"""The files that are the page's script, one after another in one scope of their own."""

SAFE = 2**53 - 1
"""The largest whole number below which JavaScript rounds none."""

FOLDER = Path(__file__).parent


def page(net: Any, settings: Settings) -> str:
    """The page of a network. Raises UsageError (E0571) for more layers than a page may show."""
    if net.totals.layers > PAGE_LAYERS:
        raise usage("E0571", layers=net.totals.layers, most=PAGE_LAYERS)
    script = f'"use strict";\n{{\n{"".join(_part(f"{name}.js") for name in SCRIPTS)}}}\n'
    parts = {
        "policy": _policy(script),
        "title": escape(net.name),
        "style": _part("report.css"),
        "graph": drawing(net),
        "data": embedded(exact(page_data(net.graph, net.totals, settings))),
        "script": script,
    }
    return _filled(_part("report.html"), parts)


def drawing(net: Any) -> str:
    """The graph as SVG, with blocks closed where they hold too much, or what to do to have it drawn."""
    for depth in (None, 1, 0):
        try:
            return str(net.draw("svg", depth))
        except UsageError as error:
            found = error.diagnostics[0]
            if found.code != "E0570":  # too many boxes, of which closed blocks need fewer
                break
    said = ": ".join(filter(None, (found.title, found.label)))
    return f'<p class="missing">{escape(said)}. {escape(found.help or "")}</p>'


def exact(data: dict[str, Any]) -> dict[str, Any]:
    """The data, and beside them the digits of whole numbers that JavaScript would round."""
    found: set[int] = set()
    stack: list[Any] = [data]
    while stack:
        item = stack.pop()
        if isinstance(item, int) and item > SAFE:
            found.add(item)
        elif isinstance(item, (dict, list, tuple)):
            stack.extend(item.values() if isinstance(item, dict) else item)
    return {**data, "exact": [str(number) for number in sorted(found)]}


def embedded(data: Any) -> str:
    """JSON that can stand in a script element: no character in it means anything to an HTML parser."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for character in "<>&":
        text = text.replace(character, f"\\u{ord(character):04x}")
    return text


def _policy(script: str) -> str:
    """Styles may be inline, since a drawing has some; of scripts only the page's own runs."""
    digest = b64encode(sha256(script.encode()).digest()).decode()
    rest = "style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
    return f"default-src 'none'; script-src 'sha256-{digest}'; {rest}"


def _part(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _filled(template: str, parts: dict[str, str]) -> str:
    """The template with each `{{name}}` replaced once; what is put in is not looked at again."""
    pieces = template.split("{{")
    text = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        text += [parts[name], rest]
    return "".join(text)
