"""Hostile strings at every place that reaches a result: `python trust/hostile.py [--count N] [--seed S]`."""

import argparse
import csv
import io
import os
import random
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import cnnc
import inert
import onnx
import torch
from cnnc.compiler.commands.new import net_name
from cnnc.compiler.elaborate.names import BUILTINS
from cnnc.compiler.ir_text import print_graph, read_graph
from cnnc.grammar import TEMPLATES
from hostile_strings import strings
from workers import Outcome, run_cases

PROGRAM = """# {comment}
net {net}({build}=4, note="{word}")
block {block}({param}, why="{text}") = conv1x1({param}) -> relu -> (conv1x1({param}) + id)
shared {shared} = conv1x1(4)
input {input}: 3x4x4, other: 3x4x4
{binding} = {input} -> (id + other)
output {output} = {binding} -> conv1x1({build}, bias=false) as {label} -> {block}({build}) -> {block}(6, why="{text}")
    -> [{label}, conv1x1(2)] -> conv1x1(4) -> {shared} -> {shared} -> flatten -> fc(3)
aux {aux} = {binding} -> flatten -> fc(3)
train {{ loss = cross_entropy({output}), optimizer = adam, epochs = 1 }}
"""
GOOD = {
    "comment": "a comment", "net": "somenet", "build": "amount", "word": "word", "block": "unit", "param": "many",
    "text": "text", "shared": "common", "input": "first", "binding": "both", "output": "result1", "label": "mark",
    "aux": "helper",
}  # fmt: skip
NAMES = ("net", "build", "block", "param", "shared", "input", "binding", "output", "label", "aux")
"""Places of identifiers, which the language checks; the others are free text."""
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
TREES: dict[str, tuple[Callable[[Any], str], Callable[[str], Any]]] = {
    "torch": (lambda net: net.torch_source(), inert.python_tree),
    "train": (lambda net: net.train_source(), inert.python_tree),
    "html": (lambda net: net.to_html(), inert.html_tree),
    "svg": (lambda net: net.draw("svg"), inert.svg_tree),
    "dot": (lambda net: net.draw("dot"), inert.dot_tree),
    "mermaid": (lambda net: net.draw("mermaid"), inert.mermaid_tree),
    "csv": (lambda net: net.report(form="csv"), inert.csv_tree),
    "md": (lambda net: net.report(form="md", by="block"), inert.markdown_tree),
    "table": (lambda net: net.report(), inert.table_tree),
    "explain": (lambda net: net.explain(), inert.table_tree),
}
"""What is written, and what must stay the same whatever a string is."""


class Case(NamedTuple):
    place: str
    text: str


REFUSED, PASSED = "refused", "passed"


@cache
def watch() -> inert.Watch:
    return inert.Watch()


@cache
def harmless(place: str, length: int) -> dict[str, Any]:
    """The structures with a harmless name of that length, on which the breaks of lines depend."""
    name = ("q" + "abcdefgh" * length)[:length]
    net = cnnc.compile(PROGRAM.format(**GOOD | ({place: name} if place in NAMES else {})))
    return {form: tree(write(net)) for form, (write, tree) in TREES.items()}


def tried(case: Case) -> str:
    """Whether a string was refused with a diagnostic; raises where it does harm."""
    return (OTHERS.get(case.place) or in_program)(case)


def in_program(case: Case) -> str:
    """In the program's text, or as the name of its file."""
    if case.place == "file name":
        text, name = PROGRAM.format(**GOOD), case.text
    else:
        text, name = PROGRAM.format(**{**GOOD, case.place: case.text}), "n.cnn"
    try:
        net = cnnc.compile(text, name=name)
    except cnnc.NetworkError as error:
        assert str(error) and all(c.isprintable() or c == "\n" for c in str(error))
        return REFUSED
    # Text that is no name may be more of the program, such as `relu as a -> b`, and where a label's name is also a
    # layer's, the layer is meant; then only the structure is another.
    named = IDENTIFIER.fullmatch(case.text) is not None and not (case.place == "label" and case.text in BUILTINS)
    length = len(case.text if case.text.strip("_") else "x_")  # underscores alone become that
    same = case.place not in NAMES or named
    check_net(net, harmless(case.place, length if case.place in NAMES else 0) if same else None)
    return PASSED


def check_net(net: Any, wanted: dict[str, Any] | None) -> None:
    """Every result of a network, with the structures that they must have."""
    for form, (write, tree) in TREES.items():
        found = tree(write(net))
        assert wanted is None or found == wanted[form], f"{form} has another structure"
    assert print_graph(read_graph(net.ir())) == net.ir()
    check_python(net)
    model = net.to_onnx()
    read = onnx.load_from_string(model.SerializeToString())
    onnx.checker.check_model(read, full_check=True)
    names = [name for node in read.graph.node for name in node.output]
    assert len(names) == len(set(names))


