"""Candidates of a search, in processes of their own: `python search.py KIND`, and `python search.py profile`."""

import cProfile
import itertools
import pstats
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import cnnc
from contest import Contest, Goal

STAGES = """
net resnet(c1=64, c2=128, c3=256, c4=512, n1=3, n2=4, n3=6, n4=3, classes=1000)
set conv(p=same, bias=false)
block unit(c, s=1) = res(conv1x1(c) -> bn -> relu -> conv3x3(c, s=s) -> bn -> relu -> conv1x1(4*c) -> bn,
                         proj = conv1x1(4*c, s=s) -> bn) -> relu
block stage(c, n, s=2) = unit(c, s) -> unit(c) * (n - 1)
input 3x224x224 -> conv7x7(64, s=2) -> bn -> relu -> maxpool3(s=2, p=1)
-> stage(c1, n1, s=1) -> stage(c2, n2) -> stage(c3, n3) -> stage(c4, n4) -> gap -> fc(classes)
"""
"""ResNet-50's blocks with a width and a depth for each stage."""


def stagewise() -> Iterator[dict[str, Any]]:
    """What a search draws: for each stage one of nine widths and some depth."""
    draw = random.Random(0)
    while True:
        widths = {f"c{i + 1}": draw.randrange(8, 17) * 2 ** (i + 2) for i in range(4)}
        yield widths | {f"n{i + 1}": draw.randrange(2, 8) for i in range(4)}


def never_twice() -> Iterator[dict[str, Any]]:
    """The hardest case: each candidate has a width that none before it had, so that no block is like an earlier one."""
    for width in itertools.count(32):
        yield {"c1": width, "c2": width, "c3": width, "c4": width}


KINDS = {"stage by stage": stagewise, "no width twice": never_twice}


def worker(kind: str) -> Callable[[int], None]:
    """What works some candidates off: built, parameters, MACs and peak memory known. A thousand are done already."""
    template, candidates = cnnc.Template(STAGES), KINDS[kind]()

    def work(times: int) -> None:
        for params in itertools.islice(candidates, times):
            net = template.compile(params=params)
            assert net.params and net.macs and net.totals.peak

    work(1_000)
    return work


def rate(kind: str) -> float:
    """Candidates per second."""
    work = worker(kind)
    start = time.perf_counter()
    work(1_000)
    return 1_000 / (time.perf_counter() - start)


PARTS = {
    "names and arguments evaluated, bound, checked": ("evaluate", "operators", "bind", "plans", "scope", "instances"),
    "blocks and layers applied": ("apply", "uses", "regions", "build", "program", "choices", "count", "pipeline"),
    "the graph's objects": ("ir", "source"),
    "shapes, padding, weights and work of each op": ("ops",),
    "sums and depths": ("cost",),
    "peak memory": ("memory",),
    "garbage collected": ("contextlib",),  # the pause ends in a context manager's exit, where Python then collects
}
"""What is done where, by the modules' or packages' names; all else are Python's own functions."""


def profile(times: int = 300) -> str:
    """The shares of a candidate's time where no width comes twice."""
    work, profiler = worker("no width twice"), cProfile.Profile()
    profiler.runcall(work, times)
    found: Any = pstats.Stats(profiler)
    spent, calls = dict.fromkeys([*PARTS, "Python's built-in functions and the rest"], 0.0), dict.fromkeys(PARTS, 0)
    *_, rest = spent
    for (file, _, _), (_, count, seconds, _, _) in found.stats.items():
        path = Path(file)
        part = next((part for part, names in PARTS.items() if {path.stem, path.parent.name} & {*names}), rest)
        spent[part] += seconds
        calls[part] = calls.get(part, 0) + count
    total = sum(spent.values())
    lines = [
        "Where the time goes when no width comes twice, as cProfile sees it:",
        "",
        "| part | share | calls for a candidate |",
        "|---|---:|---:|",
    ]
    lines += [f"| {part} | {spent[part] / total:.0%} | {calls[part] / times:,.0f} |" for part in spent]
    layers = cnnc.compile(STAGES).totals.layers
    lines += [
        "",
        f"{found.total_calls / times:,.0f} calls for {layers} layers, and no part stands out: 500 candidates a second "
        f"leave {2e3 / layers:.3g} µs for a layer with its arguments, shape, weights, work and lifetime. That is the "
        "limit of plain Python here; what a search repeats (the other case) is found again and costs next to nothing.",
    ]
    return "\n".join(lines)


def script(what: str) -> str:
    """What this file prints in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), what]
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()


def measured(kind: str) -> float:
    return float(script(kind))


def search() -> Contest:
    return Contest(
        "Candidates of a search, ResNet-50's size",
        "per second",
        "One parsed template, one core, in a process without other packages; each candidate is built, its parameters, "
        "MACs and peak memory are counted. Stage by stage draws each stage's width and depth; in the other case each "
        "candidate has a width that none before it had, so that nothing but the syntax tree is of use again.",
        {kind: partial(measured, kind) for kind in KINDS},
        tuple(Goal(kind, "at least", 500) for kind in KINDS),
        7,
        warm=False,
        profile=partial(script, "profile"),
    )


if __name__ == "__main__":
    print(profile() if sys.argv[1] == "profile" else rate(sys.argv[1]))
