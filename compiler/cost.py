"""What a graph costs, in exact integers. Every region is counted once, however often it is used."""

from fractions import Fraction
from typing import Any, NamedTuple

from .ir import Apply, Call, Graph, Region, Value, known, regions_of
from .ops import Shape, Tokens, Window, Work
from .ops.base import size
from .symbolic import largest, smallest

DTYPE_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}


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
    layers = params = buffers = activations = 0
    work = [0] * len(Work._fields)
    shared: set[str] = set()
    for step in steps:
        if isinstance(step, Apply):
            cost = layer_cost(step)
            layers, params, buffers = layers + 1, params + cost.params, buffers + cost.buffers
            activations += size(step.out_shape)
            _accumulate(work, cost.work, 1)
            continue
        inner: Totals = step.region.totals
        layers += step.count * inner.layers
        activations += step.count * inner.activations
        _accumulate(work, inner.work, step.count)
        shared |= inner.shared
        if step.shared:
            shared.add(step.shared)
        elif not step.reuse:
            params, buffers = params + step.count * inner.params, buffers + step.count * inner.buffers
    return Totals(layers, params, buffers, Work(*work), activations, _depths(region), frozenset(shared))


def _accumulate(total: list[int], work: Work, times: int) -> None:
    for i, amount in enumerate(work):
        total[i] += times * amount


class LayerCost(NamedTuple):
    params: int
    buffers: int
    work: Work


def layer_cost(step: Apply) -> LayerCost:
    """Parameters, buffer elements and scalar work of one op on one sample."""
    params = sum(size(w.shape) for w in step.weights())
    buffers = sum(size(w.shape) for w in step.buffers())
    return LayerCost(params, buffers, step.op.work(step.attrs, step.in_shapes[0], step.out_shape))


def _depths(region: Region) -> tuple[tuple[int | None, ...], ...]:
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


def _plus(depths: list[int | None], amount: int) -> list[int | None]:
    return [None if d is None else d + amount for d in depths]


def _deepest(paths: list[list[int | None]]) -> list[int | None]:
    return [max((d for d in column if d is not None), default=None) for column in zip(*paths, strict=True)]


# Memory


def peak_elements(region: Region, held: tuple[bool, ...], memo: dict[Any, Any] | None = None) -> Any:
    """Most elements alive at once while the region runs in order, its inputs and outputs included.

    A tensor lives from its layer to its last use. `held` marks inputs that the caller still needs afterwards. An
    activation, or a sum with an operand of the result's shape, overwrites an operand that nobody needs any more.
    """
    memo = {} if memo is None else memo
    key = (id(region), held)
    if key not in memo:
        memo[key] = _Liveness(region, held, memo).run()
    return memo[key]


class _Liveness:
    def __init__(self, region: Region, held: tuple[bool, ...], memo: dict[Any, Any]) -> None:
        self.region, self.memo = region, memo
        self.uses: dict[Value, int] = {}
        for step in region.steps:
            for value in step.inputs:
                self.uses[value] = self.uses.get(value, 0) + 1
        for value in region.outputs:
            self.uses[value] = self.uses.get(value, 0) + 1
        self.buffer: dict[Value, list[int]] = {}  # [elements, tensors that share the memory]
        self.now: Any = 0
        self.peak: Any = 0
        for value, keep in zip(region.inputs, held, strict=True):
            self.allocate(value)
            self.uses[value] = self.uses.get(value, 0) + int(keep)
        for value in region.inputs:
            self.release(value, 0)

    def allocate(self, value: Value) -> None:
        elements = size(known(value))
        self.buffer[value] = [elements, 1]
        self.now += elements
        self.peak = largest(self.peak, self.now)

    def release(self, value: Value, uses: int = 1) -> None:
        """Take uses off a tensor; with the last one its memory is free, unless another tensor shares it."""
        self.uses[value] = self.uses.get(value, 0) - uses
        if self.uses[value] <= 0:
            block = self.buffer[value]
            block[1] -= 1
            if block[1] == 0:
                self.now -= block[0]

    def run(self) -> Any:
        for step in self.region.steps:
            if isinstance(step, Apply):
                self.apply(step)
            else:
                self.call(step)
            for value in step.inputs:
                self.release(value)
            for value in step.outputs:
                self.release(value, 0)
        return self.peak

    def apply(self, step: Apply) -> None:
        for extra in step.outputs[1:]:
            self.allocate(extra)
        output = step.outputs[0]
        source = step.inputs[0] if step.op.view else self.overwritten(step)
        if source is None:
            self.allocate(output)
            return
        self.buffer[output] = self.buffer[source]
        self.buffer[source][1] += 1

    def overwritten(self, step: Apply) -> Value | None:
        """The operand whose memory the result may take, if any."""
        if not step.op.inplace:
            return None
        for value in step.inputs:
            alone = self.uses[value] == step.inputs.count(value) and self.buffer[value][1] == 1
            if alone and value.shape == step.outputs[0].shape:
                return value
        return None

    def call(self, step: Call) -> None:
        held = tuple(self.uses[v] > step.inputs.count(v) or self.buffer[v][1] > 1 for v in step.inputs)
        inner = peak_elements(step.region, held, self.memo)
        if step.count > 1:  # later instances own their input
            inner = largest(
                inner, peak_elements(step.region, (False,), self.memo) + (size(known(step.inputs[0])) if held[0] else 0)
            )
        extra = inner - sum(size(known(v)) for v in step.inputs)
        self.peak = largest(self.peak, self.now + extra)
        for value in step.outputs:
            self.buffer[value] = [size(known(value)), 1]
            self.now += size(known(value))


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
    peak = peak_elements(_without_aux(graph, steps), (False,) * len(graph.root.inputs))
    return Summary(active.layers, params, buffers, active.work, active.activations, peak, depth)


