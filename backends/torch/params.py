"""Constructor arguments of a class: which values differ between instances, and what they are called."""

import keyword
from typing import Any, NamedTuple

from ...compiler.ir import known
from ...compiler.namespace import Namespace
from .classes import ClassCode, StepCode
from .ops import literal
from .text import OWN_NAMES

COUNT = "count"


class Param(NamedTuple):
    """An argument of a constructor and its value for each instance; flags default to False."""

    name: str
    values: list[Any]
    is_flag: bool = False


class _Namer:
    def __init__(self, code: ClassCode) -> None:
        self.code = code
        self.count = len(code.regions)
        self.known: dict[str, list[Any]] = {}
        self.tuples: dict[str, list[Any]] = {}
        for name in code.region.args:
            values = [region.args.get(name) for region in code.regions]
            if all(v is not None for v in values) and name == _identifier(name):
                self.known[name] = [_compact(v) for v in values]
                if all(isinstance(v, tuple) for v in values):
                    self.tuples[name] = values
        channels = [known(r.inputs[0])[0] for r in code.regions if r.inputs]
        if len(channels) == self.count and not any(_equal(values, channels) for values in self.known.values()):
            self.known.setdefault("cin", channels)
        self.names = Namespace(self.known)
        self.used: dict[str, list[Any]] = {}
        self.flags: dict[str, list[Any]] = {}

    def text(self, name: str, step: str, column: list[Any]) -> str:
        """The source of a value: a literal, an argument, or a multiple of one."""
        present = [v for v in column if v is not None]
        if all(v == present[0] and type(v) is type(present[0]) for v in present):
            return literal(present[0])
        order = ["cin", *self.known] if name in ("cin", "in_channels", "in_features") else list(self.known)
        for known_name in dict.fromkeys(n for n in order if n in self.known):
            if _equal(self.known[known_name], column):
                return self.use(known_name)
        for known_name in self.tuples:
            entry = self.entry(known_name, column)
            if entry is not None:
                return entry
        for known_name in dict.fromkeys(n for n in order if n in self.known):
            scaled = self.scaled(known_name, name, column)
            if scaled is not None:
                return scaled
        return self.fresh(name, step, column)

    def entry(self, known_name: str, column: list[Any]) -> str | None:
        """`b[0]` where the values are one entry of an argument that is a tuple for every instance."""
        if self.used.get(known_name, self.tuples[known_name]) != self.tuples[known_name]:
            return None  # elsewhere the tuple of equal entries stands as one number
        for index in range(min(map(len, self.tuples[known_name]))):
            if _equal([value[index] for value in self.tuples[known_name]], column):
                self.known[known_name] = self.tuples[known_name]
                return f"{self.use(known_name)}[{index}]"
        return None

    def scaled(self, known_name: str, name: str, column: list[Any]) -> str | None:
        values = self.known[known_name]
        pairs = [(a, b) for a, b in zip(values, column, strict=True) if b is not None]
        if not all(type(a) is int and type(b) is int for a, b in pairs):
            return None
        if name == COUNT:
            shift = pairs[0][1] - pairs[0][0]
            if abs(shift) <= 2 and all(b - a == shift for a, b in pairs):
                return f"{self.use(known_name)} {'-' if shift < 0 else '+'} {abs(shift)}"
            return None
        if name == "padding" and known_name == "k" and all(b == a // 2 for a, b in pairs):
            return f"{self.use(known_name)} // 2"
        first, other = pairs[0]
        if (
            first
            and other % first == 0
            and all(b == a * (other // first) for a, b in pairs)
            and 1 < other // first <= 16
        ):
            return f"{other // first} * {self.use(known_name)}"
        if (
            other
            and first % other == 0
            and all(b and a == b * (first // other) for a, b in pairs)
            and 1 < first // other <= 16
        ):
            return f"{self.use(known_name)} // {first // other}"
        return None

    def use(self, name: str) -> str:
        self.used[name] = self.known[name]
        return name

    def fresh(self, name: str, step: str, column: list[Any]) -> str:
        """A new argument, called after what it sets, with the step's name before it where that is taken."""
        present = [v for v in column if v is not None]
        values = [present[0] if v is None else v for v in column]
        candidate = _identifier(name or step)
        if candidate in self.names:
            candidate = _identifier(f"{step}_{name}")
        candidate = self.names.take(candidate)
        self.known[candidate] = values
        return self.use(candidate)

    def flag(self, step: Any, presence: list[bool]) -> str:
        """The argument that says whether an instance has a step.

        It is called like the layer, unless `forward` reads it: then it is kept on `self`, beside the layers.
        """
        for name, values in self.flags.items():
            if values == presence:
                return name
        steps = [s for s, present in zip(self.code.steps, self.code.present, strict=True) if present == presence]
        stored = [s for s in steps if s.constructor is None]
        wanted = _identifier(step.name)
        if stored:
            wanted = "residual" if any(map(_adds, stored)) else f"with_{_identifier(step.name or 'part')}"
        name = self.names.take(wanted)
        while stored and name in self.code.attributes:
            name = self.names.take(wanted)
        self.code.attributes.reserve([name] if stored else [])
        self.flags[name] = presence
        return name


def _adds(step: StepCode) -> bool:
    return step.code is not None and step.code.infix == "+"


def name_params(code: ClassCode) -> None:
    """Fill the class's arguments and the source text of every value in its constructor."""
    namer = _Namer(code)
    for index, step in enumerate(code.steps):
        presence = code.present[index]
        rows = code.columns[index]
        optional = not all(presence)
        for leaf, name in enumerate(step.leaf_names):
            column = [row[leaf] if row else None for row in rows]
            if name == COUNT and code.region.positional:
                column = [0 if value is None else value for value in column]
                optional = False
            code.texts[index, leaf] = namer.text(name, step.name, column)
        if optional:
            code.flags[index] = namer.flag(step, presence)
    order = sorted(namer.used, key=lambda name: (name != "cin", list(namer.known).index(name)))
    code.params = [Param(name, namer.used[name]) for name in order]
    code.params += [Param(name, values, True) for name, values in namer.flags.items()]


def _equal(values: list[Any], column: list[Any]) -> bool:
    return all(b is None or (a == b and type(a) is type(b)) for a, b in zip(values, column, strict=True))


def _compact(value: Any) -> Any:
    if isinstance(value, tuple) and value and len(set(value)) == 1 and isinstance(value[0], int):
        return value[0]
    return value


def _identifier(text: str) -> str:
    name = "".join(c if c.isalnum() else "_" for c in text).lower() or "value"
    if name[0].isdigit() or name.startswith("__"):  # names with two underscores mean something to Python
        name = f"n{name}"
    return f"{name}_" if keyword.iskeyword(name) or name in OWN_NAMES or name == "x" else name
