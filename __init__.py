"""cnnc: a compiler for convolutional networks.

>>> import cnnc
>>> net = cnnc.compile("conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2", input=(3, 224, 224))
>>> net.output_shape, net.params, net.macs
((1, 32, 55, 55), 960, 10454400)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .compiler.diagnostics import CnncError, Diagnostic, InternalError, MismatchError, NetworkError, UsageError
    from .compiler.fitting import Fit, fit
    from .compiler.limits import Limits
    from .compiler.net import Net, check, compile, load
    from .compiler.sweep import Sweep, sweep
    from .compiler.template import Template

__version__ = "0.1.0"

__all__ = [
    "CnncError",
    "Diagnostic",
    "Fit",
    "InternalError",
    "Limits",
    "MismatchError",
    "Net",
    "NetworkError",
    "Sweep",
    "Template",
    "UsageError",
    "check",
    "compile",
    "fit",
    "load",
    "sweep",
]

HOMES = {
    "diagnostics": ("CnncError", "Diagnostic", "InternalError", "MismatchError", "NetworkError", "UsageError"),
    "fitting": ("Fit", "fit"),
    "limits": ("Limits",),
    "net": ("Net", "check", "compile", "load"),
    "sweep": ("Sweep", "sweep"),
    "template": ("Template",),
}
"""The modules of `compiler` that the names come from; each is imported when a name of it is first used."""


def __getattr__(name: str) -> Any:
    for home, names in HOMES.items():
        if name in names:
            value = getattr(import_module(f".compiler.{home}", __name__), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
