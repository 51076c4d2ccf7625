"""Each op as PyTorch. Importing the families enters their lowerings into the table."""

from . import activation, attention, combine, conv, linear, norm, pool, regularise, shape
from .base import HELPERS, LOWERINGS, Code, New, literal, lower

__all__ = ["HELPERS", "LOWERINGS", "Code", "New", "literal", "lower"]

_FAMILIES = (activation, attention, combine, conv, linear, norm, pool, regularise, shape)
