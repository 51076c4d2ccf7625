"""Writes `tables.py`, Lark's tables for `cnn.lark` as plain Python literals: `python -m cnnc.grammar.build`."""

from pathlib import Path
from typing import Any

import lark
from lark.grammar import Rule
from lark.lexer import TerminalDef

from . import build_tables

HEADER = '"""Lark\'s tables for `cnn.lark`; made by `python -m cnnc.grammar.build`, not by hand."""\n'


def tables_text() -> str:
    """The text of `tables.py` for the present grammar and the installed Lark."""
    data, memo = build_tables().memo_serialize([TerminalDef, Rule])
    data["options"] = {name: value for name, value in data["options"].items() if _is_plain(value)}
    table = data["parser"]["parser"]
    table["tokens"] = tuple(table["tokens"].values())
    table["states"] = tuple(_row(actions) for _, actions in sorted(table["states"].items()))
    parts = [f"LARK_VERSION = {lark.__version__!r}", f"DATA = {_literal(data)}", f"MEMO = {_literal(memo)}"]
    return "\n".join([HEADER, *parts, ""])


def _row(actions: dict[int, tuple[int, Any]]) -> tuple[int, ...]:
    """A state's actions as tokens and what they do in turn, for `Table` to read back: a tuple needs no code to load."""
    return tuple(n for token, (reduce, arg) in actions.items() for n in (token, ~arg["@"] if reduce else arg))


def _is_plain(value: object) -> bool:
    return value is None or isinstance(value, (bool, int, str, list, dict))


def _literal(value: Any) -> str:
    return repr(value).replace("}, ", "},\n").replace("), ", "),\n")


if __name__ == "__main__":
    Path(__file__).with_name("tables.py").write_text(tables_text(), encoding="utf-8")
