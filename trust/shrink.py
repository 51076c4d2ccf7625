"""Failing programs made small: parts are taken away as long as the failure stays the same."""

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import cnnc
from cnnc.compiler import syntax as ast
from cnnc.compiler.diagnostics import Sink
from cnnc.compiler.format import format_source
from cnnc.compiler.limits import Limits
from cnnc.compiler.parse import parse
from cnnc.compiler.source import Source
from generate import Program


class Edit(NamedTuple):
    """Text to take out, and what stands in its place."""

    start: int
    end: int
    text: str = ""

    @property
    def saves(self) -> int:
        return self.end - self.start - len(self.text)


def shrunk(program: Program, fails: Callable[[Program], bool], most: int = 600) -> Program:
    """The smallest program found that still fails; `fails` is asked at most that often."""
    current, left = plain(program, fails), most
    while left > 0:
        for edit in sorted(set(edits(current.text)), key=lambda e: -e.saves):
            left -= 1
            text = current.text[: edit.start] + edit.text + current.text[edit.end :]
            smaller = current._replace(text=text, sizes=remaining(current.sizes, text))
            if left <= 0:
                break
            if accepted(smaller) and fails(smaller):
                current = smaller
                break
        else:
            break
    formatted = current._replace(text=format_source(Source(current.text)))
    return formatted if fails(formatted) else current


def plain(program: Program, fails: Callable[[Program], bool]) -> Program:
    """The program without expected shapes and comments, its input in its text, where it fails like that too."""
    for change in (
        {"shapes": None},
        {"text": format_source(Source(program.text))},
        {"text": f"input {program.input} -> {program.text}", "input": None},
    ):
        changed = program._replace(**change)
        if accepted(changed) and fails(changed):
            program = changed
    return program


def remaining(sizes: dict[str, int], text: str) -> dict[str, int]:
    return {name: n for name, n in sizes.items() if re.search(rf"(?<![A-Za-z_]){name}[x×]|[x×]{name}\b", text)}


def accepted(program: Program) -> bool:
    try:
        net = program.compiled()
        if program.sizes:
            net.at(**program.sizes)
    except cnnc.CnncError:
        return False
    return True


def edits(text: str) -> Iterator[Edit]:
    """Every way to take something away, found in the syntax tree."""
    sink = Sink()
    tree = parse(Source(text), sink, Limits())
    if not sink.has_errors:
        yield from edits_of(tree, text)


def edits_of(node: Any, text: str) -> Iterator[Edit]:
    """The edits of a node and of all below it."""
    match node:
        case ast.File():
            yield from (Edit(*item.pos) for item in node.items)
        case ast.Chain() | ast.Listing() | ast.Tuple() | ast.Call() | ast.Block() | ast.Binary():
            for group in node:
                if isinstance(group, tuple) and group and all(hasattr(item, "pos") for item in group):
                    yield from without_one(group)
        case ast.Number() if isinstance(node.value, int) and node.value > 0:
            yield from (Edit(*node.pos, str(n)) for n in {0, 1, node.value // 2, node.value - 1} if n < node.value)
        case ast.Dims():
            for i, part in enumerate(node.parts):
                for n in {1, part // 2, part - 1} if isinstance(part, int) else ():
                    if 0 < n < part:
                        parts = [*node.parts[:i], n, *node.parts[i + 1 :]]
                        yield Edit(*node.pos, "x".join(map(str, parts)))
    for child in below(node):
        if is_expression(node) and is_expression(child):
            yield Edit(*node.pos, text[slice(*child.pos)])
        yield from edits_of(child, text)


def without_one(items: tuple[Any, ...]) -> Iterator[Edit]:
    """One of several items taken out together with the sign beside it."""
    for i, item in enumerate(items):
        if i + 1 < len(items):
            yield Edit(item.pos[0], items[i + 1].pos[0])
        elif i:
            yield Edit(items[i - 1].pos[1], item.pos[1])
        else:
            yield Edit(*item.pos)


def below(node: Any) -> Iterator[Any]:
    """The nodes directly below a node."""
    for field in node:
        if isinstance(field, tuple):
            if hasattr(field, "_fields"):
                yield field
            else:
                yield from (item for item in field if hasattr(item, "_fields"))


def is_expression(node: Any) -> bool:
    return isinstance(
        node,
        ast.Chain | ast.Call | ast.Group | ast.Listing | ast.Tuple | ast.Binary | ast.As | ast.Choice | ast.Name
        | ast.Loop | ast.Comprehension | ast.Unary | ast.Index | ast.Argument | ast.Number,
    )  # fmt: skip
