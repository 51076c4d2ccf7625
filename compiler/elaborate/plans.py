"""How the arguments of a use are found, worked out once for each place: what is fixed there, what must be evaluated.

A search compiles one tree hundreds of times, and a block's body is read at every use. Which argument goes to which
parameter never changes, and most values are defaults, kernel suffixes and literals.
"""

from typing import Any, Final, NamedTuple

from .. import syntax as ast
from ..diagnostics import Diagnostic, Sink
from ..limits import Limits
from ..ops.kinds import Kind
from ..parse import parse
from ..source import Source

OPEN: Final = object()
"""Stands for a value that is no constant."""


class Hole(NamedTuple):
    """A parameter whose value depends on where its use is read, or that is wrong there."""

    place: int
    """Index in the signature."""
    name: str
    kind: Kind
    argument: ast.Argument | None
    """The argument, if there is one."""
    setting: ast.Expr | None
    """The expression of a `set` line, read in its file's scope."""
    raw: Any
    """The value itself if neither is there: one that its kind refuses, or REQUIRED."""


class Plan(NamedTuple):
    """The values in the signature's order, and which of them are still to be found."""

    values: list[Any]
    holes: list[Hole]
    signature: Any
    """The whole signature value where there are no holes, else None."""


class Plans:
    """The plans of one syntax tree's uses, and the trees of files that it uses.

    Keys hold identities of nodes, which `keep` holds on to.
    """

    def __init__(self) -> None:
        self.found: dict[Any, Plan] = {}
        self._kept: list[Any] = []
        self._trees: dict[Source, tuple[ast.File, list[Diagnostic]]] = {}

    def keep(self, key: Any, node: Any, plan: Plan) -> None:
        """Remember a plan, and the node of its key, so that no other node gets the same identity."""
        self._kept.append(node)
        self.found[key] = plan

    def tree(self, source: Source, limits: Limits) -> tuple[ast.File, list[Diagnostic]]:
        """The syntax tree of a used file and what was found in it."""
        if source not in self._trees:
            sink = Sink()
            self._trees[source] = parse(source, sink, limits), sink.found
        return self._trees[source]


def constant(node: ast.Expr) -> Any:
    """The value of a literal; OPEN for every other expression."""
    if isinstance(node, (ast.Number, ast.Bool, ast.String)):
        return node.value
    if isinstance(node, ast.Dims):
        return node.parts if all(isinstance(part, int) for part in node.parts) else OPEN
    if isinstance(node, ast.Tuple):
        parts = tuple(map(constant, node.items))
        return OPEN if OPEN in parts else parts
    if isinstance(node, ast.Unary) and node.op == "-" and isinstance(node.body, ast.Number):
        return -node.body.value
    return OPEN


def literals(node: ast.Expr) -> tuple[tuple[str | None, str], ...] | None:
    """The arguments of a use if all are literals, written so that 1, 1.0 and true differ; None if one is not."""
    found = []
    for argument in node.args if isinstance(node, ast.Call) else ():
        value = constant(argument.value)
        if value is OPEN:
            return None
        found.append((argument.name, repr(value)))
    return tuple(found)
