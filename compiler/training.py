"""What training costs beyond inference: tensors kept for the backward pass, its operations, and optimizer state.

The kept tensors are those that PyTorch saves when it runs the emitted source on a CPU in training mode, each stored
tensor counted once however many ops keep it; parameters are not among them.
"""

from typing import Any, NamedTuple

from .diagnostics import usage
from .ir import Apply, Call, Graph, Region, Value, known
from .memory import DTYPE_BYTES
from .ops import Shape, Tokens
from .ops.base import Saved, Use, same_shape, size
from .public import FORMULA, TEXT, WHOLE, public

OVERWRITABLE = frozenset({"conv", "dwconv", "bn", "fc", "add", "sub", "avgpool", "adaptive_avgpool", "gap", "concat"})
"""Ops whose backward pass does not read their result, so that the next op may overwrite it."""

PACKING = frozenset({"ln", "concat"})
"""Ops whose result lies row by row however their operands do."""

OPTIMIZER_STATE = {
    "gd": 0, "sgd": 0, "momentum": 1, "nag": 1, "adagrad": 1, "rmsprop": 1, "adadelta": 2, "adam": 2, "adamw": 2,
}  # fmt: skip
"""Elements that an optimizer keeps for each parameter: velocities and running means of gradients or their squares."""


def may_overwrite(step: Apply, region: Region, uses: dict[Value, int]) -> bool:
    """Whether the first operand is a fresh result of this region that nothing else reads, not even backward."""
    source = step.inputs[0]
    fresh = isinstance(source.maker, Apply) and source.maker.op.name in OVERWRITABLE
    return fresh and uses[source] == 1 and source not in region.inputs


def use_counts(region: Region) -> dict[Value, int]:
    """How many steps and results of a region read each value."""
    uses: dict[Value, int] = {}
    for values in (*(step.inputs for step in region.steps), region.outputs):
        for value in values:
            uses[value] = uses.get(value, 0) + 1
    return uses


class Kept(NamedTuple):
    """What is kept, in elements by kind as in `Saved`: for each sample but for the fixed ones."""

    activations: int = 0
    floats: int = 0
    indices: int = 0
    flags: int = 0
    fixed: int = 0
    fixed_floats: int = 0
    stored: int = 0

    def plus(self, other: "Kept", times: int = 1) -> "Kept":
        return Kept(*(a + times * b for a, b in zip(self, other, strict=True)))

    def sample_bytes(self, width: int) -> int:
        """Bytes for each sample, the activations' elements being so wide."""
        return width * self.activations + 4 * self.floats + 8 * self.indices + self.flags

    def fixed_bytes(self, width: int) -> int:
        """Bytes whatever the batch."""
        return width * (self.fixed + self.stored) + 4 * self.fixed_floats


class Training(NamedTuple):
    """kept: for the backward pass. backward: its multiply-accumulates for one sample."""

    kept: Kept
    backward: int

    @public(batch=WHOLE | FORMULA, dtype=TEXT)
    def saved_bytes(self, batch: int, dtype: str) -> int:
        """Bytes kept for the backward pass of a batch. UsageErrors are E0513 (batch) and E0518 (type)."""
        if batch < 1:
            raise usage("E0513", text=str(batch))
        if dtype not in DTYPE_BYTES:
            raise usage("E0518", what="type", name=dtype, known=", ".join(DTYPE_BYTES))
        width = DTYPE_BYTES[dtype]
        return batch * self.kept.sample_bytes(width) + self.kept.fixed_bytes(width)


def training(graph: Graph, input_grad: bool = False) -> Training:
    """What one training step of a network keeps and computes. input_grad: whether the input needs a gradient too."""
    memo: _Memo = {}
    root = graph.root
    inner = _region(root, tuple(_Flow(input_grad, False) for _ in root.inputs), memo)
    kept = inner.kept
    ends: dict[Any, Value] = {}
    for i, value in enumerate(root.inputs):
        if inner.inputs[i]:
            ends["in", i] = value
    for i, value in enumerate(root.outputs):
        if inner.outputs[i]:
            ends[inner.same[i]] = value
    for value in ends.values():
        kept = kept.plus(_tensor(value))
    for name in inner.shared:
        region = graph.shared[name]
        own = _region(region, tuple(_Flow(True, False) for _ in region.inputs), memo).kept
        kept = kept._replace(stored=kept.stored + own.stored)
    return Training(kept, inner.backward)


class _Flow(NamedTuple):
    """What a region must know of its inputs: whether gradients flow to them, and tokens that lie as maps."""

    needs: bool
    strided: bool


class _Result(NamedTuple):
    """A region's own kept tensors, and what it does to those that it shares with its caller.

    inputs, outputs: whether it keeps each; same: what storage an output is, ("in", i) or ("out", i).
    shared: the shared layers within, whose buffers are counted apart.
    """

    kept: Kept
    backward: int
    inputs: tuple[bool, ...]
    outputs: tuple[bool, ...]
    flows: tuple[_Flow, ...]
    same: tuple[tuple[str, int], ...]
    shared: frozenset[str]


_Memo = dict[tuple[int, tuple[_Flow, ...]], _Result]


