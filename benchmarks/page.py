"""The text of docs/peers.md, from the tools' stored figures and cnnc's own, computed on the spot."""

from collections.abc import Iterable, Sequence
from textwrap import fill
from typing import Any

import cnnc
from cnnc.compiler.conventions import CONVENTIONS
from differences import DIFFERENCES
from layers import LAYERS
from networks import NETWORKS, program, variants
from notes import NOTES
from probes import BACKWARD, PROBES

Figures = dict[str, Any]
OTHERS = ("calflops MACs", "onnx-tool")
"""Figures for which cnnc has no convention."""
MEASURED = tuple(name for name in CONVENTIONS if name != "torchvision")

HEAD = """# Beside other tools

What other tools say of torchvision's models, measured, beside what cnnc computes from the zoo's program under that
tool's convention (`cnnc analyze --convention NAME`, `net.cost("NAME")`). This page and tests/data/peers.json are
written by `make peers`; tests/test_peers.py holds cnnc to every figure.

{versions}
"""

SUMMARY = """## Networks

The tool's figure minus cnnc's. {exact} of {all} networks are equal under all seven conventions; every other difference
comes from how the model is written and is computed, to the last operation, from the layers that the reason names.
"""

PROBE_TEXT = """## Where tools go wrong

Small modules without biases. The loop does the sums by hand, one product at a time, and its result is the module's;
cnnc's multiply-accumulates equal its products on every line. A tool's figure stands plain where it is right (for torch
twice the products), with ° where it is more only by what its rule charges for other operations, and in bold with the
factor where it is wrong. Only fvcore says a word, in its list of unsupported operators.
"""

BACKWARD_TEXT = """## Backward passes

Multiply-accumulates of a forward and a backward pass of `Conv2d(3, 8, 3)` and `Conv2d(8, 8, 3, groups=g)` on 3x7x7, by
a loop that computes the gradients too. Output, weights' gradient and input's gradient cost the same; nobody needs that
of the network's input, so the true figure is 3·MAC less the first convolution's. torch's FLOPs are halved here. The
other tools count no backward pass.
"""


def page(figures: Figures) -> str:
    parts = [head(figures), summary(figures), differences(figures), conventions(), probes(figures), backward(figures)]
    return "\n".join([*parts, layers(), details(figures)])


def table(titles: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """A Markdown table, numbers on the right."""
    rule = "|".join(["", "---", *["---:"] * (len(titles) - 1), ""])
    return "\n".join(["| " + " | ".join(titles) + " |", rule, *("| " + " | ".join(line) + " |" for line in lines), ""])


def head(figures: Figures) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in figures["versions"].items())
    return HEAD.format(versions=fill(f"Versions: {versions}.", 120))


def gap(figures: Figures, name: str, convention: str) -> int | None:
    """The tool's figure minus cnnc's, if there is one; what torchvision publishes counts to three places."""
    net = program(name)
    if convention == "torchvision":
        published: float = variants()[name]["reference_gmacs"]
        return round((published - round(net.macs / 1e9, 3)) * 1e9)
    found: int | str = figures["networks"][name][convention]
    return found - net.cost(convention) if isinstance(found, int) else None


def signed(difference: int | None) -> str:
    return "none" if difference is None else "0" if difference == 0 else f"{difference:+,}".replace("-", "−")


def summary(figures: Figures) -> str:
    gaps = {name: [gap(figures, name, convention) for convention in CONVENTIONS] for name in NETWORKS}
    exact = sum(not any(line) and None not in line for line in gaps.values())
    text = SUMMARY.format(exact=exact, all=len(NETWORKS))
    return f"{text}\n" + table(["network", *CONVENTIONS], ([name, *map(signed, line)] for name, line in gaps.items()))


def differences(figures: Figures) -> str:
    lines = (
        [name, tool, signed(gap(figures, name, tool)), difference.reason]
        for (name, tool), difference in DIFFERENCES.items()
    )
    return table(["network", "tool", "difference", "reason"], lines).replace("---:|\n", "---|\n")


def conventions() -> str:
    parts = ["## The conventions\n"]
    for name in [*CONVENTIONS, "calflops", "onnx-tool"]:
        convention = CONVENTIONS.get(name)
        rule = (
            f"{convention.unit}: {convention.doc}."
            if convention
            else "No convention here; its figures stand beside ours."
        )
        parts.append("\n".join([f"**{name}.** {rule}\n", *(f"- {note}" for note in NOTES[name]), ""]))
    return "\n".join(parts)


def probes(figures: Figures) -> str:
    columns = [*MEASURED, *OTHERS]
    lines = []
    for name, probe in PROBES.items():
        net = cnnc.compile(probe.program, input=probe.size)
        products, size = probe.run()[0], "x".join(map(str, probe.size))
        cells = [cell(figures["probes"][name][tool], tool, products, net) for tool in columns]
        lines.append([name, f"{probe.shown} on {size}", f"{products:,}", *cells])
    return f"{PROBE_TEXT}\n" + table(["probe", "module", "products", *columns], lines)


def cell(found: int | str, tool: str, products: int, net: cnnc.Net) -> str:
    """A figure, and whether it is right."""
    if isinstance(found, str):
        return found
    truth = products * (2 if tool == "torch" else 1)
    if found == truth:
        return f"{found:,}"
    by_rule = found <= net.cost(tool) if tool in CONVENTIONS else tool == "onnx-tool" and net.totals.work.other > 0
    if by_rule and found > truth:
        return f"{found:,}°"
    return f"**{found:,} (×{found / truth:.3g})**" if found else "**0**"


def backward(figures: Figures) -> str:
    lines = []
    for name, pair in BACKWARD.items():
        products, found = pair.run()[0], figures["backward"][name]
        cells = [found["torch"] // 2, found["calflops MACs"]]
        lines.append([name, f"{products:,}", *(f"{figure:,} (×{figure / products:.3g})" for figure in cells)])
    return f"{BACKWARD_TEXT}\n" + table(["second convolution", "loop", "torch", "calflops MACs"], lines)


def layers() -> str:
    text = (
        f"{len(LAYERS)} modules, each by itself, are equal under every convention, but that ptflops counts upsampling "
    )
    names = fill(f"{text}modules twice: {'; '.join(LAYERS)}.", 120)
    return f"## Single layers\n\n{names}\n"


def details(figures: Figures) -> str:
    parts = ["## All figures\n"]
    for name in NETWORKS:
        net, found = program(name), figures["networks"][name]
        theirs = {
            "torchvision": f"{variants()[name]['reference_gmacs']:.3f} G",
            **{t: count(found[t]) for t in MEASURED},
        }
        lines = [
            [tool, CONVENTIONS[tool].unit, figure, f"{net.cost(tool):,}", signed(gap(figures, name, tool))]
            for tool, figure in theirs.items()
        ]
        ours = {"calflops MACs": net.macs, "calflops FLOPs": net.flops, "onnx-tool": net.macs}
        lines += [[tool, "beside ours", count(found[tool]), f"{figure:,}", ""] for tool, figure in ours.items()]
        parts.append(f"### {name}\n\n{variants()[name]['input']}, {net.params:,} parameters.\n")
        parts.append(table(["tool", "figure", "the tool's", "cnnc's", "difference"], lines))
    return "\n".join(parts)


def count(found: int | str) -> str:
    return f"{found:,}" if isinstance(found, int) else found
