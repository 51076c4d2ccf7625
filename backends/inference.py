"""Running a network on images: where it runs, what its outputs mean, and how long its layers take."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..compiler.diagnostics import usage
from ..compiler.ir import known
from ..compiler.pipeline import deep_recursion
from ..compiler.verify import check_memory
from . import Refused, backend, packages
from .images import image_png, mask_png
from .readings import Reading, last_op, reading
from .weights import draw, read_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Arrays = dict[str, NDArray[Any]]

PLACES = ("cpu", "cuda", "onnx", "numpy")
"""PyTorch on the CPU or a GPU, ONNX Runtime on the CPU, the NumPy reference."""

ENDINGS = (".npy", ".png")
"""Of files that outputs can be stored in."""

PROBABLE = ("softmax", "sigmoid", "hardsigmoid", "logsoftmax")
"""Ops whose results are probabilities, the last one's as logarithms."""

REPEATS = 3


class Runner:
    """A network that is ready to run on a place, with the weights given or, without one, drawn from a seed."""

    def __init__(self, net: Any, on: str, weights: "Arrays | None", seed: int, profile: bool = False) -> None:
        net.needs_numbers()
        check_memory(net, 1, on)
        self.net, self.on = net, on
        self.times: dict[str, float] | None = {} if profile else None
        arrays = draw(net.graph, seed) if weights is None else read_weights(weights, net.graph)
        with guarded(self.on):
            self.call = self.prepare(arrays)

    def prepare(self, weights: "Arrays") -> "Callable[[Arrays], Arrays]":
        if self.on == "numpy":
            return lambda inputs: backend("numpy").run(self.net, inputs, weights, self.times)
        if self.on == "onnx":
            if self.times is not None:
                reason = "ONNX Runtime fuses layers, so --profile cannot time each"
                raise usage("E0515", on=self.on, reason=reason, help="leave out --profile, or use --on cpu")
            return backend("onnx").prepare(self.net, weights)  # type: ignore[no-any-return]
        torch = backend("torch")
        return torch.prepare(self.net, weights, torch.place(self.on), self.times)  # type: ignore[no-any-return]

    def __call__(self, image: "NDArray[Any]") -> "Arrays":
        """The outputs by name, for a batch of one image."""
        with guarded(self.on):
            return self.call({self.net.graph.inputs[0].name: image})

    def profile(self, image: "NDArray[Any]") -> tuple[dict[str, float], float]:
        """Seconds by layer and in all: of a run after one that warms up, the fastest of a few."""
        assert self.times is not None
        best: tuple[dict[str, float], float] = ({}, float("inf"))
        for _ in range(1 if self.on == "numpy" else REPEATS + 1):
            self.times.clear()
            begun = perf_counter()
            self(image)
            seconds = perf_counter() - begun
            if seconds < best[1]:
                best = dict(self.times), seconds
        return best


@contextmanager
def guarded(on: str) -> Iterator[None]:
    """Turns what a library says against a network, and missing memory, into UsageErrors (E0515)."""
    try:
        with deep_recursion(), packages():
            yield
    except Refused as refused:
        raise usage("E0515", on=on, reason=" ".join(str(refused).split())) from None
    except MemoryError:
        raise usage("E0515", on=on, reason="there is not enough memory") from None


# What outputs mean


