"""The tables of docs/speed.md."""

import os
import platform
import statistics
from importlib.metadata import version
from pathlib import Path

from contest import Contest, Figures, Outcome, interval

TOOLS = (
    *("lark", "torch", "torchvision", "torchinfo", "fvcore", "ptflops", "thop", "calflops"),
    *("onnx", "onnx-tool", "onnxruntime", "onnxsim", "onnxslim"),
)

HEAD = """# Speed

Written by `make speed`, which installs cnnc from its wheel and the other tools into a virtual environment of its own
and runs everything side by side: every round runs each entry once, in turning order; where a first run is slower, a
round that does not count comes before.
Figures are medians with 95 % bootstrap intervals of the median. A ratio is taken within each round, so that
what slows the machine in a round slows both sides. A goal is met where its interval reaches it.
"""


def table(contest: Contest, figures: Figures, outcomes: list[Outcome]) -> str:
    """One contest: its entries, then its goals."""
    lines = [f"## {contest.title}", "", f"{contest.note} {contest.rounds} rounds.", ""]
    lines += [f"| | {contest.unit} | interval |", "|---|---:|---|"]
    for name, values in figures.items():
        low, high = interval(values)
        lines.append(f"| {name} | {figure(statistics.median(values))} | {figure(low)} to {figure(high)} |")
    if outcomes:
        lines += ["", "| goal | measured | interval | |", "|---|---:|---|---|"]
        for o in outcomes:
            span = f"{figure(o.low)} to {figure(o.high)}"
            lines.append(f"| {wording(o)} | {figure(o.median)} | {span} | {'met' if o.met else 'missed'} |")
    if contest.profile:
        lines += ["", contest.profile()]
    return "\n".join([*lines, ""])


def wording(outcome: Outcome) -> str:
    goal = outcome.goal
    match goal.kind:
        case "faster":
            rival = f"{goal.what}, {outcome.rival}" if goal.what else outcome.rival
            return f"{goal.ours}: at least {goal.factor:g} times as fast as {rival}"
        case "within":
            return f"{goal.ours}: at most {goal.factor:g} times {goal.what or outcome.rival}"
        case _:
            return f"{goal.ours}: {goal.kind} {goal.factor:g}"


def figure(value: float) -> str:
    """Three digits that count."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def page(tables: list[str]) -> str:
    versions = ", ".join(f"{name} {version(name)}" for name in TOOLS)
    where = f"{cpu()}, {os.cpu_count()} cores, Python {platform.python_version()}. {versions}."
    return "\n".join([HEAD, where, "", *tables])


def cpu() -> str:
    """The processor's name, where Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())