def check_python(net: Any) -> None:
    """Nothing happens when the source is run but that classes are there, and the module works."""
    heard = watch()
    heard.heard.clear()
    heard.on = True
    try:
        module = net.to_torch().eval()
    finally:
        heard.on = False
    assert not heard.heard, heard.heard
    inputs = [torch.zeros(1, *terminal.value.shape) for terminal in net.graph.inputs]
    found = module(*inputs)
    outputs = list(found.values()) if isinstance(found, dict) else [found]
    assert [tuple(o.shape[1:]) for o in outputs] == [t.value.shape for t in net.graph.outputs]
    module.train()(*inputs)
    module.load_state_dict(module.state_dict())
    for text in (net.torch_source(), net.train_source()):
        inert.bound(text)


def as_parameter(case: Case) -> str:
    """The value of a build parameter from Python, which drawings show."""
    try:
        net = cnnc.compile(PROGRAM.format(**GOOD), params={"note": case.text})
    except cnnc.CnncError:
        return REFUSED
    check_net(net, harmless("", 0))
    return PASSED


def as_name(case: Case) -> str:
    """A name that only a request has: of parameters, inputs, weights, devices, conventions, targets, data."""
    text = PROGRAM.format(**GOOD)
    net = cnnc.compile(text)
    requests: list[Callable[[], Any]] = [
        lambda: cnnc.compile(text, params={case.text: 3}),
        lambda: cnnc.compile(text, input={case.text: (3, 4, 4)}),
        lambda: net.to_torch(weights={case.text: 1.0}),
        lambda: net.report(device=case.text),
        lambda: net.report(convention=case.text),
        lambda: net.train_source(case.text),
        lambda: cnnc.compile(f'use "{case.text}"\n{text}'),
        lambda: cnnc.load(f"{case.text}/x.cnn"),
    ]
    for number, request in enumerate(requests):
        try:
            request()
        except cnnc.InternalError:
            raise
        except cnnc.CnncError as error:
            assert all(c.isprintable() or c == "\n" for c in str(error)), (number, str(error))
    return REFUSED


def as_new(case: Case) -> str:
    """`cnnc new`: the name of a file becomes that of a network."""
    name = net_name(case.text)
    assert IDENTIFIER.fullmatch(name), name
    cnnc.compile(f"net {name}\ninput 3x4x4 -> relu")
    return PASSED


def as_swept(case: Case) -> str:
    """A value of a swept parameter, in the CSV of results."""
    with tempfile.TemporaryDirectory() as folder:
        file, out = Path(folder, "n.cnn"), Path(folder, "out.csv")
        file.write_text('net n(note="a")\ninput 3x4x4 -> conv1x1(4)', encoding="utf-8")
        space = {"network": str(file), "params": {"note": ["plain", case.text]}}
        try:
            cnnc.sweep(space, out)
        except cnnc.UsageError:
            return REFUSED
        rows = list(csv.reader(io.StringIO(out.read_text(encoding="utf-8"))))
        assert len(rows) == 3 and len({len(row) for row in rows}) == 1, rows
        inert.csv_tree(out.read_text(encoding="utf-8"))
    return PASSED


OTHERS: dict[str, Callable[[Case], str]] = {
    "parameter's value": as_parameter, "names in requests": as_name, "cnnc new": as_new, "sweep": as_swept,
}  # fmt: skip
PLACES = (*GOOD, "file name", *OTHERS)


def cases(count: int, seed: int) -> Iterator[Case]:
    """Every place with every string, or with as many as are asked for, drawn afresh for each place."""
    known, draw = strings(), random.Random(seed)
    for place in PLACES:
        chosen = known if count >= len(known) else draw.sample(known, count)
        yield from (Case(place, text) for text in chosen)


def report(outcomes: list[Outcome]) -> str:
    """The section of the page."""
    failed = [outcome for outcome in outcomes if outcome.failure]
    lines = [
        "## Hostile strings", "",
        f"{len({o.case.text for o in outcomes}):,} strings that break templates, tables, markup, shells and Python, "
        f"at each of {len(PLACES)} places, in all results: PyTorch source and script (same syntax tree as with a "
        "harmless name, nothing runs on import, the module works), ONNX, HTML, SVG, DOT, Mermaid, CSV, Markdown, "
        f"tables and the graph's text; the templates of `cnnc new` ({len(TEMPLATES)}).", "",
        "| place | strings | refused | inert | failed |", "|---|---:|---:|---:|---:|",
    ]  # fmt: skip
    for place in PLACES:
        here = [o for o in outcomes if o.case.place == place]
        counts = Counter("failed" if o.failure else o.value for o in here)
        lines.append(f"| {place} | {len(here)} | {counts[REFUSED]} | {counts[PASSED]} | {counts['failed']} |")
    for outcome in failed[:20]:
        lines.append(f"\n- {outcome.case.place}: `{outcome.case.text[:60]!r}`: {outcome.failure.strip()[-300:]}")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=10_000, help="strings at each place")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    outcomes = []
    for done, outcome in enumerate(
        run_cases(tried, cases(args.count, args.seed), processes=min(2, os.cpu_count() or 1))
    ):
        outcomes.append(outcome)
        if outcome.failure:
            print(f"{outcome.case}: {outcome.failure.strip()[-200:]}", file=sys.stderr)
        if done % 200 == 0:
            print(f"{done} done, {sum(bool(o.failure) for o in outcomes)} failed", file=sys.stderr)
    print(report(outcomes))
    return int(any(o.failure for o in outcomes))


if __name__ == "__main__":
    sys.exit(main())
