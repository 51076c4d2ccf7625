"""Kills of training runs, in the code that writes checkpoints and at random: what is there must be gone on from.

`python trust/checkpoints.py --count 30`: so many kills, half of them in the writing code.
"""

import argparse
import os
import random
import runpy
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from children import Child, Ended, Points
from outputs import TAUGHT

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
STATUS = {signal.SIGTERM: 143, signal.SIGINT: 130}
STEPS = "14"
"""Of the run; with a checkpoint after every second one."""


class Kill(NamedTuple):
    """The signal, and when: in `write`, after so many of its lines and calls, or after a share of the whole time."""

    signal: signal.Signals
    point: int | None
    share: float | None

    def __str__(self) -> str:
        return f"{self.signal.name} at {f'point {self.point}' if self.point else f'{self.share:.3f}'}"


class InWrite(Points):
    """Counts only in the script's functions that write."""

    def __init__(self, at: int | None, action: signal.Signals) -> None:
        super().__init__(("train.py",), at, lambda: signal.raise_signal(action))

    def _seen(self, frame: object, event: str, arg: object) -> None:
        if frame.f_code.co_name in ("write", "sync_folder"):  # type: ignore[attr-defined]
            super()._seen(frame, event, arg)  # type: ignore[arg-type]


def python_begins() -> None:
    """Have SIGINT raise from where the script installs its handler of SIGTERM on, as in a process of its own; before
    that, while it imports, the signal ends the child without words."""
    real = signal.signal

    def install(number: int, handler: object) -> object:
        if number == signal.SIGTERM:
            real(signal.SIGINT, signal.default_int_handler)
        return real(number, handler)  # type: ignore[arg-type]

    signal.signal = install  # type: ignore[assignment]


class Run:
    """One training script, run again and again in forked children."""

    def __init__(self, folder: Path) -> None:
        import cnnc

        self.folder = folder
        (folder / "train.py").write_text(cnnc.compile(TAUGHT).train_source("digits"), encoding="utf-8")
        self.start("whole")
        ended = self.child("whole", None).wait()
        assert ended.status == 0, ended.err
        self.seconds = ended.seconds
        self.log = (folder / "whole" / "log.csv").read_bytes()

    def start(self, name: str) -> Path:
        out = self.folder / name
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        return out

    def child(self, name: str, kill: Kill | None, *more: str) -> Child:
        argv = ("--out", str(self.folder / name), "--save-every", "2", "--max-steps", STEPS, *more)

        def script() -> None:
            sys.argv = ["train.py", *argv]
            python_begins()
            if kill is not None and kill.point is not None:
                InWrite(kill.point, kill.signal).install()
            runpy.run_path(str(self.folder / "train.py"), run_name="__main__")
            sys.exit(0)

        return Child((), self.folder / name, script)

    def faults(self, kill: Kill) -> Iterator[str]:
        """What is wrong after one kill and, where there is a checkpoint, after going on from it."""
        out = self.start("killed")
        child = self.child("killed", kill)
        if kill.share is not None:
            time.sleep(kill.share * self.seconds)
            child.send(kill.signal)
        yield from said(kill, child.wait())
        hidden = [path.name for path in out.iterdir() if path.name.startswith(".")]
        if hidden and kill.signal != signal.SIGKILL:
            yield f"{', '.join(hidden)} is left behind"
        resumed = ("--resume",) if (out / "checkpoint.pt").exists() else ()
        again = self.child("killed", None, *resumed).wait()
        if again.status:
            yield f"the next run ends with {again.status}: {again.err.strip()[-300:]}"
        elif (out / "log.csv").read_bytes() != self.log:
            yield "the next run does not end as an undisturbed one"
        elif left := [path.name for path in out.iterdir() if path.name.startswith(".")]:
            yield f"the next run leaves {', '.join(left)}"


def said(kill: Kill, ended: Ended) -> Iterator[str]:
    """Whether the status and the words are right. SIGTERM before the script has begun kills it as it kills any process;
    SIGINT then is Python's to answer."""
    if ended.status not in (0, -kill.signal, STATUS.get(kill.signal, -kill.signal)):
        yield f"it ends with {ended.status}: {ended.err.strip()[-300:]}"
    if "Traceback" in ended.err:
        yield f"it says: {ended.err.strip()[-600:]}"


def kills(count: int, seed: int) -> list[Kill]:
    source = random.Random(seed)
    inside = [Kill(SIGNALS[i % 3], source.randint(1, 100), None) for i in range(count // 2)]
    return inside + [Kill(SIGNALS[i % 3], None, source.uniform(0.05, 1.0)) for i in range(count - count // 2)]


def load() -> None:
    """Import what the script does, once for all children; none of it starts threads."""
    os.environ["OMP_NUM_THREADS"] = "1"
    import lightning_fabric
    import sklearn.datasets
    import torch.utils.tensorboard
    import torchvision
    import tqdm

    del lightning_fabric, sklearn, torch, torchvision, tqdm


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=30, help="kills (30)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    load()
    failures: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        run, planned = Run(Path(folder)), kills(args.count, args.seed)
        for i, kill in enumerate(planned):
            failures += [f"{kill}: {fault}" for fault in run.faults(kill)]
            print(f"{i + 1} of {len(planned)}: {kill}, {len(failures)} faults", file=sys.stderr)
    lines = [
        "## Kills of training runs",
        "",
        "A training run was ended by SIGKILL, SIGTERM and SIGINT, in the code that writes checkpoints and at random,"
        " and started again. It must go on from the last checkpoint and end with the log of an undisturbed run.",
        "",
        "| kills | faults |",
        "|---:|---:|",
        f"| {len(planned)} | {len(failures)} |",
        *(["", *(f"- {failure}" for failure in failures)] if failures else []),
    ]
    print("\n".join(lines))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
