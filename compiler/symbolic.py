"""Exact formulas in the symbols of an input shape such as 3xHxW: polynomials over symbols, floors, gcds and maxima.

A `Sym` behaves like a whole number wherever shapes and costs are computed. Symbols stand for positive integers. Equal
formulas have one form, so that `==` and hashing compare meaning for what layers produce: ⌊⌊p/a⌋/b⌋ becomes ⌊p/(ab)⌋.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import NamedTuple, TypeAlias, Union


class Symbol(NamedTuple):
    name: str

    def __str__(self) -> str:
        return self.name


class Floor(NamedTuple):
    """⌊body / divisor⌋."""

    body: "Sym"
    divisor: int

    def __str__(self) -> str:
        body = str(self.body)
        return f"{body}//{self.divisor}" if body.isalpha() else f"({body})//{self.divisor}"


class Gcd(NamedTuple):
    """The greatest common divisor of a formula and a number, or of two formulas."""

    body: "Sym"
    number: "Whole"
    kind: str = "gcd"  # a floor with equal fields would be an equal tuple, and so the same term of a sum

    def __str__(self) -> str:
        return f"gcd({self.body}, {self.number})"


class Largest(NamedTuple):
    """The largest of several formulas."""

    choices: tuple["Whole", ...]

    def __str__(self) -> str:
        return f"max({', '.join(map(str, self.choices))})"


Atom: TypeAlias = Symbol | Floor | Gcd | Largest
Monomial: TypeAlias = tuple[Atom, ...]
Whole: TypeAlias = Union[int, "Sym"]
"""A number, known or symbolic."""


class Sym:
    """A polynomial with whole coefficients; never a constant, which would be an int."""

    __slots__ = ("_hash", "_text", "terms")

    def __init__(self, terms: dict[Monomial, int]) -> None:
        self.terms = terms
        self._hash: int | None = None
        self._text: str | None = None

    def __add__(self, other: Whole) -> Whole:
        terms = dict(self.terms)
        for monomial, factor in _terms(other).items():
            terms[monomial] = terms.get(monomial, 0) + factor
        return _normal(terms)

    __radd__ = __add__

    def __neg__(self) -> Whole:
        return Sym({m: -c for m, c in self.terms.items()})

    def __sub__(self, other: Whole) -> Whole:
        return self + -other

    def __rsub__(self, other: Whole) -> Whole:
        return -self + other

    def __mul__(self, other: Whole) -> Whole:
        terms: dict[Monomial, int] = {}
        for m, c in self.terms.items():
            for n, d in _terms(other).items():
                product = tuple(sorted((*m, *n), key=str))
                terms[product] = terms.get(product, 0) + c * d
        return _normal(terms)

    __rmul__ = __mul__

    def __floordiv__(self, divisor: Whole) -> Whole:
        """⌊self/d⌋: what d divides comes out, floors of floors are one floor. A formula as divisor must divide."""
        if isinstance(divisor, Sym):
            return _quotient(self, divisor)
        quotient: Whole = 0
        rest: Whole = 0
        for m, c in self.terms.items():
            quotient = quotient + _normal({m: c // divisor})
            rest = rest + _normal({m: c % divisor})
        if isinstance(rest, int):
            return quotient + rest // divisor
        inner = [(m, c) for m, c in rest.terms.items() if m]
        if len(inner) == 1 and inner[0][1] == 1 and len(inner[0][0]) == 1 and isinstance(inner[0][0][0], Floor):
            floor = inner[0][0][0]
            constant = rest.terms.get((), 0)
            return quotient + _atom(Floor(_sym(floor.body + constant * floor.divisor), floor.divisor * divisor))
        return quotient + _atom(Floor(rest, divisor))

    def __mod__(self, divisor: Whole) -> Whole:
        return self - divisor * (self // divisor)

    def __rfloordiv__(self, value: int) -> int:
        """A number over a formula. Raises UndecidedError, but for 0."""
        if value == 0:
            return 0
        raise UndecidedError(f"{value} over {self}")

    def __rmod__(self, value: int) -> int:
        return value - self.__rfloordiv__(value)

    def __rtruediv__(self, value: int) -> int:
        return self.__rfloordiv__(value)

    def __rpow__(self, value: int) -> int:
        raise UndecidedError(f"{value} to the power of {self}")

    def __truediv__(self, divisor: int) -> Whole:
        """Exact division. Raises ValueError where it leaves a rest."""
        quotient = self // divisor
        if quotient * divisor != self:
            raise UndecidedError(f"{self} is not always a multiple of {divisor}")
        return quotient

    def __pow__(self, exponent: int) -> Whole:
        if not isinstance(exponent, int) or not 1 <= exponent <= 8:
            raise UndecidedError("a symbolic extent takes exponents from 1 to 8")
        return math.prod([self] * exponent)

    # A comparison is true where it holds for all values of the symbols. Rules ask it for what must not happen, such as
    # an extent below 1, so what only some sizes run into is found when sizes are known.

    def __lt__(self, other: Whole) -> bool:
        return less(self, other)

    def __gt__(self, other: Whole) -> bool:
        return less(other, self)

    def __le__(self, other: Whole) -> bool:
        return self == other or less(self, other)

    def __ge__(self, other: Whole) -> bool:
        return self == other or less(other, self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sym) and str(self) == str(other)

    def __hash__(self) -> int:
        if self._hash is None:
            self._hash = hash(str(self))
        return self._hash

    def __str__(self) -> str:
        if self._text is None:
            parts = [_term(m, c) for m, c in sorted(self.terms.items(), key=lambda t: (-len(t[0]), str(t[0])))]
            self._text = " + ".join(parts).replace("+ -", "- ")
        return self._text

    __repr__ = __str__

    def __format__(self, spec: str) -> str:
        return str(self)

    def at(self, values: dict[str, int]) -> int:
        """The formula's value. Raises KeyError for a symbol without one."""
        return sum(c * math.prod(_value(atom, values) for atom in m) for m, c in self.terms.items())


