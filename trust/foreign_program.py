"""Foreign cases as programs of the language: how they are written, and judged by the foreign result."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import cnnc
import numpy as np
import onnxruntime
import torch
from cnnc.backends import numpy as reference
from cnnc.backends.weights import read_weights
from cnnc.compiler.verify import TOLERANCE, difference

Array = np.ndarray[Any, Any]


class Skip(Exception):
    """A case that the language cannot express; its text is the reason, which is counted."""


class Program(NamedTuple):
    """A foreign case in the language: its text, what goes in, and what must come out."""

    text: str
    inputs: tuple[Array, ...] = ()
    expected: tuple[Array, ...] = ()
    weights: Mapping[str, Array] = {}
    rule: str = ""
    """Why cnnc refuses what the other side accepts; empty where it must not."""
    code: str = ""
    """With which code it then must refuse."""
    wrong: bool = False
    """Whether the other side refuses the case, so that cnnc must refuse it as well."""

    @property
    def rounding(self) -> float:
        """How far numbers that the other side wrote down with four decimals may be from what they stand for."""
        written = [np.asarray(y, np.float32) for y in self.expected]
        four, two = (all((np.round(y, n) == y).all() for y in written) for n in (4, 2))
        return 5e-5 if four and not two else 0.0


# Writing programs


def spell(value: Any) -> str:
    """A value as the language writes it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        inner = ", ".join(spell(v) for v in value)
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return value if isinstance(value, str) else repr(float(value) if isinstance(value, np.floating) else value)


def call(layer: str, *args: Any, **named: Any) -> str:
    """A use of a layer; an argument of None is left out."""
    parts = [spell(a) for a in args] + [f"{name}={spell(a)}" for name, a in named.items() if a is not None]
    return f"{layer}({', '.join(parts)})" if parts else layer


def each(value: Any, rank: int) -> Any:
    """One whole number for every axis as a tuple; lists of another length stay, so that cnnc can refuse them."""
    if isinstance(value, int):
        return (value,) * rank
    values = tuple(int(v) for v in value)
    return values * rank if len(values) == 1 else values


def declared(inputs: Sequence[Array], *outputs: str) -> str:
    """A program whose inputs are called x0, x1, … and whose outputs are given as expressions in them."""
    for x in inputs:
        if x.ndim < 2 or x.ndim > 5:
            raise Skip("more axes than the language has" if x.ndim > 5 else "no axis beside the batch")
        if not x.size:
            raise Skip("an input without elements")
    shapes = ", ".join(f"x{i}: {'x'.join(map(str, x.shape[1:]))}" for i, x in enumerate(inputs))
    return f"input {shapes} output {', '.join(f'y{i} = {text}' for i, text in enumerate(outputs))}"


def chained(
    x: Array, chain: str, expected: Array | None, weights: Mapping[str, Array] | None = None, **rest: Any
) -> Program:
    """A program of one input that flows through a chain to one output."""
    text = declared([x], f"x0 -> {chain}")
    if expected is not None and not expected.size:
        raise Skip("a result without elements")
    return Program(text, (x,), () if expected is None else (expected,), weights or {}, **rest)


def lead(x: Array | None, axes: int) -> Any:
    """The array with axes of extent 1 in front: a batch of 1, or also a single channel."""
    return None if x is None else x.reshape((1,) * axes + x.shape)


def batched(x: Array, expected: Array | None, rank: int) -> tuple[Array, Array | None]:
    """Input and result with a batch axis; what is unbatched is a batch of 1."""
    if x.ndim == rank + 1:
        return lead(x, 1), lead(expected, 1)
    if x.ndim != rank + 2:
        raise Skip("a number of axes that the layer does not take")
    return x, expected


def elementwise(x: Array, chain: str, expected: Array | None, **rest: Any) -> Program:
    """A layer that takes any shape: the first axis is the batch, a single axis a vector."""
    if x.ndim == 0:
        raise Skip("a scalar input")
    if x.ndim == 1:
        x, expected = lead(x, 1), lead(expected, 1)
    return chained(x, chain, expected, **rest)


