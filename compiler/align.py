"""Two lists aligned: which entries of one correspond to which of the other, in order.

Entries are paired by name, unless pairing them by kind finds more that are equal, as where one network has a layer more
and all numbers behind it move up. Gaps that are left are filled by the other way of pairing, then by a rougher one.
"""

from collections.abc import Callable, Hashable, Sequence
from difflib import SequenceMatcher
from typing import TypeVar

T = TypeVar("T")
Key = Callable[[T], Hashable]
Pairs = list[tuple[int, int]]

LONGEST = 2000
"""Longer stretches are paired by name alone: where keys repeat, the time that it takes grows with the square."""


def align(a: Sequence[T], b: Sequence[T], keys: tuple[Key[T], Key[T], Key[T]]) -> Pairs:
    """Which entries correspond. keys: an entry's name, its kind, and something rougher than both."""
    name, kind, rough = keys
    by_name = _filled(a, b, (name, kind, rough))
    if max(len(a), len(b)) > LONGEST:
        return by_name
    by_kind = _filled(a, b, (kind, name, rough))

    def worth(pairs: Pairs) -> int:
        return sum(2 * (kind(a[i]) == kind(b[j])) + 1 for i, j in pairs)

    return by_kind if worth(by_kind) > worth(by_name) else by_name


def _filled(a: Sequence[T], b: Sequence[T], keys: Sequence[Key[T]], first: bool = True) -> Pairs:
    """Pairs by the first key, in the gaps between them pairs by the others."""
    if not keys or not a or not b:
        return []
    key, *rest = keys
    if not first and max(len(a), len(b)) > LONGEST:
        return []
    found: Pairs = []
    last_a = last_b = 0
    for i, j in [*match([key(x) for x in a], [key(x) for x in b]), (len(a), len(b))]:
        gap = _filled(a[last_a:i], b[last_b:j], rest, first=False)
        found += [(last_a + x, last_b + y) for x, y in gap]
        if i < len(a):
            found.append((i, j))
        last_a, last_b = i + 1, j + 1
    return found


def match(a: Sequence[Hashable], b: Sequence[Hashable]) -> Pairs:
    """Equal keys in order: what begins and ends alike first, since the rest takes longer."""
    start, end = 0, 0
    most = min(len(a), len(b))
    while start < most and a[start] == b[start]:
        start += 1
    while end < most - start and a[-1 - end] == b[-1 - end]:
        end += 1
    found = [(i, i) for i in range(start)]
    inner = SequenceMatcher(None, a[start : len(a) - end], b[start : len(b) - end], autojunk=False)
    for i, j, n in inner.get_matching_blocks():
        found += [(start + i + k, start + j + k) for k in range(n)]
    return found + [(len(a) - k, len(b) - k) for k in range(end, 0, -1)]
