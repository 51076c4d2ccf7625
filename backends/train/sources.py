"""Where samples can come from: which source serves which task, how `--data` names it, and its part of the script."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ...compiler.diagnostics import usage
from .task import Task


class DataSource(NamedTuple):
    """One source of samples.

    part    the part of the script that reads it; `{kind}` is the task's
    doc     how `--data` names it
    lines   of the script's `load`, with `where` and `path`
    is_it   whether `--data` names it
    """

    part: str
    doc: str
    lines: tuple[str, ...]
    is_it: Callable[[str, Path], bool]


TORCHVISION = {
    "mnist": ("MNIST", "MNIST"),
    "fashion-mnist": ("FashionMNIST", "FashionMNIST"),
    "cifar10": ("CIFAR10", "cifar-10-batches-py"),
}
"""Data sets of torchvision by name: its class for each, and the folder that the files lie in."""


def _is_torchvision(where: str, path: Path) -> bool:
    return where.partition(":")[0] in TORCHVISION or any((path / inside).is_dir() for _, inside in TORCHVISION.values())


def _is_arrays(where: str, path: Path) -> bool:
    return path.suffix == ".npz" or (path.is_dir() and any(path.glob("*.npy")))


DIGITS = DataSource(
    "digits", "digits", ('if where == "digits":', "    return digits()"), lambda where, path: where == "digits"
)
SYNTHETIC = DataSource(
    "synthetic_{kind}",
    "synthetic",
    ('if where == "synthetic":', "    return synthetic()"),
    lambda where, path: where == "synthetic",
)
SETS = DataSource(
    "torchvision",
    "a folder with the files of MNIST, Fashion-MNIST or CIFAR-10 (or cifar10:DIR)",
    (
        "for name, (_, inside) in TORCHVISION.items():",
        '    if where.startswith(f"{name}:") or (path / inside).is_dir():',
        '        return torchvision_set(name, where.removeprefix(f"{name}:"))',
    ),
    _is_torchvision,
)
ARRAYS = DataSource(
    "arrays",
    "a .npz file or a folder of .npy files",
    ('if path.suffix == ".npz" or any(path.glob("*.npy")):', "    return read_arrays(path)"),
    _is_arrays,
)
FOLDER = DataSource(
    "folder",
    "a folder with a folder of images for each class (or train/ and val/ of them)",
    ("if path.is_dir():", "    return folder(path)"),
    lambda where, path: path.is_dir(),
)
MASKS = DataSource(
    "masks",
    "a folder with images/ and masks/ (or train/ and val/ of them)",
    ("if path.is_dir():", "    return masks(path)"),
    lambda where, path: path.is_dir(),
)
SERVING = {
    "labelled": (DIGITS, SYNTHETIC, SETS, ARRAYS, FOLDER),
    "dense": (SYNTHETIC, ARRAYS, MASKS),
    "plain": (SYNTHETIC, ARRAYS),
}
"""The sources of each kind of task, in the order in which they are tried."""


def sources(task: Task, where: str | None) -> tuple[DataSource, ...]:
    """All sources of a task, or the one that `--data` names. Raises UsageError (E0590) where it is none of them."""
    serving = SERVING[task.samples]
    if where is None:
        return serving
    path = Path(where.partition(":")[2] if where.partition(":")[0] in TORCHVISION else where)
    if not where:
        raise usage("E0590", where=where, what="it is empty", way=described(serving))
    if where not in ("digits", "synthetic") and not _is_there(path):
        raise usage("E0590", where=where, what="there is no such file or folder", way=described(serving))
    found = next((source for source in serving if source.is_it(where, path)), None)
    if found is None:
        raise usage("E0590", where=where, what="this network is not trained on that", way=described(serving))
    return (found,)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a name that is too long for one
        return False


def described(found: tuple[DataSource, ...]) -> str:
    return ", ".join(source.doc for source in found)


def load_lines(found: tuple[DataSource, ...]) -> list[str]:
    """The function `load`."""
    lines = [f"    {line}" for source in found for line in source.lines]
    text = "\n".join(lines)
    path = ["    path = Path(where)"] if "path" in text else []
    end = '    raise SystemExit(f"{where}: no such data; there is {SOURCES}")'
    empty = ["    if not where:", '        raise SystemExit(f"--data is empty; there is {SOURCES}")']
    return ["def load(where):", '    """Training and test samples of `--data`."""', *empty, *path, *lines, end]
