"""Definitions in a circle: where each is read by the one before it, until the first comes round again."""

import os
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from .. import syntax as ast
from ..diagnostics import Label, show
from ..source import Source, Span
from .names import split_suffix
from .scope import Fatal, Problem

SHOWN = 6
"""How many steps of a circle are written out."""


class Step(NamedTuple):
    """One definition of a circle, and where it reads the next."""

    name: str
    span: Span


def endless(name: str, active: Mapping[Any, Span], key: Any, span: Span) -> Fatal:
    """The mistake (E0311). `active` holds what is being followed, outermost first, each with the place of its use."""
    keys = list(active)
    within = [active[k] for k in keys[keys.index(key) :]]
    names = [_name(place) for place in within] + [name]
    steps = [Step(a, at) for (a, b), at in zip(pairwise(names), (*within[1:], span), strict=True) if a != b]
    labels = [Label(within[0], "first used here"), *(_label(*pair, "uses") for pair in pairwise(steps))]
    notes = (chain(steps),) if len(steps) > 1 else ()
    return Fatal("E0311", span, labels=tuple(labels[:SHOWN]), notes=notes, name=name)


def circle(steps: Sequence[Step]) -> Problem:
    """The mistake (E0328) of values that need each other, told from the one that stands first in its file."""
    first = min(range(len(steps)), key=lambda i: steps[i].span.start)
    steps = [*steps[first:], *steps[:first]]
    labels = [_label(a, b) for a, b in pairwise((*steps[1:], steps[0]))]
    name, following = steps[0].name, steps[1 % len(steps)].name
    notes = (chain(steps),)
    return Problem("E0328", steps[0].span, labels=tuple(labels[:SHOWN]), notes=notes, name=name, next=following)


def chain(steps: Sequence[Step]) -> str:
    """The circle as a chain of names, `a -> b -> a`; a long one without its middle."""
    names = [show(step.name) for step in (*steps, steps[0])]
    if len(names) > SHOWN + 2:
        names = [*names[: SHOWN // 2], f"{len(names) - SHOWN} more", *names[-(SHOWN // 2) :]]
    return f"the circle is {' -> '.join(names)}"


def _label(step: Step, following: Step, verb: str = "reads") -> Label:
    return Label(step.span, f"`{show(step.name)}` {verb} `{show(following.name)}`")


def _name(place: Span) -> str:
    """The name of a use: what stands before its arguments."""
    return place.text.split("(")[0].strip()


def circle_of_files(place: str, trail: Sequence[Step]) -> Problem:
    """The mistake (E0338) of files that use each other. `trail`: the files, each with the place that names the next."""
    within = [*trail[[step.name for step in trail].index(place) :]]
    if within[0] is not trail[0]:  # the program first, else the first by name: it is one circle wherever it is entered
        first = min(range(len(within)), key=lambda i: within[i].name)
        within, place = [*within[first:], *within[:first]], within[first].name
    names = [name.rpartition("/")[2] for name in (*(step.name for step in within), place)]
    labels = tuple(Label(step.span, "used here") for step in within[:-1])
    facts: dict[str, Any] = {"chain": " -> ".join(names)}
    if len(within) == 1:
        facts["help"] = "remove the line: the blocks of a file are there without it"
    return Problem("E0338", within[-1].span, labels=labels[:SHOWN], **facts)


def place_of(source: Source) -> str:
    """What tells a file from others: its path with all links resolved, or the name of a text."""
    if source.path in (None, "-"):
        return source.name
    try:
        return os.path.realpath(source.path or "")
    except OSError:  # in a folder that is gone
        return source.path or ""


# Values of a file


def circle_in_file(name: str, tree: ast.File, source: Source) -> list[Step]:
    """The circle of definitions of a file that a name is in, or an empty list."""
    defined = dict(_definitions(tree))
    came: dict[str, str] = {}
    found = [name] if name in defined else []
    for at in found:
        for read in sorted(_read(defined[at], defined)):
            if read == name:
                return [_step(*pair, defined, source) for pair in _way(at, name, came)]
            if read not in came:
                came[read] = at
                found.append(read)
    return []


def _definitions(tree: ast.File) -> Iterator[tuple[str, Any]]:
    """What a file names by an expression, and the expression; the first of several comes last, and so counts."""
    for item in reversed(tree.items):
        if isinstance(item, ast.Binding):
            yield item.define.name.id, item.define.value
        elif isinstance(item, ast.Output):
            yield from ((r.name.id, r.value) for r in item.results if isinstance(r, ast.Define))
        elif isinstance(item, (ast.Block, ast.Shared)):
            yield item.name.id, item


def _read(node: Any, defined: Mapping[str, Any]) -> set[str]:
    """The names of a file that a definition mentions, but for its own parameters and `where` names."""
    parts: tuple[Any, ...] = (node,)
    own: set[str] = set()
    if isinstance(node, ast.Block):
        own = {p.name for p in node.params} | {clause.name.id for clause in node.where}
        parts = (node.body, *(p.default for p in node.params), *(c[2] for c in node.where))
    elif isinstance(node, ast.Shared):
        parts = (node.body,)
    names = {name for part in parts for name in ast.names(part)}
    return {stem for name in names for stem in (name, split_suffix(name)[0]) if stem in defined} - own


def _way(last: str, first: str, came: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """The steps from a name back to itself, each with the name that it reads."""
    names = [first, last]
    while names[-1] != first:
        names.append(came[names[-1]])
    return pairwise(reversed(names))


def _step(name: str, read: str, defined: Mapping[str, Any], source: Source) -> Step:
    return Step(name, Span(source, *mention(read, defined[name]).pos))


def mention(name: str, node: Any) -> Any:
    """Where a definition mentions a name first, with or without a kernel suffix; else the definition itself."""
    body = node.body if isinstance(node, (ast.Block, ast.Shared)) else node
    places = [n for part in (body, node) for n in _names(part) if name in (n.id, split_suffix(n.id)[0])]
    return min(places, key=lambda place: place.pos[0]) if places else node


def _names(node: object) -> Iterator[ast.Name]:
    stack = [node]
    while stack:
        item = stack.pop()
        if isinstance(item, ast.Name):
            yield item
        elif isinstance(item, tuple):
            stack.extend(item)
