"""Lark's parse table, read from the shipped tuples one state at a time when a parser first comes to it.

Most programs visit few of the states. Lark takes the class from its option `_plugins`.
"""

from typing import Any

from lark.grammar import Rule
from lark.parsers.lalr_analysis import IntParseTable, Reduce, Shift
from lark.parsers.lalr_parser import LALR_Parser, _Parser

Actions = dict[str, tuple[Any, Any]]
"""What a state does at each token and rule: shift to a state, or reduce by a rule."""


class States(dict[int, Actions]):
    """The states that were visited; others are made from `rows`, which `grammar/build.py` wrote."""

    def __init__(self, rows: tuple[tuple[int, ...], ...], tokens: tuple[str, ...], rules: dict[int, Rule]) -> None:
        super().__init__()
        self._rows, self._tokens, self._rules = rows, tokens, rules

    def __missing__(self, state: int) -> Actions:
        row, tokens, rules = self._rows[state], self._tokens, self._rules
        self[state] = actions = {
            tokens[token]: (Shift, do) if do >= 0 else (Reduce, rules[~do])
            for token, do in zip(row[::2], row[1::2], strict=True)
        }
        return actions


class Parser(LALR_Parser):
    """Lark's own parser on such a table."""

    @classmethod
    def deserialize(cls, data: Any, memo: Any, callbacks: Any, debug: bool = False) -> "Parser":  # type: ignore[override]
        parser = cls.__new__(cls)
        states = States(data["states"], data["tokens"], memo)
        table: Any = IntParseTable(states, data["start_states"], data["end_states"])  # type: ignore[no-untyped-call]
        parser._parse_table = table
        parser.parser = _Parser(table, callbacks, debug)
        return parser


PLUGINS = {"LALR_Parser": Parser}
