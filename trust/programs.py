"""Random valid programs through every backend: `python trust/programs.py --count 10000`."""

import argparse
import gc
import os
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

os.environ["OMP_NUM_THREADS"] = "1"

import torch
from every_command import RARE
from generate import misfits, program
from generate.coverage import all_features, features
from oracle import Disagreement, judge
from shrink import shrunk
from workers import run_cases

DEADLINE = 120.0
MOST_NAMED = 20
"""Of the parts of the language that no program has, which are nearly all for a few programs."""


class Found(NamedTuple):
    """What became of one seed."""

    seed: int
    apart: str = ""
    """Why the results were not compared; empty where they were."""
    failure: str = ""
    """What does not hold, or the exception that came out."""
    detail: str = ""
    layers: int = 0
    worst: float = 0.0
    used: frozenset[str] = frozenset()
    redrawn: int = 0


def outcome(seed: int) -> Found:
    """The program of a seed, judged."""
    misfits.clear()
    found = program(seed)
    redrawn = len(misfits)
    used = frozenset(features(found.text))
    try:
        verdict = judge(found, seed)
    except Disagreement as why:
        return Found(seed, "", why.kind, str(why), 0, 0.0, used, redrawn)
    return Found(seed, verdict.apart, "", "", verdict.layers, verdict.worst, used, redrawn)


def outcomes(seeds: Iterable[int], processes: int | None = None) -> Iterator[Found]:
    """The outcome of every seed, from processes that share what is loaded here."""
    torch.set_num_threads(1)
    all_features()
    gc.freeze()
    for done in run_cases(outcome, seeds, processes=processes, deadline=DEADLINE):
        if done.failure:
            last = done.failure.strip().splitlines()[-1]
            yield Found(done.case, "", last.split(":")[0], done.failure)
        else:
            yield done.value


def failure_of(found: Any, seed: int) -> str:
    """What is wrong with a program, as `Found.failure` says it."""
    try:
        judge(found, seed)
    except Disagreement as why:
        return why.kind
    except Exception as error:
        return type(error).__name__
    return ""


def smallest(seed: int, failure: str) -> str:
    """The program of a failing seed made small, as text with its request in front."""
    small = shrunk(program(seed), lambda p: failure_of(p, seed) == failure.rpartition(".")[2])
    request = {"input": small.input, "params": small.params, "sizes": small.sizes}
    return f"# {request}\n{small.text}"


def section(results: list[Found], seconds: float) -> str:
    """The Markdown section on a run."""
    failed = [r for r in results if r.failure]
    apart = Counter(r.apart for r in results if r.apart)
    compared = len(results) - len(failed) - apart.total()
    used = Counter(name for r in results for name in r.used)
    missing = sorted(all_features() - used.keys())
    kinds = Counter(name.split()[0] for name in all_features())
    met = Counter(name.split()[0] for name in used)
    layers = sorted(r.layers for r in results if r.layers) or [0]
    rows = [
        ("programs", f"{len(results):,}"),
        ("disagreements", f"{len(failed):,}"),
        ("results compared in PyTorch, ONNX Runtime (plain and folded) and NumPy", f"{compared:,}"),
        ("set apart: single precision overflows", f"{apart['overflow']:,} ({apart['overflow'] / len(results):.2%})"),
        ("set apart: rounding decides the result", f"{apart['rounding']:,} ({apart['rounding'] / len(results):.2%})"),
        (
            "set apart: not a number enters torchvision's deformable convolution, which crashes",
            apart["deformconv of NaN"],
        ),
        ("set apart: a shared layer that is not one PyTorch module (E0365); ONNX agrees", apart["no PyTorch module"]),
        (
            "set apart: PyTorch convolves a map of one channel wrong (`oracle.py` says when)",
            apart["PyTorch's convolution"],
        ),
        ("largest difference, of 1e-4", f"{max((r.worst for r in results if not r.apart), default=0.0):.1e}"),
        ("layers of a program: median, most", f"{layers[len(layers) // 2]}, {layers[-1]}"),
        *((f"{kind} met", f"{met[kind]} of {count}") for kind, count in sorted(kinds.items())),
        ("drawn again because their pieces did not fit", f"{sum(r.redrawn for r in results):,}"),
        ("seconds", f"{seconds:,.0f}"),
    ]
    lines = [
        "## Random programs",
        "",
        "Valid programs over the whole language, drawn link by link; each is formatted, printed, read back, compiled "
        "twice, and run in every backend on the same random weights and inputs, and its operations, parameters and "
        "shapes are held against those of what ran. Reports, formulas, drawings, comparisons and texts are made of "
        f"each by the commands; compile, advise, verify, weights, run, fit and sweep each of {RARE:.0%}, by the seed.",
        "",
        "| | |",
        "|---|---:|",
        *(f"| {name} | {value} |" for name, value in rows),
    ]
    if missing:
        more = f" and {len(missing) - MOST_NAMED} more" if len(missing) > MOST_NAMED else ""
        lines += ["", f"Not met: {', '.join(missing[:MOST_NAMED])}{more}."]
    for result in failed:
        lines += ["", f"Seed {result.seed}: {result.failure}", "", *indented(result.detail)]
    return "\n".join(lines)


def indented(text: str) -> list[str]:
    return [f"    {line}" for line in text.strip().splitlines()[-12:]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="of the first program; the others follow")
    parser.add_argument("--processes", type=int, default=None, help="all cores unless given")
    parser.add_argument("--shrink", action="store_true", help="make failing programs small and print them to stderr")
    asked = parser.parse_args()
    begun, results = time.monotonic(), []
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with suppress(KeyboardInterrupt):  # then the section is on what was done until then
        for found in outcomes(range(asked.seed, asked.seed + asked.count), asked.processes):
            results.append(found)
            if found.failure:
                print(f"seed {found.seed}: {found.failure}", file=sys.stderr, flush=True)
            if len(results) % 100 == 0:
                print(f"{len(results)} programs, {time.monotonic() - begun:.0f} s", file=sys.stderr, flush=True)
    results.sort()
    print(section(results, time.monotonic() - begun))
    if asked.shrink:
        for found in [r for r in results if r.failure]:
            print(f"seed {found.seed}: {found.failure}\n{smallest(found.seed, found.failure)}", file=sys.stderr)
    return 1 if any(r.failure for r in results) else 0


if __name__ == "__main__":
    sys.exit(main())
