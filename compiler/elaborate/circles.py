"""What to say of a block that contains itself: where it was used first, and through which others it came back."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any

from ..diagnostics import Label, show
from ..source import Span
from .scope import Fatal

SHOWN = 6
"""How many steps of a circle are written out."""


def endless(name: str, active: Mapping[Any, Span], key: Any, span: Span) -> Fatal:
    """The mistake (E0311). `active` holds what is being followed, outermost first, each with the place of its use."""
    keys = list(active)
    within = [active[k] for k in keys[keys.index(key) :]]
    names = [_name(place) for place in within] + [name]
    steps = [f"`{show(a)}` uses `{show(b)}`" for a, b in pairwise(names) if a != b]
    if len(steps) > SHOWN:
        steps = [*steps[: SHOWN // 2], f"{len(steps) - SHOWN} more", *steps[-(SHOWN // 2) :]]
    notes = (", ".join(steps),) if len(steps) > 1 else ()
    return Fatal("E0311", span, labels=(Label(active[key], "first used here"),), notes=notes, name=name)


def _name(place: Span) -> str:
    """The name of a use: what stands before its arguments."""
    return place.text.split("(")[0].strip()
