"""Formulas with their numbers in them, as text: how an op's entry says where its figures come from."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any, NamedTuple

from ..symbolic import Floor, Gcd, Largest, Monomial, Sym

AXIS_NAMES = {1: ("length",), 2: ("height", "width"), 3: ("depth", "height", "width")}


class Line(NamedTuple):
    """`expression = value` behind words; lines with the same label one after another are read as one.

    Without a value the expression is words, or a formula that stands for itself.
    """

    label: str
    expression: str
    value: Any = None
    before: str = ""


def text(value: Any) -> str:
    """A number or a formula as people write it: 9,408, −3, 1/2, 64·⌊H/2⌋ + 1."""
    if isinstance(value, Sym):
        terms = sorted(value.terms.items(), key=lambda t: (-len(t[0]), str(t[0])))
        return _sum([_term(monomial, factor) for monomial, factor in terms])
    if isinstance(value, Fraction) and value.denominator != 1:
        return f"{text(value.numerator)}/{text(value.denominator)}"
    return f"{int(value):,}".replace("-", "−")


def factor(value: Any) -> str:
    """The same as part of a longer formula, in brackets where it needs them; text stays as it is."""
    if isinstance(value, str):
        return value
    whole = text(value)
    simple = len(value.terms) == 1 if isinstance(value, Sym) else "/" not in whole
    return whole if simple and not whole.startswith("−") else f"({whole})"


def divisor(value: Any) -> str:
    """The same behind a stroke, where a product needs brackets, too."""
    whole = text(value)
    return f"({whole})" if isinstance(value, Sym) and not whole.isalnum() else whole


def product(*factors: Any) -> str:
    """64·112·112."""
    return "·".join(map(factor, factors))


def bracket(*factors: Any) -> str:
    """(3·7·7)."""
    return f"({product(*factors)})"


def one_less(factors: Sequence[Any]) -> str:
    """(3·3 − 1), what it takes to bring so many values down to one."""
    return f"({product(*factors)} − 1)"


def shared_out(channels: Any, groups: int) -> str:
    """Channels of one group."""
    return factor(channels) if groups == 1 else f"{factor(channels)}/{divisor(groups)}"


def shape_text(shape: Sequence[Any]) -> str:
    """3×224×224."""
    return "×".join(map(factor, shape))


def axis_names(count: int) -> tuple[str, ...]:
    """What the spatial axes are called."""
    return AXIS_NAMES.get(count, tuple(f"axis {i}" for i in range(1, count + 1)))


def by_axis(expressions: Sequence[str], values: Sequence[Any], before: str = "N = ") -> tuple[Line, ...]:
    """A line for each spatial axis, those that are equal as one."""
    groups: dict[tuple[str, Any], list[str]] = {}
    for name, expression, value in zip(axis_names(len(values)), expressions, values, strict=True):
        groups.setdefault((expression, value), []).append(name)
    return tuple(Line(", ".join(names), expression, value, before) for (expression, value), names in groups.items())


def in_words(words: str) -> Callable[..., tuple[Line, ...]]:
    """A rule for shapes that need no formula."""
    return lambda a, xs, out: (Line("shape", words),)


def asked(a: Any, xs: Any, out: Sequence[Any]) -> tuple[Line, ...]:
    """The rule of layers whose arguments are their output's extents."""
    return (Line("shape", f"{shape_text(out)} as asked for"),)


def ratio(amount: Any, whole: Any) -> Any:
    """The number that `amount` is of times `whole`, or None where that is no whole number."""
    if isinstance(amount, Sym) and isinstance(whole, Sym):
        monomial, count = next(iter(whole.terms.items()))
        times = amount.terms.get(monomial, 0) // count
        return times if times and amount == times * whole else None
    if isinstance(whole, Sym) or amount % whole != 0:
        return None
    return amount // whole


def _sum(terms: list[str]) -> str:
    return " + ".join(terms).replace("+ −", "− ")


def _term(monomial: Monomial, times: int) -> str:
    """A coefficient and what it multiplies; −max(−a, −b) reads as min(a, b)."""
    parts = []
    for atom in monomial:
        if isinstance(atom, Largest) and all(text(choice).startswith("−") for choice in atom.choices):
            times = -times
            parts.append(f"min({', '.join(text(-choice) for choice in atom.choices)})")
        else:
            parts.append(_atom(atom))
    sign = "−" if times < 0 else ""
    if abs(times) != 1 or not parts:  # a field behind upsampling counts in fractions
        parts = [factor(abs(times)), *parts]
    return sign + "·".join(parts)


def _atom(atom: Any) -> str:
    if isinstance(atom, Floor):
        return f"⌊{factor(atom.body)}/{text(atom.divisor)}⌋"
    if isinstance(atom, Gcd):
        return f"gcd({text(atom.body)}, {text(atom.number)})"
    if isinstance(atom, Largest):
        return f"max({', '.join(map(text, atom.choices))})"
    return str(atom)
