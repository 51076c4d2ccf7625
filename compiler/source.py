"""Program text and positions in it: the first stage, which everything after points back to."""

from bisect import bisect_right
from typing import NamedTuple


class Source:
    """One file's text with its line ends normalised, so that offsets, lines and columns agree with an editor's.

    A byte-order mark is dropped; CRLF and lone CR count as one line break; `altered` says whether there were any.
    A name that is no Unicode text, as file names may be, is escaped: it is written into results.
    """

    __slots__ = ("_starts", "altered", "name", "path", "text")

    def __init__(self, text: str, name: str = "<text>", path: str | None = None) -> None:
        self.text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
        self.altered = "\r" in text or text.startswith("\ufeff")
        self.name = name if name.isascii() else name.encode(errors="backslashreplace").decode()
        self.path = path
        self._starts: list[int] | None = None

    @property
    def starts(self) -> list[int]:
        """Offsets at which the lines begin; found once, and only if somebody asks for a position."""
        if self._starts is None:
            starts, at = [0], self.text.find("\n")
            while at >= 0:
                starts.append(at + 1)
                at = self.text.find("\n", at + 1)
            self._starts = starts
        return self._starts

    def position(self, offset: int) -> tuple[int, int]:
        """Line and column of an offset, both counted from 1."""
        line = bisect_right(self.starts, offset)
        return line, offset - self.starts[line - 1] + 1

    def line(self, number: int) -> str:
        """The text of a line, counted from 1, without its line break."""
        start = self.starts[number - 1]
        end = self.text.find("\n", start)
        return self.text[start:] if end < 0 else self.text[start:end]


class Span(NamedTuple):
    """A stretch of one source, as offsets; `end` is exclusive."""

    source: Source
    start: int
    end: int

    @property
    def line(self) -> int:
        return self.source.position(self.start)[0]

    @property
    def column(self) -> int:
        return self.source.position(self.start)[1]

    @property
    def text(self) -> str:
        return self.source.text[self.start : self.end]

    def __str__(self) -> str:
        return f"{self.source.name}:{self.line}:{self.column}"
