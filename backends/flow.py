"""Which layers with weights see the results of which others, in the expanded network."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from ..compiler.ir import Apply, Call, Graph, Region, join


class Seen(NamedTuple):
    """Where a tensor comes from, as sets of bits: the layers with weights that it comes from directly, and all."""

    direct: int = 0
    all: int = 0

    def __or__(self, other: "Seen") -> "Seen":
        return Seen(self.direct | other.direct, self.all | other.all)


class Flow(NamedTuple):
    """For each group of weights, in the order of first use: its bit, and what it sees.

    The inputs of the network have bits of their own, before those of the layers.
    """

    bits: dict[str, int]
    seen: dict[int, Seen]

    def derived(self, source: int) -> int:
        """A set of layers, and all that see something of it."""
        found = source
        for bit, seen in self.seen.items():
            if seen.all & source:
                found |= bit
        return found

    def sequential(self, members: list[int]) -> bool:
        """Whether layers, or sets of them, follow one another and nothing new comes in between.

        Each sees the one before it, and apart from what the first sees or what is made of that, nothing. Blocks of a
        residual stage do, parallel branches and the decoders of a U-Net, which get maps of its encoders, do not.
        """
        known = self._direct(members[0]) | self.derived(members[0])
        for before, member in pairwise(members):
            if not self._all(member) & before or self._all(before) & member:
                return False
            if self._direct(member) & ~known:
                return False
        return True

    def linked(self, one: int, other: int) -> bool:
        """Whether one of two sets of layers sees something of the other directly."""
        return bool(self._direct(one) & other or self._direct(other) & one)

    def beside(self) -> dict[int, list[int]]:
        """For each layer those of which it is all that they see directly, and the one that is all that it sees."""
        found: dict[int, list[int]] = {bit: [] for bit in self.seen}
        for bit, seen in self.seen.items():
            if seen.direct in found:
                found[bit].append(seen.direct)
                found[seen.direct].append(bit)
        return found

    def _direct(self, member: int) -> int:
        found = 0
        for bit in each(member):
            found |= self.seen[bit].direct
        return found & ~member

    def _all(self, member: int) -> int:
        found = 0
        for bit in each(member):
            found |= self.seen[bit].all
        return found & ~member


def each(bits: int) -> Iterator[int]:
    """The single bits of a set."""
    while bits:
        lowest = bits & -bits
        yield lowest
        bits ^= lowest


def flow_of(graph: Graph, paths: dict[str, list[str]]) -> Flow:
    """How tensors flow between groups of weights.

    paths: for the path of each layer with weights the paths of its groups, as attention has two.
    """
    flow = Flow({}, {})
    sources = [Seen(1 << i, 1 << i) for i in range(len(graph.inputs))]
    _follow(graph.root, "", [sources[i] for i in range(len(graph.root.inputs))], flow, paths, len(sources))
    return flow


def _follow(
    region: Region, prefix: str, given: list[Seen], flow: Flow, paths: dict[str, list[str]], n: int
) -> list[Seen]:
    values = dict(zip(map(id, region.inputs), given, strict=True))
    for step in region.steps:
        operands = [values.get(id(value), Seen()) for value in step.inputs]
        if isinstance(step, Apply):
            results = [_applied(paths.get(join(prefix, step.name), []), operands, flow, n)] * len(step.outputs)
        else:
            results = _called(step, prefix, operands, flow, paths, n)
        values.update(zip(map(id, step.outputs), results, strict=True))
    return [values.get(id(value), Seen()) for value in region.outputs]


def _called(step: Call, prefix: str, given: list[Seen], flow: Flow, paths: dict[str, list[str]], n: int) -> list[Seen]:
    for i in range(step.count):
        given = _follow(step.region, step.shared or join(prefix, step.instance_name(i)), given, flow, paths, n)
    return given


def _applied(groups: list[str], operands: list[Seen], flow: Flow, n: int) -> Seen:
    """What the result of one layer comes from. Its projections see the input, the one back what these give."""
    seen = Seen()
    for operand in operands:
        seen |= operand
    if not groups:
        return seen
    result = Seen(0, seen.all)
    for group in groups:
        if group not in flow.bits:
            flow.bits[group] = 1 << (n + len(flow.bits))
            last = group.endswith((".out_proj", ".out")) and result.direct
            flow.seen[flow.bits[group]] = result if last else seen
        result |= Seen(flow.bits[group], flow.bits[group] | flow.seen[flow.bits[group]].all)
    return result