def _without_aux(graph: Graph, steps: list[Apply | Call]) -> Region:
    if not graph.aux:
        return graph.root
    region = Region("net", graph.root.title, graph.root.key, graph.root.span)
    region.inputs, region.steps = graph.root.inputs, steps
    region.outputs = [terminal.value for terminal in graph.outputs]
    return region


# Receptive fields


class Field(NamedTuple):
    """What an output position sees along an axis: input positions lo to hi for the first, and the step to the next.

    `last`, once positions are tokens in a row: up to where all of them together see.
    Araujo, Norris and Sim, "Computing receptive fields of convolutional neural networks", Distill, 2019, section 2.
    """

    lo: Any
    hi: Any
    jump: Any
    last: Any = None


def through_window(fields: tuple[Field, ...], window: Window) -> tuple[Field, ...]:
    """The fields after a window has slid over positions that have these fields."""
    axes = zip(fields, window.kernel, window.stride, window.padding, window.dilation, strict=True)
    if window.up:
        return tuple(_spread(f, d * (k - 1) // s, s) for f, k, s, _, d in axes)
    return tuple(
        Field(f.lo - p[0] * f.jump, f.hi + (d * (k - 1) - p[0]) * f.jump, f.jump * s) for f, k, s, p, d in axes
    )


def _spread(field: Field, more: int, stride: int) -> Field:
    """Positions spread out by a stride: an output sees at most `more` further inputs, and they lie closer together."""
    jump = Fraction(field.jump) / stride
    return Field(field.lo - more * field.jump, field.hi, int(jump) if jump.denominator == 1 else jump)


def field_of(step: Apply, inputs: list[tuple[Field, ...]]) -> tuple[Field, ...]:
    """The receptive field of an op's output from those of its operands."""
    fields = inputs[0]
    for other in inputs[1:]:
        if len(other) == len(fields):
            fields = tuple(
                Field(_least(a.lo, b.lo), -_least(-a.hi, -b.hi), max(a.jump, b.jump), a.last or b.last)
                for a, b in zip(fields, other, strict=True)
            )
    x = step.in_shapes[0]
    if step.op.window is not None and len(x) - 1 == len(fields):  # after a reshape axes mean something else
        return through_window(fields, step.op.window(step.attrs, x))
    if step.op.sees_all or len(step.out_shape) < len(x):
        in_a_row = isinstance(step.out_shape, Tokens) and not isinstance(x, Tokens)
        return tuple(_seen(f, n, in_a_row) for f, n in zip(fields, _spans(x, len(fields)), strict=True))
    return fields


def _least(a: Any, b: Any) -> Any:
    """The smaller of two numbers, formulas or, behind upsampling, fractions."""
    return min(a, b) if isinstance(a, Fraction) or isinstance(b, Fraction) else smallest(a, b)


def _spans(x: Shape, axes: int) -> tuple[int, ...]:
    """How many positions there are along each axis that fields are kept for."""
    return x[1:] if len(x) - 1 == axes and not isinstance(x, Tokens) else (1,) * axes


def _seen(field: Field, positions: int, in_a_row: bool) -> Field:
    """The field of all positions together, which positions put in a row as tokens only remember."""
    last = field.last if field.last is not None else field.hi + (positions - 1) * field.jump
    return field._replace(last=last) if in_a_row else field._replace(hi=last)
