"""The layers. Importing this package enters every op of the family modules below into the registry."""

from . import activation, base, combine, conv, linear, norm, pool, regularise, shape
from .base import NAMES, REGISTRY, Op, Shape, Weight, Window, Work
from .kinds import Kind

__all__ = ["FAMILIES", "NAMES", "REGISTRY", "Kind", "Op", "Shape", "Weight", "Window", "Work"]

FAMILIES = (base, activation, combine, conv, linear, norm, pool, regularise, shape)
