"""A quick part of `trust/hostile.py`: hostile strings at every place, and what the machinery must notice."""

import io
import sys
from pathlib import Path

import cnnc
import inert
import pytest
from cnnc.compiler.sweep.show import show
from hostile import GOOD, PLACES, PROGRAM, TREES, Case, cases, tried
from hostile_strings import strings
from inert import csv_tree, dot_tree, html_tree, mermaid_tree, python_tree, quiet, svg_tree, table_tree

PICKED = ("torch", "BATCH", 'a"""\\', "=1+1", "</b>\u2028")
"""Of one length where they are names, since structures are compared for each length."""


def test_there_are_many_strings() -> None:
    assert len(strings()) >= 500 and len(PLACES) >= 15
    assert {place for place, _ in cases(1, 0)} == set(PLACES)
    assert list(cases(5, 1)) == list(cases(5, 1)) != list(cases(5, 2))
    assert all(f"{{{place}}}" in PROGRAM for place in GOOD)


@pytest.mark.parametrize("place", PLACES)
def test_strings_do_no_harm(place: str) -> None:
    found = [tried(Case(place, text)) for text in PICKED]
    assert set(found) <= {"passed", "refused"}


@pytest.mark.parametrize("place", ["net", "block", "label", "input", "output", "shared", "binding", "param"])
def test_names_pass(place: str) -> None:
    """The places are no dead ends: an ordinary name comes out at the other side."""
    assert tried(Case(place, "plain")) == "passed"


@pytest.mark.parametrize("name", ["_1", "__", "_9lives", "True_", "DeformConv2d", "v2", "log", "masks", "range"])
@pytest.mark.parametrize("place", ["net", "block"])
def test_classes_have_names(place: str, name: str) -> None:
    """Names that no class can have: a digit first, nothing but underscores, what the script calls its own."""
    assert tried(Case(place, name)) in ("passed", "refused")


def test_a_file_without_a_name() -> None:
    assert tried(Case("file name", "")) == "passed"


@pytest.mark.parametrize("name", ["__class__", "__debug__", "__init__", "__x", "_1", "DeformConv2d"])
@pytest.mark.parametrize("place", ["param", "label", "shared", "binding"])
def test_names_with_a_meaning_in_python(place: str, name: str) -> None:
    assert tried(Case(place, name)) in ("passed", "refused")


def test_results_have_structures() -> None:
    """The comparison sees what a hostile string would do."""
    assert python_tree('"""a"""\nx = 1') == python_tree('"""b"""\ny = 1') != python_tree('"""a"""\nx = 1; y()')
    assert dot_tree('digraph "a\\"b" {}') == dot_tree('digraph "c" {}') != dot_tree('digraph "c" { x }')
    assert mermaid_tree('n["a #34; b"]') == mermaid_tree('n["c"]')
    page = '<p>{}</p><svg></svg><script>{{"schema": 1}}</script>'
    assert html_tree(page.format("a")) == html_tree(page.format("&lt;b&gt;")) != html_tree(page.format("<b>"))
    for bad, tree in (
        ('n["a<b>"]', mermaid_tree), ("<svg><script/></svg>", svg_tree), ("<svg onload='x'/>", svg_tree),
        ("a,=1+1", csv_tree), ("\x1b[31m", table_tree),
    ):  # fmt: skip
        with pytest.raises(AssertionError):
            tree(bad)


def test_what_may_happen_on_import() -> None:
    assert quiet("open", ("a", "r", 0)) and quiet("import", ()) and quiet("exec", ())
    assert not quiet("open", ("a", "w", 0)) and not quiet("os.system", ("x",)) and not quiet("socket.connect", ())
    assert not quiet("subprocess.Popen", ())


def test_every_form_is_compared() -> None:
    assert {"torch", "train", "html", "svg", "dot", "mermaid", "csv", "md", "table"} <= set(TREES)


@pytest.mark.parametrize("name", ["$\\frac{$", "[red]a[/blue]", "a$b$c", "</svg>"])
def test_names_of_files_in_pictures_and_terminals(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither mathematics for matplotlib nor markup for rich."""
    file = tmp_path / f"{name.replace('/', '_')}.cnn"
    file.write_text("net n(c=4)\ninput 3x4x4 -> conv1x1(c)", encoding="utf-8")
    found = cnnc.sweep({"network": str(file), "params": {"c": [2, 3]}})
    found.plot(tmp_path / "a.svg")
    inert.svg_tree((tmp_path / "a.svg").read_text(encoding="utf-8"))
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stdout", shown)
    monkeypatch.delenv("NO_COLOR", raising=False)
    show(found)
    assert file.name in shown.getvalue().replace("\n", "")
