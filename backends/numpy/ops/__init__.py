"""Each op by its definition, on float64 arrays whose first axis is the batch.

Slow, short, and sharing nothing with the other backends, since it is what they are judged by. Importing the families
enters their functions into the table.
"""

from . import activation, attention, combine, conv, linear, norm, pool, regularise, shape
from .base import LOWERINGS, Array

__all__ = ["LOWERINGS", "Array"]

_FAMILIES = (activation, attention, combine, conv, linear, norm, pool, regularise, shape)
