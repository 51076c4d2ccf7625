"""Words that are neither a number nor a name, such as `1_000`, `3xhxw` and `0.5f`: their places and what was meant."""

import re

from .diagnostics import show

WORD = re.compile(r"[\w.×]+")
LONGEST = 10_000
"""How far a word is followed before an offset."""

WAYS: tuple[tuple[str, str], ...] = (
    (r"[0-9]+(_[0-9]+)+", "write {joined}, without separators"),
    (r"0[bBoO][0-9a-fA-F]*", "numbers are decimal"),
    (r"0[xX][0-9a-fA-F]+", "numbers are decimal"),
    (r"[0-9.]+[eE]", "an exponent has digits: 1e-4"),
    (r"[0-9.]+", "a number has one point: 0.5"),
    (r"[0-9]+([xX×]([0-9]+|[A-Z]))+", "did you mean `{lowered}`?"),
    (
        r"[0-9]+[xX×].*",
        "in a shape, extents are whole numbers or capital letters, as in 3xHxW; computed ones stand in brackets: "
        "(3, size, size)",
    ),
    (
        r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+",
        "names have no dots: write the name of the layer alone; `cnnc layers {last}` says what it is called here",
    ),
    (r"[A-Za-z_][A-Za-z0-9_×]*", "did you mean `{lowered}`?"),
    (r"[0-9.]+[A-Za-z_]\w*", "numbers are written 12, 0.5 or 1e-4, without a unit; names begin with a letter"),
)
"""What a word looks like, and the way out; the first that fits is taken."""

NAMES = "names are written with a to z, A to Z, 0 to 9 and _"


def malformed(text: str, at: int) -> tuple[int, int, str] | None:
    """Start, end and way out of the word around an offset at which no token begins; None for a lone sign."""
    if WORD.match(text, at) is None:
        return None
    start = at
    while start > max(0, at - LONGEST) and WORD.match(text[start - 1]):
        start -= 1
    word = WORD.match(text, start)
    if word is None or word.end() - start < 2:
        return None
    return start, word.end(), way_out(word.group())


def way_out(word: str) -> str:
    """What helps with a malformed word."""
    for pattern, way in WAYS:
        if re.fullmatch(pattern, word):
            lowered = word.replace("X", "x").replace("×", "x")
            return way.format(
                joined=show(word.replace("_", "")), lowered=show(lowered), last=show(word.rpartition(".")[2])
            )
    return NAMES
