"""Schedules: the rate of `net.schedule()` at every count is the closed formula, alone, in chains, after a restart."""

import io
import math
import warnings
from collections.abc import Iterator
from typing import Any

import cnnc
import pytest
import torch
from cnnc.backends.train.recipe import source
from cnnc.compiler.recipe.schedules import SCHEDULES
from schedule_formulas import (
    LR,
    Rate,
    chain,
    constant,
    cosine,
    cyclic,
    exponential,
    fall,
    multistep,
    onecycle,
    step,
    warmup,
)

E = 60
"""Epochs of a run."""

EPOCHS: list[tuple[str, Rate]] = [
    ("constant", constant()),
    ("constant(factor=0.25)", constant(0.25)),
    ("constant(60, factor=0.5, by=epoch)", constant(0.5)),
    ("step(7)", step(7)),
    ("step(20, gamma=0.5)", step(20, 0.5)),
    ("step(1, gamma=0.9, length=60)", step(1, 0.9)),
    ("multistep((30, 50))", multistep(30, 50)),
    ("multistep((40, 1, 20), gamma=0.3)", multistep(1, 20, 40, gamma=0.3)),
    ("multistep((10, 10, 59))", multistep(10, 10, 59)),
    ("multistep(12)", multistep(12)),
    ("exponential", exponential()),
    ("exponential(gamma=0.8)", exponential(0.8)),
    ("exponential(gamma=1)", exponential(1.0)),
    ("cosine", cosine(E)),
    ("cosine(min_lr=0.01)", cosine(E, 0.01)),
    ("cosine(60, min_lr=0.5)", cosine(E, 0.5)),
    ("cyclic(max_lr=0.9, up=7, by=epoch)", cyclic(0.9, 7)),
    ("cyclic(max_lr=0.9, up=3, down=8, mode=triangular2, by=epoch)", cyclic(0.9, 3, 8, "triangular2")),
    ("cyclic(max_lr=0.05, up=5, down=1, mode=exp_range, gamma=0.97, by=epoch)", cyclic(0.05, 5, 1, "exp_range", 0.97)),
    ("onecycle(max_lr=0.8, by=epoch)", onecycle(E, 0.8)),
    (
        "onecycle(max_lr=0.8, rise=0.45, anneal=linear, div=10, final_div=100, by=epoch)",
        onecycle(E, 0.8, 0.45, "linear", 10, 100),
    ),
    ("onecycle(max_lr=0.8, rise=0, by=epoch)", onecycle(E, 0.8, 0.0)),
    ("onecycle(max_lr=0.8, rise=0.98, by=epoch)", onecycle(E, 0.8, 0.98)),
    ("warmup(5) -> cosine", chain((warmup(5), 5), (cosine(E - 5), 0))),
    ("warmup(5, start=0.5) -> cosine(min_lr=0.001)", chain((warmup(5, 0.5), 5), (cosine(E - 5, 0.001), 0))),
    ("warmup(1, start=1e-6) -> constant", chain((warmup(1, 1e-6), 1), (constant(), 0))),
    ("constant(10) -> step(15)", chain((constant(), 10), (step(15), 0))),
    ("constant(10, factor=0.1) -> step(4, gamma=0.5)", chain((constant(0.1), 10), (step(4, 0.5), 0))),
    ("warmup(4) -> multistep((20, 40))", chain((warmup(4), 4), (multistep(20, 40), 0))),
    ("warmup(4) -> exponential", chain((warmup(4), 4), (exponential(), 0))),
    ("warmup(4) -> constant(20, factor=0.7) -> cosine", chain((warmup(4), 4), (constant(0.7), 20), (cosine(36), 0))),
    ("warmup(4) -> exponential(gamma=0.9, length=20) -> step(9)",
     chain((warmup(4), 4), (exponential(0.9), 20), (step(9), 0))),
    ("cosine(10) -> cosine(20) -> cosine", chain((cosine(10), 10), (cosine(20), 20), (cosine(30), 0))),
    ("step(3, length=9) -> multistep((2, 5), length=11) -> warmup(10) -> exponential",
     chain((step(3), 9), (multistep(2, 5), 11), (warmup(10), 10), (exponential(), 0))),
    ("warmup(6) -> cyclic(max_lr=0.9, up=4, by=epoch)", chain((warmup(6), 6), (cyclic(0.9, 4), 0))),
    ("cyclic(max_lr=0.9, up=4, length=20, by=epoch) -> cosine", chain((cyclic(0.9, 4), 20), (cosine(40), 0))),
    ("cosine(30) -> constant(30, factor=0.001)", chain((cosine(30), 30), (constant(0.001), 0))),
]  # fmt: skip

