"""`cnnc fit`: build parameters read as ranges, budgets as numbers, and what the search found, as data and as text."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from . import syntax as ast
from .diagnostics import NetworkError, usage
from .files import read_source
from .ir import known
from .limits import Limits
from .memory import DTYPE_BYTES
from .net import Net
from .pipeline import deep_recursion
from .public import LIMITS, NONE, PARAMS, PATH, RANGES, REAL, SHAPE, TEXT, WORDS, Kind, public
from .requests import ShapeLike, known_as, read_shape
from .scaling import GOAL, INPUT, Axis, Budget, Candidates, Cost, Point, Search
from .source import Source
from .specialize import symbols_of
from .template import Template

Vary = Iterable[str] | Mapping[str, Sequence[float]] | None
VARY = Kind('ranges such as ["width=0.25..2"] or {"width": (0.25, 2)}', (TEXT | WORDS | RANGES).read)
Range = tuple[Any, Any, Any]
"""Lowest and highest value, and the step between; each None where nothing is said."""

PULLS = {"depth": 1.2, "width": 1.1, "width_mult": 1.1, "resolution": 1.15, INPUT: 1.15}
"""By what each parameter grows with one step of the common factor: EfficientNet's proportions."""

MOST_VALUES, MOST_SCANNED = 100_000, 2_000
UNITS = {"params": "parameters", "macs": "MACs", "peak": "peak bytes"}


class Fit(NamedTuple):
    """The largest network of a program that keeps to a budget."""

    net: Net
    values: dict[str, Any]
    """The scaled parameters; `input` is the shorter side of the first input."""
    cost: Cost
    budget: Budget
    next: tuple[tuple[str, Any, Cost], ...]
    """For each parameter the next value that no longer fits, and what the network costs there."""
    tried: int
    """How many networks were counted."""

    @property
    def shares(self) -> dict[str, float]:
        """The share of each budget that the network takes."""
        return self.budget.shares(self.cost)

    @property
    def bound(self) -> str | None:
        """The budget that keeps the network from growing; None where the ranges end first."""
        tightest = max(self.shares, key=lambda name: self.shares[name])
        return tightest if self.next else None

    @public()
    def to_dict(self) -> dict[str, Any]:
        """The result as plain JSON data."""
        shares, budget = self.shares, self.budget._asdict()
        return {
            "schema": 1,
            "net": self.net.name,
            "values": self.values,
            "input": list(self.net.input_shape),
            "cost": {
                name: {"used": used, "budget": budget[name], "share": shares.get(name)}
                for name, used in self.cost._asdict().items()
            },
            "bound": self.bound,
            "next": [{"name": name, "value": value, **cost._asdict()} for name, value, cost in self.next],
            "tried": self.tried,
        }


@public(
    path=PATH, params=REAL | NONE, macs=REAL | NONE, peak=REAL | NONE, vary=VARY | NONE, input=SHAPE,
    define=PARAMS | NONE, dtype=TEXT | NONE, limits=LIMITS | NONE,
)  # fmt: skip
def fit(
    path: str,
    params: int | None = None,
    macs: int | None = None,
    peak: int | None = None,
    vary: Vary = None,
    *,
    input: ShapeLike = None,
    define: Mapping[str, Any] | None = None,
    dtype: str | None = None,
    limits: Limits | None = None,
) -> Fit:
    """Scale the numeric build parameters of a `.cnn` file to a budget.

    params, macs, peak: the most parameters, multiply-accumulates of a sample and bytes of activations at once.
    vary: names of parameters, each also as "width=0.25..2" or "input=96..288:32", or a mapping from names to (low,
    high) or (low, high, step); without it those called width, depth and so on. `define` sets build parameters.
    dtype: of `peak`, "fp32" unless given; without `peak` it has no effect and is refused (E0580).
    Raises UsageError where nothing can be scaled (E0540, E0541) or nothing fits (E0544).
    """
    if dtype is not None and peak is None:
        raise usage("E0580", option="dtype", other="no `peak`", help="give `peak`, or leave it out")
    limits = limits or Limits()
    source, budget = read_source(str(path), limits), Budget(params, macs, peak)
    return fit_source(source, budget, vary, read_shape(input), dict(define or {}), dtype or "fp32", limits)


def fit_source(
    source: Source, budget: Budget, vary: Vary, shapes: Any, define: dict[str, Any], dtype: str, limits: Limits
) -> Fit:
    """`fit` of a program's text."""
    known_as("type", dtype, DTYPE_BYTES)
    if not any(limit is not None for limit in budget):
        raise usage("E0545")
    for limit in budget:
        if limit is not None and limit < 1:
            raise usage("E0543", text=limit)
    with deep_recursion():
        template, ranges = Template(source, limits=limits), read_vary(vary)
        lowest = lowest_of(template, ranges)
        candidates = Candidates(template, {**lowest, **define}, shapes, DTYPE_BYTES[dtype])
        axes = axes_of(candidates, ranges)
        search = Search(axes, budget, candidates.cost)
        check_possible(search, search.cheapest())
        return result(candidates, search, search.run())


