"""How time and memory grow with the number of layers, in processes of their own: `growth.py KIND LAYERS WHAT`."""

import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from contest import Contest, Goal

SMALL, LARGE = 1_000, 100_000


def text(layers: int) -> str:
    """Every layer written out."""
    return "input 8x8x8 -> " + " -> ".join(["conv3x3(8, p=1) -> relu"] * (layers // 2))


def repeats(layers: int) -> str:
    """Equal blocks in a row, which are stored once."""
    return f"block pair = conv1x1(8) -> relu\ninput 8x8x8 -> pair * {layers // 2}"


def loop(layers: int) -> str:
    """Layers of a loop, none like the one before it."""
    return f"input 8x8x8 -> for i in range({layers}) {{ conv1x1(1 + i % 64) }}"


def branches(layers: int) -> str:
    """One list of branches."""
    return "input 8x8x8 -> [" + ", ".join(["conv1x1(8)"] * layers) + "]"


KINDS = {"text": text, "repeats": repeats, "loop": loop, "branches": branches}


def spent(kind: str, layers: int, what: str) -> float:
    """Seconds for compiling and counting; or the bytes that Python held.

    A short program is compiled again and again until that is as much work as a long one, and the mean taken: one long
    run meets whatever slows the machine meanwhile, the best of many short ones would not.
    """
    import cnnc

    program = KINDS[kind](layers)
    assert cnnc.compile(KINDS[kind](10)).totals.layers >= 10  # what is done once is not measured
    if what == "bytes":
        tracemalloc.start()
        assert cnnc.compile(program).totals.layers >= layers
        return tracemalloc.get_traced_memory()[1]
    times = LARGE // layers
    start = time.perf_counter()
    for _ in range(times):
        assert cnnc.compile(program).totals.layers >= layers
    return (time.perf_counter() - start) / times


def measured(kind: str, layers: int, what: str) -> Callable[[], float]:
    """Microseconds or bytes for each layer."""
    scale = {"seconds": 1e6, "bytes": 1.0}[what] / layers
    command = [sys.executable, str(Path(__file__).resolve()), kind, str(layers), what]
    return lambda: scale * float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


def growth(what: str, unit: str, rounds: int) -> Contest:
    """Figures per layer at both sizes."""
    entries = {f"{kind}, {n:,}": measured(kind, n, what) for kind in KINDS for n in (SMALL, LARGE)}
    goals = tuple(Goal(f"{kind}, {LARGE:,}", "within", 1.2, (f"{kind}, {SMALL:,}",)) for kind in KINDS)
    note = "Compiled and counted within a process."
    return Contest(f"Growth: {what} per layer", unit, note, entries, goals, rounds, warm=False)


def folded() -> Contest:
    """A long repeat, analyzed in process."""
    import cnnc
    from analysis import milliseconds

    program = f"block b = conv3x3(8, p=1) -> bn -> relu\ninput 8x8x8 -> b * {LARGE}"
    return Contest(
        f"`block * {LARGE}`",
        "ms",
        f"{3 * LARGE:,} layers, text to report within a process.",
        {"cnnc": milliseconds(lambda: cnnc.compile(program).report())},
        (Goal("cnnc", "at most", 50),),
        11,
    )


if __name__ == "__main__":
    print(spent(sys.argv[1], int(sys.argv[2]), sys.argv[3]))
