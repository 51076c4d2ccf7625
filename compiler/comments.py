"""Tokens and comments of a program for its formatter: every comment is tied to the token beside which it may stand.

A comment behind a token on its line is that token's `trail`; comments on lines of their own are `above` the next token.
Comments in places where no line ends in the canonical layout move to the nearest place where one does: behind a comma,
behind a closing parenthesis, before an arrow.
"""

import re
from typing import NamedTuple

TOKEN = re.compile(
    r'(?P<COMMENT>#[^\n]*)|(?P<STRING>"[^"\n]*")|(?P<DIMS>[0-9]+(?:[x×](?:[0-9]+|[A-Z]))+(?![A-Za-z0-9_]))'
    r"|(?P<NUMBER>(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+)(?:[eE][+-]?[0-9]+)?)|(?P<NAME>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<SIGN>->|==|!=|<=|>=|\*\*|//|[^\s])"
)
WORDS = frozenset(
    ("net", "set", "use", "block", "where", "shared", "input", "output", "aux", "train")
    + ("as", "if", "else", "for", "in", "or", "and", "not")
)  # after these a bracket begins an operand


class Comment(NamedTuple):
    text: str
    own: bool
    """whether it stands on a line of its own"""
    gap: bool
    """whether an empty line stands above it"""


class Token:
    """A token with its comments. `turns` says that a line break stands before it, `gap` that an empty line does."""

    __slots__ = ("above", "gap", "text", "trail", "turns")

    def __init__(self, text: str, above: list[Comment], turns: bool, gap: bool) -> None:
        self.text, self.above, self.turns, self.gap = text, above, turns, gap
        self.trail = ""


def comments_of(text: str) -> list[str]:
    """The comments of a program, in order, without spaces at their ends."""
    return [m.group().rstrip() for m in TOKEN.finditer(text) if m.lastgroup == "COMMENT"]


def tokens_of(text: str) -> list[Token]:
    """The tokens of a well-formed program, an empty one last; optional commas are left out, comments put in place."""
    return _place(_without_commas(_cut(text)))


class _Raw(NamedTuple):
    """A token as it stands in the text: its kind, and the comments before it."""

    text: str
    kind: str
    above: list[Comment]
    turns: bool
    gap: bool


def _cut(text: str) -> list[_Raw]:
    """The text in tokens."""
    found: list[_Raw] = []
    above: list[Comment] = []
    at, kind, turns = 0, "", False
    for match in TOKEN.finditer(text):
        breaks = text.count("\n", at, match.start())
        at = match.end()
        turns |= breaks > 0
        word = match.group()
        if match.lastgroup == "COMMENT":
            above.append(Comment(word.rstrip(), breaks > 0 or not (found or above), breaks > 1))
            continue
        kind = _kind(word, match.lastgroup or "", kind)
        found.append(_Raw(word, kind, above, turns, breaks > 1))
        above, turns = [], False
    found.append(_Raw("", "END", above, True, False))
    return found


def _kind(word: str, group: str, before: str) -> str:
    """The kind of a token: words, brackets by what they mean, and signs by themselves."""
    if group == "NAME" and word in WORDS:
        return "TRAIN" if word == "train" else "WORD"
    if group != "SIGN":
        return "NAME"
    operand = before in ("NAME", ")", "]", "}")
    if word == "(":
        return "CALL" if operand else "("
    if word == "[":
        return "INDEX" if operand else "["
    return "OPTIONS" if word == "{" and before == "TRAIN" else word


def _without_commas(tokens: list[_Raw]) -> list[_Raw]:
    """The tokens without the commas that may be left out: before a closing bracket, and between training options."""
    kept: list[_Raw] = []
    open_brackets: list[tuple[str, int]] = [("", 0)]  # kind and commas so far
    held: list[Comment] = []  # of commas left out
    for number, token in enumerate(tokens):
        kind, commas = open_brackets[-1]
        if token.kind in ("(", "CALL", "[", "INDEX", "{", "OPTIONS"):
            open_brackets.append((token.kind, 0))
        elif token.kind in (")", "]", "}"):
            open_brackets.pop()
        elif token.kind == ",":
            open_brackets[-1] = (kind, commas + 1)
            last = tokens[number + 1].kind in (")", "]") and not (kind == "(" and commas == 0)
            if last or kind == "OPTIONS":
                held += token.above
                continue
        kept.append(token._replace(above=held + token.above) if held else token)
        held = []
    return kept


def _place(tokens: list[_Raw]) -> list[Token]:
    """The tokens with every comment moved to where the layout can put it."""
    placed: list[Token] = []
    open_brackets: list[str] = []
    carried: list[Comment] = []  # moved on to behind the token that they stood before
    moved = False  # whether the comments before this token were taken by an arrow before it
    for number, token in enumerate(tokens):
        above = carried + ([] if moved else token.above)
        carried, moved, turns = [], False, token.turns
        if token.kind in ("(", "CALL", "[", "INDEX", "{", "OPTIONS"):
            open_brackets.append(token.kind)
        elif token.kind in (")", "]", "}"):
            if open_brackets.pop() in ("(", "CALL", "INDEX") and len(above) == 1 and not above[0].own:
                above, carried = [], above
        elif token.kind == ",":
            above, carried = [], above
        elif token.kind == "->":
            after = tokens[number + 1]
            below = [c._replace(own=True) if token.turns else c for c in after.above]
            above, turns, moved = above + below, token.turns or after.turns, True
        _attach(above, placed)
        placed.append(Token(token.text, _owned(above), turns, token.gap))
    return placed


def _attach(above: list[Comment], placed: list[Token]) -> None:
    """Give a comment that begins behind a token to this token."""
    if above and not above[0].own and placed:
        placed[-1].trail = above[0].text


def _owned(above: list[Comment]) -> list[Comment]:
    """The comments that get lines of their own."""
    return [c._replace(own=True) for c in (above if above and above[0].own else above[1:])]
