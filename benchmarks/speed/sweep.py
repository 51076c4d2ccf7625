"""Points a second of `cnnc sweep` in one process and in two: `python benchmarks/speed/sweep.py [ROUNDS]`.

Rounds of both take turns, so that what else the machine does meets both alike. The clock runs from the first chunk that
is done to the last, so the start of the processes, about two seconds, is left out: it does not grow with the space.
Where a machine does other things too, compare the second figure: it counts seconds in which a processor worked for it.
Each figure is the median of the rounds with a 95 % interval of the median.
"""

import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cnnc
import psutil
from contest import interval

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
WORKERS = (1, 2)
LENET = """net lenet(a=6, b=16)
input 1x28x28 -> conv5x5(a) -> relu -> maxpool2 -> conv5x5(b) -> relu -> maxpool2
-> flatten -> fc(120) -> relu -> fc(84) -> relu -> fc(10)
"""
SPACES = {
    "LeNet-5, widths": {
        "network": {"lenet.cnn": LENET},
        "params": {"a": {"from": 1, "to": 64, "step": 1}, "b": {"from": 1, "to": 200, "step": 1}},
        "points": 8000,
    },
    "MobileNetV2, width and resolution": {
        "network": str(EXAMPLES / "zoo" / "mobilenet_v2.cnn"),
        "params": {"width": {"from": 0.1, "to": 1.4, "step": 0.01}},
        "input": {"from": "3x64x64", "to": "3x224x224", "step": 8},
        "points": 640,
    },
    "the same with times on a device": {
        "network": str(EXAMPLES / "zoo" / "mobilenet_v2.cnn"),
        "params": {"width": {"from": 0.1, "to": 1.4, "step": 0.01}},
        "input": {"from": "3x64x64", "to": "3x224x224", "step": 8},
        "dtype": "int8",
        "device": "stm32h7",
        "points": 640,
    },
}  # fmt: skip


class Round(NamedTuple):
    """One sweep, from its first chunk that was done to the last."""

    rate: float
    """Points a second."""
    efficiency: float
    """Points for each second of processor time, of this process and its workers together."""


def measured(space: dict[str, object], workers: int) -> Round:
    told: list[tuple[int, float, float]] = []

    def progress(done: int, count: int) -> None:
        if done and (not told or done == count):
            told.append((done, time.perf_counter(), processor_time()))

    cnnc.sweep(space, workers=workers, progress=progress)
    (first, start, idle), (last, end, busy) = told
    return Round((last - first) / (end - start), (last - first) / (busy - idle))


def processor_time() -> float:
    """Seconds that this process and those that it started have computed."""
    own = psutil.Process()
    times = [process.cpu_times() for process in (own, *own.children(recursive=True))]
    return sum(t.user + t.system for t in times)


def cell(values: list[float]) -> str:
    low, high = interval(values)
    return f"{statistics.median(values):,.0f} ({low:,.0f} to {high:,.0f})"


def prepared(space: dict[str, object], folder: Path) -> dict[str, object]:
    """The space, with its program in a file."""
    network = space["network"]
    if isinstance(network, dict):
        ((name, text),) = network.items()
        (folder / name).write_text(text, encoding="utf-8")
        network = str(folder / name)
    return {**space, "network": network, "sample": "random"}


def main(rounds: int) -> None:
    print("| space | points | workers | points/s | points per second of processor time |")
    print("|---|---:|---:|---:|---:|")
    with tempfile.TemporaryDirectory() as folder:
        for name, given in SPACES.items():
            space = prepared(given, Path(folder))
            found: dict[int, list[Round]] = {workers: [] for workers in WORKERS}
            for _ in range(rounds):
                for workers in WORKERS:
                    found[workers].append(measured(space, workers))
            for workers, figures in found.items():
                cells = [cell([getattr(figure, field) for figure in figures]) for field in Round._fields]
                print(f"| {name} | {space['points']:,} | {workers} | {' | '.join(cells)} |", flush=True)
    print(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores at the end", file=sys.stderr)


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
