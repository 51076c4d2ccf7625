"""Every command on a program: none faults, and what several of them say of it is the same.

Reports, drawings and texts are made of every program. What takes longer, which runs networks or compiles them many
times, is made of a share of them, drawn by the seed.
"""

import csv
import io
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from xml.etree import ElementTree

import cnnc
import formulas
import jsonschema
import numpy as np
from cnnc.compiler.conventions import CONVENTIONS
from cnnc.compiler.devices import BUNDLED, read_devices
from cnnc.compiler.memory import DTYPE_BYTES
from cnnc.compiler.verify import random_weights
from command_line import Shell, folder
from generate import Program
from PIL import Image
from safetensors.numpy import load_file, save_file
from shrink import accepted, edits
from verdicts import Disagreement, demand

SCHEMA = Path(__file__).parent.parent / "docs" / "report.schema.json"
FIGURES = ("params", "macs", "flops", "other_ops", "cost")
SHARED = ("E0365",)
"""A shared layer that is not one PyTorch module, by rule."""
OPEN = ("E0331",)
"""Symbols that need numbers."""
RARE = 0.2
"""The share of programs on which commands run that take longer than a few milliseconds."""


def check_commands(program: Program, net: cnnc.Net, seed: int) -> None:
    """All commands on a program whose network that is, with symbols where it has any. Raises Disagreement."""
    random = Random(f"commands {seed}")
    with folder(program) as shell:
        for check in CHEAP:
            check(shell, program, net, random)
        for check in DEAR:
            if random.random() < RARE:
                check(shell, program, net, random)


# Reports


