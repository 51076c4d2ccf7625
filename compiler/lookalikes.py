"""Characters that have no place in a program: how to name each, and what was probably meant."""

import unicodedata
from typing import Any

SIGNS = {
    "“": '"', "”": '"', "„": '"', "‘": '"', "’": '"', "'": '"', "«": '"', "»": '"', "−": "-", "–": "-", "—": "-",
    "‐": "-", "‑": "-", "∗": "*", "×": "*", "⋅": "*", "·": "*", "•": "*", "✕": "*", "÷": "/", "∕": "/", "⁄": "/",
    "≥": ">=", "≤": "<=", "≠": "!=", "≡": "==", "、": ",", "^": "**", "&": "and", "|": "or", "!": "not", "¬": "not",
    "∧": "and", "∨": "or", "〈": "<", "〉": ">", "【": "[", "】": "]",
}  # fmt: skip
ARROWS = "→⇒⟶⟹➔➜➝➞➙➡⇨⇾↦↪▶►"
LETTERS = dict(
    zip(
        "асеорхуіѕјһԁԛԝӏгпАВСЕНІКМОРТХУЅЈαονρτυχικΑΒΕΗΙΚΜΝΟΡΤΥΧΖıℓ",
        "aceopxyisjhdqwlrnABCEHIKMOPTXYSJaovptuxikABEHIKMNOPTYXZil",
        strict=True,
    )
)
"""Cyrillic, Greek and other letters that look like Latin ones."""

DASHES = "-−–—‐‑"


def strange(text: str, at: int) -> dict[str, Any]:
    """The facts of E0101 for the character at an offset: how it is shown, and the way out."""
    char = text[at]
    return {"char": described(char), "help": _way_out(char, text[at + 1 : at + 2])}


def described(char: str) -> str:
    """A character as a reader sees it, if at all, with its code point and name where it may be taken for another."""
    if "!" <= char <= "~":
        return f"`{char}`"
    visible = char.isprintable() and not char.isspace() and not unicodedata.category(char).startswith("M")
    name = unicodedata.name(char, "") or ("a control character" if unicodedata.category(char) == "Cc" else "")
    point = f"U+{ord(char):04X}"
    if visible:
        return f"`{char}` ({point}, {name})" if name else f"`{char}` ({point})"
    return f"{point} ({name})" if name else point


def _way_out(char: str, following: str) -> str:
    if char in ";；":
        return "remove it: declarations need no sign at their end"
    if "\ud800" <= char <= "\udfff":
        return "remove it: it is half of a surrogate pair, which is not text"
    meant = _meant(char, following)
    if char == "×":
        return "did you mean `*`? In a shape it stands without blanks: 3×32×32"
    if meant == " ":
        return "replace it by an ordinary space"
    if meant:
        return f"did you mean `{meant}`?"
    if char == "\\":
        return "remove it: line breaks need no sign"
    kind = unicodedata.category(char)
    if kind.startswith("C") or kind in ("Zl", "Zp"):
        return "remove it: it is invisible"
    if kind[0] in "LM":
        return "names are written with a to z, A to Z, 0 to 9 and _"
    return "remove it"


def _meant(char: str, following: str) -> str | None:
    """What looks like it and may stand in a program, if anything does."""
    if char in ARROWS or (char in DASHES + "|" and following in (">", "＞")):
        return "->"
    if char in SIGNS:
        return SIGNS[char]
    if char in LETTERS:
        return LETTERS[char]
    if unicodedata.category(char) == "Zs":
        return " "
    if unicodedata.category(char) == "Nd":
        return str(unicodedata.digit(char))
    plain = unicodedata.normalize("NFKC", char)
    known = len(plain) == 1 and "!" <= plain <= "~" and plain not in "`@$?\\"
    return SIGNS.get(plain, plain) if known and unicodedata.category(char) != "No" else None
