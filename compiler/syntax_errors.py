"""Syntax errors in a reader's words, and where to go on after one."""

import re
from typing import Any

from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken

from .diagnostics import Diagnostic
from .malformed import WORD, malformed
from .source import Source, Span

FORMS = {
    "net": "net NAME", "set": "set conv(p=same)", "use": 'use "file.cnn"', "block": "block NAME = …",
    "shared": "shared NAME = …", "input": "input 3x224x224 -> …", "output": "output NAME = …", "aux": "aux NAME = …",
    "train": "train { … }",
}  # fmt: skip
"""What begins a declaration, and how that goes on."""

WORDS = {*FORMS, "where", "as", "if", "else", "for", "in", "or", "and", "not", "true", "false"}
STARTERS = re.compile(rf"^[ \t]*({'|'.join(FORMS)})\b", re.MULTILINE)
EXPECTED = {
    "RPAR": "`)`", "RSQB": "`]`", "RBRACE": "`}`", "EQUAL": "`=`", "COLON": "`:`", "NAME": "a name", "COMMA": "`,`",
    "CALL": "`(`", "STRING": "a path in quotes", "DIMS": "a shape such as 3x224x224", "IN": "`in`", "LBRACE": "`{`",
    "ARROW": "`->`",
}  # fmt: skip
OPERANDS = {"NUMBER", "NAME", "LPAR"}
SHAPES = "write channels first, then up to three extents: 3x224x224, 1x16000, 784 or (3, size, size)"
AFTER_INPUT = re.compile(r"\binput\s*(\w+\s*:\s*)?([\d.]+\s*)?\Z")
NAMED_INPUT = re.compile(r"\binput\s+\w+\s*\Z")
LAST_WORD = re.compile(r"(?<!\w)[a-z]+(?=\s*\Z)")
SPACED = re.compile(r"[0-9]+(\s+[xX]\s+[0-9]+)+")
NEAR = 200
"""How many characters before a mistake are looked at."""


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
    start, end = int(token.start_pos or 0), int(token.end_pos or 0)
    if str(token) in ("x", "X") and (shape := SPACED.search(text[max(0, start - NEAR) : end + NEAR])):
        meant = re.sub(r"\s+", "", shape.group()).replace("X", "x")
        facts = {"word": shape.group(), "help": f"write it without blanks: {meant}"}
        return Diagnostic("E0111", facts, Span(source, start, end))
    word = _word_as_name(text, start, end, expected)
    if word is not None:
        name = text[word[0] : word[1]]
        facts = {"word": name, "expected": "a name"}
        if name in FORMS and "=" in text[word[1] : end]:
            facts["help"] = f"choose another name; without `=` it is {FORMS[name]}"
        return Diagnostic("E0104", facts, Span(source, *word))
    facts = {"token": str(token), "expected": wanted, **_way_out(text, str(token), start, expected)}
    return Diagnostic("E0102", facts, Span(source, start, end))


def _word_as_name(text: str, start: int, end: int, expected: Any) -> tuple[int, int] | None:
    """Where a word of the language stands as a name, if that is what an unexpected token comes from."""
    token = text[start:end]
    if token in WORDS:
        declared = re.match(r"\s*(=(?!=)|:)", text[end : end + NEAR])
        return (start, end) if declared or ("NAME" in expected and "NUMBER" not in expected) else None
    base = max(0, start - NEAR)
    before = LAST_WORD.search(text[base:start]) if token in ("=", ":") else None
    if before is None or before.group() not in WORDS or text[end : end + 1] == ">":
        return None
    return base + before.start(), base + before.end()


def _way_out(text: str, token: str, start: int, expected: Any) -> dict[str, str]:
    """What helps after an unexpected token, and what was expected where the grammar does not say it well."""
    before = text[max(0, start - NEAR) : start]
    last = _last(before)
    if (token == ">" and last in ("-", "=", ">")) or (token == "=" and text[start + 1 : start + 2] == ">"):
        return {"help": "did you mean `->`?"}
    if token == "//" or (token == "*" and before.endswith("/")):
        return {"help": "a comment begins with `#`"}
    if token == "=":
        return {"help": "compare with `==`; `name = …` stands at file level or among arguments"}
    if NAMED_INPUT.search(before) and set(expected) == {"COLON"}:
        return {"help": "a shape begins with its channels, as 3xHxW; a name before it ends with `:`"}
    if AFTER_INPUT.search(before) and OPERANDS & set(expected):
        return {"expected": "an input shape", "help": SHAPES}
    if re.search(r"\bset\s+\w+\s*\Z", before):
        return {"help": "defaults stand in brackets: set conv(p=same)"}
    if "COMMA" in expected and re.match(r'[\w"(\[]', token):
        return {"help": f"is a `,` missing before `{token[:NEAR]}`?"}
    if set(expected) >= OPERANDS and "ARROW" not in expected:
        return {"help": f"something is missing between `{last}` and `{token[:NEAR]}`"}
    return {}


def _character(source: Source, text: str, at: int) -> Diagnostic:
    """A character that begins no token: a malformed number or name if it stands in a word, else a stray sign."""
    found = malformed(text, at)
    if found is None:
        from .lookalikes import strange

        return Diagnostic("E0101", strange(text, at), Span(source, at, at + 1))
    start, end, way = found
    return Diagnostic("E0111", {"word": text[start:end], "help": way}, Span(source, start, end))


def _last(before: str) -> str:
    """The last word or sign of a text."""
    words = re.findall(r"\w+|->|\S", before)
    return words[-1] if words else "the start"


def _wanted(expected: Any) -> str:
    if set(expected) >= OPERANDS:
        return "`->`, another operator or a declaration" if "ARROW" in expected else "an expression"
    names = [EXPECTED[name] for name in EXPECTED if name in expected]
    return " or ".join(names[:3]) if names else "another declaration"


def blank_item(text: str, at: int) -> str:
    """The text with the declaration around offset `at` replaced by spaces, so that the rest can be parsed.

    A declaration begins at a word such as `block` that is the first on its line. Where one stands at the offset itself,
    it is the one before that ends too early.
    """
    starts = _starts(text)
    if at in starts and at > 0:
        at -= 1
    start, end = 0, len(text)
    word = WORD.match(text, at)
    after = word.end() if word else at + 1
    for begin in starts:
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
