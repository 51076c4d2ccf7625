"""Within a running Python: reports, the analysis alone, and candidates of a search."""

import itertools
import random
import time
from collections.abc import Callable, Iterator
from typing import Any

import cnnc
import torch
from contest import Contest, Goal
from peers import PEERS, SIZE
from processes import PROGRAM, TORCH_TOOLS
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet50

TEXT = PROGRAM.read_text()


def milliseconds(work: Callable[[], Any], times: int = 1) -> Callable[[], float]:
    """Milliseconds of one call, the mean of so many."""

    def measured() -> float:
        start = time.perf_counter()
        for _ in range(times):
            work()
        return 1e3 * (time.perf_counter() - start) / times

    return measured


def reports() -> Contest:
    """Text to report, beside constructing the module and counting it."""
    entries = {"cnnc, text to report": milliseconds(lambda: cnnc.compile(TEXT).report(), 10)}
    entries |= {name: milliseconds(PEERS[name]) for name in TORCH_TOOLS}
    return Contest(
        "A report of ResNet-50 within a process",
        "ms",
        "Everything is imported. The tools construct torchvision's module and count it.",
        entries,
        (Goal("cnnc, text to report", "faster", 10, TORCH_TOOLS, "construction and count in the fastest tool"),),
        7,
    )


def analysis() -> Contest:
    """What an elaborated network costs, beside a forward pass of a module without data under FlopCounterMode."""
    with torch.device("meta"):
        model, batch = resnet50().eval(), torch.zeros(1, *SIZE)

    def counted() -> None:
        with FlopCounterMode(display=False), torch.no_grad():
            model(batch)

    def ours() -> float:
        net = cnnc.compile(TEXT)  # sums are kept on a graph, so each is new
        start = time.perf_counter()
        assert net.totals
        return 1e3 * (time.perf_counter() - start)

    return Contest(
        "Analysis of an elaborated ResNet-50",
        "ms",
        "Shapes are known on both sides: parameters, buffers, work, activations, peak and depth of a new graph; "
        "the operations of torchvision's module on the meta device.",
        {"cnnc": lambda: min(ours() for _ in range(3)), "FlopCounterMode, meta": milliseconds(counted)},
        (Goal("cnnc", "faster", 80, ("FlopCounterMode, meta",)),),
        25,
    )


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


def rate(candidates: Iterator[dict[str, Any]], times: int = 200) -> Callable[[], float]:
    """Candidates per second: built, and their parameters, MACs and peak memory counted."""
    template = cnnc.Template(STAGES)

    def measured() -> float:
        start = time.perf_counter()
        for params in itertools.islice(candidates, times):
            net = template.compile(params=params)
            assert net.params and net.macs and net.totals.peak
        return times / (time.perf_counter() - start)

    return measured


def search() -> Contest:
    goals = tuple(Goal(name, "at least", 500) for name in ("stage by stage", "no width twice"))
    return Contest(
        "Candidates of a search, ResNet-50's size",
        "per second",
        "One parsed template, one core; each candidate is built, its parameters, MACs and peak memory are counted. "
        "Stage by stage draws each stage's width and depth; in the other case no block is like one before it.",
        {"stage by stage": rate(stagewise()), "no width twice": rate(never_twice())},
        goals,
        15,
    )
