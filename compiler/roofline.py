"""How long a network takes at the least on a device: the roofline model (Williams, Waterman, Patterson, CACM 2009).

A layer takes as long as its operations at the device's peak rate or its bytes at the memory's bandwidth, whichever is
longer. Layers are not fused and nothing stays in a cache between them: each reads its operands and weights once and
writes its result once, for the whole batch. So an activation that a library computes inside of a convolution is
charged here for a trip through memory; and launching kernels, or using a device badly, costs nothing here.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import fsum
from typing import Any, NamedTuple

from .cost import inference_steps, layer_cost, summarize
from .diagnostics import usage
from .ir import Apply, Call, Graph, known, regions_of
from .memory import DTYPE_BYTES
from .ops import Work
from .ops.base import size
from .symbolic import Whole

IDLE = frozenset({"dropout", "dropout2d", "droppath"})
"""Layers that pass their input on in inference; views move nothing either."""


class Device(NamedTuple):
    """What a device can do: bytes, bytes per second, operations per second. `compiler/devices.toml` says more."""

    name: str
    description: str
    source: str
    memory: int
    storage: int | None
    bandwidth: float
    vector: float
    peak: dict[str, float]

    @property
    def dtypes(self) -> list[str]:
        """The types that it computes matrices in."""
        return [dtype for dtype in DTYPE_BYTES if dtype in self.peak]


# Bytes


class Traffic(NamedTuple):
    """Elements that cross the memory's bus: of operands and results for each sample, of weights for each batch."""

    values: Whole
    weights: Whole

    def plus(self, other: "Traffic", times: int = 1) -> "Traffic":
        return Traffic(self.values + times * other.values, self.weights + times * other.weights)

    def bytes(self, batch: int, dtype: str) -> Any:
        return DTYPE_BYTES[dtype] * (batch * self.values + self.weights)


def layer_traffic(step: Apply) -> Traffic:
    """Elements that one layer moves. Counts of batches are stored, but inference does not read them."""
    if step.op.view or step.op.name in IDLE:
        return Traffic(0, 0)
    values = sum(size(known(v)) for v in (*step.inputs, *step.outputs))
    weights = sum(size(w.shape) for w in (*step.weights(), *step.buffers()) if w.init != "count")
    return Traffic(values, weights)


def traffic(graph: Graph) -> Traffic:
    """Elements that inference moves; each region is summed once, however often it is used."""
    sums: dict[int, Traffic] = {}

    def total(steps: Sequence[Apply | Call]) -> Traffic:
        result = Traffic(0, 0)
        for step in steps:
            if isinstance(step, Apply):
                result = result.plus(layer_traffic(step))
            else:
                result = result.plus(sums[id(step.region)], step.count)
        return result

    for region in regions_of(graph.root):
        if region is not graph.root:
            sums[id(region)] = total(region.steps)
    return total(inference_steps(graph))


def intensity(operations: Any, moved: Any) -> Any:
    """Operations per byte: a fraction, or text where symbols stand in it. None where nothing is moved."""
    if isinstance(moved, int) and isinstance(operations, int):
        return Fraction(operations, moved) if moved else None
    return f"({operations})/({moved})" if operations != 0 else Fraction(0)


def operations(work: Work) -> Any:
    """All scalar operations: two for a multiply-accumulate, one for anything else."""
    return 2 * work.mac + work.other


# Time


class Point(NamedTuple):
    """One layer under the roof, or `times` equal ones: the figures are those of one of them.

    bound: compute or memory, whichever takes longer, or nothing for a layer that costs nothing. `active` is False for
    what only training needs; totals leave it out.
    """

    times: int
    active: bool
    bytes: int
    operations: int
    seconds: float
    bound: str

    @property
    def intensity(self) -> Fraction | None:
        result: Fraction | None = intensity(self.operations, self.bytes)
        return result


class Roofline(NamedTuple):
    """A network on a device. `points` stand in the order of `report.rows`; sums are over a whole inference."""

    device: Device
    batch: int
    dtype: str
    points: list[Point]
    bytes: int
    operations: int
    seconds: float
    memory_seconds: float
    """Time in layers that memory bounds."""
    weight_bytes: int
    """Parameters and buffers, those of training-only outputs included."""
    activation_bytes: int
    """Activations at their peak, for the whole batch."""
    largest_batch: int
    """The largest batch that fits in the device's memory; 0 where not even one sample does."""

    @property
    def intensity(self) -> Fraction | None:
        result: Fraction | None = intensity(self.operations, self.bytes)
        return result

    @property
    def memory_share(self) -> float:
        """The share of the time that goes to layers bound by memory."""
        return self.memory_seconds / self.seconds if self.seconds else 0.0

    @property
    def fits(self) -> bool:
        return self.batch <= self.largest_batch


def roofline(graph: Graph, device: Device, batch: int = 1, dtype: str = "fp32", folded: bool = False) -> Roofline:
    """Every layer's and the network's least time. Raises UsageError (E0533) for a type the device has no peak for."""
    if dtype not in device.dtypes:
        raise usage("E0533", device=device.name, dtype=dtype, known=", ".join(device.dtypes))
    points = list(_points(graph, device, batch, dtype, folded))
    active = [p for p in points if p.active]
    summary = summarize(graph)
    width = DTYPE_BYTES[dtype]
    weights, sample = width * (summary.params + summary.buffers), width * summary.peak
    return Roofline(
        device, batch, dtype, points,
        sum(p.times * p.bytes for p in active),
        sum(p.times * p.operations for p in active),
        fsum(p.times * p.seconds for p in active),
        fsum(p.times * p.seconds for p in active if p.bound == "memory"),
        weights, batch * sample, _largest_batch(device, weights, sample),
    )  # fmt: skip


def _largest_batch(device: Device, weights: int, sample: int) -> int:
    if device.storage is not None:
        return device.memory // sample if weights <= device.storage else 0
    return max(device.memory - weights, 0) // sample


def _points(graph: Graph, device: Device, batch: int, dtype: str, folded: bool) -> Iterator[Point]:
    needed = {id(step) for step in inference_steps(graph)}
    for root in graph.root.steps:
        for step, times in _applied([root], folded):
            yield _point(step, device, batch, dtype)._replace(times=times, active=id(root) in needed)


def _applied(steps: Sequence[Apply | Call], folded: bool, times: int = 1) -> Iterator[tuple[Apply, int]]:
    """Every op with the number of times that it stands there, in the order of `report.rows`."""
    for step in steps:
        if isinstance(step, Apply):
            yield step, times
            continue
        for _ in range(1 if folded else step.count):
            yield from _applied(step.region.steps, folded, times * step.count if folded else times)


def _point(step: Apply, device: Device, batch: int, dtype: str) -> Point:
    moved = layer_traffic(step).bytes(batch, dtype)
    work = layer_cost(step).work
    compute = 2 * batch * work.mac / device.peak[dtype] + batch * work.other / device.vector
    memory = moved / device.bandwidth
    bound = "memory" if memory > compute else "compute" if compute else ""
    return Point(1, True, moved, batch * operations(work), max(compute, memory), bound)
