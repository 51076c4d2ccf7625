"""A first look at the text, before the parser: size, strange characters, brackets that do not match, nesting depth."""

import re

from .diagnostics import Diagnostic, Label, Sink
from .limits import Limits
from .source import Source, Span

CLOSERS = {")": "(", "]": "[", "}": "{"}
PARTNERS = {opener: closer for closer, opener in CLOSERS.items()}
SURROGATE = re.compile("[\ud800-\udfff]")
INTERESTING = re.compile(r'#[^\n]*|"[^"\n]*"?|[()\[\]{}]|[^\x20-\x7e\n\t×]')

HIDDEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
"""Characters that are not shown, or that move others; joiners are none of them, since scripts and emoji need them."""
TURNING = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u206f]")
"""Those that turn the direction in which text is shown (Boucher and Anderson 2021, *Trojan Source*)."""


def check_text(source: Source, sink: Sink, limits: Limits) -> bool:
    """True if the text may go to the parser; otherwise the sink has the reason."""
    text = source.text
    if len(text) > limits.max_bytes:
        sink.add(Diagnostic("E0401", {"most": limits.max_bytes}, Span(source, 0, 0)))
        return False
    if not text.isascii() and (half := SURROGATE.search(text)):  # in comments and quotes, too: it cannot be written
        sink.add(_strange(source, half.start()))
        return False
    start = too_long(text, limits.max_line)
    if start is not None:
        at = start + limits.max_line
        sink.add(Diagnostic("E0408", {"most": limits.max_line}, Span(source, at, at + 1)))
        return False
    hidden = HIDDEN.search(text) is not None
    stack: list[tuple[str, int]] = []
    for match in INTERESTING.finditer(text):
        token, at = match.group(), match.start()
        if token[0] in '#"' and hidden:
            _remark(source, token, at, sink)
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
            sink.add(_strange(source, at))
            return False
    if stack:
        opener, at = stack[-1]
        sink.add(Diagnostic("E0109", {"opener": opener}, Span(source, at, at + 1)))
        return False
    return True


def too_long(text: str, most: int) -> int | None:
    """Where the first line of more than `most` characters begins. Few lines are looked at: each step goes as far as
    the last line break within reach.
    """
    start = 0
    while len(text) - start > most:
        last = text.rfind("\n", start, start + most + 1)
        if last < 0:
            return start
        start = last + 1
    return None


def _remark(source: Source, token: str, at: int, sink: Sink) -> None:
    """Warn of the first hidden character in a comment or quoted text."""
    found = TURNING.search(token) or HIDDEN.search(token)
    if found is None:
        return
    from .lookalikes import described  # only such texts need it

    start = at + found.start()
    facts = {"char": described(found.group()), "where": "a comment" if token[0] == "#" else "quoted text"}
    sink.add(Diagnostic("W0616" if TURNING.match(found.group()) else "W0617", facts, Span(source, start, start + 1)))


def _strange(source: Source, at: int) -> Diagnostic:
    from .lookalikes import strange  # only mistakes need it

    return Diagnostic("E0101", strange(source.text, at), Span(source, at, at + 1))


def _mismatch(source: Source, token: str, at: int, stack: list[tuple[str, int]]) -> Diagnostic:
    facts, span = {"closer": token}, Span(source, at, at + 1)
    labels: tuple[Label, ...] = ()
    if stack:
        opener, opened = stack[-1]
        labels = (Label(Span(source, opened, opened + 1), f"`{opener}` is still open here"),)
        facts["help"] = f"did you mean `{PARTNERS[opener]}`? Brackets close in the opposite order of opening"
    return Diagnostic("E0110", facts, span, labels)
