"""The language's number operators and functions, each bounded so that no program can make cnnc compute for long."""

import math
import operator
from collections.abc import Callable
from functools import reduce
from typing import Any

from .. import symbolic
from ..diagnostics import Reject
from ..limits import MAX_NUMBER_BITS
from ..ops.kinds import describe
from ..symbolic import Sym, differs, less

MAX_TERMS = 500
MAX_FORMULA = 5_000  # characters of a formula; nested floors are one term
TOO_LONG = f"the formula has more than {MAX_TERMS:,} terms or {MAX_FORMULA:,} characters"


def compare_symbolic(op: str, left: Any, right: Any) -> bool | None:
    """A comparison with symbolic extents in it: True or False where it is so for all sizes, else None."""
    if op in ("==", "!="):
        verdict = equal(left, right)
        return verdict if verdict is None else verdict == (op == "==")
    if op in (">", ">="):
        return compare_symbolic("<" if op == ">" else "<=", right, left)
    if less(left, right) or (op == "<=" and left == right):
        return True
    return False if less(right, left) or (op == "<" and left == right) else None


def equal(left: Any, right: Any) -> bool | None:
    """Whether two values are equal at all sizes or at none; None where that depends on the size."""
    if isinstance(left, tuple) and isinstance(right, tuple) and len(left) == len(right):
        verdicts = [equal(*pair) for pair in zip(left, right, strict=True)]
        return False if False in verdicts else None if None in verdicts else True
    if left == right or not any(isinstance(value, Sym) for value in (left, right)):
        return bool(left == right)
    numbers = all(isinstance(value, (int, float, Sym)) and not isinstance(value, bool) for value in (left, right))
    return False if not numbers or differs(left, right) else None


def power(base: Any, exponent: Any) -> Any:
    """base ** exponent, refused (E0406) before it is computed if the result would be huge."""
    if isinstance(base, Sym) and isinstance(exponent, int) and 0 < exponent <= 8:
        if math.comb(len(base.terms) + exponent - 1, exponent) > MAX_TERMS:  # what multiplying out gives
            raise Reject("E0366", reason=TOO_LONG)
        return base**exponent
    whole = isinstance(base, int) and isinstance(exponent, int)
    if whole and exponent > 0 and exponent * (abs(base).bit_length() - 1) > MAX_NUMBER_BITS:
        raise Reject("E0406", bits=MAX_NUMBER_BITS)
    return base**exponent


def divide(left: Any, right: Any) -> Any:
    """True division that stays whole where it is exact, so that a channel count may be halved with `/`."""
    if isinstance(left, int) and isinstance(right, int) and right and left % right == 0:
        return left // right
    return left / right


def bounded(result: Any) -> Any:
    """A formula, refused (E0366, E0406) where it or its numbers are too long to compute on with."""
    if isinstance(result, Sym):
        if any(factor.bit_length() > MAX_NUMBER_BITS for factor in result.terms.values()):
            raise Reject("E0406", bits=MAX_NUMBER_BITS)
        if len(result.terms) > MAX_TERMS or len(str(result)) > MAX_FORMULA:
            raise Reject("E0366", reason=TOO_LONG)
    return result


def weight(value: Any) -> int:
    """The steps of one operation that takes or gives a value: more for a formula, by its terms and its length."""
    return 1 if not isinstance(value, Sym) else 10 + 4 * len(value.terms) + len(str(value)) // 20


def comparisons(name: str, values: list[Any]) -> int:
    """The steps that the largest or smallest of formulas takes besides: each is compared with those that are left."""
    found = _flat(tuple(values))
    return min(len(found), MAX_TERMS) ** 2 // 2 if name in ("min", "max") and has_formula(found) else 0


def multiply(left: Any, right: Any) -> Any:
    """A product; one of formulas is refused (E0366) before it is computed if it would be too long."""
    if isinstance(left, Sym) and isinstance(right, Sym) and len(left.terms) * len(right.terms) > MAX_TERMS:
        raise Reject("E0366", reason=TOO_LONG)
    return left * right


