"""Syntax errors in a reader's words, and where to go on after one."""

import re
from typing import Any

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from .diagnostics import Diagnostic
from .source import Source, Span

STARTERS = re.compile(r"^[ \t]*(net|set|use|block|shared|input|output|aux|train)\b", re.MULTILINE)
EXPECTED = {
    "RPAR": "`)`", "RSQB": "`]`", "RBRACE": "`}`", "EQUAL": "`=`", "COLON": "`:`", "NAME": "a name", "COMMA": "`,`",
    "CALL": "`(`", "STRING": "a path in quotes", "DIMS": "a shape such as 3x224x224", "IN": "`in`", "LBRACE": "`{`",
    "ARROW": "`->`",
}  # fmt: skip
WORD = re.compile(r"[\w.×]+")


def explain(source: Source, text: str, error: UnexpectedInput) -> Diagnostic:
    """The diagnostic of a syntax error."""
    if isinstance(error, UnexpectedCharacters):
        return _character(source, text, error.pos_in_stream or 0)
    assert isinstance(error, UnexpectedToken)
    token, expected = error.token, error.accepts or error.expected
    wanted = _wanted(expected)
    if token.type == "$END":
        end = len(text.rstrip())
        return Diagnostic("E0103", {"expected": wanted}, Span(source, max(0, end - 1), max(1, end)))
    span = Span(source, int(token.start_pos or 0), int(token.end_pos or 0))
    facts = {"token": str(token), "expected": wanted}
    if "NAME" in expected and "NUMBER" not in expected and token.type == str(token).upper():
        return Diagnostic("E0104", {"word": str(token), "expected": wanted}, span)
    if token.type == "EQUAL":
        facts["help"] = "compare with `==`; `name = …` stands at file level or among arguments"
    elif wanted == "an expression":
        facts["help"] = f"something is missing between `{_before(text, span.start)}` and `{token}`"
    return Diagnostic("E0102", facts, span)


def _character(source: Source, text: str, at: int) -> Diagnostic:
    """A character that begins no token: a malformed number or name if it stands in a word, else a stray sign."""
    start = at
    while start > 0 and WORD.fullmatch(text[start - 1]):
        start -= 1
    word = WORD.match(text, start)
    if word is None or word.end() - word.start() < 2:
        return Diagnostic("E0101", {"char": text[at]}, Span(source, at, at + 1))
    return Diagnostic("E0111", {"word": word.group()}, Span(source, word.start(), word.end()))


def _before(text: str, at: int) -> str:
    """The last word or sign before an offset."""
    words = re.findall(r"\w+|->|\S", text[max(0, at - 60) : at])
    return words[-1] if words else "the start"


def _wanted(expected: Any) -> str:
    if {"NUMBER", "NAME", "LPAR"} <= set(expected):
        return "an expression"
    names = [EXPECTED[name] for name in EXPECTED if name in expected]
    return " or ".join(names[:3]) if names else "another declaration"


def blank_item(text: str, at: int) -> str:
    """The text with the declaration around offset `at` replaced by spaces, so that the rest can be parsed.

    A declaration begins at a word such as `block` that is the first on its line.
    """
    start, end = 0, len(text)
    word = WORD.match(text, at)
    after = word.end() if word else at + 1
    for begin in _starts(text):
        if begin <= at:
            start = begin
        elif begin >= after:
            end = begin
            break
    blank = "".join("\n" if c == "\n" else " " for c in text[start:end])
    return text[:start] + blank + text[end:]


def _starts(text: str) -> list[int]:
    """Offsets of the words that begin declarations."""
    return [match.start(1) for match in STARTERS.finditer(text)]
