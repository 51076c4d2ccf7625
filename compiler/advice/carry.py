"""Rewrites that keep the function, checked: the same weights and inputs through both networks, in double precision."""

from typing import Any, NamedTuple

import numpy as np

from ..diagnostics import usage
from ..ir import Graph, weights_of
from ..pipeline import deep_recursion
from ..source import Source
from ..verify import difference, random_inputs, random_weights
from .advise import Advice
from .edits import Edit, moved_to
from .flat import Flat, Place, flat
from .proposal import Arrays, Carried

TOLERANCE = 1e-9
"""How far the outputs may be apart, relative to the largest: roundings of double precision are 10⁻¹⁶ each."""


class Checked(NamedTuple):
    """How far each output of the rewritten network is from the original's, relative to its largest element."""

    differences: dict[str, float]

    @property
    def ok(self) -> bool:
        return all(d <= TOLERANCE for d in self.differences.values())


def check(graph: Graph, advice: Advice, seed: int = 0, batch: int = 1) -> Checked:
    """Run a network and its rewrite, which must be one that keeps the function, on random weights and inputs."""
    from ...backends import backend

    run = backend("numpy").run
    try:
        with deep_recursion():
            old = {name: array.astype(np.float64) for name, array in random_weights(graph, seed).items()}
            inputs = random_inputs(graph, seed, batch)
            new = carried(graph, advice, old)
            wanted, found = run(graph, inputs, old), run(advice.graph, inputs, new)
    except MemoryError:
        raise usage("E0515", on="cpu", reason="there is not enough memory") from None
    return Checked({name: difference(found[name], want) for name, want in wanted.items()})


def carried(graph: Graph, advice: Advice, old: Arrays) -> Arrays:
    """The weights of a rewritten network with which it computes what the original does with `old`."""
    before, after = flat(graph), flat(advice.graph)
    names = _new_names(before, after, advice.proposal.edits, (graph.root.span.source, advice.graph.root.span.source))
    shapes = {full: weight.shape for full, weight, _ in weights_of(advice.graph)}
    arrays: Arrays = {}
    for number, path in names.items():
        for full, array in _tensors(old, before.places[number]):
            own = full[len(before.places[number].path) + 1 :]
            target = f"{path}.{own}" if path else own
            if shapes.get(target) == array.shape:
                arrays[target] = array
    if advice.proposal.fix is not None:
        starts = _numbers_by_place(before, graph.root.span.source)
        advice.proposal.fix(Carried(before, lambda pos: starts.get(pos, []), names, old, arrays))
    return arrays


def _tensors(old: Arrays, place: Place) -> list[tuple[str, Any]]:
    names = [f"{place.path}.{w.name}" for w in (*place.step.weights(), *place.step.buffers())]
    return [(full, old[full]) for full in names]


def _numbers_by_place(before: Flat, program: Source) -> dict[tuple[int, int], list[int]]:
    """The numbers of the layers that come from each place of the program's own text."""
    found: dict[tuple[int, int], list[int]] = {}
    for number, place in enumerate(before.places):
        span = place.step.span
        if span.source is program:
            found.setdefault((span.start, span.end), []).append(number)
    return found


def _new_names(before: Flat, after: Flat, edits: tuple[Edit, ...], programs: tuple[Source, Source]) -> dict[int, str]:
    """What layers with weights are called in the rewritten network: the n-th of a place is the n-th there."""
    old_program, new_program = programs
    new: dict[Any, list[str]] = {}
    for place in after.places:
        span = place.step.span
        file = "" if span.source is new_program else span.source.path or span.source.name
        new.setdefault((file, place.op, span.start), []).append(place.path)
    counts: dict[Any, int] = {}
    names: dict[int, str] = {}
    for number, place in enumerate(before.places):
        span = place.step.span
        own = span.source is old_program
        start = moved_to(span.start, edits) if own else span.start
        key = ("" if own else span.source.path or span.source.name, place.op, start)
        n = counts[key] = counts.get(key, 0) + 1
        if n <= len(new.get(key, ())) and (place.step.weights() or place.step.buffers()):
            names[number] = new[key][n - 1]
    return names
