"""A small pretty-printer: documents say where lines may break, and the printer breaks those that are too long.

A document is printed flat, on the current line, if it fits there; otherwise each of its parts decides anew. Comments
belong to the documents: one at the end of a line waits in the printer until that line ends, and whatever would stand
behind it on the line begins a new one, so no comment can swallow code.
"""

import math
from collections.abc import Sequence
from typing import Literal

Style = Literal["row", "chain", "sum"]
WIDTH = 100
MAX_INDENT = 60  # deeper nesting is not indented further, so that text never grows with the square of its depth


class Doc:
    """What all documents know about themselves.

    `width` is that of the flat form, `head` the width up to the first place where a line may break, if one `opens`.
    `breaks` says that there is no flat form, `waits` that the document ends in a comment, `hugs` that it may follow
    one on its line, as a closing bracket may.
    """

    __slots__ = ("breaks", "head", "hugs", "opens", "waits", "width")

    def __init__(self, width: int = 0, breaks: bool = False) -> None:
        self.width = self.head = width
        self.breaks = breaks
        self.hugs = self.opens = self.waits = False


class Text(Doc):
    """A token."""

    __slots__ = ("text",)

    def __init__(self, text: str, hugs: bool = False) -> None:
        super().__init__(len(text))
        self.text, self.hugs = text, hugs


class Line(Doc):
    """A place where the line breaks when the document around it is not flat; `flat` stands there otherwise."""

    __slots__ = ("flat",)

    def __init__(self, flat: str, breaks: bool = False) -> None:
        super().__init__(len(flat), breaks)
        self.head, self.opens, self.flat = 0, True, flat


class Broken(Doc):
    """A sign that is there only where the lines around it break: the comma after the last of several lines."""

    __slots__ = ("text",)

    def __init__(self, text: str) -> None:
        super().__init__()
        self.text, self.hugs = text, True


class Trailing(Doc):
    """A comment at the end of its line."""

    __slots__ = ("comment",)

    def __init__(self, comment: str) -> None:
        super().__init__()
        self.comment, self.waits = comment, True


class Own(Doc):
    """A comment on a line of its own, below an empty line if `gap`."""

    __slots__ = ("comment", "gap")

    def __init__(self, comment: str, gap: bool) -> None:
        super().__init__(breaks=True)
        self.comment, self.gap, self.opens = comment, gap, True


class Seq(Doc):
    """Documents one after another, indented by `nest`, or to the column where they begin if `align`."""

    __slots__ = ("align", "nest", "parts")

    def __init__(self, parts: Sequence[Doc], nest: int = 0, align: bool = False) -> None:
        self.parts, self.nest, self.align = parts, nest, align
        width = head = 0
        breaks = opens = waits = False
        for part in parts:
            breaks |= part.breaks or (waits and not part.hugs)
            waits = part.waits or (waits and part.hugs)
            width += part.width
            if not opens:
                head += part.head
                opens = part.opens
        self.width, self.head, self.breaks, self.hugs, self.opens, self.waits = width, head, breaks, False, opens, waits


class Group(Seq):
    """A sequence that is flat where it fits, and breaks at every `Line` of its own where it does not."""

    __slots__ = ()


class Item:
    """A document in a `Fill`, with the comments above it, and whether a line break before it is wanted."""

    __slots__ = ("above", "doc", "wanted")

    def __init__(self, doc: Doc, above: Sequence[Own] = (), wanted: bool = False) -> None:
        self.doc, self.above, self.wanted = doc, above, wanted


class Fill(Doc):
    """Documents with spaces between them, on as few lines as they need.

    In a `row` each line holds as many as fit; in a `chain` the lines between wanted breaks are about equally long. What
    does not fit on one line begins a new one and ends it, except in a `sum`, where it stays beside the one before.
    """

    __slots__ = ("items", "style")

    def __init__(self, items: Sequence[Item], style: Style) -> None:
        super().__init__()
        self.items, self.style = items, style
        for item in items:
            self.breaks |= self.waits or item.doc.breaks or bool(item.above)
            self.waits = item.doc.waits
            self.width += item.doc.width + 1
        self.width -= 1
        first = items[0].doc
        self.head, self.opens = first.head, first.opens or len(items) > 1 or bool(items[0].above)


OPENERS = ("(", "[", "{", "=")
SPACE = Text(" ", hugs=True)
LINE, SOFT, HARD = Line(" "), Line(""), Line("", breaks=True)