def result(candidates: Candidates, search: Search, point: Point) -> Fit:
    values, cost = search.values(point), search.cost(point)
    graph, diagnostics, _ = candidates.build(values)
    assert graph is not None and cost is not None
    steps = tuple(search.next_steps(point))
    return Fit(Net(graph, diagnostics), values, cost, search.budget, steps, len(candidates.known))


def check_possible(search: Search, point: Point) -> None:
    """Refuse a budget that the cheapest network exceeds (E0544)."""
    cost = search.cost(point)
    if cost is None:
        raise usage("E0540", reason="nothing compiles in the ranges given")
    over = [(share, name) for name, share in search.budget.shares(cost).items() if share > 1]
    if over:
        share, name = max(over)
        used, limit = getattr(cost, name), getattr(search.budget, name)
        facts = {"used": f"{used:,}", "unit": UNITS[name], "limit": f"{limit:,}", "over": percent(share - 1)}
        raise usage("E0544", values=assignments(search.values(point)), **facts)


# Axes


def lowest_of(template: Template, ranges: dict[str, Range]) -> dict[str, Any]:
    """The lowest values of parameters that have a range and no default, which a network needs to begin with."""
    nets = [item for item in template.tree.items if isinstance(item, ast.Net)]
    open_ones = [param.name for net in nets for param in net.params if param.default is None]
    return {name: ranges[name][0] for name in open_ones if name in ranges and ranges[name][0] is not None}


def axes_of(candidates: Candidates, ranges: dict[str, Range]) -> list[Axis]:
    """The parameters to scale. Raises NetworkError where the program is wrong as it stands."""
    graph, diagnostics, defaults = candidates.build({})
    if graph is None:
        raise NetworkError(diagnostics)
    if symbols_of(graph):
        raise usage("E0331", symbols=", ".join(symbols_of(graph)))
    candidates.base = graph
    numeric = {n: v for n, v in defaults.items() if isinstance(v, (int, float)) and not isinstance(v, bool)}
    extents = known(graph.inputs[0].value)[1:]
    if extents:
        numeric[INPUT] = min(extents)
    ranges = ranges or usual(numeric)
    for name in ranges:
        if name not in numeric:
            reason = "its value is not a number" if name in defaults else "the net has no such parameter"
            raise usage("E0541", name=name, reason=reason, known=", ".join(numeric) or "none")
    return [make_axis(candidates, name, numeric[name], wanted) for name, wanted in ranges.items()]


def usual(numeric: dict[str, Any]) -> dict[str, Range]:
    """What is scaled without a request: the parameters that are called like it."""
    names = [name for name in numeric if name in PULLS and name != INPUT]
    if names:
        return dict.fromkeys(names, (None, None, None))
    others = ", ".join(name for name in numeric if name != INPUT)
    none = "the net line declares no numeric build parameter"
    raise usage("E0540", reason=f"none of {others} is called width or depth" if others else none)


def make_axis(candidates: Candidates, name: str, base: Any, wanted: Range) -> Axis:
    values = levels(name, base, wanted)
    if all(isinstance(value, int) for value in values):
        values = compiling(candidates, name, base, values)
    sign = direction(candidates, name, values)
    return Axis(name, values[::sign], base, sign * math.log(PULLS.get(name, 1.1)))