def _tensor(value: Value) -> Kept:
    """A tensor itself; the second result of a pooling is its indices."""
    maker = value.maker
    if isinstance(maker, Apply) and value is not maker.outputs[0]:
        return Kept(indices=size(known(value)))
    return Kept(activations=size(known(value)))


def _region(region: Region, flows: tuple[_Flow, ...], memo: _Memo) -> _Result:
    key = (id(region), flows)
    if key not in memo:
        memo[key] = _Walk(region, flows, memo).run()
    return memo[key]


class _Walk:
    """Follows one region's steps. Tensors that share memory have one root among them."""

    def __init__(self, region: Region, flows: tuple[_Flow, ...], memo: _Memo) -> None:
        self.region, self.memo = region, memo
        self.uses = use_counts(region)
        self.flow: dict[Value, _Flow] = dict(zip(region.inputs, flows, strict=True))
        self.root: dict[Value, Value] = {value: value for value in region.inputs}
        self.saved: set[Value] = set()
        self.kept = Kept()
        self.backward = 0
        self.shared: frozenset[str] = frozenset()

    def run(self) -> _Result:
        for step in self.region.steps:
            if isinstance(step, Apply):
                self.apply(step)
            else:
                self.call(step)
        ins, outs = self.region.inputs, self.region.outputs
        roots = [self.root[value] for value in outs]
        shared = {*ins, *roots}
        for value in self.saved - shared:
            self.kept = self.kept.plus(_tensor(value))
        return _Result(
            self.kept,
            self.backward,
            tuple(value in self.saved for value in ins),
            tuple(value in self.saved for value in roots),
            tuple(self.flow[value] for value in outs),
            tuple(("in", ins.index(r)) if r in ins else ("out", roots.index(r)) for r in roots),
            self.shared,
        )

    def apply(self, step: Apply) -> None:
        learns = bool(step.weights())
        needs = tuple(self.flow[value].needs for value in step.inputs)
        strided = self.flow[step.inputs[0]].strided
        flow = _Flow(learns or any(needs), _lies_as_maps(step, strided))
        viewed = self.root[step.inputs[0]] if step.op.view else step.outputs[0]
        for value in step.outputs:
            self.flow[value], self.root[value] = flow, value
        self.root[step.outputs[0]] = viewed
        if not flow.needs:
            return
        x, out = step.in_shapes[0], step.out_shape
        use = Use(needs, may_overwrite(step, self.region, self.uses), strided, len(step.outputs) > 1)
        saved = step.op.saves(step.attrs, x, out, use)
        self.keep(step, saved)
        self.backward += _backward(step, x, out, use, learns)

    def keep(self, step: Apply, saved: Saved) -> None:
        self.saved |= {self.root[step.inputs[i]] for i in saved.operands}
        self.saved |= {self.root[step.outputs[i]] for i in saved.results}
        self.kept = self.kept.plus(Kept(*saved[2:]))

    def call(self, step: Call) -> None:
        """One instance, or a row of them, where each gives the next its input."""
        first = _region(step.region, tuple(self.flow[value] for value in step.inputs), self.memo)
        last = first
        self.shared |= first.shared | ({step.shared} if step.shared else set())
        self.add(step, first)
        again = step.count - 1
        while again:
            before, last = last, _region(step.region, last.flows, self.memo)
            times = again if last.flows == before.flows else 1
            self.add(step, last, times)
            again -= times
            if last.same[0] != ("in", 0) and before.same[0] != ("in", 0):
                between = _tensor(step.outputs[0])
                self.kept = self.kept.plus(between, int(before.outputs[0] or last.inputs[0]))
                self.kept = self.kept.plus(between, (times - 1) * int(last.outputs[0] or last.inputs[0]))
        self.saved |= {self.root[v] for v, keep in zip(step.inputs, first.inputs, strict=True) if keep}
        for value, keep, flow, same in zip(step.outputs, last.outputs, last.flows, last.same, strict=True):
            kind, i = same
            self.flow[value] = flow
            self.root[value] = self.root[step.inputs[i]] if kind == "in" else step.outputs[i]
            if keep:
                self.saved.add(self.root[value])

    def add(self, step: Call, inner: _Result, times: int = 1) -> None:
        kept = inner.kept._replace(stored=0) if step.shared or step.reuse else inner.kept
        self.kept = self.kept.plus(kept, times)
        self.backward += times * inner.backward


def _lies_as_maps(step: Apply, strided: bool) -> bool:
    """Whether the result is tokens in the memory layout of maps, which elementwise ops and views keep."""
    if not isinstance(step.out_shape, Tokens):
        return False
    if not isinstance(step.in_shapes[0], Tokens):
        return True
    keeps = step.op.shape is same_shape or step.op.operator or step.op.view
    return strided and keeps and step.op.name not in PACKING


def _backward(step: Apply, x: Shape, out: Shape, use: Use, learns: bool) -> int:
    """Multiply-accumulates: the forward pass's for the weights' gradient, and again for that of the operands."""
    if step.op.backward is not None:
        return step.op.backward(step.attrs, x, out, use)
    return step.op.work(step.attrs, x, out).mac * (int(learns) + int(any(use.needs)))
