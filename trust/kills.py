"""Kills of commands that write: at every step of the writing code in turn, and at random moments of whole runs.

`python trust/kills.py --count 200 --every 10`: so many random kills, and one in ten of the systematic ones.
"""

import argparse
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from children import Child, Ended, Points, in_pieces
from outputs import OUTPUTS, Output, make_folder

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
WRITING = ("compiler/writing.py", "onnx/external.py", "sweep/journal.py", "/contextlib.py")
"""The code whose every step is a point to be killed at."""


class Kill(NamedTuple):
    """One disturbed run: the signal, and at which step of writing, after which piece of data, or after what time."""

    output: Output
    signal: signal.Signals
    step: int | None = None
    piece: int | None = None
    share: float | None = None
    """Of the time that an undisturbed run takes."""
    named: bool = False
    """Whether unfinished files have hidden names, as where the system has no files without one."""

    def __str__(self) -> str:
        place = f"step {self.step}" if self.step else f"piece {self.piece}" if self.piece else f"{self.share:.3f} of it"
        return f"{self.output}, {self.signal.name} at {place}{', with a hidden name' if self.named else ''}"


class Whole(NamedTuple):
    """An undisturbed run: what it leaves, its seconds, and the points that it has."""

    new: dict[str, bytes]
    seconds: float
    steps: int
    pieces: int


class Bench:
    """A folder with inputs and old results, of which every run gets a copy."""

    def __init__(self, folder: Path, outputs: tuple[Output, ...] = OUTPUTS) -> None:
        self.folder, self.start = folder, folder / "start"
        self.start.mkdir()
        make_folder(self.start)
        self.wholes: dict[str, Whole] = {}
        for output in outputs:
            self.wholes[output.name] = self.measured(output)

    def copy(self, output: Output, name: str) -> Path:
        """A folder as it is before a command: inputs, and the target with what it had."""
        there = self.folder / name
        shutil.rmtree(there, ignore_errors=True)
        shutil.copytree(self.start, there)
        if output.external:  # the old model must be one whose data is beside it
            argv = (*output.argv, "--seed", "1")
            assert Child(argv, there, lambda: prepare(output)).wait().status == 0
        elif output.old is not None:
            (there / output.target).write_bytes(output.old)
        return there

    def measured(self, output: Output) -> Whole:
        there, counts = self.copy(output, "whole"), self.folder / "counts"
        points = Points(WRITING, None, lambda: None)

        def count() -> None:
            prepare(output)
            pieces = [0]
            in_pieces(lambda n: pieces.__setitem__(0, n))
            points.install()
            leave = sys.exit

            def leaving(status: int) -> None:
                sys.settrace(None)
                sys.setprofile(None)
                counts.write_text(f"{points.count} {pieces[0]}")
                leave(status)

            sys.exit = leaving  # type: ignore[assignment]

        ended = Child(output.argv, there, count).wait()
        assert ended.status == 0, f"{output}: {ended.err}"
        steps, pieces = map(int, counts.read_text().split())
        new, there = files(there), self.copy(output, "whole")
        seconds = Child(output.argv, there, lambda: prepare(output)).wait().seconds
        assert files(there) == new, f"{output}: two runs differ"
        return Whole(new, seconds, steps, pieces)

    def run(self, kill: Kill, name: str = "killed") -> list[str]:
        """What is wrong after one kill, and after the same command again."""
        there = self.copy(kill.output, name)
        old, new = files(there), self.wholes[kill.output.name].new
        ended = self.killed(kill, there)
        wrong = list(faults(kill, ended, old, new, files(there)))
        again = Child(kill.output.argv, there, lambda: prepare(kill.output)).wait()
        if kill.output.old is None and kill.output.target in files(there) and again.status == 2:
            again = again._replace(status=0)  # it was finished, and `new` never writes over a file
        if again.status != 0:
            wrong.append(f"the next run ends with {again.status}: {again.err.strip()[-200:]}")
        elif visible(files(there)) != visible(new):
            wrong.append("the next run leaves something else than an undisturbed one")
        return wrong

    def killed(self, kill: Kill, there: Path) -> Ended:
        def disturb() -> None:
            prepare(kill.output)
            if kill.named:
                del os.O_TMPFILE
            if kill.step is not None:
                Points(WRITING, kill.step, lambda: signal.raise_signal(kill.signal)).install()
            if kill.piece is not None:
                in_pieces(lambda n: signal.raise_signal(kill.signal) if n == kill.piece else None)

        child = Child(kill.output.argv, there, disturb)
        if kill.share is not None:
            time.sleep(kill.share * self.wholes[kill.output.name].seconds)
            child.send(kill.signal)
        return child.wait()


def prepare(output: Output) -> None:
    """In the child: have data go to a second file where that is asked for."""
    if output.external:
        from cnnc.backends import onnx

        onnx.INLINE_LIMIT = 2000


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def visible(found: dict[str, bytes]) -> dict[str, bytes]:
    return {name: data for name, data in found.items() if not name.startswith(".")}


