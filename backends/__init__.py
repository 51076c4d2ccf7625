"""Targets by name. A backend is a module here that is imported when it is first asked for, and not before."""

from importlib import import_module
from typing import Any

TARGETS = {"torch": ".py", "onnx": ".onnx"}
"""Each target with the file ending that selects it."""


def backend(name: str) -> Any:
    """The backend module of that name. Raises UsageError for an unknown one or one whose packages are missing."""
    from ..compiler.diagnostics import usage

    if name not in TARGETS:
        raise usage("E0504", name=name, known=", ".join(TARGETS))
    try:
        return import_module(f".{name}", __package__)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith(__package__.split(".")[0]):
            raise
        raise usage(
            "E0507", package=error.name, extra="cnnc[torch]" if error.name == "torch" else str(error.name)
        ) from None


class Unsupported(Exception):
    """Raised by a lowering that has no equivalent for an op, with the reason that the user is told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
