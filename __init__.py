"""cnnc: a compiler for convolutional networks.

>>> import cnnc
>>> net = cnnc.compile("conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2", input=(3, 224, 224))
>>> net.output_shape, net.params, net.macs
((1, 32, 55, 55), 960, 10454400)
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .compiler.diagnostics import CnncError, Diagnostic, InternalError, NetworkError, UsageError
from .compiler.limits import Limits
from .compiler.net import Net, check, compile, load

if TYPE_CHECKING:
    from .compiler.fitting import Fit, fit
    from .compiler.sweep import Sweep, sweep
    from .compiler.template import Template

LATER = {"Fit": "fitting", "Sweep": "sweep", "Template": "template", "fit": "fitting", "sweep": "sweep"}

__version__ = "0.1.0"

__all__ = [
    "CnncError",
    "Diagnostic",
    "Fit",
    "InternalError",
    "Limits",
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


def __getattr__(name: str) -> Any:
    """What few programs need, when it is first asked for."""
    if name in LATER:
        return getattr(import_module(f".compiler.{LATER[name]}", __name__), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
