"""A first look at the text, before the parser: size, strange characters, brackets that do not match, nesting depth."""

import re

from .diagnostics import Diagnostic, Label, Sink
from .limits import Limits
from .source import Source, Span

CLOSERS = {")": "(", "]": "[", "}": "{"}
SURROGATE = re.compile("[\ud800-\udfff]")
INTERESTING = re.compile(r'#[^\n]*|"[^"\n]*"?|[()\[\]{}]|[^\x20-\x7e\n\t×]')


def check_text(source: Source, sink: Sink, limits: Limits) -> bool:
    """True if the text may go to the parser; otherwise the sink has the reason."""
    text = source.text
    if len(text) > limits.max_bytes:
        sink.add(Diagnostic("E0401", {"most": limits.max_bytes}, Span(source, 0, 0)))
        return False
    if not text.isascii() and (half := SURROGATE.search(text)):  # in comments and quotes, too: it cannot be written
        sink.add(Diagnostic("E0101", _lookalike(half.group()), Span(source, half.start(), half.end())))
        return False
    stack: list[tuple[str, int]] = []
    for match in INTERESTING.finditer(text):
        token, at = match.group(), match.start()
        if token[0] == "#":
            continue
        if token[0] == '"':
            if len(token) < 2 or token[-1] != '"':
                sink.add(Diagnostic("E0108", {}, Span(source, at, match.end())))
                return False
        elif token in "([{":
            stack.append((token, at))
            if len(stack) > limits.max_nesting:
                sink.add(Diagnostic("E0402", {"most": limits.max_nesting}, Span(source, at, at + 1)))
                return False
        elif token in CLOSERS:
            if not stack or stack[-1][0] != CLOSERS[token]:
                sink.add(_mismatch(source, token, at, stack))
                return False
            stack.pop()
        else:
            sink.add(Diagnostic("E0101", _lookalike(token), Span(source, at, at + 1)))
            return False
    if stack:
        opener, at = stack[-1]
        sink.add(Diagnostic("E0109", {"opener": opener}, Span(source, at, at + 1)))
        return False
    return True


LOOKALIKES = {
    "→": "->", "⇒": "->", "“": '"', "”": '"', "‘": '"', "’": '"', "−": "-", "–": "-", "—": "-", "∗": "*", "（": "(",
    "）": ")", "，": ",", "：": ":", "＝": "=", "≥": ">=", "≤": "<=", "≠": "==", "\u00a0": "a space",
}  # fmt: skip


def _lookalike(char: str) -> dict[str, str]:
    """The facts of a strange character: how to name it, and what it was probably meant to be."""
    shown = char if char.isprintable() and not char.isspace() else f"U+{ord(char):04X}"
    meant = LOOKALIKES.get(char) or LETTERS.get(char)
    return {"char": shown, "help": f"did you mean `{meant}`?"} if meant else {"char": shown}


LETTERS = dict(zip("асеорхуіАВСЕНІКМОРТХαονΑΒΕΗΙΚΜΝΟΡΤΥΧ", "aceopxyiABCEHIKMOPTXaovABEHIKMNOPTYX", strict=True))
"""Cyrillic and Greek letters that look like Latin ones."""


def _mismatch(source: Source, token: str, at: int, stack: list[tuple[str, int]]) -> Diagnostic:
    labels: tuple[Label, ...] = ()
    if stack:
        opener, opened = stack[-1]
        labels = (Label(Span(source, opened, opened + 1), f"`{opener}` is still open here"),)
    return Diagnostic("E0110", {"closer": token}, Span(source, at, at + 1), labels)
