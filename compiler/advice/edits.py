"""Changes of a program's text: stretches replaced, links of chains removed or put elsewhere, comments kept."""

from collections.abc import Iterable
from typing import NamedTuple

from .. import syntax as ast
from ..comments import TOKEN


class Edit(NamedTuple):
    """The text from `start` to `end` becomes another."""

    start: int
    end: int
    text: str


def applied(text: str, edits: Iterable[Edit]) -> str:
    """The text with all edits made; they do not overlap."""
    parts, at = [], 0
    for edit in sorted(edits):
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def moved_to(offset: int, edits: Iterable[Edit]) -> int:
    """Where an offset of the old text is in the new one; text that is put right there comes before it."""
    return offset + sum(len(e.text) - (e.end - e.start) for e in edits if e.end <= offset and e.start <= offset)


def removed_link(text: str, chain: ast.Chain, index: int) -> list[Edit]:
    """A link of a chain less; comments beside it stay."""
    return removed_links(text, chain, index, index + 1)


def removed_links(text: str, chain: ast.Chain, start: int, stop: int) -> list[Edit]:
    """Links with the arrows before them, or behind them where they begin the chain; comments between them stay."""
    edits = []
    for index in range(start, stop):
        first, second = (index - 1, index) if start else (index, index + 1)
        arrow = arrow_between(text, chain.links[first].pos[1], chain.links[second].pos[0])
        edits += [Edit(*chain.links[index].pos, ""), Edit(arrow, arrow + 2, "")]
    return sorted(edits)


def removed_term(text: str, terms: tuple[ast.Expr, ...], index: int) -> list[Edit]:
    """A term of a sum and the sign before it, or behind the first."""
    first, second = (index - 1, index) if index else (0, 1)
    sign = sign_between(text, terms[first].pos[1], terms[second].pos[0])
    return sorted([Edit(*terms[index].pos, ""), Edit(sign, sign + 1, "")])


def arrow_between(text: str, start: int, end: int) -> int:
    """Where the arrow stands between two links."""
    return next(m.start() for m in TOKEN.finditer(text, start, end) if m.group() == "->")


def sign_between(text: str, start: int, end: int) -> int:
    """Where the operator stands between two terms."""
    return next(m.start() for m in TOKEN.finditer(text, start, end) if m.group() in "+-")


def put_before(link: ast.Expr, text: str) -> Edit:
    return Edit(link.pos[0], link.pos[0], f"{text} -> ")


def put_behind(link: ast.Expr, text: str) -> Edit:
    return Edit(link.pos[1], link.pos[1], f" -> {text}")


def with_argument(call: ast.Expr, name: str, value: str) -> Edit:
    """A layer with one more argument by name, or with another value for it."""
    if not isinstance(call, ast.Call):
        return Edit(call.pos[1], call.pos[1], f"({name}={value})")
    for argument in call.args:
        if argument.name == name:
            return Edit(*argument.value.pos, value)
    if not call.args:
        return Edit(call.pos[1] - 1, call.pos[1] - 1, f"{name}={value}")
    end = call.args[-1].pos[1]
    return Edit(end, end, f", {name}={value}")


def without_argument(text: str, call: ast.Call, argument: ast.Argument) -> list[Edit]:
    """A layer without an argument and the comma beside it; without brackets if nothing is left in them."""
    if len(call.args) == 1:
        return [Edit(call.func.pos[1], call.pos[1], "")]
    index = call.args.index(argument)
    first, second = (index - 1, index) if index else (0, 1)
    between = TOKEN.finditer(text, call.args[first].pos[1], call.args[second].pos[0])
    comma = next(m.start() for m in between if m.group() == ",")
    return [Edit(*argument.pos, ""), Edit(comma, comma + 1, "")]