class Printer:
    """Lines under construction."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.parts: list[str] = []  # of the current line
        self.column = 0
        self.indent = 0  # of the current line, while it has no parts
        self.comment = ""  # for the end of the current line
        self.full = False  # the current line is a comment
        self.last = ""  # the token or comment printed last

    def text(self) -> str:
        """Everything printed, with one line break at the end."""
        self.newline(0)
        return "\n".join([*self.lines, ""]) if self.lines else ""

    def newline(self, indent: int) -> None:
        """End the current line if anything is on it."""
        if self.parts:
            line = "".join(self.parts).rstrip(" ")
            self.lines.append(f"{line}  {self.comment}" if self.comment else line)
        self.parts, self.comment, self.full = [], "", False
        self.column = self.indent = min(indent, MAX_INDENT)

    def gap(self) -> None:
        """One empty line before the current one, which is empty yet; none at the start and after an open bracket."""
        if self.lines and self.lines[-1] and self.last not in OPENERS:
            self.lines.append("")

    def write(self, text: str, indent: int, hugs: bool = False) -> None:
        """Put a token on the current line, or on a new one if a comment ends this one."""
        if text == " " and (self.full or self.comment or not self.parts):
            return
        if self.full or (self.comment and not hugs):
            self.newline(indent)
        self.add(text)
        self.last = text

    def add(self, text: str) -> None:
        if not self.parts:
            self.parts.append(" " * self.indent)
        self.parts.append(text)
        self.column += len(text)

    def own(self, doc: Own, indent: int) -> None:
        """Print a comment on a line of its own."""
        self.newline(indent)
        if doc.gap:
            self.gap()
        self.add(doc.comment)
        self.full, self.last = True, doc.comment

    def fits(self, doc: Doc, indent: int, tail: int, limit: int = WIDTH) -> bool:
        """Whether a document and `tail` more columns fit on the line where the next token will stand."""
        return not doc.breaks and self.place(indent) + doc.width + tail <= limit

    def place(self, indent: int) -> int:
        """The column where the next token will stand."""
        return min(indent, MAX_INDENT) if self.full or self.comment else self.column

    def show(self, doc: Doc, indent: int, tail: int) -> None:
        """Print a document that need not be flat; `tail` columns follow it on its last line."""
        if isinstance(doc, Group | Fill) and self.fits(doc, indent, tail):
            self.flat(doc, indent)
        elif isinstance(doc, Seq):
            self.sequence(doc, indent, tail)
        elif isinstance(doc, Fill):
            self.fill(doc, indent, tail)
        elif isinstance(doc, Line):
            self.newline(indent)
        elif isinstance(doc, Broken):
            self.write(doc.text, indent, hugs=True)
        elif isinstance(doc, Own):
            self.own(doc, indent)
        else:
            self.flat(doc, indent)

    def flat(self, doc: Doc, indent: int) -> None:
        """Print a document on the current line."""
        if isinstance(doc, Text):
            self.write(doc.text, indent, doc.hugs)
        elif isinstance(doc, Seq):
            for part in doc.parts:
                self.flat(part, indent)
        elif isinstance(doc, Fill):
            for number, item in enumerate(doc.items):
                if number:
                    self.write(" ", indent)
                self.flat(item.doc, indent)
        elif isinstance(doc, Trailing):
            self.comment = self.last = doc.comment
        elif isinstance(doc, Line) and doc.flat:
            self.write(doc.flat, indent)

    def sequence(self, doc: Seq, indent: int, tail: int) -> None:
        """Print the parts one after another, each with what follows it up to the next possible line break."""
        indent = self.column if doc.align else indent + doc.nest
        tails = [tail]
        for part in reversed(doc.parts):
            tails.append(part.head if part.opens else part.head + tails[-1])
        for number, part in enumerate(doc.parts):
            self.show(part, indent, tails[-2 - number])

    def fill(self, doc: Fill, indent: int, tail: int) -> None:
        """Print the items, with a space or a new line before each but the first."""
        indent = min(indent, MAX_INDENT)
        tall = False  # whether the item before did not fit on one line
        limit = WIDTH
        last = len(doc.items) - 1
        for number, item in enumerate(doc.items):
            after = tail if number == last else 0
            forced = number == 0 or item.wanted or bool(item.above or self.comment)
            turns = forced or self.turns(item.doc, indent, after, doc.style, limit, tall)
            if number:
                self.newline(indent) if turns else self.write(" ", indent)
            for comment in item.above:
                self.own(comment, indent)
            if doc.style == "chain" and (forced or tall):
                limit = even(doc.items, number, self.place(indent), indent, tail)
            tall = not self.fits(item.doc, indent, after)
            if tall:
                self.show(item.doc, indent, after)
            else:
                self.flat(item.doc, indent)

    def turns(self, doc: Doc, indent: int, tail: int, style: Style, limit: int, tall: bool) -> bool:
        """Whether a document in a fill begins a new line, `tall` if the one before did not fit on one."""
        if style == "sum":
            alone = not doc.breaks and indent + doc.width + tail <= WIDTH
            return alone and not self.fits(doc, indent, tail + 1)
        return tall or not self.fits(doc, indent, tail + 1, limit)


def even(items: Sequence[Item], start: int, column: int, indent: int, tail: int) -> int:
    """The least width of lines for which some items need no more lines than for `WIDTH`.

    They are those from `start` to the next place where a line breaks in any case. The first line begins at `column`,
    the others at `indent`; `tail` columns follow the last item.
    """
    widths: list[int] = []
    for number in range(start, len(items)):
        item = items[number]
        width = item.doc.width + (tail if number == len(items) - 1 else 0)
        if item.doc.breaks or indent + width > WIDTH or (widths and (item.wanted or item.above)):
            break
        widths.append(width)
        if item.doc.waits:
            break
    least, most = 0, WIDTH
    lines = _lines(widths, column, indent, WIDTH)
    while least < most:
        middle = (least + most) // 2
        if _lines(widths, column, indent, middle) <= lines:
            most = middle
        else:
            least = middle + 1
    return most if 1 < lines < math.inf else WIDTH


def _lines(widths: list[int], column: int, indent: int, limit: int) -> float:
    """How many lines of a width hold documents; infinitely many if one of them is too wide."""
    lines, at = 1, column
    for number, width in enumerate(widths):
        if number and at + 1 + width > limit:
            lines, at = lines + 1, indent - 1
        at += width + (number > 0)
        if at > limit:
            return math.inf
    return lines
