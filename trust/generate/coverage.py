"""What programs make use of: layers, their arguments, blocks of the prelude, and all that the grammar knows."""

from collections.abc import Iterator
from functools import cache
from typing import Any

from cnnc.compiler import syntax as ast
from cnnc.compiler.diagnostics import Sink
from cnnc.compiler.elaborate.modules import prelude_block, prelude_names
from cnnc.compiler.elaborate.names import split_suffix
from cnnc.compiler.limits import Limits
from cnnc.compiler.parse import TokenFilter, parse
from cnnc.compiler.reference import entries
from cnnc.compiler.source import Source
from cnnc.grammar import build_tables
from lark import Lark, Token, Tree


def features(text: str) -> set[str]:
    """Everything of `all_features` that a program's text uses."""
    found = set(of_grammar(text)) | {f"function {name}" for name in FUNCTIONS if f"{name}(" in text}
    if "#" in text:
        found.add("comments")
    for node in nodes(parse(Source(text), Sink(), Limits())):
        found |= set(of_node(node))
    return found & all_features()


@cache
def all_features() -> frozenset[str]:
    """What there is to use."""
    found = {f"layer {name}" for name in entries()} | {f"block {name}" for name in prelude_names()}
    found |= {f"argument {name}.{param}" for name, entry in entries().items() for param in entry.params}
    found |= {f"argument {name}.{p.name}" for name in prelude_names() for p in prelude_block(name).params}
    found |= {f"rule {name}" for name in rules()} | {f"token {name}" for name in tokens()} | {"comments"}
    return frozenset(found | {f"function {name}" for name in FUNCTIONS})


FUNCTIONS = ("min", "max", "ceil", "floor", "round", "int", "len", "sum", "range", "log2", "round_to", "res", "split")


@cache
def parser() -> Lark:
    """A parser that keeps Lark's tree, whose nodes are named by the rules of the grammar."""
    return build_tables(postlex=TokenFilter())


def rules() -> set[str]:
    """The rules of the grammar that can be seen in a tree; one that only passes on what stands in it cannot."""
    seen = {r.origin.name for r in parser().rules if not r.options.expand1 or len(r.expansion) > 1}
    return {name for name in seen if not name.startswith("_")}


def tokens() -> set[str]:
    used = {symbol.name for rule in parser().rules for symbol in rule.expansion if symbol.is_term}
    return {name for name in used if not name.startswith("_")}


def of_grammar(text: str) -> Iterator[str]:
    for item in parser().parse(text).iter_subtrees():
        yield f"rule {item.data}"
        yield from (f"token {child.type}" for child in item.children if isinstance(child, Token))


def nodes(node: Any) -> Iterator[Any]:
    """A node of the syntax tree and all below it."""
    if hasattr(node, "_fields"):
        yield node
    for field in node:
        if isinstance(field, tuple):
            yield from nodes(field)


def of_node(node: Any) -> Iterator[str]:
    """The layer or prelude block that a name or a call is of, and the arguments that it gives."""
    if isinstance(node, ast.Name):
        name, params, _ = signature(node.id)
        if name:
            yield f"{'block' if name in prelude_names() else 'layer'} {name}"
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        name, params, suffixed = signature(node.func.id)
        if suffixed:
            yield f"argument {name}.{suffixed}"
        free = [param for param in params if param != suffixed]
        for position, argument in enumerate(node.args):
            if argument.name is not None or position < len(free):
                yield f"argument {name}.{argument.name or free[position]}"


def signature(written: str) -> tuple[str, list[str], str]:
    """The layer or block of that name, its parameters, and the one that a suffix sets."""
    stem, suffix = (written, None) if written in known() or written in prelude_names() else split_suffix(written)
    if stem in known():
        entry = known()[stem]
        return entry.name, list(entry.params), entry.suffix if suffix is not None and entry.suffix else ""
    if stem in prelude_names():
        return stem, [param.name for param in prelude_block(stem).params], "k" if suffix is not None else ""
    return "", [], ""


@cache
def known() -> dict[str, Any]:
    """The layers by all of their names."""
    return {name: entry for entry in entries().values() for name in (entry.name, *entry.aliases)}


__all__ = ["Tree", "all_features", "features"]