def along(x: Array, axis: int, layer: str, expected: Array | None, **rest: Any) -> Program:
    """A layer over channels applied along any axis: the axis is moved to the front and back."""
    if x.ndim == 0:
        raise Skip("a scalar input")
    axis %= x.ndim
    if axis == 0:
        x, expected, axis = lead(x, 1), lead(expected, 1), 1
    return chained(x, moved(x.ndim, axis, layer), expected, **rest)


def moved(ndim: int, axis: int, layer: str) -> str:
    """The layer with an axis (1 for the channels) in the channels' place."""
    if axis == 1:
        return layer
    order = [axis - 1, *(i for i in range(ndim - 1) if i != axis - 1)]
    back = [order.index(i) for i in range(ndim - 1)]
    return f"{call('permute', order)} -> {layer} -> {call('permute', back)}"


def combined(arrays: Sequence[Array], text: str, expected: Array) -> Program:
    """Operands that broadcast: missing axes are written as 1, and the batch, which every input has, in full."""
    axes = max(x.ndim for x in arrays)
    if axes == 0:
        raise Skip("a scalar input")
    extra = 1 if axes == 1 else 0
    arrays = [x.reshape((1,) * (axes + extra - x.ndim) + x.shape) for x in arrays]
    expected = lead(expected, extra)
    batch = expected.shape[:1]
    arrays = [np.ascontiguousarray(np.broadcast_to(x, batch + x.shape[1:])) for x in arrays]
    return Program(declared(arrays, text), tuple(arrays), (expected,))


def one_hot_kernels(channels: int, kernel: Iterable[int]) -> Array:
    """Kernels that each pick one element of a window: of all channels, Cin·∏k × Cin × k."""
    kernel = tuple(kernel)
    count = channels * int(np.prod(kernel))
    return np.eye(count, dtype=np.float32).reshape(count, channels, *kernel)


# Judging programs


def check(program: Program) -> str:
    """Empty if cnnc agrees with the other side; otherwise what it does instead."""
    try:
        net = cnnc.compile(program.text)
        if program.wrong:
            net.to_torch(weights=program.weights)
            return "accepts what must be refused"
    except cnnc.CnncError as error:
        codes = [d.code for d in error.diagnostics] if isinstance(error, cnnc.NetworkError) else [error.code]
        allowed = program.wrong or (program.rule and codes == [program.code])
        return "" if allowed else f"refuses with {', '.join(map(str, codes))}: {str(error).splitlines()[0]}"
    if program.rule:
        return f"does not refuse with {program.code}"
    return _compare(program, net)


def _compare(program: Program, net: Any) -> str:
    inferred = [(*program.inputs[0].shape[:1], *terminal.value.shape) for terminal in net.graph.outputs]
    wanted = [y.shape for y in program.expected]
    if inferred != wanted:
        return f"infers {inferred} for {wanted}"
    weights = read_weights(program.weights, net.graph)
    inputs = [np.array(x, np.float32) for x in program.inputs]
    results = {
        "NumPy": list(reference.run(net, inputs, weights).values()),
        "PyTorch": _run_torch(net.to_torch(weights=weights), inputs),
        "ONNX Runtime": _run_onnx(net.to_onnx(weights=weights), inputs),
    }
    faults = []
    for backend, made in results.items():
        for got, want in zip(made, program.expected, strict=True):
            off = difference(got, want)
            if not off <= TOLERANCE + program.rounding / max(np.abs(want).max(), 1e-30):
                faults.append(f"{backend} differs by {off:.1e}")
    return "; ".join(faults)


def _run_torch(module: torch.nn.Module, inputs: list[Array]) -> list[Array]:
    with torch.no_grad():
        made = module.eval()(*map(torch.from_numpy, inputs))
    return [y.numpy() for y in (made.values() if isinstance(made, dict) else [made])]


def _run_onnx(model: Any, inputs: list[Array]) -> list[Array]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    made: list[Array] = session.run(None, {i.name: x for i, x in zip(session.get_inputs(), inputs, strict=True)})
    return made
