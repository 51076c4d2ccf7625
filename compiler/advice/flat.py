"""A network as a flat list of layers, each with the layers that it reads and those that read it."""

from typing import NamedTuple

from ..ir import Apply, Call, Graph, Region, Value, join

OUTPUT = -1
"""Stands among the readers of a layer for an output of the network."""


class Place(NamedTuple):
    """One layer of the expanded network. Sources below 0 are the network's inputs; `skip`: in a projection."""

    path: str
    step: Apply
    sources: tuple[int, ...]
    readers: list[int]
    skip: bool

    @property
    def op(self) -> str:
        return self.step.op.name


class Flat(NamedTuple):
    places: list[Place]
    ends: tuple[int, ...]
    """What the outputs, training-only ones included, come from."""

    def only_reader(self, index: int) -> int | None:
        """The layer that alone reads another's result, and reads nothing else."""
        readers = self.places[index].readers
        if len(readers) != 1 or readers[0] == OUTPUT or len(self.places[readers[0]].sources) != 1:
            return None
        return readers[0]

    def source(self, index: int) -> int | None:
        """The layer whose result a layer reads; None for the network's input, or where there are several."""
        sources = self.places[index].sources
        return sources[0] if len(sources) == 1 and sources[0] >= 0 else None

    def needed(self) -> set[int]:
        """The layers that an output depends on."""
        found: set[int] = set()
        stack = [i for i in self.ends if i >= 0]
        while stack:
            index = stack.pop()
            if index not in found:
                found.add(index)
                stack += [i for i in self.places[index].sources if i >= 0]
        return found


def flat(graph: Graph, most: int | None = None) -> Flat:
    """The expanded network; of each repeat at most so many instances, which show what stands before and behind one."""
    places: list[Place] = []
    values = {terminal.value: -1 - i for i, terminal in enumerate(graph.inputs)}
    _region(graph.root, "", values, places, _Way(most, False))
    ends = tuple(values[t.value] for t in (*graph.outputs, *graph.aux))
    for index in ends:
        if index >= 0:
            places[index].readers.append(OUTPUT)
    return Flat(places, ends)


class _Way(NamedTuple):
    """How regions are expanded, and whether within a projection."""

    most: int | None
    skip: bool


def _region(region: Region, prefix: str, values: dict[Value, int], places: list[Place], way: _Way) -> None:
    for step in region.steps:
        sources = tuple(values[v] for v in step.inputs)
        if isinstance(step, Call):
            values.update(zip(step.outputs, _instances(step, prefix, sources, places, way), strict=True))
            continue
        for source in sources:
            if source >= 0:
                places[source].readers.append(len(places))
        values.update(dict.fromkeys(step.outputs, len(places)))
        places.append(Place(join(prefix, step.name), step, sources, [], way.skip or step.skip))


def _instances(call: Call, prefix: str, sources: tuple[int, ...], places: list[Place], way: _Way) -> tuple[int, ...]:
    for i in range(call.count if way.most is None else min(call.count, way.most)):
        path = call.shared or join(prefix, call.instance_name(i))
        inner = dict(zip(call.region.inputs, sources, strict=True))
        _region(call.region, path, inner, places, way._replace(skip=way.skip or call.skip))
        sources = tuple(inner[v] for v in call.region.outputs)
    return sources
