"""Advice on a program: what the rules propose, compiled, and kept where it saves."""

from collections.abc import Callable, Iterator
from difflib import unified_diff
from itertools import islice, pairwise
from typing import Any, NamedTuple

from ..cost import summarize
from ..diagnostics import CnncError, NetworkError, usage
from ..difference import saved_bytes
from ..format import format_source
from ..ir import Graph, known
from ..limits import Limits
from ..memory import DTYPE_BYTES
from ..pipeline import deep_recursion
from ..source import Source, Span
from ..specialize import symbols_of
from ..template import Template
from .edits import Edit, applied
from .heads import pooled_heads
from .idle import idle_layers, unread_layers, zero_branches
from .kernels import grouped, separable, small_kernels
from .linear import biases_before_norms, doubled_norms, merged_layers, reordered
from .program import WORTHWHILE, Program
from .proposal import Proposal, together
from .strides import earlier_pools, earlier_strides

EXACT: tuple[Callable[[Program], Iterator[Proposal]], ...] = (
    biases_before_norms, merged_layers, doubled_norms, reordered, idle_layers, zero_branches, unread_layers,
)  # fmt: skip
RETRAINED: tuple[Callable[[Program], Iterator[Proposal]], ...] = (
    pooled_heads, small_kernels, separable, grouped, earlier_pools, earlier_strides,
)  # fmt: skip
FIGURES = {
    "params": "parameters",
    "macs": "MACs",
    "other_ops": "other operations",
    "activation_bytes": "activations",
    "peak_bytes": "peak of activations",
    "training_bytes": "kept for backward",
}
MOST_TRIED = 30
"""Proposals of one rule that are tried one by one, the first in the text; for each the whole program is compiled."""


class Advice(NamedTuple):
    """A rewrite that saves.

    text: the whole program as rewritten, in its canonical layout. before, after: the sums of both networks.
    raw: the rewritten text as edited, whose graph is `graph`.
    """

    proposal: Proposal
    span: Span
    text: str
    difference: str
    before: dict[str, int]
    after: dict[str, int]
    graph: Graph

    def saved(self, name: str) -> int:
        return self.before[name] - self.after[name]

    def share(self, name: str) -> float:
        """What is saved of a figure, as a part of it."""
        return self.saved(name) / self.before[name] if self.before[name] else 0.0

    @property
    def worth(self) -> tuple[float, float]:
        """What advice is sorted by: operations and parameters saved first, then memory and other operations."""
        memory = sum(map(self.share, ("peak_bytes", "training_bytes", "activation_bytes", "other_ops")))
        return round(self.share("macs") + self.share("params"), 6), memory

    def to_dict(self) -> dict[str, Any]:
        """The advice as plain data."""
        p = self.proposal
        figures = {
            n: {"before": self.before[n], "after": self.after[n], "saved": self.saved(n), "share": self.share(n)}
            for n in FIGURES
        }
        return {
            "rule": p.rule,
            "title": p.title,
            "why": p.why,
            "file": self.span.source.name,
            "line": self.span.line,
            "column": self.span.column,
            "exact": p.exact,
            "savings": figures,
            "difference": self.difference,
            "program": self.text,
        }


class Advised(NamedTuple):
    """A program, its graph and sums, and the advice on it, what saves most first."""

    source: Source
    graph: Graph
    figures: dict[str, int]
    advice: list[Advice]

    def to_dict(self) -> dict[str, Any]:
        advice = [{"number": i + 1, **one.to_dict()} for i, one in enumerate(self.advice)]
        return {"schema": 1, "net": self.graph.name, "totals": self.figures, "advice": advice}


