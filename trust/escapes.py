"""Ways for a project to have files read that lie outside of it, and for others to have files written there.

`python trust/escapes.py --count 200`: so many rounds of the race between a swapped link and the one that opens it.
"""

import argparse
import os
import pickle
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from ways import PLANTS, PROGRAM, READABLE, SECRET, Plant, World


class Said(NamedTuple):
    """What a command says."""

    status: int
    out: str
    err: str


def said(argv: list[str], folder: Path) -> Said:
    """Run a command in this process, in a folder."""
    import contextlib
    import io

    from cnnc.compiler.cli import run

    out, err, before = io.StringIO(), io.StringIO(), Path.cwd()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            status = run(argv)
    finally:
        os.chdir(before)
    return Said(status, out.getvalue(), err.getvalue())


def quoted(path: str) -> str:
    return path.replace("\\", "\\\\").replace("\0", "\\u0000")


def used(world: World, plant: Plant) -> list[str]:
    """A program that uses it."""
    text = PROGRAM.format(path=plant(world, "secret.cnn"))
    (world.project / "main.cnn").write_text(text, encoding="utf-8")
    return ["analyze", "main.cnn"]


def weights(world: World, plant: Plant) -> list[str]:
    return ["run", "net.cnn", "--input", "a.png", "--on", "numpy", "--weights", plant(world, "w.safetensors")]


def network_of_a_space(world: World, plant: Plant) -> list[str]:
    (world.project / "s.toml").write_text(f'network = "{quoted(plant(world, "net.cnn"))}"\n', encoding="utf-8")
    return ["sweep", "s.toml"]


def device_of_a_space(world: World, plant: Plant) -> list[str]:
    path = quoted(plant(world, "device.toml"))
    (world.project / "s.toml").write_text(f'network = "net.cnn"\ndevice = "{path}"\n', encoding="utf-8")
    return ["sweep", "s.toml"]


DOORS: tuple[Callable[[World, Plant], list[str]], ...] = (used, weights, network_of_a_space, device_of_a_space)
"""What names a file, and the command that then reads it."""


def escape(door: Callable[[World, Plant], list[str]], plant: Plant) -> Iterator[str]:
    """What is wrong with one way through one door: it leads out, or it is not refused as it should be."""
    from PIL import Image

    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        Image.new("RGB", (8, 8)).save(world.project / "a.png")
        argv = door(world, plant)
        found = said(argv, world.project)
        if found.status == 0:
            yield f"{door.__name__}, {plant.__name__}: it was read"
        elif found.status not in (1, 2) or "error[E0" not in found.err or "E0901" in found.err:
            yield f"{door.__name__}, {plant.__name__}: status {found.status}, {found.err.strip()[:300]}"
        if plant in READABLE and (allowed := said([*argv, "--allow-outside"], world.project)).status != 0:
            yield f"{door.__name__}, {plant.__name__}: --allow-outside does not allow it: {allowed.err.strip()[:300]}"


def race(rounds: int) -> Iterator[str]:
    """A link that leads now inside, now outside, while a program uses it."""
    with tempfile.TemporaryDirectory() as folder:
        world, stop = World(Path(folder)), threading.Event()
        (world.project / "inside.cnn").write_text(SECRET.replace("7", "5"), encoding="utf-8")
        (world.project / "main.cnn").write_text(PROGRAM.format(path="swapped.cnn"), encoding="utf-8")
        other, swapped = world.project / "other.cnn", world.project / "swapped.cnn"
        swapped.symlink_to("inside.cnn")

        def swap() -> None:
            while not stop.is_set():
                for target in (world.secret("secret.cnn"), "inside.cnn"):
                    other.symlink_to(target)
                    other.replace(swapped)

        thread = threading.Thread(target=swap)
        thread.start()
        try:
            for _ in range(rounds):
                found = said(["analyze", "main.cnn", "--format", "csv"], world.project)
                if "1x7x6x6" in found.out or found.status not in (0, 1):
                    yield f"race: {found.out}{found.err}"
        finally:
            stop.set()
            thread.join()


class Bomb:
    """What a pickle of weights would run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.mark,)


def pickles() -> Iterator[str]:
    """Weights that hold code, as PyTorch's old and new form and under both commands that read weights."""
    import torch

    with tempfile.TemporaryDirectory() as folder:
        world, mark = World(Path(folder)), Path(folder) / "ran"
        torch.save({"c.weight": Bomb(mark)}, world.project / "new.pth")
        torch.save({"c.weight": Bomb(mark)}, world.project / "old.pth", _use_new_zipfile_serialization=False)
        (world.project / "bare.pth").write_bytes(pickle.dumps(Bomb(mark)))
        for name in ("new.pth", "old.pth", "bare.pth"):
            for argv in (["compile", "net.cnn", "-o", "-", "--weights", name], ["weights", "net.cnn", "--from", name]):
                found = said(argv, world.project)
                if mark.exists() or found.status != 2 or "E0509" not in found.err:
                    yield f"{name} with {argv[0]}: {found.err.strip()[:300]}"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=200, help="rounds of the race (200)")
    parser.add_argument("--seed", type=int, default=0, help="without effect: nothing is random but the race")
    args = parser.parse_args()
    failures: list[str] = []
    for door in DOORS:
        for plant in PLANTS:
            failures += escape(door, plant)
        print(f"{door.__name__}: {len(PLANTS)} ways, {len(failures)} faults so far", file=sys.stderr)
    failures += [*race(args.count), *pickles()]
    tried = len(DOORS) * len(PLANTS)
    lines = [
        "## Paths that lead out of a project",
        "",
        "Programs, spaces and `--weights` named files outside of their project in every way that we know. Each must be"
        " refused with a message; where --allow-outside is given, those that lead to a file must be read.",
        "",
        "| what | tried | faults |",
        "|---|---:|---:|",
        f"| {len(PLANTS)} ways through {len(DOORS)} doors, rounds of a race, pickles with code |"
        f" {tried + args.count + 6} | {len(failures)} |",
        *(["", *(f"- {failure}" for failure in failures)] if failures else []),
    ]
    print("\n".join(lines))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
