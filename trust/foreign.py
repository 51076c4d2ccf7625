"""The test cases that other projects wrote for their operators, as programs: PyTorch's OpInfo samples and ONNX's nodes.

Every case is seen: it is expressed, compiled and compared in all backends, refused by a stated rule, or skipped with a
reason that is counted.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from foreign_program import Program, Skip, check
from workers import run_cases

DEADLINE = 60.0


class Case(NamedTuple):
    """A foreign case: where it is from, what it is called, and its program or why there is none."""

    source: str
    name: str
    program: Program | None
    reason: str = ""


def torch_cases(seed: int) -> Iterator[Case]:
    from foreign_opinfo import samples

    yield from _translated("PyTorch OpInfo", samples(seed))


def onnx_cases() -> Iterator[Case]:
    from foreign_onnx import nodes

    yield from _translated("ONNX node tests", nodes())


def _translated(source: str, found: Iterator[tuple[str, Callable[[], Program]]]) -> Iterator[Case]:
    for name, translate in found:
        try:
            yield Case(source, name, translate())
        except Skip as skip:
            yield Case(source, name, None, str(skip))


def some(cases: list[Case], count: int | None, seed: int) -> list[Case]:
    """At most so many of the expressible cases, drawn evenly; the others stay, for they cost nothing."""
    expressed = [i for i, case in enumerate(cases) if case.program]
    if count is None or count >= len(expressed):
        return cases
    drawn = set(random.Random(seed).sample(expressed, count))
    return [case for i, case in enumerate(cases) if not case.program or i in drawn]


def failures(cases: list[Case], processes: int | None = None) -> list[tuple[Case, str]]:
    """The expressible cases in which cnnc disagrees, with what it does instead."""
    torch.set_num_threads(1)
    expressed = [case for case in cases if case.program]

    def judge(i: int) -> str:
        program = expressed[i].program
        assert program is not None
        return check(program)

    found = []
    outcomes = run_cases(judge, range(len(expressed)), processes=processes, deadline=DEADLINE)
    for done, outcome in enumerate(outcomes, 1):
        if outcome.failure or outcome.value:
            found.append((outcome.case, outcome.value or outcome.failure.strip().splitlines()[-1]))
        if done % 500 == 0:
            print(f"{done} of {len(expressed)}, {len(found)} disagreements", file=sys.stderr)
    return [(expressed[i], message) for i, message in sorted(found)]


def report(cases: list[Case], failed: list[tuple[Case, str]], seed: int) -> str:
    """The section of the page."""
    lines = [
        "## Operator cases of PyTorch and ONNX",
        "",
        "The samples and error samples of PyTorch's operator database and the node tests of ONNX, each written as a "
        "program, compiled, and run with the case's own weights in PyTorch, ONNX Runtime and NumPy; the results must "
        f"agree with the foreign ones within 1e-4 of the largest element. Seed {seed}.",
        "",
        "| source | cases | expressible | agree | both refuse | cnnc alone refuses, by a rule | disagree |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    wrong = {(case.source, case.name) for case, _ in failed}
    for source in dict.fromkeys(case.source for case in cases):
        all_ = [case for case in cases if case.source == source]
        expressed = [case for case in all_ if case.program]
        kept = [case.program for case in expressed if case.program and (case.source, case.name) not in wrong]
        both, ruled = sum(p.wrong for p in kept), sum(bool(p.rule) for p in kept)
        figures = (len(all_), len(expressed), len(kept) - both - ruled, both, ruled, len(expressed) - len(kept))
        lines.append(f"| {source} | {' | '.join(map(str, figures))} |")
    lines += ["", *_counted("rule", Counter(c.program.rule for c in cases if c.program and c.program.rule))]
    lines += ["", *_counted("why a case is not expressible", Counter(c.reason for c in cases if not c.program))]
    lines += ["", *(f"- `{case.name}`: {message}; `{_text(case)}`" for case, message in failed)]
    return "\n".join(lines).rstrip()


def _text(case: Case) -> str:
    return case.program.text if case.program else ""


def _counted(title: str, counts: Counter[str]) -> list[str]:
    return [f"| {title} | cases |", "|---|--:|", *(f"| {reason} | {n} |" for reason, n in counts.most_common())]


def main(arguments: Any = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, help="at most so many expressible cases, drawn at random")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    options = parser.parse_args(arguments)
    cases = some([*torch_cases(options.seed), *onnx_cases()], options.count, options.seed)
    failed = failures(cases, options.processes)
    print(report(cases, failed, options.seed))
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
