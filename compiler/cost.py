"""What a graph costs, in exact integers. Every region is counted once, however often it is used."""

import math
from typing import NamedTuple

from .ir import Apply, Call, Graph, Region, Value, known, regions_of
from .memory import peak_elements
from .ops import Work
from .ops.base import size


class Totals(NamedTuple):
    """Sums over one instance of a region, for one sample. `shared` holds the shared layers it uses."""

    layers: int
    params: int
    buffers: int
    work: Work
    activations: int
    depth: tuple[tuple[int | None, ...], ...]
    """For each output and each input, the convolutions and linear layers on the longest path between them."""
    shared: frozenset[str]


def totals(region: Region) -> Totals:
    """The sums for a region; kept on it."""
    for inner in regions_of(region):
        if inner.totals is None:
            inner.totals = _sum(inner, inner.steps)
    result: Totals = region.totals
    return result


def _sum(region: Region, steps: list[Apply | Call]) -> Totals:
    costs = [layer_cost(step) for step in steps if isinstance(step, Apply)]
    layers, params, buffers = len(costs), sum([c.params for c in costs]), sum([c.buffers for c in costs])
    activations = sum([size(known(step.outputs[0])) for step in steps if isinstance(step, Apply)])
    works = [cost.work for cost in costs]
    shared: set[str] = set()
    for step in steps:
        if isinstance(step, Apply):
            continue
        inner: Totals = step.region.totals
        layers += step.count * inner.layers
        activations += step.count * inner.activations
        works.append(inner.work if step.count == 1 else Work().plus(inner.work, step.count))
        shared |= inner.shared
        if step.shared:
            shared.add(step.shared)
        elif not step.reuse:
            params, buffers = params + step.count * inner.params, buffers + step.count * inner.buffers
    work = Work(*map(sum, zip(*works, strict=True)))
    return Totals(layers, params, buffers, work, activations, _depths(region), frozenset(shared))


class LayerCost(NamedTuple):
    params: int
    buffers: int
    work: Work


def layer_cost(step: Apply) -> LayerCost:
    """Parameters, buffer elements and scalar work of one op on one sample."""
    op, attrs, shape = step.op, step.attrs, known(step.inputs[0])
    weights, buffers = op.weights(attrs, shape), op.buffers(attrs, shape)
    return LayerCost(
        sum([math.prod(w.shape) for w in weights]) if weights else 0,
        sum([math.prod(w.shape) for w in buffers]) if buffers else 0,
        op.work(attrs, shape, known(step.outputs[0])),
    )


def _depths(region: Region) -> tuple[tuple[int | None, ...], ...]:
    if len(region.inputs) == 1:
        return _depths_from_one(region)
    count = len(region.inputs)
    depth: dict[Value, list[int | None]] = {}
    for i, value in enumerate(region.inputs):
        depth[value] = [0 if i == j else None for j in range(count)]
    for step in region.steps:
        if isinstance(step, Apply):
            deepest = _deepest([_plus(depth[v], int(step.op.depth and not step.skip)) for v in step.inputs])
            depth.update(dict.fromkeys(step.outputs, deepest))
            continue
        through = step.region.totals.depth
        for output, paths in zip(step.outputs, through, strict=True):
            reached = [
                _plus(depth[v], 0 if step.skip else step.count * path)
                for v, path in zip(step.inputs, paths, strict=True)
                if path is not None
            ]
            depth[output] = _deepest(reached) if reached else [None] * count
    return tuple(tuple(depth[v]) for v in region.outputs)


def _depths_from_one(region: Region) -> tuple[tuple[int], ...]:
    """The same with one input, from which there is a path to everything."""
    depth = {region.inputs[0]: 0}
    for step in region.steps:
        if isinstance(step, Apply):
            deepest = max([depth[v] for v in step.inputs]) + (step.op.depth and not step.skip)
            for output in step.outputs:
                depth[output] = deepest
            continue
        times = 0 if step.skip else step.count
        for output, paths in zip(step.outputs, step.region.totals.depth, strict=True):
            reached = zip(step.inputs, paths, strict=True)
            depth[output] = max([depth[v] + times * path for v, path in reached if path is not None])
    return tuple([(depth[v],) for v in region.outputs])


def _plus(depths: list[int | None], amount: int) -> list[int | None]:
    return [None if d is None else d + amount for d in depths] if amount else depths


def _deepest(paths: list[list[int | None]]) -> list[int | None]:
    if len(paths) == 1:
        return paths[0]
    return [max((d for d in column if d is not None), default=None) for column in zip(*paths, strict=True)]


# Training-only parts


def inference_steps(graph: Graph) -> list[Apply | Call]:
    """The steps of the root region that the outputs need; what only `aux` outputs need is left out."""
    if not graph.aux:
        return graph.root.steps
    needed = {terminal.value for terminal in graph.outputs}
    kept = []
    for step in reversed(graph.root.steps):
        if any(value in needed for value in step.outputs):
            needed.update(step.inputs)
            kept.append(step)
    return kept[::-1]


class Summary(NamedTuple):
    """The totals of a network for one sample."""

    layers: int
    params: int
    buffers: int
    work: Work
    activations: int
    peak: int
    depth: int


def summarize(graph: Graph) -> Summary:
    """All totals: parameters of everything the module holds, work of the inference graph."""
    whole = totals(graph.root)
    steps = inference_steps(graph)
    active = whole if steps is graph.root.steps else _sum(graph.root, steps)
    params, buffers = whole.params, whole.buffers
    for name in whole.shared:
        inner = totals(graph.shared[name])
        params, buffers = params + inner.params, buffers + inner.buffers
    depth = max((d for row in whole.depth[: len(graph.outputs)] for d in row if d is not None), default=0)
    peak = peak_elements(inference_region(graph))
    return Summary(active.layers, params, buffers, active.work, active.activations, peak, depth)


def inference_region(graph: Graph) -> Region:
    """The root region without what only `aux` outputs need."""
    if not graph.aux:
        return graph.root
    region = Region("net", graph.root.title, graph.root.key, graph.root.span)
    region.inputs, region.steps = graph.root.inputs, inference_steps(graph)
    region.outputs = [terminal.value for terminal in graph.outputs]
    return region
