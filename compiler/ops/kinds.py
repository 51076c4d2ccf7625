"""Kinds of argument: what an op's parameter accepts, how it is read, and how the reference describes it.

A kind stands in the annotation of a signature field, `k: Annotated[Ints, PerAxis("kernel extent")]`, so that name,
static type, default and documentation are written once.
"""

from collections.abc import Sequence
from typing import Any, Final, TypeAlias

from ..diagnostics import Reject
from ..symbolic import Sym, is_whole

Ints: TypeAlias = tuple[int, ...]
Pairs: TypeAlias = tuple[tuple[int, int], ...]

REQUIRED: Final = object()


class Kind:
    """Base of all kinds. `read` turns the value that a program gave into what the op's rules use, or rejects it."""

    type_name = "value"
    words: tuple[str, ...] = ()
    """Words that the kind accepts as values."""
    way = ""
    """What helps with a wrong value, where the signature alone does not."""

    def __init__(self, doc: str, default: Any = REQUIRED) -> None:
        self.doc = doc
        self.default = default

    def read(self, value: Any, rank: int) -> Any:
        """The value for an input with `rank` spatial axes. Raises Reject (E0304 wrong type, E0305 out of range)."""
        raise NotImplementedError

    def wrong(self, value: Any) -> Reject:
        return Reject("E0304", expected=self.type_name, got=describe(value))


class Integer(Kind):
    """A whole number of at least `least`."""

    def __init__(self, doc: str, default: Any = REQUIRED, least: int = 1) -> None:
        super().__init__(doc, default)
        self.least = least
        self.type_name = "a positive whole number" if least == 1 else f"a whole number of at least {least}"

    def read(self, value: Any, rank: int) -> Any:
        return self.check(value)

    def check(self, value: Any) -> Any:
        if isinstance(value, float) and value.is_integer() and abs(value) < 2**63:
            way = f"write {int(value)}; int(…) makes whole numbers of computed ones"
            raise Reject("E0304", expected=self.type_name, got=describe(value), help=way)
        if not is_whole(value):
            raise self.wrong(value)
        if isinstance(value, Sym):
            return value  # computes like a number
        if value < self.least:
            raise Reject("E0305", got=value, bound=f"at least {self.least}")
        if value.bit_length() > 63:
            raise Reject("E0209", extent=value)
        return value


class PerAxis(Kind):
    """One whole number for all spatial axes, or one per axis."""

    def __init__(self, doc: str, default: Any = REQUIRED, least: int = 1, way: str = "") -> None:
        super().__init__(doc, default)
        self.each = Integer(doc, default, least)
        self.way = way
        self.type_name = f"{self.each.type_name} or one per axis"

    def read(self, value: Any, rank: int) -> Ints:
        if not isinstance(value, tuple):
            return (self.each.check(value),) * rank
        if len(value) != rank:
            raise Reject("E0304", expected=f"one number or {rank} of them", got=f"{len(value)}: {_entries(value)}")
        return tuple(self.each.check(v) for v in value)


class Padding(Kind):
    """Padding as a number, one per axis, `(before, after)` pairs per axis, or `same`, `same_upper`, `valid`."""

    type_name = "a number, one per axis, pairs per axis, same, same_upper or valid"
    words = ("same", "same_upper", "valid")

    def read(self, value: Any, rank: int) -> Any:
        if isinstance(value, str):
            if value not in self.words:
                raise self.wrong(value)
            return ((0, 0),) * rank if value == "valid" else value
        if not isinstance(value, tuple):
            return (self._pair(value),) * rank
        if len(value) != rank:
            raise Reject("E0304", expected=f"one padding or {rank} of them", got=f"{len(value)}: {_entries(value)}")
        return tuple(self._pair(v) for v in value)

    def _pair(self, value: Any) -> tuple[int, int]:
        before, after = value if isinstance(value, tuple) and len(value) == 2 else (value, value)
        for side in (before, after):
            if isinstance(side, bool) or not isinstance(side, int):
                raise self.wrong(side)
            if not 0 <= side < 2**31:
                raise Reject("E0305", got=side, bound="from 0 to 2³¹")
        return before, after


LARGEST = 3.4028234663852886e38
"""The largest number in single precision, in which backends compute."""
SMALLEST = 1.1754943508222875e-38
"""The smallest positive normal number there. Some runtimes take the smaller ones, down to 1.4e-45, for 0."""


