"""Candidates of a search, in processes of their own: `python search.py KIND`."""

import itertools
import random
import subprocess
import sys
import time
from collections.abc import Iterator
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


def rate(kind: str) -> float:
    """Candidates per second, after some that are not counted: built, parameters, MACs and peak memory known."""
    template, candidates = cnnc.Template(STAGES), KINDS[kind]()

    def work(times: int) -> float:
        start = time.perf_counter()
        for params in itertools.islice(candidates, times):
            net = template.compile(params=params)
            assert net.params and net.macs and net.totals.peak
        return times / (time.perf_counter() - start)

    work(1_000)
    return work(1_000)


def measured(kind: str) -> float:
    command = [sys.executable, str(Path(__file__).resolve()), kind]
    return float(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)


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
    )


if __name__ == "__main__":
    print(rate(sys.argv[1]))
