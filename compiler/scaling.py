"""Scaling a network to a budget: the candidates, what each costs, and the search for the largest that fits.

A candidate is a point: for every axis the index of one of its values, counted from the cheapest. The program is parsed
once; a candidate is elaborated and counted like any other network, so its figures are exact.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

from .cost import summarize
from .diagnostics import Diagnostic
from .ir import Graph, known
from .template import Template

INPUT = "input"
"""The axis that is no build parameter: the shorter side of the first input."""

GOAL = 0.98
"""The share of a budget from which on it counts as reached."""

COARSE = 64
"""An axis of at most so many values is stepped along while another is fitted."""

FEW = 8
"""An axis of at most so many values is stepped along from end to end: one network has little to do with the next."""

PROBES = 32
"""How many values around one that does not compile are tried."""

Point = tuple[int, ...]


class Cost(NamedTuple):
    """What budgets are about, for one sample; the peak is in bytes of activations."""

    params: int
    macs: int
    peak: int


class Budget(NamedTuple):
    """The most of each; None where it does not matter."""

    params: int | None = None
    macs: int | None = None
    peak: int | None = None

    def shares(self, cost: Cost) -> dict[str, float]:
        """The share of each budget that a network takes."""
        limits = self._asdict()
        return {name: used / limits[name] for name, used in cost._asdict().items() if limits[name] is not None}

    def load(self, cost: Cost) -> float:
        """The share of the tightest budget."""
        return max(self.shares(cost).values())


class Axis(NamedTuple):
    """A parameter that is scaled: its values from the cheapest to the dearest."""

    name: str
    values: tuple[Any, ...]
    base: Any
    """The value that the program gives it."""
    pull: float
    """How fast it follows the common factor; negative where larger values cost less."""

    def at(self, factor: float) -> int:
        """The index of the value nearest to the base scaled by a power of the factor, given as a logarithm."""
        if min(self.values) > 0 and self.base > 0:
            wanted = self.base * math.exp(max(-50.0, min(50.0, factor * self.pull)))
        else:  # nothing to multiply: along the range, in steps as large as those of a parameter that doubles
            wanted = self.base + factor * self.pull * (max(self.values) - min(self.values))
        return min(range(len(self.values)), key=lambda i: abs(self.values[i] - wanted))

    def distance(self, i: int, j: int) -> float:
        """How far apart two of the values are, as a logarithm where that makes sense."""
        a, b = self.values[i], self.values[j]
        return abs(math.log(a / b)) if a > 0 and b > 0 else abs(i - j) / len(self.values)


class Candidates:
    """The networks that one program describes, by the values of its parameters."""

    def __init__(
        self,
        template: Template,
        params: dict[str, Any],
        shapes: Any,
        width: int,
    ) -> None:
        self.template, self.params, self.shapes, self.width = template, params, shapes, width
        self.base: Graph | None = None
        self.known: dict[tuple[tuple[str, Any], ...], Cost | None] = {}

    def build(self, values: dict[str, Any]) -> tuple[Graph | None, list[Diagnostic], dict[str, Any]]:
        """The network with some parameters set, what was found wrong with it, and the values of all parameters."""
        given = {name: value for name, value in values.items() if name != INPUT}
        shapes = self.sized(values[INPUT]) if INPUT in values else self.shapes
        found = self.template.build(shapes, {**self.params, **given})
        return found.graph, found.diagnostics, found.params

    def sized(self, side: int) -> Any:
        """The input shapes with the first one's shorter side as given; the other sides keep their proportions."""
        assert self.base is not None
        first, *others = self.base.inputs
        channels, *extents = known(first.value)
        shape = (channels, *(max(1, extent * side // min(extents)) for extent in extents))
        return {first.name: shape, **{t.name: known(t.value) for t in others}} if others else shape

    def cost(self, values: dict[str, Any]) -> Cost | None:
        """What the network costs with some parameters set; None where it does not compile."""
        key = tuple(values.items())
        if key not in self.known:
            graph = self.build(values)[0]
            self.known[key] = None if graph is None else self.count(graph)
        return self.known[key]

    def count(self, graph: Graph) -> Cost:
        sums = summarize(graph)
        return Cost(sums.params, sums.work.mac, self.width * sums.peak)


class Search:
    """Looks for the point that fills a budget."""

    def __init__(self, axes: list[Axis], budget: Budget, cost: Callable[[dict[str, Any]], Cost | None]) -> None:
        self.axes, self.budget, self._cost = axes, budget, cost

    def values(self, point: Point) -> dict[str, Any]:
        return {axis.name: axis.values[i] for axis, i in zip(self.axes, point, strict=True)}

    def cost(self, point: Point) -> Cost | None:
        return self._cost(self.values(point))

    def load(self, point: Point) -> float:
        """The share of the tightest budget; infinite where the network does not compile."""
        cost = self.cost(point)
        return math.inf if cost is None else self.budget.load(cost)

    def cheapest(self) -> Point:
        """The point with the least of everything, or the first above it that compiles.

        Where that is over the budget, a step up an axis may still be cheaper: a ResNet of 50 layers has bottlenecks,
        which a small width makes narrow, one of 18 has none.
        """
        point = (0,) * len(self.axes)
        point = self.compiling(point) or point
        if self.load(point) <= 1:
            return point
        return min((point, *self.spread(point)), key=self.load)

    def spread(self, point: Point) -> Iterator[Point]:
        """Points along every axis, the others as they are: all of a coarse axis, so many of another."""
        for k, axis in enumerate(self.axes):
            last = len(axis.values) - 1
            count = min(last, COARSE)
            yield from (moved(point, k, i * last // count) for i in range(1, count + 1))

    def compiling(self, point: Point) -> Point | None:
        """The point, or one near it along a single axis, that compiles."""
        for k, axis in enumerate(self.axes):
            i = self.near(point, k, 0, len(axis.values) - 1)
            if i is not None:
                return moved(point, k, i)
        return None

    def near(self, point: Point, k: int, low: int, high: int) -> int | None:
        """The index on an axis nearest to the point's, within bounds, that compiles."""
        for i in around(point[k], low, high):
            if self.cost(moved(point, k, i)) is not None:
                return i
        return None

    def largest(self, point: Point, k: int) -> int | None:
        """The largest index on an axis that fits, the others as they are; costs grow along it, so it is bisected."""
        low, high, best = 0, len(self.axes[k].values) - 1, None
        while low <= high:
            middle = (low + high) // 2
            i = self.near(moved(point, k, middle), k, low, high)
            if i is not None and self.load(moved(point, k, i)) <= 1:
                best, low = i, max(i, middle) + 1
            else:
                high = (middle if i is None else min(i, middle)) - 1
        return best

    def raised(self, point: Point, k: int) -> Point:
        """The point as far up an axis as fits, unless that changes nothing."""
        i = self.largest(point, k)
        if i is None or i <= point[k] or self.cost(moved(point, k, i)) == self.cost(point):
            return point
        return moved(point, k, i)

    def compound(self) -> Point:
        """All axes scaled by powers of one factor, the largest that fits (Tan and Le, EfficientNet, 2019)."""
        low, high, best = -60.0, 60.0, self.cheapest()
        for _ in range(40):
            middle = (low + high) / 2
            point = self.compiling(tuple(axis.at(middle) for axis in self.axes))
            if point is not None and self.load(point) <= 1:
                low, best = middle, point
            else:
                high = middle
        return best

    def run(self) -> Point:
        """The largest network that fits, near to where one factor leads; the cheapest must fit."""
        start = self.compound() if len(self.axes) > 1 else self.cheapest()
        found = [start, *(self.raised(start, k) for k in range(len(self.axes)))]
        if max(map(self.load, found)) < GOAL:
            found += self.exchanged(start)
        best = max(found, key=lambda point: (min(self.load(point), GOAL), -self.distance(start, point)))
        for k in range(len(self.axes)):
            best = self.raised(best, k)
        return self.tidy(best)

    def exchanged(self, start: Point) -> Iterator[Point]:
        """Points a few steps along a coarse axis, all of a table's, with another axis fitted to what is left."""
        for j, axis in enumerate(self.axes):
            if len(axis.values) > COARSE:
                continue
            reach = 3 if len(axis.values) > FEW else FEW
            for i in range(max(0, start[j] - reach), min(len(axis.values), start[j] + reach + 1)):
                for k in range(len(self.axes)):
                    point = moved(start, j, i)
                    best = self.largest(point, k) if k != j else None
                    if best is not None:
                        yield self.unmoved(moved(point, k, best), k, start[k])

    def unmoved(self, point: Point, k: int, i: int) -> Point:
        """The point with its former index on an axis where that costs the same."""
        former = moved(point, k, i)
        return former if self.cost(former) == self.cost(point) else point

    def distance(self, a: Point, b: Point) -> float:
        return sum(axis.distance(i, j) for axis, i, j in zip(self.axes, a, b, strict=True))

    def tidy(self, point: Point) -> Point:
        """The point with rounder numbers where they make the same network."""
        for k, axis in enumerate(self.axes):
            value = axis.values[point[k]]
            places = {v: i for i, v in enumerate(axis.values)} if isinstance(value, float) else {}
            rounder = (places.get(round(value, digits)) for digits in range(6) if places)
            same = (moved(point, k, i) for i in rounder if i is not None)
            point = next((p for p in same if self.cost(p) == self.cost(point)), point)
        return point

    def next_steps(self, point: Point) -> Iterator[tuple[str, Any, Cost]]:
        """For each axis the next value at which the network no longer fits, and its cost there."""
        for k, axis in enumerate(self.axes):
            i = self.largest(point, k)
            for j in range(point[k] if i is None else i + 1, len(axis.values)):
                cost = self.cost(moved(point, k, j))
                if cost is not None and self.budget.load(cost) > 1:
                    yield axis.name, axis.values[j], cost
                    break


def moved(point: Point, k: int, i: int) -> Point:
    return (*point[:k], i, *point[k + 1 :])


def around(middle: int, low: int, high: int) -> Iterable[int]:
    """Indices from the middle outwards within bounds, the smaller of two first."""
    return (
        i for step in range(PROBES) for i in ((middle - step, middle + step) if step else (middle,)) if low <= i <= high
    )