def faults(
    kill: Kill, ended: Ended, old: dict[str, bytes], new: dict[str, bytes], left: dict[str, bytes]
) -> Iterator[str]:
    """What is not as it should be after a kill."""
    target = kill.output.target
    goal = next((which for which in (new, old) if left.get(target) == which.get(target)), None)
    if goal is None:
        yield f"{target} is neither the old file nor the new one"
    else:
        changed = [name for name, data in goal.items() if left.get(name) != data]
        if changed:
            yield f"{', '.join(changed)} is not what belongs to {target}"
        extra = [name for name in left if name not in goal and not allowed(kill, name)]
        if extra:
            yield f"{', '.join(extra)} is left behind"
    yield from said(kill, ended)


def allowed(kill: Kill, name: str) -> bool:
    """Whether a file may be left: work that the next run takes up; after SIGKILL hidden files, and data without a
    model, which the next run removes."""
    killed = kill.signal == signal.SIGKILL and (name.startswith(".") or name.endswith(".data"))
    return killed or any(Path(name).match(pattern) for pattern in kill.output.kept)


def said(kill: Kill, ended: Ended) -> Iterator[str]:
    """Whether the status and the words are right. Signals that come before the command begins, or when it has ended,
    kill the process as they kill any."""
    right = {0, -kill.signal, STATUS.get(kill.signal, -kill.signal)}
    if ended.status not in right:
        yield f"it ends with {ended.status}: {ended.err.strip()[-300:]}"
    if "Traceback" in ended.err or "error[" in ended.err:
        yield f"it says: {ended.err.strip()[-600:]}"


def steps(whole: Whole, every: int, shift: int) -> range:
    return range(1 + shift % every, whole.steps + 1, every)


def pieces(whole: Whole, every: int) -> range:
    return range(1, whole.pieces + 1, max(1, every // 5))


def systematic(bench: Bench, every: int = 1) -> Iterator[Kill]:
    """Every step and every piece of every output, with every signal; or one in so many, spread over them."""
    shift = 0
    for name, whole in bench.wholes.items():
        output = next(o for o in OUTPUTS if o.name == name)
        for number in SIGNALS:
            shift += 7
            yield from (Kill(output, number, step=n, named=n // every % 2 == 1) for n in steps(whole, every, shift))
            yield from (Kill(output, number, piece=n, named=n % 2 == 1) for n in pieces(whole, every))


def at_random(bench: Bench, count: int, seed: int) -> Iterator[Kill]:
    """Random moments, spread over whole runs."""
    source = random.Random(seed)
    outputs = [o for o in OUTPUTS if o.name in bench.wholes]
    for _ in range(count):
        kind = source.choice(outputs), source.choice(SIGNALS)
        yield Kill(*kind, share=source.uniform(0, 1.05), named=source.random() < 0.5)


def load() -> None:
    """Import what the children need, so that each is at work at once; none of it starts threads."""
    from importlib import import_module

    from cnnc.compiler.commands import COMMANDS

    others = ("matplotlib.figure", "onnx", "PIL.Image", "pyarrow.parquet", "safetensors.numpy", "cnnc.compiler.advice")
    own = ("compiler.cli", "compiler.sweep", "compiler.net", "compiler.html", "compiler.drawing", "backends.torch")
    own += ("backends.onnx", "backends.numpy", "backends.train", "backends.images", "backends.mapping")
    own += ("backends.inference", *(f"compiler.commands.{name}" for name in COMMANDS))
    for name in (*others, *(f"cnnc.{name}" for name in own)):
        import_module(name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="random kills (200)")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--every", type=int, default=10, help="of the systematic kills, take one in so many (10)")
    args = parser.parse_args()
    load()
    failures: list[str] = []
    rows: list[tuple[str, int, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder))
        groups = (
            ("at every step of the writing code", list(systematic(bench, args.every))),
            ("at random moments of whole runs", list(at_random(bench, args.count, args.seed))),
        )
        for title, kills in groups:
            before = len(failures)
            for i, kill in enumerate(kills):
                failures += [f"{kill}: {fault}" for fault in bench.run(kill)]
                if i % 100 == 99:
                    print(f"{title}: {i + 1} of {len(kills)}, {len(failures)} faults", file=sys.stderr)
            rows.append((title, len(kills), len(failures) - before))
    print(section(rows, failures))
    return 1 if failures else 0


def section(rows: list[tuple[str, int, int]], failures: list[str]) -> str:
    lines = [
        "## Kills while files are written",
        "",
        f"{len(OUTPUTS)} commands that write were ended by SIGKILL, SIGTERM and SIGINT, then started again. The target"
        " must be the old file or the new one, byte for byte; nothing may be left but hidden files after SIGKILL; the"
        " status must be 143 or 130, without a traceback; the next run must end as an undisturbed one.",
        "",
        "| kills | runs | faults |",
        "|---|---:|---:|",
        *(f"| {title} | {count:,} | {wrong} |" for title, count, wrong in rows),
        *(["", *(f"- {failure}" for failure in failures)] if failures else []),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