class Number(Kind):
    """A real number between `low` and `high`, both allowed unless `open_low` or `open_high`."""

    type_name = "a number"

    def __init__(
        self,
        doc: str,
        default: Any = REQUIRED,
        low: float = -LARGEST,
        high: float = LARGEST,
        open_low: bool = False,
        open_high: bool = False,
    ) -> None:
        super().__init__(doc, default)
        self.low, self.high, self.open_low, self.open_high = low, high, open_low, open_high

    def read(self, value: Any, rank: int) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self.wrong(value)
        at_open_end = (self.open_low and value == self.low) or (self.open_high and value == self.high)
        if not self.low <= value <= self.high or at_open_end:
            raise Reject("E0305", got=value, bound=self._bound())
        if 0 < abs(value) < SMALLEST:
            least = f"{SMALLEST:.4g}, the smallest number of single precision"
            bound = f"at least {least}" if self.open_low and self.low == 0 else f"0, or at least {least}, in size"
            raise Reject("E0305", got=value, bound=bound)
        return float(value)

    def _bound(self) -> str:
        low = f"above {self.low:g}" if self.open_low else f"at least {self.low:g}"
        high = f"below {self.high:g}" if self.open_high else f"at most {self.high:g}"
        return low if self.high >= LARGEST and self.low > -LARGEST else f"{low} and {high}"


class Flag(Kind):
    """`true` or `false`."""

    type_name = "true or false"

    def read(self, value: Any, rank: int) -> bool:
        if not isinstance(value, bool):
            raise self.wrong(value)
        return value


class Word(Kind):
    """One of a few words."""

    def __init__(self, doc: str, words: Sequence[str], default: Any = REQUIRED) -> None:
        super().__init__(doc, default)
        self.words = tuple(words)
        self.type_name = "one of " + ", ".join(words)

    def read(self, value: Any, rank: int) -> str:
        if not isinstance(value, str) or value not in self.words:
            raise self.wrong(value)
        return value


class Shaped(Kind):
    """A list of positive whole numbers of any length."""

    type_name = "a list of positive whole numbers"

    def read(self, value: Any, rank: int) -> Ints:
        values = value if isinstance(value, tuple) else (value,)
        return tuple(Integer(self.doc).check(v) for v in values)


class Order(Kind):
    """A list of axes, counted from 0 for the channels."""

    type_name = "a list of axes such as (1, 2, 0)"

    def read(self, value: Any, rank: int) -> Ints:
        values = value if isinstance(value, tuple) else (value,)
        return tuple(Integer(self.doc, least=0).check(v) for v in values)


class PoolTap(Kind):
    """A label that was set on a max pooling."""

    type_name = "a label on a maxpool"

    def read(self, value: Any, rank: int) -> Any:
        maker = getattr(value, "maker", None)
        if getattr(getattr(maker, "op", None), "name", "") != "maxpool":
            raise self.wrong(value)
        return value


class Tensor(Kind):
    """A label, an input or another tensor."""

    type_name = "a label or another tensor"

    def read(self, value: Any, rank: int) -> Any:
        if getattr(value, "description", "") != "a tensor":
            raise self.wrong(value)
        return value


class Optional(Kind):
    """Another kind, or nothing given: then the value is None and the op's own rule supplies one."""

    def __init__(self, kind: Kind, otherwise: str) -> None:
        super().__init__(kind.doc, None)
        self.kind = kind
        self.otherwise = otherwise
        self.type_name = kind.type_name
        self.words, self.way = kind.words, kind.way

    def read(self, value: Any, rank: int) -> Any:
        return None if value is None else self.kind.read(value, rank)


def _entries(values: tuple[Any, ...], most: int = 8) -> str:
    """A list as the language writes it, the first entries of a long one."""
    shown = [_entries(v, most // 2) if isinstance(v, tuple) and most else _plain(v) for v in values[:most]]
    rest = len(values) - len(shown)
    if rest:
        return f"({', '.join(shown)}, … {rest:,} more)" if shown else f"({rest:,} values)"
    return f"({shown[0]},)" if len(shown) == 1 else f"({', '.join(shown)})"


def _plain(value: Any) -> str:
    """An entry of a list."""
    return describe(value).removeprefix("the number ").removeprefix("the word ").removeprefix("the symbolic extent ")


def describe(value: Any) -> str:
    """What a value is, for a message: `the number 3.5`, `a layer`, `true`."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return f"the number {value if not isinstance(value, int) or value.bit_length() < 200 else 'beyond 2²⁰⁰'}"
    if isinstance(value, Sym):
        return f"the symbolic extent {value}"
    if isinstance(value, str):
        return f"the word `{value}`"
    if isinstance(value, tuple):
        return f"the list {_entries(value)}"
    return getattr(value, "description", "a layer")
