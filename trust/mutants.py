"""Hostile programs through everything that users reach: each is answered, quickly, in little memory and legibly."""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import cnnc
from cnnc.compiler.diagnostics import Diagnostic
from cnnc.compiler.files import read_source
from cnnc.compiler.format import format_source
from cnnc.compiler.limits import Limits
from cnnc.compiler.render import render_text
from cnnc.compiler.source import Source, Span
from mutations import from_grammar, mutant
from workers import run_cases

MAKERS = {"mutant": mutant, "grammar": from_grammar}
STRICT = cnnc.Limits(max_built=5_000)
"""What a service would allow to strangers. Time goes with the layers that are built, a quarter of a
millisecond each."""
SECONDS = 2.0
MEMORY = 512 * 2**20
LAYERS = 10_000
"""The JSON report has an entry for every layer, however often it is repeated; larger ones are left out here."""
BATCH = 50
SAMPLE = 4
"""One of so many programs that compile is also written as PyTorch source and as JSON."""


class Case(NamedTuple):
    """A program of a seed; nothing else is needed to make it again."""

    maker: str
    seed: int
    index: int

    def data(self) -> bytes:
        return MAKERS[self.maker](self.seed, self.index)


class Answer(NamedTuple):
    """What came of a program: how far it got, the codes that were reported, and what was wrong with that."""

    case: Case
    stage: str
    codes: tuple[str, ...]
    faults: tuple[str, ...]
    seconds: float


# One program


def answer(case: Case) -> Answer:
    """Put one program through everything. What a user must never see becomes a fault."""
    data = case.data()
    start = time.process_time()
    found: list[Diagnostic] = []
    try:
        stage = _answer(data, case.index % SAMPLE == 0, found)
        faults = [fault for diagnostic in found for fault in _faults(diagnostic)]
    except cnnc.InternalError as error:
        stage, faults = "failed", [f"a fault of cnnc: {error}"]
    except (Exception, RecursionError) as error:
        stage, faults = "failed", [f"{type(error).__name__}: {error}"[:300]]
    seconds = time.process_time() - start
    if seconds > SECONDS:
        faults.append(f"took {seconds:.1f} s")
    return Answer(case, stage, tuple(d.code for d in found), tuple(faults), seconds)


def _answer(data: bytes, sampled: bool, found: list[Diagnostic]) -> str:
    """How far a program gets: unreadable, refused, checked (declarations only, or no input shape), compiled."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        found += _read(data)
        return "unreadable"
    found += cnnc.check(text, limits=STRICT)
    _format(text, found)
    if any(d.is_error for d in found):
        return "refused"
    try:
        net = _compiled(text)
    except cnnc.CnncError as error:
        found += error.diagnostics
        return "checked"
    found += net.warnings
    net.report()
    if sampled:
        if net.totals.layers <= LAYERS:
            json.dumps(net.to_dict(), allow_nan=False)
        if not net.symbols:
            compile(net.torch_source(), "net.py", "exec")
    return "compiled"


def _read(data: bytes) -> list[Diagnostic]:
    """What is said of a file that is no text."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "net.cnn")
        path.write_bytes(data)
        try:
            read_source(str(path), Limits())
        except cnnc.CnncError as error:
            return error.diagnostics
    raise AssertionError("it was read as text")


def _compiled(text: str) -> cnnc.Net:
    try:
        return cnnc.compile(text, limits=STRICT)
    except cnnc.NetworkError as error:
        if error.code != "E0211":
            raise
        return cnnc.compile(text, input=(3, 64, 64), limits=STRICT)


def _format(text: str, found: list[Diagnostic]) -> None:
    """The layout of a program is that of its layout; a text that cannot be parsed has none."""
    try:
        once = format_source(Source(text), STRICT)
    except cnnc.NetworkError as error:
        found += error.diagnostics
        return
    assert format_source(Source(once)) == once, "the layout of the layout is another"


def _faults(diagnostic: Diagnostic) -> Iterator[str]:
    """What is wrong with how a finding is shown."""
    rendered = render_text(diagnostic)
    if not all(c.isprintable() or c == "\n" for c in rendered):
        yield f"{diagnostic.code} echoes control characters"
    if max(map(len, rendered.split("\n"))) > 1000:
        yield f"{diagnostic.code} shows a line of more than 1,000 characters"
    if diagnostic.code == "E0901":
        yield f"a fault of cnnc: {rendered}"
    data = json.dumps(diagnostic.to_dict())
    if len(data) > 20_000:
        yield f"{diagnostic.code} takes {len(data)} bytes of JSON"
    for span in (diagnostic.span, *(label.span for label in diagnostic.labels)):
        if span is not None and not _inside(span):
            yield f"{diagnostic.code} points outside of its text: {span.start} to {span.end} of {len(span.source.text)}"


