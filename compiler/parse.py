"""Text to syntax tree: Lark's LALR parser over the built tables, with one callback a rule."""

import math
import re
from collections.abc import Iterator
from typing import Any, cast

from lark import Lark, Token, Transformer
from lark.exceptions import UnexpectedInput

from ..grammar import load_tables
from . import syntax as ast
from .brackets import check_text
from .diagnostics import Diagnostic, Sink
from .limits import MAX_DIGITS, MAX_NAME, Limits
from .source import Source, Span
from .syntax_errors import blank_item, explain

OPERAND_ENDS = frozenset({"NAME", "NUMBER", "DIMS", "STRING", "TRUE", "FALSE", "RPAR", "RSQB", "RBRACE"})
AFTER_OPERAND = {"LPAR": "CALL", "LSQB": "INDEX"}
BEFORE_SHAPE = frozenset({"INPUT", "COLON"})
LETTERS = re.compile(r"[A-Z](x([0-9]+|[A-Z]))*")
"""A shape without a number of channels, which elsewhere is a name."""


class TokenFilter:
    """Tells a bracket or minus that follows an operand from one that begins an expression, and CxHxW from a name."""

    always_accept = ()

    def process(self, stream: Iterator[Token]) -> Iterator[Token]:
        previous = ""
        shape: list[Token] = []  # of `3 x 32 x 32`, which would be read as names and numbers side by side
        for token in _with_shapes(stream):
            if len(shape) > 2 and not _goes_on(shape, token):
                raise _spaced(shape)
            if _goes_on(shape, token):
                shape.append(token)
            else:
                shape = [token] if token.type == "NUMBER" else []
            if previous in OPERAND_ENDS:
                if token.type in AFTER_OPERAND:
                    token.type = AFTER_OPERAND[token.type]
            elif token.type == "MINUS":
                token.type = "NEG"
            if len(token) > MAX_NAME and token.type == "NAME":
                pos = int(token.start_pos or 0), int(token.end_pos or 0)
                raise _Bad("E0409", pos, "n", length=len(token), most=MAX_NAME)
            previous = token.type
            yield token
        if len(shape) > 2:
            raise _spaced(shape)


def _with_shapes(stream: Iterator[Token]) -> Iterator[Token]:
    """The tokens, with letters in the place of an input's shape as one; before a colon they are the input's name."""
    previous = ""
    for token in stream:
        if previous in BEFORE_SHAPE and token.type == "NAME" and LETTERS.fullmatch(token):
            after = next(stream, None)
            if after is None or after.type != "COLON":
                token.type = "DIMS"
            yield token
            if after is None:
                return
            token = after
        previous = token.type
        yield token


def _goes_on(shape: list[Token], token: Token) -> bool:
    """Whether a token continues a shape that is written with blanks, which has numbers and an `x` in turn."""
    if len(shape) % 2:
        return token.type == "NAME" and str(token) in ("x", "X")
    return bool(shape) and token.type == "NUMBER"


def _spaced(shape: list[Token]) -> "_Bad":
    numbers = shape[: len(shape) - (len(shape) + 1) % 2 : 2]
    start, end = int(numbers[0].start_pos or 0), int(numbers[-1].end_pos or 0)
    meant = "x".join(map(str, numbers))
    word = " x ".join(map(str, numbers))
    return _Bad("E0111", (start, end), meant, word=word, help=f"write it without blanks: {meant}")


def parse(source: Source, sink: Sink, limits: Limits) -> ast.File:
    """The syntax tree of a source. Syntax errors go to the sink; the items before and after a broken one are kept."""
    text = source.text
    if not check_text(source, sink, limits):
        return ast.File((0, 0), ())
    parser = _parser()
    for _ in range(10):
        try:
            return cast(ast.File, parser.parse(text))
        except UnexpectedInput as error:
            sink.add(explain(source, text, error))
            text = blank_item(text, min(error.pos_in_stream or 0, len(text)))
        except _Bad as bad:
            sink.add(Diagnostic(bad.code, bad.facts, Span(source, *bad.pos)))
            text = text[: bad.pos[0]] + bad.instead.ljust(bad.pos[1] - bad.pos[0]) + text[bad.pos[1] :]
    return ast.File((0, len(text)), ())


def _parser() -> Lark:
    """A parser of its own for each call would cost milliseconds; Lark's keeps no state between calls."""
    global _cached
    if _cached is None:
        _cached = load_tables(postlex=TokenFilter(), transformer=Build())
    return _cached


