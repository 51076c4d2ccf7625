"""Targets by name. A backend is a module here that is imported when it is first asked for, and not before."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from importlib.util import find_spec
from typing import Any

TARGETS = {"torch": ".py", "onnx": ".onnx", "train": "_train.py"}
"""Each target with the end of its files' names; the first two are selected by it."""

RUNNERS = ("torch", "onnx")
"""The targets whose results are compared with the reference."""

BACKENDS = (*TARGETS, "numpy")
"""The targets, and the reference that they are judged by, of which no file can be made."""

EXTRAS = {
    "torch": "cnnc[torch]", "onnxruntime": "cnnc[verify]", "PIL": "cnnc[run]", "shtab": "cnnc[completion]",
    "lightning_fabric": "cnnc[train]", "tensorboard": "cnnc[train]", "tqdm": "cnnc[train]", "sklearn": "cnnc[train]",
    "torchvision": "cnnc[train]", "onnxscript": "cnnc[train]",
    "dask": "cnnc[sweep]", "distributed": "cnnc[sweep]", "pyarrow": "cnnc[sweep]", "matplotlib": "cnnc[sweep]",
}  # fmt: skip
"""What installs a package that the base installation lacks."""


def backend(name: str) -> Any:
    """The backend module of that name. Raises UsageError for an unknown one or one whose packages are missing."""
    from ..compiler.diagnostics import usage

    if name not in BACKENDS:
        raise usage("E0504", name=name, known=", ".join(TARGETS))
    with packages():
        return import_module(f".{name}", __package__)


@contextmanager
def packages() -> Iterator[None]:
    """Turns the failure to import a package that is not ours into a UsageError that says how to install it (E0507)."""
    from ..compiler.diagnostics import usage

    try:
        yield
    except ModuleNotFoundError as error:
        package = (error.name or "").split(".")[0]
        if package == __package__.split(".")[0]:
            raise
        raise usage("E0507", package=package, extra=EXTRAS.get(package, package)) from None


def require(names: Sequence[str]) -> None:
    """Raises UsageError (E0507) for the first package that is not there. None is imported."""
    from ..compiler.diagnostics import usage

    for name in names:
        if find_spec(name) is None:
            raise usage("E0507", package=name, extra=EXTRAS.get(name, name))


class Refused(Exception):
    """Raised when a library cannot run what a backend made for it, with what the library says."""


@contextmanager
def running() -> Iterator[None]:
    """Turns whatever a library raises while it runs a network into Refused."""
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        raise Refused(f"{type(error).__name__}: {error}") from error


class Unsupported(Exception):
    """Raised by a lowering that has no equivalent for an op, with the reason that the user is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
