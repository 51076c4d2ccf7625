"""Memory at work: how many elements are alive at once while a network runs in order."""

from typing import Any, NamedTuple

from .ir import Apply, Call, Region, Value, join, known
from .ops.base import size
from .symbolic import largest

DTYPE_BYTES = {"fp32": 4, "fp16": 2, "bf16": 2, "int8": 1}


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

    def held(self, step: Call) -> tuple[bool, ...]:
        """Which inputs of a call are needed afterwards."""
        return tuple(self.uses[v] > step.inputs.count(v) or self.buffer[v][1] > 1 for v in step.inputs)

    def call(self, step: Call) -> None:
        held = self.held(step)
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


class Moment(NamedTuple):
    """What is alive while one layer runs, its operands and result included. The first moment has the inputs alone."""

    path: str
    elements: Any


def trace(region: Region, most: int) -> list[Moment]:
    """The network's memory step by step, as `peak_elements` simulates it; the largest moment is its peak.

    The first `most` layers have a moment each. After them a call is one moment, at its peak.
    """
    moments = [Moment("", sum(size(known(v)) for v in region.inputs))]
    _Trace(region, (False,) * len(region.inputs), {}, "", 0, moments, most + 1).run()
    return moments


class _Trace(_Liveness):
    """Runs a region as an instance at `path`, while the callers hold `base` elements that are no inputs of it."""

    def __init__(
        self, region: Region, held: tuple[bool, ...], memo: dict[Any, Any], path: str, base: Any,
        moments: list[Moment], most: int,
    ) -> None:  # fmt: skip
        super().__init__(region, held, memo)
        self.path, self.base, self.moments, self.most = path, base, moments, most

    def apply(self, step: Apply) -> None:
        super().apply(step)
        self.moments.append(Moment(join(self.path, step.name), self.base + self.now))

    def call(self, step: Call) -> None:
        base = self.base + self.now - sum(size(known(v)) for v in step.inputs)
        held = self.held(step)
        for i in range(step.count):
            path = step.shared or join(self.path, step.instance_name(i))
            if len(self.moments) >= self.most:
                inner = peak_elements(step.region, held, self.memo)
                self.moments.append(Moment(path, base + inner))
                if i:  # the rest of a repeat are like this one
                    break
            else:
                _Trace(step.region, held, self.memo, path, base, self.moments, self.most).run()
            if i == 0 and step.count > 1:  # later instances own their input
                base, held = base + (size(known(step.inputs[0])) if held[0] else 0), (False,)
        super().call(step)
