"""Points evaluated: each is compiled and counted like any other network, so its figures are those of `analyze`."""

import json
import pickle
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import prod
from typing import Any, NamedTuple

from ..cost import Summary, summarize
from ..diagnostics import CnncError, Diagnostic, show
from ..ir import Graph, known
from ..memory import DTYPE_BYTES
from ..pipeline import deep_recursion
from ..roofline import roofline
from ..source import Source
from ..specialize import symbols_of
from ..template import Template
from ..training import OPTIMIZER_STATE, Training, training
from .job import CHUNK, Job, loader_of
from .pareto import Vector
from .points import Point, Points
from .space import column_of
from .tally import Tally

Stored = list[Any]
"""A kept point: its number, the input as text, and its figures in the order of `Space.figures`."""


class Chunk(NamedTuple):
    """The results of one stretch of points, as JSON texts: the rows that are kept, and the tally."""

    number: int
    rows: str
    tally: str

    def sums(self) -> dict[str, Any]:
        sums: dict[str, Any] = json.loads(self.tally)
        return sums


class Failed(Exception):
    """A point that does not compile: the code of its first mistake, and what that says."""


class Network(NamedTuple):
    """What a compiled network costs, whatever the batch and type."""

    graph: Graph
    sums: Summary
    input: str
    training: Training | None


class Evaluator:
    """Evaluates points of one sweep, with the program parsed once."""

    def __init__(self, job: Job) -> None:
        self.job, self.space = job, job.space
        self.points = Points(job.space)
        self.template = Template(Source(*job.program), limits=job.limits)
        self.template.loader = loader_of(job)
        self.last: tuple[int, Network | Failed] | None = None
        self.names = self.space.figures
        self.limits = [(name, limit, self.names.index(name)) for name, limit in self.space.limits]
        self.columns = {column_of(name): name for name, _ in self.space.params}

    def chunks(self, numbers: Iterable[int]) -> Iterator[Chunk]:
        return map(self.chunk, numbers)

    def chunk(self, number: int) -> Chunk:
        """The points from number · CHUNK on."""
        tally, rows = Tally(), []
        with deep_recursion():
            for i in range(number * CHUNK, min((number + 1) * CHUNK, self.space.total)):
                row = self.row(self.points.at(i), tally)
                if row is not None:
                    rows.append(row)
        return Chunk(number, json.dumps(rows), json.dumps(tally.to_dict()))

    def row(self, point: Point, tally: Tally) -> Stored | None:
        """The results of a point that compiles and keeps to the limits."""
        tally.points += 1
        try:
            network = self.network(point)
            figures = self.figures(network, point)
        except Failed as failed:
            tally.fail(failed.args[0], point.number, failed.args[1])
            return None
        fits = True
        for name, limit, at in self.limits:
            tally.measure(name, figures[at], int(figures[at] > limit))
            fits = fits and figures[at] <= limit
        if not fits:
            return None
        tally.kept += 1
        row = [point.number, network.input, *figures]
        tally.front.add(self.vector(point, row))
        return row

    def network(self, point: Point) -> Network:
        """The network of a point; the last one is kept, since points beside each other often share it."""
        if self.last is None or self.last[0] != point.network:
            self.last = point.network, self.compiled(point)
        found = self.last[1]
        if isinstance(found, Failed):
            raise found
        return found

    def compiled(self, point: Point) -> Network | Failed:
        try:
            found = self.template.build(point.input, point.params)
            if found.graph is None:
                return failure(next(d for d in found.diagnostics if d.is_error))
            graph = found.graph
            if symbols_of(graph):
                return failure(Diagnostic("E0331", {"symbols": ", ".join(symbols_of(graph))}, None))
            kept = training(graph) if "training" in self.names else None
            return Network(graph, summarize(graph), input_text(graph), kept)
        except CnncError as error:
            return failure(next(d for d in error.diagnostics if d.is_error))
        except MemoryError:
            raise
        except Exception as error:  # a fault of cnnc at one point does not end a sweep of a million
            return Failed("E0901", f"{type(error).__name__}: {error}")

    def figures(self, network: Network, point: Point) -> list[Any]:
        sums, batch, width = network.sums, point.batch, DTYPE_BYTES[point.dtype]
        macs = batch * sums.work.mac
        figures: dict[str, Any] = {
            "params": sums.params,
            "macs": macs,
            "flops": 2 * macs,
            "peak": batch * width * sums.peak,
            "weights": width * sums.params,
            "activations": batch * width * sums.activations,
        }
        if network.training is not None:
            copies = 2 + OPTIMIZER_STATE[self.space.optimizer]  # weights, gradients, and what the optimizer keeps
            figures["training"] = copies * width * sums.params + network.training.saved_bytes(batch, point.dtype)
        if self.job.device is not None:
            figures["seconds"] = roofline(network.graph, self.job.device, batch, point.dtype, folded=True).seconds
        return [figures[name] for name in self.names]

    # Objectives

    def vector(self, point: Point, row: Stored) -> Vector:
        """The objectives of a kept point, each the smaller the better."""
        least = [self.objective(name, point, row) for name in self.space.minimise]
        return (*least, *(-self.objective(name, point, row) for name in self.space.maximise))

    def objective(self, name: str, point: Point, row: Stored) -> Any:
        if name in self.names:
            return row[2 + self.names.index(name)]
        if name == "input":
            return elements(row[1])
        return point.batch if name == "batch" else point.params[self.columns[name]]


def failure(found: Diagnostic) -> Failed:
    place = f" at {found.span}" if found.span is not None else ""
    return Failed(found.code, show(found.title) + place)


def input_text(graph: Graph) -> str:
    """The inputs as `--input` takes them; those of several inputs with their names, a blank between."""
    shapes = [(t.name, "x".join(map(str, known(t.value)))) for t in graph.inputs]
    return shapes[0][1] if len(shapes) == 1 else " ".join(f"{name}={shape}" for name, shape in shapes)


def elements(text: str) -> int:
    """How many numbers a sample has, from the text of its inputs."""
    return sum(prod(map(int, part.rpartition("=")[2].split("x"))) for part in text.split())


# Workers


def pack(job: Job) -> bytes:
    """A job as it travels to workers, its version in front."""
    return pickle.dumps((job.version, pickle.dumps(job)))


@lru_cache(maxsize=2)
def unpack(payload: bytes) -> Evaluator:
    """What evaluates a job's points in this process. Raises RuntimeError where it is another version's."""
    from ... import __version__

    version, job = pickle.loads(payload)
    if version != __version__:
        raise RuntimeError(f"a worker has cnnc {__version__}, and this is {version}")
    return Evaluator(pickle.loads(job))


def evaluate_chunks(payload: bytes, numbers: list[int]) -> tuple[float, list[tuple[object, ...]]]:
    """Some chunks, in a worker: how many seconds they took, and each as a plain tuple."""
    start = time.perf_counter()
    chunks = [tuple(chunk) for chunk in unpack(payload).chunks(numbers)]
    return time.perf_counter() - start, chunks