class Advisor:
    """Compiles what rules propose with the same inputs and build parameters."""

    def __init__(self, source: Source, shapes: Any, params: dict[str, Any], limits: Limits) -> None:
        self.source, self.shapes, self.params, self.limits = source, shapes, params, limits
        self.canonical = format_source(source, limits)

    def compiled(self, text: str) -> tuple[Source, Any, Graph, list[Any]]:
        """A program's source, tree, graph and warnings. Raises NetworkError."""
        template = Template(Source(text, self.source.name, self.source.path), limits=self.limits)
        result = template.build(self.shapes, dict(self.params))
        if result.graph is None:
            raise NetworkError(result.diagnostics)
        return template.source, template.tree, result.graph, result.diagnostics

    def advise(self) -> tuple[Advised, list[Any]]:
        source, tree, graph, warnings = self.compiled(self.source.text)
        symbols = symbols_of(graph)
        if symbols:
            raise usage("E0331", symbols=", ".join(symbols))
        program, before = Program(source, tree, graph), figures(graph)
        found: list[Advice] = []
        for proposals in candidates(program):
            tried = [self.tried(p, program, before) for p in proposals]
            found += [one for one in tried if one is not None]
        kept = {one.text: one for one in sorted(found, key=lambda one: one.proposal.exact)}
        ranked = sorted(kept.values(), key=lambda one: one.worth, reverse=True)
        return Advised(source, graph, before, ranked), warnings

    def tried(self, proposal: Proposal, program: Program, before: dict[str, int]) -> Advice | None:
        """The advice that a proposal gives; None where it does not compile, changes an output's shape or saves nothing.

        A rule need not know all that could keep an edit from being possible: what it proposes is judged here.
        """
        if overlap(proposal.edits):
            return None
        raw = applied(program.text, proposal.edits)
        try:
            _, _, graph, _ = self.compiled(raw)
            text = format_source(Source(raw, self.source.name), self.limits)
        except CnncError:
            return None
        if _results(graph) != _results(program.graph):
            return None
        after = figures(graph)
        if not saves(before, after, proposal.exact):
            return None
        span = Span(program.source, *proposal.pos)
        return Advice(proposal, span, text, difference_of(self.canonical, text), before, after, graph)


def advise(source: Source, shapes: Any, params: dict[str, Any], limits: Limits) -> tuple[Advised, list[Any]]:
    """Advice on a program, and the compiler's warnings about it. Raises NetworkError, and UsageError for open sizes."""
    with deep_recursion():
        return Advisor(source, shapes, params, limits).advise()


def candidates(program: Program) -> Iterator[list[Proposal]]:
    """What to try. An exact rule's proposals are one if they do not overlap, since nobody wants half of them."""
    for rule in EXACT:
        found: dict[str, list[Proposal]] = {}
        for proposal in rule(program):
            found.setdefault(proposal.rule, []).append(proposal)
        for proposals in found.values():
            whole = together(proposals)
            yield proposals[:MOST_TRIED] if overlap(whole.edits) else [whole]
    for rule in RETRAINED:
        yield list(islice(rule(program), MOST_TRIED))


def overlap(edits: tuple[Edit, ...]) -> bool:
    """Whether two edits change the same text."""
    ordered = sorted(edits)
    return any(b.start < a.end for a, b in pairwise(ordered))


def figures(graph: Graph) -> dict[str, int]:
    """The sums of a network that advice is about, for one sample in fp32."""
    summary, width = summarize(graph), DTYPE_BYTES["fp32"]
    return {
        "params": summary.params,
        "macs": summary.work.mac,
        "other_ops": summary.work.other,
        "activation_bytes": width * summary.activations,
        "peak_bytes": width * summary.peak,
        "training_bytes": saved_bytes(graph),
        "layers": summary.layers,
    }


def saves(before: dict[str, int], after: dict[str, int], exact: bool) -> bool:
    """Whether a rewrite is worth telling: it saves, and costs neither parameters nor operations."""
    if after["params"] > before["params"] or after["macs"] > before["macs"]:
        return False
    if exact:
        better = any(after[name] < before[name] for name in FIGURES)
        return better and after["peak_bytes"] <= before["peak_bytes"]
    return any(before[name] - after[name] > WORTHWHILE * before[name] for name in ("params", "macs"))


def _results(graph: Graph) -> list[Any]:
    """The names and shapes of all outputs."""
    return [(t.name, known(t.value)) for t in (*graph.outputs, *graph.aux)]


def difference_of(old: str, new: str) -> str:
    """The lines that differ, `-` or `+` and a space before them; the program has both in its canonical layout."""
    _, _, *lines = unified_diff(old.splitlines(), new.splitlines(), lineterm="", n=0)
    return "\n".join(f"{line[0]} {line[1:]}" for line in lines if line[0] != "@")