S = 25
"""Steps of an epoch, where steps are counted, of four epochs."""

STEPS: list[tuple[str, Rate]] = [
    ("constant(by=step)", constant()),
    ("step(9, by=step)", step(9)),
    ("multistep((30, 77), by=step)", multistep(30, 77)),
    ("exponential(by=step)", exponential()),
    ("cosine(by=step)", cosine(4 * S)),
    ("cyclic(max_lr=1)", cyclic(1.0)),
    ("cyclic(max_lr=1, up=13)", cyclic(1.0, 13)),
    ("onecycle(max_lr=0.8)", onecycle(4 * S, 0.8)),
    ("onecycle(max_lr=0.8, rise=0.01)", onecycle(4 * S, 0.8, 0.01)),
    ("onecycle(max_lr=0.8, rise=0.02, anneal=linear)", onecycle(4 * S, 0.8, 0.02, "linear")),
    ("warmup(30, by=step) -> cosine", chain((warmup(30), 30), (cosine(4 * S - 30), 0))),
    ("warmup(30) -> cosine(by=step)", chain((warmup(30), 30), (cosine(4 * S - 30), 0))),
    ("warmup(9, by=step) -> constant(50) -> cosine", chain((warmup(9), 9), (constant(), 50), (cosine(41), 0))),
    ("warmup(99) -> cosine(by=step)", chain((warmup(99), 99), (cosine(1), 0))),
    ("warmup(8, by=step) -> cyclic(max_lr=1, up=13)", chain((warmup(8), 8), (cyclic(1.0, 13), 0))),
]
RUNS = [(text, E, None, rate) for text, rate in EPOCHS] + [(text, 4, S, rate) for text, rate in STEPS]


# Running a schedule