def levels(name: str, base: Any, wanted: Range) -> tuple[Any, ...]:
    """The values of a range: whole where all that is said of it is; else of three digits more than the largest."""
    low, high, step = wanted
    whole = all(isinstance(v, int) for v in (base, *wanted) if v is not None)
    if low is None:
        low, high = (max(1, base // 8) if base > 0 else 0, 8 * base or 16) if whole else (base / 8, 8 * base)
    if step is None:
        step = 1 if whole else 10.0 ** (math.floor(math.log10(max(abs(low), abs(high), 1e-9))) - 3)
    text = f"{name}={low}..{high}:{step}"
    if not (math.isfinite(low) and math.isfinite(high) and step > 0 and low <= high):
        raise usage("E0542", text=text, reason="the lower bound comes first, and the step is positive")
    count = int((high - low) / step + 1e-6) + 1
    if count > MOST_VALUES:
        raise usage("E0542", text=text, reason=f"that is {count:,} values")
    if name == INPUT and not (whole and low > 0):
        raise usage("E0542", text=text, reason="extents are whole numbers of at least 1")
    digits = max(0, 2 - math.floor(math.log10(step)))
    return tuple(low + i * step if whole else round(low + i * step, digits) for i in range(count))


def compiling(candidates: Candidates, name: str, base: Any, values: tuple[Any, ...]) -> tuple[Any, ...]:
    """Of whole numbers those that compile, where most do not: an index into a table, or a multiple of something."""
    nearby = [value for value in values if abs(value - base) <= 4]
    failing = sum(candidates.cost({name: value}) is None for value in nearby)
    if (nearby and 2 * failing <= len(nearby)) or len(values) > MOST_SCANNED:
        return values
    found = tuple(value for value in values if candidates.cost({name: value}) is not None)
    if not found:
        raise usage("E0540", reason=f"no value of {name} from {values[0]} to {values[-1]} compiles")
    return found


def direction(candidates: Candidates, name: str, values: tuple[Any, ...]) -> int:
    """-1 where larger values of a parameter cost less, such as a ratio of reduction."""
    low, high = candidates.cost({name: values[0]}), candidates.cost({name: values[-1]})
    return -1 if low is not None and high is not None and high[:2] < low[:2] else 1


# Requests


def read_vary(vary: Vary) -> dict[str, Range]:
    """Ranges by the parameters' names. Raises E0542."""
    if isinstance(vary, Mapping):
        return {name: read_bounds(name, tuple(bounds)) for name, bounds in vary.items()}
    found: dict[str, Range] = {}
    for text in [vary] if isinstance(vary, str) else vary or ():
        name, equals, bounds = text.partition("=")
        if name in found:
            raise usage("E0542", text=text, reason=f"{name} has one already")
        limits, colon, step = bounds.partition(":")
        parts = limits.split("..") + ([step] if colon else [])
        try:
            numbers = tuple(float(p) if "." in p or "e" in p else int(p) for p in parts) if equals else ()
        except ValueError:
            raise usage("E0542", text=text, reason="bounds and steps are numbers") from None
        found[name] = read_bounds(text, numbers)
    return found


def read_bounds(text: str, bounds: tuple[Any, ...]) -> Range:
    if len(bounds) not in (0, 2, 3):
        raise usage("E0542", text=text, reason="there are two bounds")
    low, high, step, *_ = (*bounds, None, None, None)
    return low, high, step


def read_amount(text: str, binary: bool = False) -> int:
    """A budget such as 5M or 1.5G; of bytes with 1024 in the place of 1000, also as 256KiB. Raises E0543."""
    number, base = text.strip(), 1024 if binary else 1000
    if binary:
        number = number.removesuffix("B").removesuffix("i")
    power = "KMGT".find(number[-1:].upper()) + 1 if number else 0
    try:
        amount = float(number[:-1] if power else number) * base**power
        if amount >= 1 and math.isfinite(amount):
            return int(amount)
    except (ValueError, OverflowError):
        pass
    raise usage("E0543", text=text)


# Text


def describe(found: Fit) -> str:
    """The result as the command prints it."""
    shape, shares = "x".join(map(str, found.net.input_shape)), found.shares
    lines = [f"{found.net.name}, input {shape}: {assignments(found.values)}", ""]
    lines.append(f"{'':12}  {'budget':>15}  {'used':>15}  {'share':>7}")
    for name, used in found.cost._asdict().items():
        limit = getattr(found.budget, name)
        share = percent(shares[name]) if name in shares else ""
        row = f"{UNITS[name]:12}  {'' if limit is None else f'{limit:,}':>15}  {used:15,}  {share:>7}"
        lines.append(row.rstrip())
    lines += ["", *reasons(found), f"networks tried  {found.tried}", f"arguments       {arguments(found)}"]
    return "\n".join(lines)


def arguments(found: Fit) -> str:
    """What other commands must be given for this network."""
    given = [f"-D {name}={plain(value)}" for name, value in found.values.items() if name != INPUT]
    if INPUT in found.values:
        several = len(found.net.graph.inputs) > 1
        names = f"{found.net.graph.inputs[0].name}=" if several else ""
        given.append(f"--input {names}{'x'.join(map(str, found.net.input_shape[1:]))}")
    return " ".join(given)


def reasons(found: Fit) -> list[str]:
    """What bounds the network: the tightest budget, and the step of every parameter that would go beyond one."""
    if found.bound is None:
        return ["bound by        the ranges: every parameter is at its dearest; give wider ones with --vary"]
    lines = [f"bound by        {UNITS[found.bound]}"]
    for name, value, cost in found.next:
        share, which = max((share, which) for which, share in found.budget.shares(cost).items())
        over = f"{name}={plain(value)} takes {getattr(cost, which):,} {UNITS[which]}, {percent(share)}"
        lines.append(f"next step       {over}")
    if found.shares[found.bound] < GOAL:
        lines.append("not filled      no step of a parameter comes nearer to the budget without going beyond it")
    return lines


def assignments(values: dict[str, Any]) -> str:
    return ", ".join(f"{name}={plain(value)}" for name, value in values.items())


def plain(value: Any) -> str:
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def percent(share: float) -> str:
    return f"{100 * share:.1f} %" if share < 10 else f"{100 * share:,.0f} %"
