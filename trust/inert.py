"""What a result's structure is: all of it but the words in it, in which a hostile string may stand as data."""

import ast
import csv
import io
import json
import re
import sys
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser
from typing import Any

QUOTED = re.compile(r'"(?:[^"\\]|\\.)*"')
ENTITY = re.compile(r"#\d+;")
WRITING = ("w", "a", "x", "+")
FORBIDDEN = (
    "os.", "subprocess.", "socket.", "shutil.", "ctypes.", "webbrowser.", "urllib.", "ftplib.", "smtplib.", "syslog.",
    "pty.", "tempfile.", "signal.", "fcntl.",
)  # fmt: skip
HARMLESS = ("os.listdir", "os.scandir", "os.fwalk", "os.walk", "ctypes.dlsym", "ctypes.dlopen", "os.putenv")
"""What imports of libraries do."""


def python_tree(text: str) -> str:
    """The syntax tree of a source without its strings, names and numbers, nor what differs with a name's length."""
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field in ("id", "name", "attr", "arg"):
            if isinstance(getattr(node, field, None), str):
                setattr(node, field, "")
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            node.value = ""
    return ast.dump(tree)


def bound(text: str) -> None:
    """Each name of a module is bound once, so that no class takes the place of an import or of another."""
    names: list[str] = []
    for node in ast.parse(text).body:
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            names += [alias.asname or alias.name for alias in node.names]
        elif isinstance(node, (ast.ClassDef, ast.FunctionDef)):
            names.append(node.name)
        elif isinstance(node, ast.Assign):
            names += [target.id for target in node.targets if isinstance(target, ast.Name)]
    assert len(names) == len(set(names)), sorted(name for name in names if names.count(name) > 1)


class _Page(HTMLParser):
    """Collects tags with their attributes' names, and the scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[Any] = []
        self.scripts: list[str] = []
        self.inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert not any(name.startswith("on") for name, _ in attrs), attrs
        self.found.append((tag, tuple(name for name, _ in attrs)))
        self.inside = tag == "script"

    def handle_endtag(self, tag: str) -> None:
        self.found.append(tag)
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts.append(data)

    def handle_comment(self, data: str) -> None:
        self.found.append("comment")

    def handle_decl(self, decl: str) -> None:
        self.found.append(decl)


def html_tree(text: str) -> Any:
    """The tags of a page outside of its drawing, whose texts break into lines by their lengths; its program."""
    head, _, rest = text.partition("<svg")
    drawn, _, tail = rest.rpartition("</svg>")
    svg_tree(f"<svg{drawn}</svg>")
    page = _Page()
    page.feed(head + tail)
    page.close()
    (data,) = [
        json.loads(script) for script in page.scripts if script.lstrip().startswith("{") and '"schema"' in script
    ]
    programs = [script for script in page.scripts if not ('"schema"' in script and script.lstrip().startswith("{"))]
    return page.found, programs, sorted(data)


def svg_tree(text: str) -> Any:
    """The kinds of elements and attributes: how many lines of text there are depends on their lengths."""
    tree = ElementTree.fromstring(text)
    found = {(e.tag.rpartition("}")[2], *sorted(a for a in e.attrib)) for e in tree.iter()}
    assert not any("script" in one or "foreignObject" in one or any(a.startswith("on") for a in one) for one in found)
    return sorted({one[0] for one in found})


def dot_tree(text: str) -> str:
    return QUOTED.sub('""', text)


def mermaid_tree(text: str) -> str:
    """All outside of quotes; inside there is nothing but letters, digits, plain signs and character codes."""
    for quoted in QUOTED.findall(text):
        assert not set(ENTITY.sub("", quoted[1:-1].replace("<br>", ""))) & set("#<>&\"'`;\\[]{}|%\n"), quoted
    return QUOTED.sub('""', text)


def csv_tree(text: str) -> Any:
    """The number of cells of each row; a cell that a spreadsheet would compute is none."""
    rows = list(csv.reader(io.StringIO(text)))
    assert not any(cell[:1] in ("=", "@", "\t", "\r") for row in rows for cell in row), rows
    return [len(row) for row in rows]


def markdown_tree(text: str) -> Any:
    """The number of cells in each row of the table."""
    return [len(re.findall(r"(?<!\\)\|", line)) for line in text.split("\n") if line.startswith("|")]


def table_tree(text: str) -> Any:
    """The number of lines, none of which has a control character."""
    assert all(c.isprintable() or c == "\n" for c in text), text
    return text.count("\n")


def quiet(event: str, args: tuple[Any, ...]) -> bool:
    """Whether an audit event is nothing that generated code does on import."""
    if event == "open":
        mode = args[1]
        return not (isinstance(mode, str) and any(c in mode for c in WRITING))
    return event in HARMLESS or not event.startswith(FORBIDDEN)


class Watch:
    """Remembers what runs while it is on; audit hooks cannot be removed, so each process has one of these."""

    def __init__(self) -> None:
        self.on = False
        self.heard: list[str] = []
        sys.addaudithook(self.hear)

    def hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self.on and not quiet(event, args):
            self.heard.append(f"{event}{args!r}"[:200])