def _quotient(value: Sym, divisor: Sym) -> Whole:
    """A formula over a multiple of itself or a factor of all its terms. Raises UndecidedError for any other."""
    if value.terms.keys() == divisor.terms.keys():
        ratios = {(c // divisor.terms[m], c % divisor.terms[m]) for m, c in value.terms.items()}
        if len(ratios) == 1 and not next(iter(ratios))[1]:
            return next(iter(ratios))[0]
    if len(divisor.terms) > 1:
        raise UndecidedError(f"{value} over {divisor}")
    ((factors, number),) = divisor.terms.items()
    terms: dict[Monomial, int] = {}
    for monomial, c in value.terms.items():
        rest = list(monomial)
        for atom in factors:
            if atom not in rest or c % number:
                raise UndecidedError(f"{value} over {divisor}")
            rest.remove(atom)
        terms[tuple(rest)] = c // number
    return _normal(terms)


def symbol(name: str) -> Sym:
    """A symbol by name."""
    return Sym({(Symbol(name),): 1})


def at(value: Whole, values: dict[str, int]) -> int:
    """The value of a number or formula."""
    return value.at(values) if isinstance(value, Sym) else value


def less(a: Whole, b: Whole) -> bool:
    """Whether a < b; for formulas, whether that is so for all positive values of the symbols."""
    difference = a - b
    if isinstance(difference, int):
        return difference < 0
    return _never_positive(difference) and difference.terms.get((), 0) < 0


def differs(a: Whole, b: Whole) -> bool:
    """Whether a ≠ b; for formulas, whether they differ by a constant and so always."""
    difference = a - b
    if not isinstance(difference, int):
        asked = _asked.get()
        if asked is not None:
            asked.append((a, b))
        return False
    return difference != 0


_asked: ContextVar[list[tuple[Whole, Whole]] | None] = ContextVar("asked", default=None)


@contextmanager
def questions() -> Iterator[list[tuple[Whole, Whole]]]:
    """Collects the pairs of formulas of which `differs` cannot say whether they are equal."""
    asked: list[tuple[Whole, Whole]] = []
    token = _asked.set(asked)
    try:
        yield asked
    finally:
        _asked.reset(token)


def symbols_in(value: Whole) -> set[str]:
    """The names of the symbols in a formula."""
    found: set[str] = set()
    for monomial in value.terms if isinstance(value, Sym) else ():
        for atom in monomial:
            if isinstance(atom, Symbol):
                found.add(atom.name)
            elif isinstance(atom, Floor):
                found |= symbols_in(atom.body)
            elif isinstance(atom, Gcd):
                found |= symbols_in(atom.body) | symbols_in(atom.number)
            else:
                found |= set().union(*map(symbols_in, atom.choices))
    return found


class UndecidedError(ValueError):
    """A question about formulas whose answer depends on the sizes."""


def same(a: Whole, b: Whole) -> bool:
    """Whether a = b at all sizes, or at none. Raises UndecidedError where it depends."""
    difference = a - b
    if isinstance(difference, int):
        return difference == 0
    raise UndecidedError(f"whether {a} is {b}")


def at_most(a: Whole, b: Whole) -> bool:
    """Whether a ≤ b at all sizes, or at none. Raises UndecidedError where it depends."""
    if not less(b, a) and not (a == b or less(a, b)):
        raise UndecidedError(f"whether {a} is at most {b}")
    return not less(b, a)


def largest(a: Whole, b: Whole) -> Whole:
    """The larger of the two; for formulas that neither dominates, their maximum."""
    if isinstance(a, int) and isinstance(b, int):
        return max(a, b)
    choices = list(_choices(a))  # of which none dominates another
    for choice in _choices(b):
        if any(_dominates(c, choice) for c in choices):
            continue
        choices = [c for c in choices if not _dominates(choice, c)]
        choices.append(choice)
    return choices[0] if len(choices) == 1 else _atom(Largest(tuple(sorted(choices, key=str))))


def smallest(a: Whole, b: Whole) -> Whole:
    return -largest(-a, -b)


def total(values: Iterable[Whole]) -> Whole:
    """The sum of many, whose terms are gone through once."""
    terms: dict[Monomial, int] = {}
    for value in values:
        for monomial, factor in _terms(value).items():
            terms[monomial] = terms.get(monomial, 0) + factor
    return _normal(terms)


def gcd(a: Whole, n: Whole) -> Whole:
    """The greatest common divisor of two numbers or formulas, all positive."""
    if isinstance(n, Sym):
        if not isinstance(a, Sym):
            return gcd(n, a)
        first, second = sorted((a, n), key=str)  # one atom, however they are asked for
        return a if a == n else _atom(Gcd(first, second))
    return math.gcd(a, n) if isinstance(a, int) else _atom(Gcd(a, n)) if n > 1 else 1


def is_whole(value: object) -> bool:
    """Whether something is a whole number or a formula, and no bool."""
    return isinstance(value, (int, Sym)) and not isinstance(value, bool)


def _terms(value: Whole) -> dict[Monomial, int]:
    return value.terms if isinstance(value, Sym) else {(): value}


def _normal(terms: dict[Monomial, int]) -> Whole:
    terms = {m: c for m, c in terms.items() if c}
    return terms.get((), 0) if not any(terms) else Sym(terms)


def _sym(value: Whole) -> Sym:
    return value if isinstance(value, Sym) else Sym({(): value})


def _atom(atom: Atom) -> Whole:
    return Sym({(atom,): 1})


def _term(monomial: Monomial, factor: int) -> str:
    alone = len(monomial) == 1 and factor == 1
    parts = [f"({atom})" if isinstance(atom, Floor) and not alone else str(atom) for atom in monomial]
    if factor == -1 and parts:
        return "-" + "*".join(parts)
    return "*".join([*([str(factor)] if factor != 1 or not parts else []), *parts])


def _value(atom: Atom, values: dict[str, int]) -> int:
    if isinstance(atom, Symbol):
        return values[atom.name]
    if isinstance(atom, Floor):
        return atom.body.at(values) // atom.divisor
    if isinstance(atom, Gcd):
        return math.gcd(atom.body.at(values), at(atom.number, values))
    return max(at(choice, values) for choice in atom.choices)


def _choices(value: Whole) -> tuple[Whole, ...]:
    """The formulas that a maximum chooses from; a maximum plus a rest is taken apart."""
    if isinstance(value, Sym):
        for monomial, factor in value.terms.items():
            if len(monomial) == 1 and isinstance(monomial[0], Largest) and factor == 1:
                rest = value - Sym({monomial: 1})
                return tuple(choice + rest for choice in monomial[0].choices)
    return (value,)


def _never_positive(value: Sym) -> bool:
    """Whether no positive values of the symbols make it positive, seen from the signs of its terms alone."""
    return all(c <= 0 and all(isinstance(a, (Symbol, Gcd)) for a in m) for m, c in value.terms.items())


def _dominates(a: Whole, b: Whole) -> bool:
    """Whether a ≥ b for all shapes that occur: every term of the difference is positive and stands for a count."""
    return _is_count(a - b)


def _is_count(value: Whole) -> bool:
    """Whether a value is at least 0, seen from the signs of its terms alone."""
    if isinstance(value, int):
        return value >= 0
    return all(c >= 0 and all(map(_counts, monomial)) for monomial, c in value.terms.items())


def _counts(atom: Atom) -> bool:
    """Whether a part of a term is at least 0. The minimum of counts is not: it is stored as -max(-a, -b)."""
    if isinstance(atom, Floor):
        return _is_count(atom.body)
    return any(map(_is_count, atom.choices)) if isinstance(atom, Largest) else True
