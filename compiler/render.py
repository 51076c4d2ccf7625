"""Diagnostics as text: code and title, source lines with carets, other places concerned, the way out."""

from .diagnostics import Diagnostic, Label, show

WIDTH = 120  # a longer source line is clipped around its caret


def render_text(diagnostic: Diagnostic) -> str:
    """One diagnostic in plain text, without a trailing line break."""
    kind = "error" if diagnostic.is_error else "warning"
    lines = [f"{kind}[{diagnostic.code}]: {diagnostic.title}"]
    margin = "  "
    if diagnostic.span is not None:
        labels = [Label(diagnostic.span, diagnostic.label), *diagnostic.labels]
        margin = " " * (max(len(str(label.span.line)) for label in labels) + 2)
        lines += _snippets(labels, margin)
    elif diagnostic.label:
        lines.append(f"  {diagnostic.label}")
    lines += [f"{margin}= note: {note}" for note in diagnostic.notes]
    if diagnostic.help:
        lines.append(f"{margin}= help: {diagnostic.help}")
    return "\n".join(lines)


def _snippets(labels: list[Label], margin: str) -> list[str]:
    """The labelled source lines; the primary label comes first, a change of file gets its own arrow."""
    lines: list[str] = []
    source = None
    for label in labels:
        if label.span.source is not source:
            source = label.span.source
            lines += [f"{margin[:-1]}--> {show(source.name)}:{label.span.line}:{label.span.column}", f"{margin}|"]
        lines += _snippet(label, margin)
    return lines


def _snippet(label: Label, margin: str) -> list[str]:
    span = label.span
    number, column = span.line, span.column - 1
    text = span.source.line(number)
    width = max(1, min(span.end - span.start, len(text) - column))
    text, column, width = _clip(text, column, width)
    gutter = str(number).rjust(len(margin) - 1)
    marked = columns(text[column : column + width].ljust(width))
    mark = " " * (columns(text[:column]) - (marked == 0)) + "^" * max(
        1, marked
    )  # a combining sign is in the one before
    return [f"{gutter} | {text}".rstrip(), f"{margin}| {mark} {label.text}".rstrip()]


def columns(text: str) -> int:
    """How many columns of a terminal a text takes: most East Asian signs take two, combining ones none."""
    if text.isascii():
        return len(text)
    from unicodedata import category, east_asian_width

    return sum(0 if category(c) in ("Mn", "Me") else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def _clip(text: str, column: int, width: int) -> tuple[str, int, int]:
    """Cut a long line to the part around the caret, and show control characters without echoing them."""
    if len(text) <= WIDTH:
        return _visible(text), column, width
    start = max(0, column - WIDTH // 3)
    shown = _visible(text[start : start + WIDTH])
    prefix = "..." if start else ""
    suffix = "..." if start + WIDTH < len(text) else ""
    return prefix + shown + suffix, column - start + len(prefix), min(width, WIDTH - (column - start))


def _visible(text: str) -> str:
    return "".join(c if c.isprintable() else (" " if c == "\t" else "\ufffd") for c in text)