def _inside(span: Span) -> bool:
    return 0 <= span.start <= span.end <= len(span.source.text)


# Many programs


def batches(cases: list[Case], size: int = BATCH) -> Iterator[list[Case]]:
    for start in range(0, len(cases), size):
        yield cases[start : start + size]


def answers(cases: list[Case], processes: int = 2) -> Iterator[Answer]:
    """The answer to each program. A batch that dies or hangs is taken apart to find out which program it was."""
    answer(Case("grammar", 0, 0))  # what every worker needs is loaded before the first is forked

    def work(batch: list[Case]) -> list[Answer]:
        return [answer(case) for case in batch]

    again: list[list[Case]] = []
    for outcome in run_cases(work, batches(cases), processes=processes, deadline=SECONDS * BATCH, memory=MEMORY):
        if outcome.failure:
            again += [[case] for case in outcome.case]
        else:
            yield from outcome.value
    for outcome in run_cases(work, again, processes=processes, deadline=5 * SECONDS, memory=MEMORY):
        if outcome.failure:
            yield Answer(outcome.case[0], "failed", (), (outcome.failure[-300:],), outcome.seconds)
        else:
            yield from outcome.value


def cases_of(seed: int, mutants: int, derived: int) -> list[Case]:
    return [*(Case("mutant", seed, i) for i in range(mutants)), *(Case("grammar", seed, i) for i in range(derived))]


def section(seed: int, cases: list[Case], found: list[Answer], seconds: float) -> str:
    """The report in Markdown."""
    stages = Counter(a.stage for a in found)
    makers = Counter(a.case.maker for a in found)
    faults = [(a, fault) for a in found for fault in a.faults]
    rows: dict[str, Any] = {
        "mutants of programs": makers["mutant"],
        "texts from the grammar": makers["grammar"],
        "no text in UTF-8": stages["unreadable"],
        "refused with diagnostics": stages["refused"],
        "free of errors, without a network or an input": stages["checked"],
        "compiled and reported": stages["compiled"],
        "diagnostics shown": sum(len(a.codes) for a in found),
        "different codes among them": len({code for a in found for code in a.codes}),
        "longest time for one": f"{max(a.seconds for a in found):.2f} s",
        "time for all": f"{seconds:,.0f} s",
        "faults": len(faults),
    }
    lines = [
        "## Hostile programs",
        "",
        "Mutants of all programs in the repository and texts derived from the grammar go through `check`, `fmt` and, "
        f"where they have no errors, `compile` and `report`, each in at most {SECONDS:g} s of processor time and "
        f"{MEMORY >> 20} MiB. A fault is an exception other than a CnncError, an internal error, a broken bound, "
        "control characters in a message or a place outside of the text. Limits are the default ones, but for at most "
        f"{STRICT.max_built:,} layers built one by one. Seed {seed}.",
        "",
        "| | |",
        "|---|--:|",
        *(
            f"| {name} | {value:,} |" if isinstance(value, int) else f"| {name} | {value} |"
            for name, value in rows.items()
        ),
    ]
    if faults:
        lines += ["", *(f"- {a.case.maker} {a.case.index}: {_one_line(fault)}" for a, fault in faults[:100])]
    return "\n".join(lines)


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000, help="mutants; a fiftieth as many come from the grammar")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", metavar="MAKER:INDEX", help="write one program to stdout instead")
    args = parser.parse_args()
    if args.show:
        maker, _, index = args.show.partition(":")
        sys.stdout.buffer.write(Case(maker, args.seed, int(index)).data())
        return 0
    cases = cases_of(args.seed, args.count, args.count // 50)
    start, found = time.monotonic(), []
    for one in answers(cases):
        found.append(one)
        for fault in one.faults:
            print(f"{one.case.maker}:{one.case.index}: {_one_line(fault)}", file=sys.stderr)
        if len(found) % 5000 == 0:
            print(f"{len(found):,} of {len(cases):,}, {time.monotonic() - start:.0f} s", file=sys.stderr)
    print(section(args.seed, cases, found, time.monotonic() - start))
    return 1 if any(a.faults for a in found) else 0


if __name__ == "__main__":
    sys.exit(main())