class Result(NamedTuple):
    """One output for one image, without the batch."""

    name: str
    array: "NDArray[Any]"
    op: str
    """The op that it comes from; see `last_op`."""
    reading: Reading = Reading(False, "the class with the highest score at each position")
    """What it shows, if it is a map."""

    @property
    def is_vector(self) -> bool:
        """Whether it is one number for each class: no axis but the first is longer than 1."""
        return bool(self.array.size == self.array.shape[0])

    def probabilities(self) -> "NDArray[Any]":
        """The classes' probabilities; the softmax of what are no probabilities yet."""
        scores = self.array.reshape(-1).astype(np.float64)
        if self.op in PROBABLE:
            return np.exp(scores) if self.op == "logsoftmax" else scores
        if scores.size == 1:  # no class to compare with: the number itself
            return scores
        powers = np.exp(scores - scores.max())
        return np.asarray(powers / powers.sum())

    def best(self, count: int) -> list[tuple[int, float]]:
        """The most probable classes with their probabilities, equal ones in order."""
        found = self.probabilities()
        order = np.argsort(-found, kind="stable")[:count]
        return [(int(i), float(found[i])) for i in order]

    def classes(self) -> "NDArray[Any]":
        """The best class at every position; of a single channel, whether it is more likely than not."""
        if self.array.shape[0] > 1:
            return np.asarray(self.array.argmax(0))
        likely = {"sigmoid": 0.5, "hardsigmoid": 0.5, "logsoftmax": float(np.log(0.5)), "softmax": 0.5}
        return np.asarray(self.array[0] > likely.get(self.op, 0.0)).astype(np.int64)

    def encoded(self, path: Path) -> bytes:
        """The bytes of a .npy file, or of a .png that shows an image or a map's classes. Raises E0552."""
        if path.suffix == ".npy":
            data = BytesIO()
            np.save(data, self.array)
            return data.getvalue()
        if self.array.ndim != 3 or self.is_vector:
            shape = "×".join(map(str, self.array.shape))
            raise usage("E0552", path=str(path), reason=f"{self.name} is {shape}, no map")
        if self.reading.image:
            return image_png(self.reading.pixels(self.array))
        if self.array.shape[0] > 256:
            raise usage("E0552", path=str(path), reason=f"{self.name} has {self.array.shape[0]:,} classes")
        return mask_png(self.classes())


def results(net: Any, outputs: "Arrays", mean: Sequence[float] = (), std: Sequence[float] = ()) -> list[Result]:
    """The outputs of a batch of one, with what they come from and show. mean, std: that the input was normalised by."""
    return [
        Result(t.name, outputs[t.name][0], last_op(t.value), reading(net.graph, t.name, t.value, mean, std))
        for t in net.graph.outputs
    ]


def image_shape(net: Any) -> tuple[int, int, int]:
    """Channels, height and width of the image that a network takes. Raises E0550."""
    inputs = net.graph.inputs
    if len(inputs) != 1:
        raise usage("E0550", reason=f"it has {len(inputs)} inputs: {', '.join(t.name for t in inputs)}")
    shape = known(inputs[0].value)
    if len(shape) != 3 or shape[0] not in (1, 3):
        raise usage("E0550", reason=f"its input is {'×'.join(map(str, shape))}")
    return shape[0], shape[1], shape[2]


# Time


def profile_lines(net: Any, times: dict[str, float], seconds: float) -> list[str]:
    """Every timed layer with its time, and the shares of it and of its multiply-accumulates in the network's."""
    ops: dict[str, tuple[str, int]] = {}
    for row in net.layers:
        op, macs = ops.get(row.name, (row.op, 0))
        ops[row.name] = (op, macs + row.macs)
    rest = seconds - sum(times.values())
    entries = [(name, *ops[name], times[name]) for name in ops if name in times]
    others = net.macs - sum(macs for _, _, macs, _ in entries)
    entries.append(("the rest", "", max(0, others), rest))
    width, kind = max(len(name) for name, *_ in entries), max(len(op) for _, op, *_ in entries)
    lines = [f"{'layer':{width}}  {'op':{kind}}  {'ms':>9}  {'time':>6}  {'MACs':>6}"]
    for name, op, macs, spent in [*entries, ("in all", "", net.macs, seconds)]:
        share = macs / net.macs if net.macs else 0.0
        lines.append(f"{name:{width}}  {op:{kind}}  {1e3 * spent:9.3f}  {spent / seconds:6.1%}  {share:6.1%}")
    return lines
