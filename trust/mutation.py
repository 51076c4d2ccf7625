"""Mutation testing of the rules of shape, work and memory: a change of one operator or number must fail a test.

A mutant that no test notices is answered in mutation.toml: why nobody can notice it.
"""

import argparse
import importlib
import os
import random
import sys
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

from rule_mutants import ROOT, Finder, Mutant, Place, forget, module_of, mutated, places, targets
from workers import run_cases

ANSWERS = Path(__file__).with_name("mutation.toml")
DEADLINE = 240.0
BASELINE = "compiler/ops/pool.py"
"""The file with which all tests run once without a change, so that a failure is a mutant's doing."""
FIRST = ("test_work", "test_every_op", "test_explain")
"""Run on the samples of the mutated file's layers alone."""
THEN = (
    "test_cost",
    "test_flat_sums",
    "test_layer_rules",
    "test_constraints",
    "test_window_rules",
    "test_golden",
    "test_errors",
    "test_html",
)
"""Run whole, for what those samples do not notice."""
LAST = ("test_training",)
"""Run on the layers' samples again: what training keeps."""
PARTS = {
    "test_errors": ("test_message",),
    "test_html": ("test_short_trace", "test_memory_peaks"),
    "test_training": ("test_kept_tensors_of_every_layer",),
}
"""The tests of a module that are about the rules, where not all are."""
LEFT_OUT = ("test_command", "test_command_is_light", "test_lenet5")
"""Tests of the command line; those that ask for other fixtures are left out by themselves."""
SHARED = {"compiler/ops/windows.py": ("conv", "pool"), "compiler/ops/composite.py": ("conv",)}
"""Whose samples also use a file's rules."""


def tests_of(module: Any) -> Iterator[tuple[dict[str, Any], Callable[[], None]]]:
    """The tests of a module with each set of their parameters, as pytest would call them."""
    from conftest import EXAMPLES

    for name, function in vars(module).items():
        if not name.startswith("test_") or not callable(function) or name in LEFT_OUT:
            continue
        if not name.startswith(PARTS.get(module.__name__, ("test_",))):
            continue
        axes = [_values(mark) for mark in getattr(function, "pytestmark", ()) if mark.name == "parametrize"]
        wanted = set(function.__code__.co_varnames[: function.__code__.co_argcount])
        if "example" in wanted:
            axes.append([{"example": path} for path in EXAMPLES])
        if "update_golden" in wanted:
            axes.append([{"update_golden": False}])
        for chosen in product(*axes):
            arguments = {key: value for each in chosen for key, value in each.items()}
            if set(arguments) == wanted:
                yield arguments, lambda f=function, a=arguments: f(**a)  # type: ignore[misc]


def _values(mark: Any) -> list[dict[str, Any]]:
    names, values = mark.args[:2]
    keys = [n.strip() for n in names.split(",")] if isinstance(names, str) else list(names)
    rows = [value.values if hasattr(value, "marks") else value if len(keys) > 1 else (value,) for value in values]
    return [dict(zip(keys, row, strict=True)) for row in rows]


def chosen_samples(file: str) -> set[str]:
    """The samples and rejected uses of the layers whose rules stand in a file."""
    from cnnc.compiler.reference import entries

    stems = {Path(file).stem, *SHARED.get(file, ())}
    found: set[str] = set()
    for entry in entries().values():
        rules = (getattr(entry, name, None) for name in ("shape", "work", "weights", "resolve", "expand"))
        if any(getattr(rule, "__module__", "").rpartition(".")[2] in stems for rule in rules):
            found |= {*entry.samples, *(use for use, _ in entry.rejects)}
    return found


def noticed(place: Place) -> tuple[Mutant, str]:
    """The mutant of a place, and which test fails under it, or nothing."""
    mutant, text = mutated(place)
    if mutant.before == mutant.after:
        return mutant, "changes nothing"
    return mutant, under(place.file, text)


def under(file: str, text: str) -> str:
    """Which test fails where a file has another text, or nothing. For a process of its own: cnnc is imported anew."""
    forget(*FIRST, *THEN, *LAST, "support", "conftest", "generate", "formulas")
    finder = Finder(module_of(file), text)
    sys.meta_path.insert(0, finder)
    try:
        return _first_failure(file)
    finally:
        sys.meta_path.remove(finder)


