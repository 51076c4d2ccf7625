"""Each op as ONNX nodes. Importing the families enters their lowerings into the table."""

from . import activation, attention, combine, conv, linear, norm, pool, regularise, shape
from .base import LOWERINGS

__all__ = ["LOWERINGS"]

_FAMILIES = (activation, attention, combine, conv, linear, norm, pool, regularise, shape)
