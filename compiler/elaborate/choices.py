"""Choices from a table, such as an optimizer with its arguments, in a `train` section."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from .. import syntax as ast
from ..diagnostics import similar
from ..ops.entry import Entry
from ..recipe.recipe import Chosen
from .bind import bind_op
from .evaluate import Evaluator
from .scope import UNKNOWN, Env, Problem, Ref


class Reader:
    """Reads parts of a `train` section in the environment of its file."""

    def __init__(self, evaluator: Evaluator, env: Env) -> None:
        self.evaluator, self.env = evaluator, env

    def problem(self, code: str, node: Any, **facts: Any) -> Problem:
        return self.evaluator.problem(code, node, self.env, **facts)

    def chosen(self, table: Mapping[str, Entry], what: str, node: ast.Expr) -> Any:
        """An entry of a table with its arguments, or UNKNOWN after an earlier mistake. Raises Problem (E0351)."""
        node = ast.bare(node)
        name = called(node)
        if name not in table:
            raise self.problem("E0351", node, what=what, see=chosen_here(name, table))
        return self.bound(table[name], node)

    def bound(self, entry: Entry, node: ast.Expr) -> Any:
        values = bind_op(self.evaluator, Ref(entry, entry.name), node, self.env, 0)
        return UNKNOWN if values is UNKNOWN else Chosen(entry.name, tuple(values._asdict().items()))


def bare_name(node: ast.Expr) -> str:
    """The word that an expression is, or an empty one."""
    node = ast.bare(node)
    return node.id if isinstance(node, ast.Name) else ""


def called(node: ast.Expr) -> str:
    """The name of what an expression uses, with or without arguments, or an empty one."""
    node = ast.bare(node)
    return bare_name(node.func if isinstance(node, ast.Call) else node)


def closest(name: str, names: Iterable[str]) -> str:
    """A way out for a name that is none of a few."""
    names = list(names)
    close = similar(name.lower(), names, 0.7)
    return f"did you mean `{close[0]}`?" if close else f"there are {', '.join(names)}"


def chosen_here(name: str, table: Mapping[str, Entry]) -> str:
    """A way out for a name that is not in a table: the entry that others call so, or that is a part of the name."""
    from .foreign import called_here, choice_here  # only mistakes need it

    here = called_here(name, table.values()) or choice_here(name)
    if here:
        return here
    close = similar(name.lower(), table, 0.75)
    if close:
        return f"did you mean `{close[0]}`?"
    parts = [part for part in re.findall("[a-z0-9]+", re.sub("([A-Z])", r"_\1", name).lower()) if part in table]
    rest = f"there are {', '.join(table)}"
    return f"did you mean `{parts[0]}`? {rest[0].upper()}{rest[1:]}" if len(parts) == 1 else closest(name, table)
