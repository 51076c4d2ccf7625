"""Textbook formulas of schedules, the rate at time t, which tests compare with."""

import math
from collections.abc import Callable

Rate = Callable[[int], float]
LR = 0.2
"""The optimizer's rate."""


def constant(factor: float = 1.0) -> Rate:
    return lambda t: LR * factor


def step(size: int, gamma: float = 0.1) -> Rate:
    """He et al. 2016 with size 30: divided by 10 each time."""
    return lambda t: LR * gamma ** (t // size)


def multistep(*milestones: int, gamma: float = 0.1) -> Rate:
    """He et al. 2016: divided by 10 at the milestones."""
    return lambda t: LR * gamma ** sum(m <= t for m in milestones)


def exponential(gamma: float = 0.95) -> Rate:
    return lambda t: LR * gamma**t


def cosine(length: int, min_lr: float = 0.0) -> Rate:
    """Loshchilov and Hutter 2017, equation 5."""
    return lambda t: min_lr + (LR - min_lr) * (1 + math.cos(math.pi * t / length)) / 2


def warmup(length: int, start: float = 0.01) -> Rate:
    """Goyal et al. 2017, section 2.2, from a share of the rate."""
    return lambda t: LR * (start + (1 - start) * t / length)


def cyclic(max_lr: float, up: int = 2000, down: int = 0, mode: str = "triangular", gamma: float = 1.0) -> Rate:
    """Smith 2017, section 3: a line up, a line down; heights halved by cycle, or falling with time."""

    def rate(t: int) -> float:
        cycle, x = divmod(t, up + (down or up))
        height = x / up if x <= up else 1 - (x - up) / (down or up)
        scale = {"triangular": 1.0, "triangular2": 0.5**cycle, "exp_range": gamma**t}[mode]
        return LR + (max_lr - LR) * height * scale

    return rate


def onecycle(
    total: int, max_lr: float, rise: float = 0.3, anneal: str = "cos", div: float = 25.0, final_div: float = 1e4
) -> Rate:
    """Smith and Topin 2018, in two phases: up until rise·T − 1, then down until T − 1."""

    def between(a: float, b: float, share: float) -> float:
        return a + (b - a) * (share if anneal == "linear" else (1 - math.cos(math.pi * share)) / 2)

    def rate(t: int) -> float:
        top, first = rise * total - 1, max_lr / div
        if t <= top or top >= total - 1:
            return between(first, max_lr, t / top if top > 0 else 0.0)
        return between(max_lr, first / final_div, (t - top) / (total - 1 - top))

    return rate


def chain(*phases: tuple[Rate, int]) -> Rate:
    """Each phase for so long, with a time of its own that begins at 0."""

    def rate(t: int) -> float:
        for phase, length in phases[:-1]:
            if t < length:
                return phase(t)
            t -= length
        return phases[-1][0](t)

    return rate


def fall(losses: list[float], lr: float, **given: float) -> list[float]:
    """The rates after each loss: lowered when more than `patience` in a row were not better than the best."""
    options = {"factor": 0.1, "patience": 10, "threshold": 1e-4, "cooldown": 0, "min_lr": 0.0, **given}
    best, bad, rest, found = math.inf, 0, 0, []
    for loss in losses:
        bad += 1
        if loss < best * (1 - options["threshold"]):
            best, bad = loss, 0
        if rest:
            rest, bad = rest - 1, 0
        if bad > options["patience"]:
            lr = min(lr, max(lr * options["factor"], options["min_lr"]))
            rest, bad = int(options["cooldown"]), 0
        found.append(lr)
    return found
