"""Memory at work: how many elements are alive at once while a network runs in order."""

from typing import Any, NamedTuple

from .ir import Apply, Call, Region, Value, join, known
from .ops.base import size
from .symbolic import largest

DTYPE_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}


class Held(NamedTuple):
    """What a region must know of an input: the elements of its memory, and whether the caller still needs it.

    A view may hold more memory than its shape tells; that matters only where the region can free it.
    """

    elements: Any
    kept: bool


class Run(NamedTuple):
    """Most elements alive at once, and for each output the input or the output whose memory it shares, and how much."""

    peak: Any
    outputs: tuple[tuple[str, int, Any], ...]


def peak_elements(region: Region) -> Any:
    """Most elements alive at once while the region runs in order, its inputs and outputs included.

    A tensor lives from its layer to its last use. An activation, or a sum with an operand of the result's shape,
    overwrites an operand that nobody needs any more. A view keeps all the memory of what it looks at.
    """
    return _run(region, tuple(Held(size(known(v)), False) for v in region.inputs)).peak


def _run(region: Region, inputs: tuple[Held, ...]) -> Run:
    """A region at work; kept on it."""
    found: Run | None = region.runs.get(inputs)
    if found is None:
        found = region.runs[inputs] = _Liveness(region, inputs).run()
    return found


class _Liveness:
    def __init__(self, region: Region, inputs: tuple[Held, ...]) -> None:
        self.region = region
        self.uses: dict[Value, int] = {}
        for step in region.steps:
            for value in step.inputs:
                self.uses[value] = self.uses.get(value, 0) + 1
        for value in region.outputs:
            self.uses[value] = self.uses.get(value, 0) + 1
        self.buffer: dict[Value, list[Any]] = {}  # [elements, tensors that share the memory]
        self.now: Any = 0
        self.peak: Any = 0
        for value, held in zip(region.inputs, inputs, strict=True):
            self.allocate(value, held.elements)
            self.uses[value] = self.uses.get(value, 0) + int(held.kept)
        self.entered = [self.buffer[value] for value in region.inputs]
        for value in region.inputs:
            if not self.uses[value]:
                self.free(value)

    def allocate(self, value: Value, elements: Any) -> None:
        self.buffer[value] = [elements, 1]
        self.now += elements
        self.peak = largest(self.peak, self.now)

    def share(self, value: Value, block: list[Any]) -> None:
        self.buffer[value] = block
        block[1] += 1

    def free(self, value: Value) -> None:
        """Nobody needs a tensor any more: its memory is free, unless another tensor shares it."""
        block = self.buffer[value]
        block[1] -= 1
        if block[1] == 0:
            self.now -= block[0]

    def run(self) -> Run:
        for step in self.region.steps:
            if isinstance(step, Apply):
                self.apply(step)
            else:
                self.call(step)
            for value in step.inputs:
                self.uses[value] -= 1
                if not self.uses[value]:
                    self.free(value)
            for value in step.outputs:
                if value not in self.uses:  # nobody reads it
                    self.free(value)
        places: dict[int, tuple[str, int]] = {}
        for i, block in enumerate(self.entered):
            places.setdefault(id(block), ("in", i))
        for i, value in enumerate(self.region.outputs):
            places.setdefault(id(self.buffer[value]), ("out", i))
        blocks = (self.buffer[value] for value in self.region.outputs)
        return Run(self.peak, tuple((*places[id(block)], block[0]) for block in blocks))

    def apply(self, step: Apply) -> None:
        output, *extras = step.outputs
        for extra in extras:
            self.allocate(extra, size(known(extra)))
        source = step.inputs[0] if step.op.view else self.overwritten(step) if step.op.inplace else None
        if source is None:
            self.allocate(output, size(known(output)))
        else:
            self.share(output, self.buffer[source])

    def overwritten(self, step: Apply) -> Value | None:
        """The operand whose memory the result may take, if any."""
        for value in step.inputs:
            alone = self.uses[value] == step.inputs.count(value) and self.buffer[value][1] == 1
            if alone and value.shape == step.outputs[0].shape:
                return value
        return None

    def held(self, step: Call, value: Value) -> Held:
        elements, tensors = self.buffer[value]
        kept = self.uses[value] > step.inputs.count(value) or tensors > 1
        return Held(size(known(value)) if kept else elements, kept)

    def call(self, step: Call) -> None:
        """One instance, or a row of them; those after the first own their input."""
        inputs = tuple(self.held(step, value) for value in step.inputs)
        inner = _run(step.region, inputs)
        self.peak = largest(self.peak, self.now + inner.peak - sum(held.elements for held in inputs))
        outputs = inner.outputs
        if step.count > 1:
            outputs = self.later(step, inputs[0], inner)
        for i, (value, (kind, j, elements)) in enumerate(zip(step.outputs, outputs, strict=True)):
            if kind == "in":
                self.share(value, self.buffer[step.inputs[j]])
            elif j < i:
                self.share(value, self.buffer[step.outputs[j]])
            else:
                self.buffer[value] = [elements, 1]
                self.now += elements

    def later(self, step: Call, first: Held, inner: Run) -> tuple[tuple[str, int, Any], ...]:
        """The instances after the first, until one finds what the one before did; where the last one's output lies."""
        rest = self.now - (0 if first.kept else first.elements)
        ((kind, _, elements),) = inner.outputs
        if kind == "in":
            return inner.outputs
        again = _run(step.region, (Held(elements, False),))
        self.peak = largest(self.peak, rest + again.peak)
        return (("out", 0, again.outputs[0][2]),)


class Moment(NamedTuple):
    """What is alive while one layer runs, its operands and result included. The first moment has the inputs alone."""

    path: str
    elements: Any


def trace(region: Region, most: int) -> list[Moment]:
    """The network's memory step by step, as `peak_elements` simulates it; the largest moment is its peak.

    The first `most` layers have a moment each. After them a call is one moment, at its peak.
    """
    inputs = tuple(Held(size(known(v)), False) for v in region.inputs)
    moments = [Moment("", sum(held.elements for held in inputs))]
    _Trace(region, inputs, "", 0, moments, most + 1).run()
    return moments


class _Trace(_Liveness):
    """Runs a region as an instance at `path`, while the callers hold `base` elements that are no inputs of it."""

    def __init__(
        self, region: Region, inputs: tuple[Held, ...], path: str, base: Any,
        moments: list[Moment], most: int,
    ) -> None:  # fmt: skip
        super().__init__(region, inputs)
        self.path, self.base, self.moments, self.most = path, base, moments, most

    def apply(self, step: Apply) -> None:
        super().apply(step)
        self.moments.append(Moment(join(self.path, step.name), self.base + self.now))

    def call(self, step: Call) -> None:
        inputs = tuple(self.held(step, value) for value in step.inputs)
        base = self.base + self.now - sum(held.elements for held in inputs)
        for i in range(step.count):
            path = step.shared or join(self.path, step.instance_name(i))
            inner = _run(step.region, inputs)
            if len(self.moments) >= self.most:
                self.moments.append(Moment(path, base + inner.peak))
                if i:  # the rest of a repeat are like this one
                    break
            else:
                _Trace(step.region, inputs, path, base, self.moments, self.most).run()
            kind, _, elements = inner.outputs[0]
            if i == 0 and step.count > 1 and kind == "out":  # later instances own their input
                base += inputs[0].elements if inputs[0].kept else 0
                inputs = (Held(elements, False),)
        super().call(step)
