"""How wide text is, without a font at hand: an upper bound that holds for the sans-serif fonts people have.

The widths are those of DejaVu Sans Bold, the widest of the common ones, rounded up; a box that fits them fits the text
in Arial, Helvetica, Segoe and Verdana as well.
"""

from unicodedata import combining, east_asian_width

WIDTHS = {
    **dict.fromkeys("ijlI|'.,:;! ", 0.40),
    **dict.fromkeys('frt()[]{}/\\-"`', 0.50),
    **dict.fromkeys("abcdeghknopqsuvxyzEFLJ*?^_0123456789TSZ", 0.74),
    **dict.fromkeys("ABCDGHKNOPQRUVXY$+=<>~&#×−÷→≤≥", 0.88),
    **dict.fromkeys("mwMW@%…", 1.11),
}
OTHER = 1.15
"""What any other character may take, in ems; ideographs and pictures take WIDE."""
WIDE = 1.4


def text_width(text: str, size: float) -> float:
    """The most that a line takes at a font size, in the unit of the size."""
    return size * sum(_ems(c) for c in text)


def _ems(c: str) -> float:
    if c in WIDTHS:
        return WIDTHS[c]
    if combining(c):
        return 0.0
    return WIDE if east_asian_width(c) in "WF" else OTHER
