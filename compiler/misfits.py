"""Which input sizes would fit, where branches of a network have unlike extents: asked of the network with symbols.

The network is compiled once more with a letter for every extent of its inputs; rules that compare two formulas then
state equations (see `constraints.py`), which the sizes at hand break.
"""

from collections.abc import Callable, Iterable
from typing import Any

from .constraints import nearest
from .diagnostics import Diagnostic
from .ir import Graph, Terminal
from .ops import Shape, Tokens
from .symbolic import symbol

CODES = ("E0203", "E0204")
AXES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


def with_sizes(
    found: list[Diagnostic], inputs: list[Terminal], compiled: Callable[[dict[str, Shape]], Graph | None]
) -> list[Diagnostic]:
    """The findings, those about unlike extents with the input sizes that fit."""
    if not any(_is_misfit(d) for d in found):
        return found
    shapes = {t.name: t.value.shape for t in inputs if t.value.shape is not None}
    if len(shapes) < len(inputs) or not all(_is_plain(shape) for shape in shapes.values()):
        return found
    graph = compiled({name: _symbols(number, shape) for number, (name, shape) in enumerate(shapes.items())})
    ways = _ways(graph, shapes) if graph is not None else ""
    return [d._replace(facts={**d.facts, "help": ways}) if ways and _is_misfit(d) else d for d in found]


def _is_misfit(found: Diagnostic) -> bool:
    """Whether a finding is about extents of tensors with equally many axes, and channels are not the trouble."""
    names = ("first", "other") if found.code == "E0204" else ("left", "right")
    first, other = (found.facts.get(name) for name in names)
    if found.code not in CODES or not isinstance(first, tuple) or not isinstance(other, tuple):
        return False
    alike = len(first) == len(other) > 1
    return alike and (found.code == "E0204" or first[0] == other[0] or 1 in (first[0], other[0]))


def _is_plain(shape: Shape) -> bool:
    return not isinstance(shape, Tokens) and all(isinstance(extent, int) for extent in shape)


def _symbols(number: int, shape: Shape) -> Shape:
    symbols: list[Any] = [symbol(_name(number, axis)) for axis in range(1, len(shape))]
    return (shape[0], *symbols)


def _name(number: int, axis: int) -> str:
    return f"N{number}x{axis}"


def _ways(graph: Graph, shapes: dict[str, Shape]) -> str:
    """For each extent that does not fit, what it must be and the nearest that do."""
    said: dict[str, list[str]] = {}
    for number, (name, shape) in enumerate(shapes.items()):
        for axis, extent in enumerate(shape[1:], 1):
            rule, fits = nearest(graph, _name(number, axis), extent)
            if fits and extent not in fits:
                where = f"the input `{name}`" if len(shapes) > 1 else "the input"
                what = f"{AXES[len(shape) - 1][axis - 1]} of {where}"
                said.setdefault(f"{rule}, such as {_either(fits)} instead of {extent}", []).append(what)
    return "; ".join(_sentence(rule, whats) for rule, whats in said.items())


def _sentence(rule: str, whats: list[str]) -> str:
    rule = rule.replace("a multiple of", "multiples of") if len(whats) > 1 else rule
    return f"the {_both(whats)} must be {rule}"


def _both(whats: list[str]) -> str:
    """`height and width of the input` from `height of the input` and `width of the input`."""
    heads = [what.partition(" of ")[0] for what in whats]
    tails = dict.fromkeys(what.partition(" of ")[2] for what in whats)
    return f"{' and '.join(dict.fromkeys(heads))} of {' and '.join(tails)}"


def _either(fits: Iterable[Any]) -> str:
    return " or ".join(map(str, fits))
