"""The values of one key of a space: a list, a range, or one value that stands for itself."""

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, NamedTuple, NoReturn

from ..diagnostics import CnncError, show, usage
from ..reference import read_value
from ..requests import read_shape

MOST_VALUES = 100_000
"""Values of one key. No flag: they stand in memory, and a range with a step says the same in one line."""

RANGE = frozenset({"from", "to", "step", "count"})
WAY = "docs/sweep.md describes every key"
LISTS = "give a list such as [16, 32], a range such as {from = 16, to = 64, step = 8}, or one value"


class Place(NamedTuple):
    """A key of a space, for complaints about it."""

    path: str
    key: str

    def wrong(self, reason: str, way: str = WAY) -> NoReturn:
        raise usage("E0592", key=self.key, path=self.path, reason=reason, way=way)


Read = Callable[[Place, Any], Any]


def read_values(place: Place, given: Any, read: Read, ranged: Read | None = None) -> tuple[Any, ...]:
    """All values of a key, each once. Raises UsageError (E0592).

    read: one value. ranged: the values of a table with `from`; None where the key has no ranges.
    """
    if isinstance(given, dict) and given and RANGE.issuperset(given):
        if ranged is None:
            place.wrong("it takes no range", "give a list")
        values = ranged(place, given)
    elif isinstance(given, list):
        values = tuple(read(place, value) for value in given)
    else:
        values = (read(place, given),)
    check_distinct(place, values)
    return tuple(values)


def check_distinct(place: Place, values: tuple[Any, ...]) -> None:
    """Refuse a key without values, with too many, or with one of them twice."""
    if not values:
        place.wrong("the list is empty", LISTS)
    if len(values) > MOST_VALUES:
        place.wrong(f"it has {len(values):,} values, more than {MOST_VALUES:,}", "give a larger step")
    seen: set[str] = set()
    for value in values:
        if repr(value) in seen:  # 1, 1.0 and true are different values of a build parameter
            place.wrong(f"{spelled(value)} stands there twice", "give every value once")
        seen.add(repr(value))


def read_param(place: Place, value: Any) -> Any:
    """A value of a build parameter: a number, true or false, a word as `-D` takes it, or a list as a tuple."""
    if isinstance(value, str):
        try:
            return read_value(value)
        except CnncError:
            place.wrong(f"`{show(value)}` is not a value", "give a number, true, false, a word or a list")
    if isinstance(value, list):
        return tuple(read_param(place, part) for part in value)
    if isinstance(value, float) and not math.isfinite(value):
        place.wrong(f"{value} is not a number")
    if not isinstance(value, (bool, int, float)):
        place.wrong(f"`{show(value)}` is not a value", LISTS)
    return value


def number_range(place: Place, table: dict[str, Any]) -> tuple[Any, ...]:
    """The numbers of {from, to, step} or {from, to, count}, without the errors that adding floats would pile up."""
    low, high = (_bound(place, table, name) for name in ("from", "to"))
    given = [name for name in ("step", "count") if name in table]
    if len(given) != 1:
        place.wrong("a range has a step or a count" + (", not both" if given else ""), LISTS)
    if low > high:
        place.wrong(f"from {low} to {high} holds nothing", "the lower bound comes first")
    start, width = Fraction(str(low)), Fraction(str(high)) - Fraction(str(low))
    if given == ["step"]:
        step = Fraction(str(_bound(place, table, "step")))
        if step <= 0:
            place.wrong("the step is not above 0", LISTS)
        count = width // step + 1
    else:
        count = _whole(place, table["count"], "count")
        if count < 2:
            place.wrong("a count is at least 2: both bounds are values", LISTS)
        step = width / (count - 1)
    if count > MOST_VALUES:
        place.wrong(f"the range has {count:,} values, more than {MOST_VALUES:,}", "give a larger step")
    whole = all(isinstance(bound, int) for bound in (low, high)) and step.denominator == 1
    return tuple(int(x) if whole else float(x) for x in (start + i * step for i in range(count)))


def _bound(place: Place, table: dict[str, Any], name: str) -> int | float:
    value = table.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e18:
        place.wrong(
            f"`{name}` of a range is a number below 1e18" + ("" if name in table else ", and it is missing"), LISTS
        )
    return value


def _whole(place: Place, value: Any, name: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        place.wrong(f"`{name}` is a whole number, not {show(value)}", LISTS)
    return value


# Input shapes

SHAPES = 'write "3x96x96", a table such as {a = "1x28x28", b = "1x28x28"}, or a list of these'


def read_input(place: Place, value: Any) -> Any:
    """A shape as a tuple, or a dictionary of them by the inputs' names."""
    if isinstance(value, dict) and value and all(isinstance(shape, str) for shape in value.values()):
        return {name: read_input(place, shape) for name, shape in value.items()}
    if not isinstance(value, str):
        place.wrong(f"`{show(value)}` is not a shape", SHAPES)
    try:
        shape = read_shape(value)
    except CnncError:
        place.wrong(f"`{show(value)}` is not a shape", SHAPES)
    if not all(isinstance(extent, int) for extent in shape):
        place.wrong(f"`{value}` has a letter, and a point needs numbers", SHAPES)
    return shape


def input_range(place: Place, table: dict[str, Any]) -> tuple[Any, ...]:
    """Shapes from one to another, all extents but the channels growing by the step."""
    low, high = (read_input(place, table.get(name)) for name in ("from", "to"))
    step = _whole(place, table.get("step"), "step")
    growth = {b - a for a, b in zip(low[1:], high[1:], strict=False)}
    if "count" in table or step < 1 or low[:1] != high[:1] or len(low) != len(high) or len(growth) != 1:
        way = 'write {from = "3x96x96", to = "3x224x224", step = 32}'
        place.wrong("a range of shapes keeps the channels and adds the same to every other extent", way)
    (width,) = growth
    if not 0 <= width // step < MOST_VALUES:
        place.wrong(f"from {table['from']} to {table['to']} are not shapes, or too many", "the smaller one comes first")
    return tuple((low[0], *(extent + i * step for extent in low[1:])) for i in range(width // step + 1))


# Text


def spelled(value: Any) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple):
        return f"({', '.join(map(spelled, value))}{',' if len(value) == 1 else ''})"
    return value if isinstance(value, str) else repr(value)
