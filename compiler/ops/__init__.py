"""The layers. Importing this package enters every op of the family modules below into the registry."""

from . import activation, attention, base, combine, conv, linear, norm, pool, regularise, shape
from .base import NAMES, REGISTRY, Op, Shape, Taps, Tokens, Weight, Work
from .kinds import Kind

__all__ = ["FAMILIES", "NAMES", "REGISTRY", "Kind", "Op", "Shape", "Taps", "Tokens", "Weight", "Work"]

FAMILIES = (base, activation, attention, combine, conv, linear, norm, pool, regularise, shape)