def check_analyze(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """Every form of the report with settings of all kinds; sums are those of the layers, in each of them."""
    settings = drawn_settings(net, random)
    whole = shell.ask("analyze", "--format", "json", *settings).data()
    check_report(whole, net)
    for by in ("block", "op"):
        report = shell.ask("analyze", "--format", "json", "--by", by, *settings).data()
        groups = report.pop("groups")
        demand(report == whole, "the report by groups is another", by)
        if not net.symbols:
            check_groups(groups, whole)
    check_tables(shell, whole, random.choice(("layer", "block", "op")), settings)
    check_page(shell.ask("analyze", "--format", "html", *settings).out, whole)
    demand(shell.ask("analyze", "--print-ir").out == read_ir(program), "the command prints another graph")


def read_ir(program: Program) -> str:
    """The graph as the Python API reads the file."""
    return cnnc.load("net.cnn", params=program.params, input=program.input).ir()


def drawn_settings(net: cnnc.Net, random: Random) -> list[str]:
    """A batch, a type, a convention and perhaps a device."""
    batch = random.choice(["1", "2", "7", "N"])
    if set(net.symbols) & {"N"}:
        batch = "3"
    dtype = random.choice([*DTYPE_BYTES])
    settings = ["--batch", batch, "--dtype", dtype, "--convention", random.choice([*CONVENTIONS])]
    if not net.symbols and batch != "N" and random.random() < 0.5:
        able = [name for name, device in read_devices(str(BUNDLED)).items() if dtype in device.peak]
        settings += ["--device", random.choice(able)]
    return settings


@cache
def validator() -> Any:
    return jsonschema.Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")))


def check_report(report: dict[str, Any], net: cnnc.Net) -> None:
    """The schema's word; and totals are the sums over layers, work those of the layers that inference needs."""
    for error in validator().iter_errors(report):
        raise Disagreement("the report does not follow its schema", f"{error.json_path}: {error.message[:200]}")
    demand(len(report["layers"]) == len(net.layers), "the report has other layers")
    if net.symbols or isinstance(report["batch"], str):
        return
    active = report["layers"] if not net.graph.aux else None
    demand(
        sum(layer["params"] for layer in report["layers"]) == report["totals"]["params"],
        "layers' parameters do not add up",
    )
    for name in FIGURES if active is not None else ():
        total = sum(layer[name] for layer in active)
        demand(total == report["totals"][name], "layers do not add up to the total", f"{name}: {total}")


def check_groups(groups: list[dict[str, Any]], report: dict[str, Any]) -> None:
    """Groups add up to what all layers do."""
    if isinstance(report["batch"], str):
        return
    for name in FIGURES:
        own, other = (sum(part[name] for part in parts) for parts in (groups, report["layers"]))
        demand(own == other, "groups do not add up to the layers", f"{name}: {own}, layers {other}")
    demand(sum(g["layers"] for g in groups) == len(report["layers"]), "groups have other layers")


def check_tables(shell: Shell, report: dict[str, Any], by: str, settings: list[str]) -> None:
    """Table and Markdown have the same lines; those of CSV add up to what the JSON report says."""
    table, markdown, commas = (
        shell.ask("analyze", "--by", by, "--format", form, *settings).out for form in ("table", "md", "csv")
    )
    heading, *lines = csv.reader(io.StringIO(commas))
    plain = table.split("\n\n")[1].splitlines()
    rows = [line for line in markdown.splitlines() if line.startswith("| ")]
    names = [[row.split(marks)[column].strip().replace("\\", "") for row in text[2:]]
             for text, marks, column in ((plain, "  ", 0), (rows, "|", 1))]  # fmt: skip
    demand(names[0] == names[1], "Markdown has other lines than the table", f"{names[0]}, {names[1]}")
    if any(isinstance(layer[name], str) for layer in report["layers"] for name in FIGURES):
        return
    for column, name in ((heading.index("params"), "params"), (heading.index("params") + 1, "cost")):
        sums = sum(int(line[column]) for line in lines), sum(layer[name] for layer in report["layers"])
        demand(sums[0] == sums[1], "CSV does not add up to the JSON report", f"{by} {name}: {sums[0]}, {sums[1]}")


def check_page(page: str, report: dict[str, Any]) -> None:
    """The page holds the JSON report."""
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    demand(json.loads(found[1])["report"] == report, "the page holds another report")


def check_formulas(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """Every formula of `--explain` is true, also in what is printed."""
    printed = shell.ask("analyze", "--explain", *random.choice(([], ["--batch", "3"]))).out
    formulas.check(net, **program.sizes)
    if not net.symbols:
        formulas.check_text(printed)


def check_sizes(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """At the sizes of its symbols, a program is what it is for an input of that shape."""
    if not program.sizes:
        return
    sizes = ",".join(f"{name}={n}" for name, n in program.sizes.items())
    found = shell.ask("analyze", "--format", "json", "--at", sizes, refusals=("E0343",))
    if found.status == 0:
        plain = shell.ask("analyze", "--format", "json", "--input", numbers(program, net)).data()
        demand(found.data() == plain, "formulas at sizes are not the report at these sizes")
    shell.ask("analyze", "--at", sizes, "--by", "block", refusals=("E0343",))


def numbers(program: Program, net: cnnc.Net) -> str:
    """The shape of the only input with numbers for its symbols."""
    return "x".join(str(program.sizes.get(str(n), n)) for n in net.input_shape[1:])


# Texts and drawings


def check_text(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """`check` has nothing against it; `fmt` comes to rest after one pass and keeps the network."""
    demand("ok" in shell.ask("check").out, "check does not say ok")
    before = shell.ask("analyze", "--format", "json").data()
    Path("layout.cnn").write_text(program.text, encoding="utf-8")
    shell.call("fmt", "layout.cnn")
    shell.call("fmt", "--check", "layout.cnn")
    after = shell.call("analyze", "layout.cnn", *shell.request, "--format", "json").data()
    demand(placeless(after) == placeless(before), "fmt changes the network")


def placeless(report: dict[str, Any]) -> dict[str, Any]:
    """A report without places in the text, which move when it is laid out."""
    parts = [*report["layers"], *report["constraints"]]
    for part in parts:
        del part["span"]
    return {**report, "constraints": [re.sub(r" at \d+:\d+", "", c["text"]) for c in report["constraints"]]}


def check_diff(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """Nothing lies between a program and itself; a program that lacks a part of it is compared in every form."""
    by = random.choice(("layer", "block", "op"))
    same = shell.call("diff", "net.cnn", "net.cnn", *shell.request, "--by", by, "--check", "--format", "json").data()
    demand(same["equal"], "a program differs from itself")
    sibling = mutated(program, random)
    if sibling is None:
        return
    Path("sibling.cnn").write_text(sibling.text, encoding="utf-8")
    options = [
        "--by",
        by,
        "--format",
        random.choice(("table", "md", "json")),
        "--convention",
        random.choice([*CONVENTIONS]),
    ]
    shell.call("diff", "net.cnn", "sibling.cnn", *shell.request, *options)


def mutated(program: Program, random: Random) -> Program | None:
    """The program with one part taken away or made smaller, of the first few that compile."""
    found = sorted(set(edits(program.text)))
    for edit in random.sample(found, min(len(found), 6)):
        text = program.text[: edit.start] + edit.text + program.text[edit.end :]
        sibling = program._replace(text=text, shapes=None)
        if accepted(sibling):
            return sibling
    return None


def check_draw(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """All three forms, open and closed."""
    for form in ("svg", "mermaid", "dot"):
        depth = random.choice(([], ["--depth", "0"], ["--depth", "1"], ["--full"], ["--full", "--depth", "2"]))
        drawn = shell.ask("draw", "--to", form, "-o", "-", *depth).out
        if form == "svg":
            ElementTree.fromstring(drawn)
        demand(bool(drawn.strip()), "a drawing is empty", form)


# What runs networks, or compiles them often


def check_compile(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """Every target, whose results are those of the Python API."""
    shapes = [] if not program.sizes else ["--input", numbers(program, net)]
    source = shell.ask("compile", "-o", "-", *shapes, refusals=SHARED).out
    demand(not source or "nn.Module" in source or "nn.Sequential" in source, "the source has no module")
    for options in ([], ["--inference"], ["--batch", "3", "--seed", "4"]):
        shell.ask("compile", "-o", "net.onnx", *shapes, *options)
    if net.graph.recipe is not None and net.params:
        compile(shell.ask("compile", "--to", "train", "-o", "-", *shapes, refusals=SHARED).out, "train.py", "exec")


def check_advice(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """What advice rewrites compiles to the same outputs and what was promised, and keeps the function where it says."""
    shapes = [] if not program.sizes else ["--input", numbers(program, net)]
    found = shell.ask("advise", "--verify", "--format", "json", *shapes).data()
    shell.ask("advise", *shapes)
    for one in found["advice"]:
        rewritten = shell.ask("advise", *shapes, "--apply", str(one["number"])).out
        demand(rewritten == one["program"], "advice is applied otherwise than it says")
        Path("advised.cnn").write_text(rewritten, encoding="utf-8")
        report = shell.call("analyze", "advised.cnn", *shell.request, *shapes, "--format", "json").data()
        for name in ("params", "macs", "other_ops", "activation_bytes", "peak_bytes"):
            promised = one["savings"][name]["after"]
            demand(report["totals"][name] == promised, "advice does not save what it says", f"{one['rule']} {name}")


def check_verify(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """It says of each output whether it agrees; what rounding does to a program is known to the oracle alone."""
    shapes = [] if not program.sizes else ["--input", numbers(program, net)]
    found = shell.ask("verify", *shapes, "--seed", "3", status=(0, 1), refusals=SHARED)
    demand(found.status or not found.out or " ok " in found.out, "verify does not say ok", found.out)


def check_weights(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """Its own tensors map onto themselves."""
    shapes = [] if not program.sizes else ["--input", numbers(program, net)]
    plain = net.at(**program.sizes) if program.sizes else net
    tensors = {name: np.ascontiguousarray(a) for name, a in random_weights(plain.graph, 3).items()}
    if not tensors:
        return
    save_file(tensors, "own.safetensors")
    shell.ask("weights", *shapes, "--from", "own.safetensors", "-o", "mapped.safetensors")
    mapped = load_file("mapped.safetensors")
    demand(mapped.keys() == tensors.keys(), "weights have other names", str(mapped.keys() ^ tensors.keys()))
    for name, array in tensors.items():
        counts = name.endswith("num_batches_tracked")  # of no use in inference, so not carried over
        demand(counts or np.array_equal(mapped[name], array), "weights do not map onto themselves", name)


def check_run(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """An image goes through networks that take one."""
    shape = net.input_shape[1:]
    if len(net.graph.inputs) > 1 or len(shape) != 3 or shape[0] not in (1, 3):
        return
    Image.fromarray(np.random.default_rng(3).integers(0, 256, (9, 11, 3), dtype=np.uint8)).save("image.png")
    asked = [] if not program.sizes and program.input is None else ["--shape", numbers(program, net)]
    values = [argument for argument in shell.request if argument.startswith("-D")]
    where = random.choice(("numpy", "onnx", "cpu"))
    profile = ["--profile"] if where != "onnx" and random.random() < 0.3 else []
    shell.call("run", "net.cnn", *values, *asked, "--input", "image.png", "--on", where, *profile, refusals=SHARED)


def check_fit(shell: Shell, program: Program, net: cnnc.Net, random: Random) -> None:
    """A build parameter that was given fits its own budget, and a sweep over it finds the network again."""
    if not program.params or program.sizes or program.input is not None:
        return
    name = random.choice(sorted(program.params))
    value, limit = program.params[name], net.params
    if not begins(program._replace(params={n: v for n, v in program.params.items() if n != name})):
        return
    rest = [f"-D{other}={n}" for other, n in program.params.items() if other != name]
    budget = ["--params", str(max(limit, 1)), "--vary", f"{name}={value}..{value + 1}"]
    found = shell.call("fit", "net.cnn", *rest, *budget, "--format", "json").data()
    demand(found["cost"]["params"]["used"] <= max(limit, 1), "fit does not keep to the budget")
    fixed = "".join(f"{other} = {n}\n" for other, n in program.params.items() if other != name)
    space = f'network = "net.cnn"\n[params]\n{fixed}{name} = [{value}, {value + 1}]\n'
    Path("space.toml").write_text(space, encoding="utf-8")
    shell.call("sweep", "space.toml", "-o", "swept.csv")
    line = next(line for line in csv.DictReader(io.StringIO(Path("swept.csv").read_text())) if line[name] == str(value))
    demand(int(line["params"]) == net.params, "a sweep finds other parameters", line["params"])


def begins(program: Program) -> bool:
    """Whether a search can begin with the program: it is right as it stands, or lacks but the value that is varied."""
    try:
        program.compiled()
    except cnnc.NetworkError as error:
        return error.code == "E0323"
    return True


Check = Callable[[Shell, Program, cnnc.Net, Random], None]
CHEAP: tuple[Check, ...] = (check_analyze, check_formulas, check_sizes, check_text, check_diff, check_draw)
DEAR: tuple[Check, ...] = (check_compile, check_advice, check_verify, check_weights, check_run, check_fit)