@pytest.fixture(autouse=True)
def _warnings() -> Iterator[None]:
    """A warning, such as of steps in the wrong order, is a failure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def started(text: str, epochs: int, steps: int | None, groups: int = 1, optimizer: str = "") -> tuple[Any, Any]:
    """An optimizer of dummy parameters, in one or more groups, and its schedule."""
    optimizer = optimizer or f"sgd(lr={LR})"
    net = cnnc.compile(
        f"input 3x8x8 -> relu\ntrain {{ optimizer = {optimizer}, schedule = {text}, epochs = {epochs} }}"
    )
    made = net.optimizer([torch.nn.Parameter(torch.zeros(1))])
    for _ in range(groups - 1):
        made.add_param_group({"params": [torch.nn.Parameter(torch.zeros(1))]})
    return made, net.schedule(made, steps)


def advance(optimizer: Any, schedule: Any) -> None:
    optimizer.step()
    schedule.step()


def rates(optimizer: Any) -> list[float]:
    return [float(group["lr"]) for group in optimizer.param_groups]


@pytest.mark.parametrize("groups", [1, 2])
@pytest.mark.parametrize(("text", "epochs", "steps", "rate"), RUNS, ids=[run[0] for run in RUNS])
def test_the_rate_at_every_count(text: str, epochs: int, steps: int | None, rate: Rate, groups: int) -> None:
    """Also the step after the last, which a training loop makes, goes through."""
    optimizer, schedule = started(text, epochs, steps, groups)
    for t in range(epochs * (steps or 1)):
        expected = pytest.approx(rate(t), rel=1e-6, abs=1e-12)
        assert rates(optimizer) == [expected] * groups, t
        assert schedule.get_last_lr() == [expected] * groups, t
        advance(optimizer, schedule)


@pytest.mark.parametrize(("text", "epochs", "steps", "rate"), RUNS, ids=[run[0] for run in RUNS])
def test_a_run_goes_on_from_its_state(text: str, epochs: int, steps: int | None, rate: Rate) -> None:
    """Saved to a file and loaded into new objects, at the start, at changes of phase and in the middle."""
    total = epochs * (steps or 1)
    optimizer, schedule = started(text, epochs, steps)
    saved = []
    for t in range(total):
        if t in (0, 1, 4, 5, 10, 30, total // 2, total - 1):
            file = io.BytesIO()
            torch.save((t, optimizer.state_dict(), schedule.state_dict()), file)
            saved.append(file.getvalue())
        advance(optimizer, schedule)
    for data in saved:
        t, optimizer_state, schedule_state = torch.load(io.BytesIO(data), weights_only=True)
        optimizer, schedule = started(text, epochs, steps)
        optimizer.load_state_dict(optimizer_state)
        schedule.load_state_dict(schedule_state)
        for later in range(t, total):
            assert rates(optimizer) == [pytest.approx(rate(later), rel=1e-6, abs=1e-12)], (t, later)
            advance(optimizer, schedule)


def test_every_schedule_has_runs_and_every_setting_a_case() -> None:
    written = "\n".join(text for text, *_ in RUNS) + ELSEWHERE
    for name, entry in SCHEDULES.items():
        assert name in written
        for key in set(entry.params) - {"max_lr", "size", "milestones", "length"}:
            assert f"{key}=" in written, (name, key)


# Schedules that are more than a rate by time


ELSEWHERE = "plateau(factor=, patience=, threshold=, cooldown=, min_lr=) onecycle(momentum=)"
"""What tests of their own set."""


@pytest.mark.parametrize("lr", [LR, 1e-6])
@pytest.mark.parametrize(
    "given",
    [
        {},
        {"patience": 0, "factor": 0.5},
        {"patience": 3, "factor": 0.3, "min_lr": 1e-3},
        {"patience": 2, "threshold": 0.05},
        {"patience": 2, "threshold": 0},
        {"patience": 1, "cooldown": 4, "factor": 0.7},
        {"min_lr": 1},
    ],
)
def test_plateau(given: dict[str, float], lr: float) -> None:
    losses = [1.0, 0.8, 0.79, 0.79, 0.7901, 0.6, math.nan, 0.6, 0.599, 0.598, *[0.6] * 14, 0.1, *[0.1] * 40]
    arguments = ", ".join(f"{name}={value!r}" for name, value in given.items())
    text = f"plateau({arguments})" if given else "plateau"
    optimizer, schedule = started(text, E, None, optimizer=f"adam(lr={lr!r})")
    for t, (loss, expected) in enumerate(zip(losses, fall(losses, lr, **given), strict=True)):
        if t == len(losses) // 2:
            states = optimizer.state_dict(), schedule.state_dict()
            optimizer, schedule = started(text, E, None, optimizer=f"adam(lr={lr!r})")
            optimizer.load_state_dict(states[0])
            schedule.load_state_dict(states[1])
        optimizer.step()
        schedule.step(loss)
        assert rates(optimizer) == [pytest.approx(expected, rel=1e-9)], t


@pytest.mark.parametrize("optimizer", [f"sgd(lr={LR}, momentum=0.9)", f"adam(lr={LR})"])
@pytest.mark.parametrize("rise", [0.3, 0.1, 0, 0.9])
def test_onecycle_moves_the_momentum(optimizer: str, rise: float) -> None:
    """From 0.95 to 0.85 while the rate rises, and back."""
    made, schedule = started(f"onecycle(max_lr=1, rise={rise}, momentum=true)", 10, 6, 2, optimizer)
    rate = onecycle(60, 0.95, rise, div=0.95 / 0.85, final_div=1.0)
    for t in range(60):
        for group in made.param_groups:
            found = group["betas"][0] if "betas" in group else group["momentum"]
            assert found == pytest.approx(0.85 + 0.95 - rate(t), rel=1e-9), t
        advance(made, schedule)


def test_without_a_schedule_the_rate_stays() -> None:
    net = cnnc.compile(f"input 3x8x8 -> relu\ntrain {{ optimizer = sgd(lr={LR}) }}")
    optimizer = net.optimizer([torch.nn.Parameter(torch.zeros(1))])
    schedule = net.schedule(optimizer)
    for _ in range(50):
        assert rates(optimizer) == [LR]
        advance(optimizer, schedule)


@pytest.mark.parametrize(("text", "epochs", "steps", "rate"), RUNS[::5], ids=[run[0] for run in RUNS[::5]])
def test_the_text_is_what_runs(text: str, epochs: int, steps: int | None, rate: Rate) -> None:
    """The printed source, run by itself, gives the same rates; its lines are short."""
    net = cnnc.compile(
        f"input 3x8x8 -> relu\ntrain {{ optimizer = sgd(lr={LR}), schedule = {text}, epochs = {epochs} }}"
    )
    written = source(net.graph, "optimizer") + source(net.graph, "schedule")
    assert max(map(len, written.splitlines())) <= 120
    names: dict[str, Any] = {}
    exec(compile(written, "recipe.py", "exec"), names)
    optimizer = names["make_optimizer"]([torch.nn.Parameter(torch.zeros(1))])
    schedule = names["make_schedule"](*([optimizer] if steps is None else [optimizer, steps]))
    for t in range(epochs * (steps or 1)):
        assert rates(optimizer) == [pytest.approx(rate(t), rel=1e-6, abs=1e-12)]
        advance(optimizer, schedule)
