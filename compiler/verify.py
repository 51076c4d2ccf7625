"""Judging the backends: the same random weights and inputs in each, compared with NumPy in double precision."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from .diagnostics import show, usage
from .ir import Graph, known, weights_of
from .ops import Shape, Weight
from .pipeline import deep_recursion

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

TOLERANCE = 1e-4
"""How far a float32 result may be from the float64 one, relative to the largest element of the output.

One rounding is 6·10⁻⁸; over the sums of a deep network, added in another order by every library, roundings grow to
about 10⁻⁶, rarely 10⁻⁵. A mistake in a lowering, such as a stride or a divisor, moves outputs by a hundredth or more.
The measure is not relative to each element, because near zero even two right results differ by parts in a thousand.
"""


class Comparison(NamedTuple):
    """What one backend made of one output, against NumPy."""

    output: str
    backend: str
    difference: float
    """max|a − b|/max|b|, b the reference; infinite for another shape, or none."""
    shape: tuple[int, ...]
    """The shape that the backend gave, the batch first."""
    on: str = "cpu"
    """Where it ran."""
    failure: str = ""
    """What the backend's library said instead of running the network."""

    @property
    def ok(self) -> bool:
        return self.difference <= TOLERANCE


def verify(
    net: Any, backends: Sequence[str] = ("torch", "onnx"), seed: int = 0, batch: int = 2, on: str = "cpu"
) -> list[Comparison]:
    """Compare every output of a network in each of the backends; see `Net.verify`.

    Raises UsageError for a backend that is unknown (E0504) or whose packages are missing (E0507), and for a place
    where it cannot run (E0515).
    """
    from ..backends import backend, packages

    _check_request(backends, batch, on)
    check_memory(net, batch, on)
    try:
        with deep_recursion(), packages():
            places = {name: backend(name).place(on) for name in backends}
            weights, inputs = random_weights(net.graph, seed), random_inputs(net.graph, seed, batch)
            results = {name: _attempt(name, net, inputs, weights, places[name]) for name in backends}
            wanted = backend("numpy").run(net, inputs, weights)
    except MemoryError:
        raise usage("E0515", on=on, reason="there is not enough memory") from None
    return [
        _compare(output, name, results[name], want, places[name])
        for output, want in wanted.items()
        for name in backends
    ]


def _attempt(name: str, net: Any, inputs: "Arrays", weights: "Arrays", on: str) -> "Arrays | str":
    """A backend's outputs, or what its library says against the network."""
    from ..backends import Refused, backend

    try:
        outputs: Arrays = backend(name).run(net, inputs, weights, on)
        return outputs
    except Refused as refused:
        return show(" ".join(str(refused).split()))


def _compare(output: str, name: str, result: "Arrays | str", want: "NDArray[Any]", on: str) -> Comparison:
    if isinstance(result, str):
        return Comparison(output, name, float("inf"), (), on, result)
    return Comparison(output, name, difference(result[output], want), result[output].shape, on)


def _check_request(backends: Sequence[str], batch: int, on: str) -> None:
    from ..backends import RUNNERS

    for name in backends:
        if name not in RUNNERS:
            raise usage("E0504", name=name, known=", ".join(RUNNERS))
    if batch < 1:
        raise usage("E0513", text=batch)
    if on not in ("cpu", "cuda"):
        raise usage("E0515", on=on, reason="only cpu and cuda are known", help="choose cpu or cuda")


def check_memory(net: Any, batch: int, on: str) -> None:
    """Refuse what cannot fit: the reference alone holds activations and weights in eight bytes an element."""
    needed, there = 8 * (batch * net.totals.activations + net.params + net.buffers), memory()
    if needed > there:
        raise usage(
            "E0515", on=on, reason=f"it takes {needed / 2**30:,.0f} GiB of memory; there are {int(there) >> 30}"
        )


def check_weights(needed: int) -> None:
    """Refuse to make weights that take more bytes than there is memory (E0522)."""
    there = memory()
    if needed > there:
        raise usage("E0522", needed=f"{needed / 2**30:,.0f}", there=int(there) >> 30)


def memory() -> float:
    """Bytes of memory that this process may have: the machine's, or fewer where a limit is set on the process or its
    container. Infinity where the system does not tell."""
    return min(_machine(), _process(), _container())


