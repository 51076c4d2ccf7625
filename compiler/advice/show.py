"""Advice as people read it."""

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from ..table import mebibytes
from .advise import FIGURES, Advice, Advised

if TYPE_CHECKING:
    from .carry import Checked


def advice_text(found: Advised, numbers: list[int], checked: "Mapping[int, Checked]") -> str:
    """The network's sums, then each piece of advice that a number (from 1) names; with what running it has shown."""
    sums = ", ".join(f"{_amount(name, found.figures[name])} {title}" for name, title in FIGURES.items())
    lines = [f"{found.graph.name}: {sums}, batch 1 in fp32", ""]
    if not numbers:
        lines += ["nothing to advise", ""]
    for number in numbers:
        lines += [*_one(number, found.advice[number - 1], checked.get(number)), ""]
    return "\n".join(lines[:-1]) + "\n"


def _one(number: int, advice: Advice, checked: "Checked | None") -> Iterator[str]:
    proposal, span = advice.proposal, advice.span
    yield f"{number}. {proposal.title} ({span})"
    yield f"   {proposal.why}"
    kind = "keeps the function exactly" if proposal.exact else "changes the function: train again"
    yield f"   {kind}{_verdict(checked)}"
    yield from _changes(advice)
    yield from (f"   {line}" for line in advice.difference.split("\n"))


def _verdict(checked: "Checked | None") -> str:
    if checked is None:
        return ""
    worst = max(checked.differences.values(), default=0.0)
    return f"; run with the same weights in float64: {worst:.1e} apart, {'ok' if checked.ok else 'DIFFERS'}"


def _changes(advice: Advice) -> Iterator[str]:
    """A line for each figure that changes: by how much, and what part of it that is."""
    changed = [(title, name) for name, title in FIGURES.items() if advice.saved(name)]
    amounts = [_signed(name, -advice.saved(name)) for _, name in changed]
    titles, width = max(len(t) for t, _ in changed), max(map(len, amounts))
    for (title, name), amount in zip(changed, amounts, strict=True):
        share = f"{-advice.share(name):+.2%}" if advice.before[name] else ""
        yield f"   {title.ljust(titles)}  {amount.rjust(width)}  {share}".rstrip()


def _amount(name: str, value: int) -> str:
    return mebibytes(value) if name.endswith("_bytes") else f"{value:,}"


def _signed(name: str, value: int) -> str:
    return f"{'+' if value > 0 else '-'}{_amount(name, abs(value))}"
