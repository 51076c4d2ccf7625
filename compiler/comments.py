"""Tokens and comments of a program for its formatter: every comment is tied to the token beside which it may stand.

A comment behind a token on its line is that token's `trail`; comments on lines of their own are `above` the next token.
Comments in places where no line ends in the canonical layout move to the nearest place where one does: behind a comma,
behind a closing parenthesis, before an arrow.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

TOKEN = re.compile(
    r'(?P<COMMENT>#[^\n]*)|(?P<STRING>"[^"\n]*")|(?P<DIMS>(?:[0-9]+|[A-Z](?=[A-Z0-9x]*×))'
    r"(?:[x×](?:[0-9]+|[A-Z]))+(?![A-Za-z0-9_]))"
    r"|(?P<NUMBER>(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<NAME>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<SIGN>->|==|!=|<=|>=|\*\*|//|[^\s])"
)
WORDS = {
    "net", "set", "use", "block", "where", "shared", "input", "output", "aux", "train", "as", "if", "else", "for", "in",
    "or", "and", "not",
}  # fmt: skip
"""No names: a bracket behind one of them begins an operand."""
OPENERS = frozenset(("(", "CALL", "[", "INDEX", "{", "OPTIONS"))
CLOSERS = frozenset((")", "]", "}"))


class Comment(NamedTuple):
    text: str
    own: bool
    """whether it stands on a line of its own"""
    gap: bool
    """whether an empty line stands above it"""


class Token:
    """A token with its comments: one behind it on its line, and those on lines above it.

    `turns` says that a line break stands before it, or behind it if it is an arrow; `gap` that an empty line stands
    above it.
    """

    __slots__ = ("above", "gap", "kind", "text", "trail", "turns")

    def __init__(self, text: str, kind: str, above: Sequence[Comment], turns: bool, gap: bool) -> None:
        self.text, self.kind, self.above, self.turns, self.gap = text, kind, above, turns, gap
        self.trail = ""


def comments_of(text: str) -> list[str]:
    """The comments of a program, in order, without spaces at their ends."""
    return [m.group().rstrip() for m in TOKEN.finditer(text) if m.lastgroup == "COMMENT"]


def tokens_of(text: str) -> list[Token]:
    """The tokens of a well-formed program, an empty one last; optional commas are left out, comments put in place."""
    tokens = _without_commas(_cut(text))
    _place(tokens)
    return tokens


def _cut(text: str) -> list[Token]:
    """The text in tokens, each with all comments before it."""
    found: list[Token] = []
    above: list[Comment] = []
    at, kind, turns = 0, "", False
    for match in TOKEN.finditer(text):
        start, end = match.span()
        breaks = text.count("\n", at, start) if start > at else 0
        at = end
        word, group = match.group(), match.lastgroup
        if group == "COMMENT":
            above.append(Comment(word.rstrip(), breaks > 0 or not (found or above), breaks > 1))
            turns |= breaks > 0
            continue
        kind = _kind(word, group or "", kind)
        found.append(Token(word, kind, above or (), turns or breaks > 0, breaks > 1))
        if above:
            above, turns = [], False
    found.append(Token("", "END", above, True, False))
    return found


def _kind(word: str, group: str, before: str) -> str:
    """The kind of a token: words, brackets by what they mean, and signs by themselves."""
    if group == "NAME" and word in WORDS:
        return "TRAIN" if word == "train" else "WORD"
    if group != "SIGN":
        return "NAME"
    if word == "(":
        return "CALL" if before == "NAME" or before in CLOSERS else "("
    if word == "[":
        return "INDEX" if before == "NAME" or before in CLOSERS else "["
    return "OPTIONS" if word == "{" and before == "TRAIN" else word


def _without_commas(tokens: list[Token]) -> list[Token]:
    """The tokens without the commas that may be left out: before a closing bracket, and between training options."""
    kept: list[Token] = []
    brackets: list[tuple[str, int]] = [("", 0)]  # those open here, each with the commas in it so far
    naming = False  # among the variables of a loop
    for number, token in enumerate(tokens):
        kind = token.kind
        if kind in OPENERS:
            brackets.append((kind, 0))
        elif kind in CLOSERS:
            brackets.pop()
        elif kind == "WORD":
            naming = token.text == "for" or (naming and token.text != "in")
        elif kind == "," and not naming:
            bracket, commas = brackets.pop()
            brackets.append((bracket, commas + 1))
            after = tokens[number + 1]
            alone = bracket == "(" and commas == 0  # the comma of a tuple of one
            if bracket == "OPTIONS" or (after.kind in CLOSERS and not alone):
                after.above = [*token.above, *after.above]
                continue
        kept.append(token)
    return kept


def _place(tokens: list[Token]) -> None:
    """Tie the comments before each token to the tokens beside which the layout can put them."""
    brackets: list[str] = []
    for number, token in enumerate(tokens):
        kind, above = token.kind, token.above
        if kind in OPENERS:
            brackets.append(kind)
        elif kind in CLOSERS:
            hugs = brackets.pop() in ("(", "CALL", "INDEX")  # no line ends before such a bracket
            if above and hugs and len(above) == 1 and not above[0].own:
                _move(token, tokens[number + 1])
        elif kind == "," and above:
            _move(token, tokens[number + 1])
        elif kind == "->":
            _arrow(token, tokens[number + 1])
        if token.above:
            _tie(token, tokens[number - 1] if number else None)


def _move(token: Token, after: Token) -> None:
    """Move the comments before a token behind it."""
    after.above = [*token.above, *after.above]
    token.above = ()


def _arrow(arrow: Token, after: Token) -> None:
    """Move the comments and line breaks behind an arrow before it."""
    if after.above:
        arrow.above = [*arrow.above, *(c._replace(own=True) if arrow.turns else c for c in after.above)]
        after.above = ()
    arrow.turns |= after.turns


def _tie(token: Token, before: Token | None) -> None:
    """Give a comment that stands behind the token before to this one; the others get lines of their own."""
    first, *rest = token.above
    if before is not None and not first.own:
        before.trail = first.text
    else:
        rest = [first, *rest]
    token.above = [c._replace(own=True) for c in rest]