def _machine() -> float:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, OSError, ValueError):
        return float("inf")


def _process() -> float:
    try:
        from resource import RLIM_INFINITY, RLIMIT_AS, getrlimit
    except ImportError:  # not a Unix system
        return float("inf")
    soft, _ = getrlimit(RLIMIT_AS)
    return float("inf") if soft == RLIM_INFINITY else soft


def _container() -> float:
    try:
        with open("/sys/fs/cgroup/memory.max", encoding="ascii") as file:  # noqa: PTH123
            return float(file.read())  # "max" is not a number
    except (OSError, ValueError):
        return float("inf")


def difference(a: "NDArray[Any]", b: "NDArray[Any]") -> float:
    """max|a − b|/max|b|. What is not finite must be the same in both, or the difference is infinite."""
    if a.shape != b.shape:
        return float("inf")
    finite = np.isfinite(b)
    if not np.array_equal(a[~finite], b[~finite], equal_nan=True) or not np.isfinite(a[finite]).all():
        return float("inf")
    a, b = a[finite].astype(np.float64), b[finite]
    largest, distance = np.abs(b).max(initial=0), np.abs(a - b).max(initial=0)
    return float(distance / largest) if largest else float("inf") if distance else 0.0


# What the backends are given


def random_weights(graph: Graph, seed: int) -> "Arrays":
    """Weights under which a mistake anywhere shows in the output; as `draw` gives them but for two things.

    Constants, such as the scales, shifts and running statistics of normalisation, vary: around 0 by 0.1, else by up to
    a fifth of their value; an untrained scale of 1 would hide that a backend ignores it. And kernels are √6 times as
    large, which with a ReLU behind every layer keeps the signal's strength (He et al., 2015): in PyTorch's default it
    shrinks to a sixth of its variance per layer, and after sixteen of them the output depends on the biases alone.
    """
    from ..backends.reparam import complete
    from ..backends.weights import draw_one

    kinds = {name: weight for name, weight, _ in weights_of(graph)}
    arrays = {name: _varied(name, weight, draw_one(name, weight, seed), seed) for name, weight in kinds.items()}
    complete(arrays, graph)
    for name, weight in kinds.items():
        if weight.init == "lengths":  # equal to those of the directions they would not show
            arrays[name] = arrays[name] * _factors(name, weight, seed)
    return arrays


def _factors(name: str, weight: Weight, seed: int) -> "NDArray[Any]":
    """Random factors around 1."""
    from ..backends.weights import generator

    return np.asarray(generator(name, seed).uniform(0.8, 1.2, weight.shape), np.float32)


def _varied(name: str, weight: Weight, drawn: "NDArray[Any]", seed: int) -> "NDArray[Any]":
    from ..backends.weights import generator

    if weight.init == "constant":
        random = generator(name, seed)
        if weight.value:
            return np.asarray(weight.value * _factors(name, weight, seed), np.float32)
        return np.asarray(0.1 * random.standard_normal(weight.shape), np.float32)
    if weight.init == "uniform" and len(weight.shape) > 1:
        return drawn * np.float32(6**0.5)
    return drawn


def random_inputs(graph: Graph, seed: int, batch: int) -> "Arrays":
    """An array of normal random numbers for each input, the batch leading."""
    from ..backends.weights import generator

    def draw(name: str, shape: Shape) -> "NDArray[Any]":
        return generator(f"input {name}", seed).standard_normal((batch, *shape), np.float32)

    return {terminal.name: draw(terminal.name, known(terminal.value)) for terminal in graph.inputs}


def describe(name: str, found: list[Comparison], seed: int, batch: int) -> str:
    """The comparisons as the command prints them: a line each, the worst figure in every one."""
    lines = [f"{name}, batch {batch}, seed {seed}: largest difference from NumPy in float64, {TOLERANCE:.0e} allowed"]
    width = max(len(c.output) for c in found)
    for c in found:
        verdict = "ok" if c.ok else "fails" if c.failure else "differs"
        rest = c.failure or "x".join(map(str, c.shape))
        lines.append(f"{c.output:{width}}  {f'{c.backend} on {c.on}':12}  {c.difference:7.1e}  {verdict}  {rest}")
    return "\n".join(lines)
