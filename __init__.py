"""cnnc: a compiler for convolutional networks.

>>> import cnnc
>>> net = cnnc.compile("conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2", input=(3, 224, 224))
>>> net.output_shape, net.params, net.macs
((1, 32, 55, 55), 960, 10454400)
"""

from .compiler.diagnostics import CnncError, Diagnostic, InternalError, NetworkError, UsageError
from .compiler.fitting import Fit, fit
from .compiler.limits import Limits
from .compiler.net import Net, check, compile, load

__version__ = "0.1.0"

__all__ = [
    "CnncError",
    "Diagnostic",
    "Fit",
    "InternalError",
    "Limits",
    "Net",
    "NetworkError",
    "UsageError",
    "check",
    "compile",
    "fit",
    "load",
]