_cached: Lark | None = None


class _Bad(Exception):
    """A token that the grammar takes and the language refuses; to go on, `instead` takes its place."""

    def __init__(self, code: str, pos: ast.Pos, instead: str = "1", **facts: Any) -> None:
        super().__init__(code)
        self.code, self.pos, self.instead, self.facts = code, pos, instead, facts


def _pos(children: list[Any]) -> ast.Pos:
    first, last = children[0], children[-1]
    start = first.start_pos if isinstance(first, Token) else first.pos[0]
    end = last.end_pos if isinstance(last, Token) else last.pos[1]
    return int(start or 0), int(end or 0)


def _name(token: Token) -> ast.Name:
    return ast.Name((int(token.start_pos or 0), int(token.end_pos or 0)), str(token))


def _expr(child: Any) -> Any:
    """A node from a child that is either a node already or a bare token."""
    if not isinstance(child, Token):
        return child
    pos = (int(child.start_pos or 0), int(child.end_pos or 0))
    match child.type:
        case "NAME":
            return ast.Name(pos, str(child))
        case "NUMBER":
            return ast.Number(pos, _number(str(child), pos))
        case "DIMS":
            parts = str(child).replace("×", "x").split("x")
            return ast.Dims(pos, tuple(int(_number(p, pos)) if p.isdigit() else p for p in parts))
        case "STRING":
            return ast.String(pos, str(child)[1:-1])
        case _:
            return ast.Bool(pos, child.type == "TRUE")


def _number(text: str, pos: ast.Pos) -> int | float:
    if len(text) > MAX_DIGITS:
        raise _Bad("E0106", pos, digits=len(text), most=MAX_DIGITS)
    if text.isdigit():
        return int(text)
    value = float(text)
    if math.isinf(value) or (value == 0.0 and any(c in "123456789" for c in text.lower().split("e")[0])):
        raise _Bad("E0107", pos, text=text, reason="it overflows" if value else "it vanishes to 0")
    return value


def _binary(level: str) -> Any:
    def build(self: "Build", children: list[Any]) -> ast.Binary:
        terms = tuple(map(_expr, children[::2]))
        return ast.Binary((terms[0].pos[0], terms[-1].pos[1]), level, terms, tuple(str(t) for t in children[1::2]))

    return build


def _unary(self: "Build", children: list[Any]) -> ast.Unary:
    return ast.Unary(_pos(children), str(children[0]), _expr(children[1]))


def _nodes(children: list[Any]) -> tuple[Any, ...]:
    """The children that are nodes, punctuation left out."""
    return tuple(c for c in children if not isinstance(c, Token))


def _items(children: list[Any]) -> tuple[Any, ...]:
    """The expressions between the first and the last token, commas left out."""
    return tuple(_expr(c) for c in children[1:-1] if not (isinstance(c, Token) and c.type == "COMMA"))


def _loop_parts(children: list[Any], at: int) -> tuple[tuple[ast.Name, ...], int]:
    """The loop variables from `children[at]` on, and the index of what follows `in`."""
    names = []
    while not (isinstance(children[at], Token) and children[at].type == "IN"):
        if children[at].type == "NAME":
            names.append(_name(children[at]))
        at += 1
    return tuple(names), at + 1


