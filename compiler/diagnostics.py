"""What can be said about a wrong program, as data: rules state facts, and renderers word them."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from .catalogue import CATALOGUE
from .limits import MAX_ERRORS
from .source import Span
from .symbolic import is_whole

SHOWN = 240  # characters of one fact in a message: what is read, so no flag


class Label(NamedTuple):
    """A stretch of source with a remark about it."""

    span: Span
    text: str


class Diagnostic(NamedTuple):
    """One finding: its code in the catalogue, the facts that fill the code's sentences, and where it is."""

    code: str
    facts: dict[str, Any]
    span: Span | None
    labels: tuple[Label, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def is_error(self) -> bool:
        return self.code.startswith("E")

    @property
    def title(self) -> str:
        return _fill(CATALOGUE[self.code].title, self.facts)

    @property
    def label(self) -> str:
        return _fill(CATALOGUE[self.code].label, self.facts)

    @property
    def help(self) -> str:
        return (
            printable(str(self.facts["help"])) if "help" in self.facts else _fill(CATALOGUE[self.code].help, self.facts)
        )

    def to_dict(self) -> dict[str, Any]:
        """The finding as plain JSON data, positions counted from 1."""
        return {
            "code": self.code,
            "severity": "error" if self.is_error else "warning",
            "title": self.title,
            "label": self.label,
            "span": _place(self.span),
            "labels": [{"span": _place(label.span), "text": label.text} for label in self.labels],
            "notes": list(self.notes),
            "help": self.help,
        }


def _fill(template: str, facts: dict[str, Any]) -> str:
    return template.format_map(_Shown({name: show(value) for name, value in facts.items()}))


class _Shown(dict[str, str]):
    """Facts as text; one that a rule left out leaves a gap instead of failing while an error is shown."""

    def __missing__(self, name: str) -> str:
        return ""


def similar(word: str, words: Iterable[str], cutoff: float) -> list[str]:
    """The most similar of some words, if one reaches `cutoff`, as a list of one or none.

    To compare two takes the product of their lengths, so long ones are left out.
    """
    from difflib import get_close_matches  # only mistakes need it

    return get_close_matches(word, [w for w in words if len(w) <= SHOWN], 1, cutoff) if len(word) <= SHOWN else []


def show(value: object) -> str:
    """A fact as a reader writes it: shapes as 3×224×224, big integers with separators, long text clipped."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return f"{value:,}" if value.bit_length() <= 256 else f"a {value.bit_length()}-bit integer"
    if isinstance(value, tuple):
        shown = value[:SHOWN]
        text = "×".join(map(str, shown)) if all(map(is_whole, value)) else ", ".join(map(show, shown))
    else:
        try:
            text = str(value)
        except Exception:  # of an object that somebody gave
            text = f"an object of the type {type(value).__name__}"
    text = printable(text)
    return text if len(text) <= SHOWN else text[: SHOWN - 3] + "..."


def printable(text: str) -> str:
    """A text with its control characters as numbers: a terminal would obey them."""
    return text if text.isprintable() else "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in text)


def _place(span: Span | None) -> dict[str, Any] | None:
    if span is None:
        return None
    end_line, end_column = span.source.position(span.end)
    return {
        "file": span.source.name,
        "line": span.line,
        "column": span.column,
        "end_line": end_line,
        "end_column": end_column,
    }


class Reject(Exception):
    """Raised by a rule that knows what is wrong but not where; the caller attaches the place."""

    def __init__(self, code: str, **facts: Any) -> None:
        super().__init__(code)
        self.code = code
        self.facts = facts


class CnncError(Exception):
    """Base of all errors that cnnc raises. Carries `code`, `span`, `notes`, `help` and all `diagnostics`."""

    exit_code = 1

    def __init__(self, diagnostics: list[Diagnostic]) -> None:
        self.diagnostics = diagnostics
        first = next((d for d in diagnostics if d.is_error), diagnostics[0])
        self.code, self.span, self.notes, self.help = first.code, first.span, first.notes, first.help
        super().__init__(first.title)

    def __reduce__(self) -> tuple[Any, ...]:
        """So that it comes out of another process as it went in."""
        return type(self), (self.diagnostics,)

    def __str__(self) -> str:
        from .render import render_text

        return "\n".join(render_text(d) for d in self.diagnostics)


class NetworkError(CnncError):
    """The network is wrong: syntax, names, arguments, shapes or limits."""


class UsageError(CnncError):
    """The request is wrong rather than the network: a missing file, an unknown target, an option out of place."""

    exit_code = 2


class MismatchError(CnncError):
    """The request makes sense and the network does too, but what it is given with it leaves open what goes where."""


class InternalError(CnncError):
    """cnnc itself is at fault; the message asks for a report."""

    exit_code = 3


class Sink:
    """Collects the findings of one compilation, each once, in the order in which they were found."""

    def __init__(self) -> None:
        self.found: list[Diagnostic] = []
        self._count = {True: 0, False: 0}  # errors and warnings: many of one kind hide none of the other
        self.remarks = 0  # how often something was added, repetitions too
        self._seen: set[tuple[str, int, str | int | None]] = set()

    def add(self, diagnostic: Diagnostic) -> None:
        self.remarks += 1
        span = diagnostic.span
        file = span and (span.source.path or id(span.source))  # a file that several others use is read for each
        key = (diagnostic.code, span.start, file) if span else (diagnostic.code, -1, len(self.found))
        error = diagnostic.is_error
        if key not in self._seen and self._count[error] < MAX_ERRORS:
            self._seen.add(key)
            self.found.append(diagnostic)
            self._count[error] += 1

    @property
    def has_errors(self) -> bool:
        return self._count[True] > 0

    @property
    def is_full(self) -> bool:
        """Whether a further error would not be shown."""
        return self._count[True] >= MAX_ERRORS

    def stop_on_error(self) -> None:
        """Raise everything found so far if any of it is an error."""
        if self.has_errors:
            raise NetworkError(self.found)


def usage(code: str, **facts: Any) -> UsageError:
    """A `UsageError` with one finding that has no place in a source."""
    return UsageError([Diagnostic(code, facts, None)])
