"""Within a running Python: reports, the analysis alone, and candidates of a search."""

import time
from collections.abc import Callable
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
        {"cnnc": ours, "FlopCounterMode, meta": milliseconds(counted)},
        (Goal("cnnc", "faster", 80, ("FlopCounterMode, meta",)),),
        25,
    )