class Build(Transformer[Token, Any]):
    """One method a grammar rule: children (nodes and tokens) to a node."""

    def start(self, children: list[Any]) -> ast.File:
        items = tuple(c if _is_item(c) else ast.Flow(c.pos, c) for c in map(_expr, children))
        return ast.File(_pos(children) if children else (0, 0), items)

    def net(self, children: list[Any]) -> ast.Net:
        return ast.Net(_pos(children[:2]), _name(children[1]), tuple(children[2]) if len(children) > 2 else ())

    def set(self, children: list[Any]) -> ast.Set:
        args = next((c for c in children if isinstance(c, Arguments)), ())
        return ast.Set(_pos(children), _name(children[1]), tuple(args))

    def use(self, children: list[Any]) -> ast.Use:
        names = tuple(_name(c) for c in children[2:] if c.type == "NAME")
        return ast.Use(_pos(children), _expr(children[1]), names)

    def block(self, children: list[Any]) -> ast.Block:
        rest = children[2:]
        params = rest.pop(0) if isinstance(rest[0], Params) else Params()
        where = rest.pop() if isinstance(rest[-1], Where) else Where()
        body = _expr(rest[1])
        end = where[-1].pos[1] if where else body.pos[1]
        return ast.Block((_pos(children[:1])[0], end), _name(children[1]), tuple(params), body, tuple(where))

    def where(self, children: list[Any]) -> "Where":
        return Where(_nodes(children))

    def shared(self, children: list[Any]) -> ast.Shared:
        return ast.Shared(_pos(children), _name(children[1]), _expr(children[3]))

    def input(self, children: list[Any]) -> ast.Input:
        flow = _expr(children[-1]) if len(children) > 2 and _is(children[-2], "ARROW") else None
        sources = tuple(c for c in children if isinstance(c, ast.InputShape))
        return ast.Input(_pos(children), sources, flow)

    def source(self, children: list[Any]) -> ast.InputShape:
        name = _name(children[0]) if len(children) > 1 else None
        return ast.InputShape(_pos(children), name, _expr(children[-1]))

    def output(self, children: list[Any]) -> ast.Output:
        return ast.Output(_pos(children), tuple(_expr(c) for c in children[1::2]))

    def aux(self, children: list[Any]) -> ast.Aux:
        return ast.Aux(_pos(children), _nodes(children))

    def train(self, children: list[Any]) -> ast.Train:
        return ast.Train(_pos(children), _nodes(children))

    def define(self, children: list[Any]) -> ast.Define:
        return ast.Define(_pos(children), _name(children[0]), _expr(children[2]))

    def binding(self, children: list[Any]) -> ast.Binding:
        define = self.define(children)
        return ast.Binding(define.pos, define)

    def params(self, children: list[Any]) -> "Params":
        return Params(_nodes(children))

    def param(self, children: list[Any]) -> ast.Param:
        default = _expr(children[2]) if len(children) > 1 else None
        return ast.Param(_pos(children), str(children[0]), default)

    def chain(self, children: list[Any]) -> ast.Chain:
        return ast.Chain(_pos(children), tuple(_expr(c) for c in children[::2]))

    def link(self, children: list[Any]) -> ast.As:
        return ast.As(_pos(children), _expr(children[0]), _name(children[2]))

    def choice(self, children: list[Any]) -> ast.Choice:
        other = _expr(children[4]) if len(children) > 3 else None
        return ast.Choice(_pos(children), _expr(children[0]), _expr(children[2]), other)

    def call(self, children: list[Any]) -> ast.Call:
        args = next((c for c in children[1:] if isinstance(c, Arguments)), ())
        return ast.Call(_pos(children), _expr(children[0]), tuple(args))

    def index(self, children: list[Any]) -> ast.Index:
        return ast.Index(_pos(children), _expr(children[0]), _expr(children[2]))

    def arguments(self, children: list[Any]) -> "Arguments":
        return Arguments(_nodes(children))

    def argument(self, children: list[Any]) -> ast.Argument:
        name = str(children[0]) if len(children) > 1 else None
        return ast.Argument(_pos(children), name, _expr(children[-1]))

    def group(self, children: list[Any]) -> ast.Group:
        return ast.Group(_pos(children), _expr(children[1]))

    def tuple(self, children: list[Any]) -> ast.Tuple:
        return ast.Tuple(_pos(children), _items(children))

    def listing(self, children: list[Any]) -> ast.Listing:
        return ast.Listing(_pos(children), _items(children))

    def comprehension(self, children: list[Any]) -> ast.Comprehension:
        names, at = _loop_parts(children, 3)
        return ast.Comprehension(_pos(children), _expr(children[1]), names, _expr(children[at]))

    def loop(self, children: list[Any]) -> ast.Loop:
        names, at = _loop_parts(children, 1)
        return ast.Loop(_pos(children), names, _expr(children[at]), _expr(children[at + 2]))

    negation = _unary
    unary = _unary
    either = _binary("or")
    both = _binary("and")
    comparison = _binary("comparison")
    sum = _binary("sum")
    product = _binary("product")
    power = _binary("power")


class Params(tuple[ast.Param, ...]):
    """The parameters in brackets, told from a tuple expression by their type."""


class Where(tuple[ast.Define | ast.Shared, ...]):
    """The definitions after `where`."""


class Arguments(tuple[ast.Argument, ...]):
    """The arguments of a call."""


ITEMS = (ast.Net, ast.Set, ast.Use, ast.Block, ast.Shared, ast.Input, ast.Output, ast.Aux, ast.Train, ast.Binding)


def _is_item(node: Any) -> bool:
    return isinstance(node, ITEMS)


def _is(child: Any, kind: str) -> bool:
    return isinstance(child, Token) and child.type == kind