def round_to(value: Any, divisor: Any) -> int:
    """The nearest multiple of divisor, but never below 90 % of the value (MobileNet's channel rounding).

    Sandler et al., "MobileNetV2", 2018, in the published code.
    """
    rounded = max(divisor, int(value + divisor / 2) // divisor * divisor)
    return int(rounded + divisor if rounded < 0.9 * value else rounded)


def total(*values: Any) -> Any:
    values = _numbers(_flat(values))
    formulas = any(isinstance(value, Sym) for value in values) and not any(isinstance(v, float) for v in values)
    return symbolic.total(values) if formulas else sum(values)


def smallest(*values: Any) -> Any:
    return _reduced(min, symbolic.smallest, values)


def largest(*values: Any) -> Any:
    return _reduced(max, symbolic.largest, values)


def _reduced(of_numbers: Callable[[Any], Any], of_two: Callable[[Any, Any], Any], values: Any) -> Any:
    values = _some(_numbers(_flat(values)))
    return (
        reduce(lambda a, b: bounded(of_two(a, b)), values)
        if any(isinstance(value, Sym) for value in values)
        else of_numbers(values)
    )


def as_it_is(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that rounds, which leaves a formula as it is, since extents are whole."""

    def rounded(value: Any) -> Any:
        (value,) = _numbers([value])
        return value if isinstance(value, Sym) else function(value)

    return rounded


def length(value: Any) -> int:
    if not isinstance(value, tuple):
        raise TypeError(f"len needs a list, got {describe(value)}")
    return len(value)


def log2(value: Any) -> Any:
    value = _numbers([value])[0]
    if isinstance(value, int) and value > 0 and value & (value - 1) == 0:
        return value.bit_length() - 1
    if value <= 0:
        raise ValueError("log2 needs a positive number")
    return math.log2(value)


def _flat(values: tuple[Any, ...]) -> Any:
    return values[0] if len(values) == 1 and isinstance(values[0], tuple) else values


def _some(values: Any) -> Any:
    if not values:
        raise ValueError("the list is empty")
    return values


def _numbers(values: Any) -> Any:
    for value in values:
        if isinstance(value, bool) or not isinstance(value, (int, float, Sym)):
            raise TypeError(f"a number is needed, got {describe(value)}")
    return values


OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": multiply,
    "/": divide,
    "//": operator.floordiv,
    "%": operator.mod,
    "**": power,
}
COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
FUNCTIONS: dict[str, tuple[Callable[..., Any], int, int]] = {
    "min": (smallest, 1, 10_000),
    "max": (largest, 1, 10_000),
    "ceil": (as_it_is(math.ceil), 1, 1),
    "floor": (as_it_is(math.floor), 1, 1),
    "round": (as_it_is(round), 1, 1),
    "int": (as_it_is(int), 1, 1),
    "len": (length, 1, 1),
    "sum": (total, 1, 10_000),
    "range": (range, 1, 3),
    "log2": (log2, 1, 1),
    "round_to": (lambda x, d: round_to(*_numbers([x, d])), 2, 2),
}
"""Name to function, fewest and most arguments."""


WANT_NUMBERS = ("range", "log2", "round_to")
"""Those that have no formula of a symbolic extent."""


def operate(op: str, left: Any, right: Any) -> Any:
    """The result of an operator. Raises Reject, or the arithmetic errors that the caller turns into one."""
    if isinstance(left, Sym) or isinstance(right, Sym):
        return of_formulas(OPERATORS[op], (left, right))
    return OPERATORS[op](left, right)


def of_formulas(compute: Callable[..., Any], values: tuple[Any, ...]) -> Any:
    """What is computed from symbolic extents. Raises Reject (E0366) where no formula is the result."""
    numbers = [value for entry in values for value in (entry if isinstance(entry, tuple) else (entry,))]
    fraction = next((value for value in numbers if isinstance(value, float)), None)
    if fraction is not None:
        formula = next(value for value in numbers if isinstance(value, Sym))
        raise Reject("E0366", reason=f"{formula} is computed with whole numbers only, not with {fraction:g}")
    try:
        return bounded(compute(*values))
    except ValueError as error:
        raise Reject("E0366", reason=str(error)) from None


def has_formula(value: Any) -> bool:
    """Whether a value is a formula, or a list with one."""
    return isinstance(value, Sym) or (isinstance(value, tuple) and any(isinstance(entry, Sym) for entry in value))


def call_function(name: str, values: list[Any], max_list: int) -> Any:
    """The value of a number function. Raises Reject, or the arithmetic errors that the caller turns into one."""
    function, least, most = FUNCTIONS[name]
    if not least <= len(values) <= most:
        see = f"`{name}` takes {least}" + (
            f" to {most} values" if most > least else " value" if least == 1 else " values"
        )
        raise Reject(
            "E0307" if len(values) > most else "E0303", layer=name, most=most, name="value", doc="a number", see=see
        )
    if name != "len" and any(map(has_formula, values)):
        if name in WANT_NUMBERS:
            raise Reject("E0366", reason=f"`{name}` needs a number")
        return of_formulas(function, tuple(values))
    if name != "range":
        return function(*values)
    if not all(type(value) is int for value in values):
        raise ValueError("range needs whole numbers")
    span = range(*values)
    length = max(0, -((span.start - span.stop) // span.step))  # len() takes none beyond 2⁶³
    if length > max_list:
        raise Reject("E0405", length=length, most=max_list)
    return tuple(span)
