"""Whether losses fit the outputs that they are computed from, and whether those of one target want the same of it."""

from collections.abc import Mapping, Sequence
from typing import Any

from ..diagnostics import Reject
from ..ops.base import Shape
from ..symbolic import Sym
from .losses import LOSSES, Loss
from .recipe import Recipe, Target, Term

SAME = "same"
"""What the target of pairs is called among several."""


def target_of(loss: Loss, args: Any, outputs: Mapping[str, Shape | None]) -> Target | None:
    """The target that fits outputs of these shapes; None where there is none, or where extents are symbols.

    Raises Reject (E0356 for an output that does not fit, E0353 for embeddings that differ).
    """
    wants: Target | None = None
    for name, shape in outputs.items():
        if shape is None or any(isinstance(extent, Sym) for extent in shape):
            return None
        try:
            wants = loss.fit(args, shape)
        except Reject as reject:
            raise Reject(reject.code, loss=loss.name, output=name, shape=shape, **reject.facts) from None
    if len(set(outputs.values())) > 1:
        raise Reject("E0353", what="its embeddings differ in shape", way="end the branches alike")
    return wants


def refit(recipe: Recipe, shapes: Mapping[str, Shape]) -> Recipe:
    """The recipe for other sizes of the outputs. Raises Reject (E0353, E0356, E0360)."""
    terms: list[Term] = []
    for term in recipe.terms:
        loss = LOSSES[term.loss.name]
        args = loss.signature(*(value for _, value in term.loss.args))
        terms.append(term._replace(wants=target_of(loss, args, {name: shapes[name] for name in term.outputs})))
        check_target(terms)
    return recipe._replace(terms=tuple(terms))


def check_target(terms: Sequence[Term]) -> None:
    """The last term wants of its target what those before it want, and leaves out the same. Raises Reject."""
    last = terms[-1]
    for term in terms[:-1]:
        name = target_name(last)
        if name is not None and target_name(term) == name and not agree(term.wants, last.wants):
            facts = {"first": term.loss.name, "one": describe(term.wants), "other": describe(last.wants)}
            raise Reject("E0360", name=name, loss=last.loss.name, **facts)
        if name is not None and target_name(term) == name:
            check_ignored(name, term, last)


def check_ignored(name: str, first: Term, last: Term) -> None:
    """Two losses of one target leave out the same value, if the program says that one does. Raises Reject E0537."""
    one, other = first.loss.of("ignore"), last.loss.of("ignore")
    if one != other and {one, other} != {None, -100}:
        words = {"one": one, "other": other}
        told = {key: "nothing" if value is None else value for key, value in words.items()}
        raise Reject("E0537", name=name, loss=last.loss.name, first=first.loss.name, **told)


def target_name(term: Term) -> str | None:
    """What the target of a loss is called; that of pairs, whether both are of one class, is always SAME."""
    return SAME if term.wants is not None and term.wants.kind == "same" else term.target


def agree(a: Target | None, b: Target | None) -> bool:
    """Whether one tensor serves both: numbers of one shape, or classes of one number."""
    if a is None or b is None:
        return True
    real, other = ("real" if wants.kind == "binary" else wants.kind for wants in (a, b))
    return real == other and a[1:] == b[1:]


def describe(wants: Target | None) -> str:
    if wants is None or wants.kind == "same":
        return "whether pairs are of one class"
    extents = "×".join(map(str, wants.shape))
    if wants.kind != "index":
        return f"{extents} numbers"
    return f"one of {wants.classes} classes" + (f" at each of {extents} positions" if extents else "")
