"""The process's standard streams: always there, and able to take every character whatever the locale says."""

import codecs
import os
import sys

GLYPHS = {
    "×": "x", "−": "-", "–": "-", "—": "-", "…": "...", "→": "->", "≤": "<=", "≥": ">=", "≠": "!=", "·": "*",
    "≈": "~", "±": "+-", "√": "sqrt", "∑": "sum ", "∞": "inf", "⌊": "floor(", "⌋": ")", "⌈": "ceil(", "⌉": ")",
    "‖": "||", "ᵀ": "^T", "∂": "d", "∈": " in ", "ℓ": "l", "“": '"', "”": '"', "’": "'",
    "α": "alpha", "β": "beta", "γ": "gamma", "δ": "delta", "ε": "eps", "η": "eta", "λ": "lambda", "μ": "mu",
    "π": "pi", "ρ": "rho", "θ": "theta", "∏": "product ", "÷": "/", "ᵗ": "^t", "█": "#",
    "σ": "sigma", "Σ": "sum ", "Δ": "delta", "Φ": "Phi", "φ": "phi",
}  # fmt: skip
"""Signs of formulas and tables, and how they are written with ASCII alone."""

RAISED = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n")
LOWERED = str.maketrans("₀₁₂₃₄₅₆₇₈₉₊₋", "0123456789+-")
PLAIN = "cnnc.plain"
"""The name of the way in which a stream writes what its encoding has not."""


def open_streams() -> None:
    """Streams that the caller has closed lead nowhere; a file that is opened later does not take their place.

    A character that the encoding of stdout has not is written with those that it has. Messages keep Python's own way
    for stderr, `\\xd7`, since a wrong character is what they may be about.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    codecs.register_error(PLAIN, plain)
    for stream, errors in ((sys.stdout, PLAIN), (sys.stderr, "backslashreplace")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors=errors)


def plain(error: UnicodeError) -> tuple[str, int]:
    """What stands in a stream for characters that its encoding has not: an error handler for `codecs`."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    return "".join(_written(text, i) for i in range(len(text))), error.end


def _written(text: str, at: int) -> str:
    """One of some characters in ASCII; raised and lowered figures follow a sign, of which a number has one."""
    char = text[at]
    for table, sign in ((RAISED, "^"), (LOWERED, "_")):
        if ord(char) in table:
            begins = at == 0 or ord(text[at - 1]) not in table
            return f"{sign if begins else ''}{char.translate(table)}"
    return GLYPHS.get(char) or char.encode("ascii", "backslashreplace").decode("ascii")


def typed(text: str) -> str:
    """An argument as it was typed, where a locale without UTF-8 made half surrogates of its bytes."""
    try:
        return text if text.isascii() else os.fsencode(text).decode("utf-8")
    except UnicodeError:
        return text