def _first_failure(file: str) -> str:
    os.environ["CNNC_CHECK_IR"] = "1"
    try:
        own = chosen_samples(file)
        rounds = [(name, True) for name in FIRST] + [(name, False) for name in THEN] + [(name, True) for name in LAST]
        for name, only_own in rounds:
            for arguments, test in tests_of(importlib.import_module(name)):
                text = arguments.get("sample", arguments.get("use", ""))
                chain = text if isinstance(text, str) else ""
                if only_own and not _is_own(chain, own):
                    continue
                try:
                    test()
                except BaseException as error:
                    return f"{name}: {type(error).__name__}"
    except Exception as error:
        return f"import: {type(error).__name__}"
    return ""


def _is_own(text: str, own: set[str]) -> bool:
    """Whether a test's sample is one of the layers', or one of their chains at another rank."""
    return text in own or any(text.rpartition(" @ ")[0] == sample.rpartition(" @ ")[0] for sample in own)


def answers() -> dict[tuple[str, str, str], str]:
    """Why nobody can notice a mutant, by its file and its line before and after."""
    with ANSWERS.open("rb") as file:
        data = tomllib.load(file)
    return {(a["file"], a["before"], a["after"]): a["answer"] for a in data.get("survivor", [])}


def run(chosen: list[Place], processes: int) -> tuple[list[Mutant], list[Place]]:
    """The mutants that no test notices, and the places whose mutants ran too long, which is to be noticed."""
    for name in ("torch", "torchvision", "onnx", "onnxruntime", "numpy", "pytest", "lark", "torch.utils.flop_counter"):
        importlib.import_module(name)  # once, before the children are forked
    importlib.import_module("torch").set_num_threads(1)
    sys.path.insert(0, str(ROOT / "tests"))
    for outcome in run_cases(_unchanged, [BASELINE], processes=1, deadline=2 * DEADLINE):
        assert not outcome.value and not outcome.failure, f"without a change: {outcome.value or outcome.failure}"
    survivors, endless = [], []
    for done, outcome in enumerate(run_cases(noticed, chosen, processes=processes, deadline=DEADLINE), 1):
        if outcome.failure:
            endless.append(outcome.case)
        elif not outcome.value[1]:
            survivors.append(outcome.value[0])
            print(f"survives: {survivors[-1]}", file=sys.stderr, flush=True)
        if done % 20 == 0:
            print(f"{done} of {len(chosen)}", file=sys.stderr, flush=True)
    return survivors, endless


def _unchanged(file: str) -> str:
    return under(file, (ROOT / file).read_text(encoding="utf-8"))


def report(everything: list[Place], chosen: list[Place], survivors: list[Mutant], seed: int) -> tuple[str, int]:
    """The section of the page, and how many survivors have no answer."""
    known = answers()
    open_ = [mutant for mutant in survivors if mutant.key not in known]
    lines = [
        "## Mutation testing of shape and cost rules",
        "",
        "Single operators and numbers in the rules of shape, weights, work and memory are changed (by cosmic-ray's "
        "operators), and the tests of layers, costs, messages and golden files run until one fails. "
        f"{len(chosen)} of {len(everything)} mutants, drawn with seed {seed}.",
        "",
        "| file | mutants | run | killed | survive, with an answer | survive |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    all_, ran = Counter(place.file for place in everything), Counter(place.file for place in chosen)
    lived, without = Counter(m.file for m in survivors), Counter(m.file for m in open_)
    for file in all_:
        figures = (all_[file], ran[file], ran[file] - lived[file], lived[file] - without[file], without[file])
        lines.append(f"| {file} | {' | '.join(map(str, figures))} |")
    lived_on, left = len(survivors), len(open_)
    sums = (len(everything), len(chosen), len(chosen) - lived_on, lived_on - left, left)
    lines += [f"| all | {' | '.join(map(str, sums))} |", ""]
    answered = [mutant for mutant in survivors if mutant.key in known]
    lines += [f"- {m.file}: `{m.before}` as `{m.after}`: {known[m.key]}" for m in sorted(answered)]
    lines += [f"- no test notices {m.file}:{m.line}: `{m.before}` as `{m.after}`" for m in sorted(open_)]
    return "\n".join(lines).rstrip(), left


def main(arguments: Any = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=400, help="how many mutants are drawn; 0 for all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--only", help="files whose path contains this")
    options = parser.parse_args(arguments)
    everything = [place for file in targets() if (options.only or "") in file for place in places(file)]
    chosen = everything
    if 0 < options.count < len(everything):
        chosen = random.Random(options.seed).sample(everything, options.count)
    survivors, endless = run(chosen, options.processes)
    text, unanswered = report(everything, chosen, survivors, options.seed)
    print(text)
    for place in endless:
        print(f"ran into its deadline or died: {place}", file=sys.stderr)
    return 1 if unanswered else 0


if __name__ == "__main__":
    sys.exit(main())
