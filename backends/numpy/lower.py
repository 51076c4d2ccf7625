"""Each op by its definition, on float64 arrays whose first axis is the batch.

Slow, short, and sharing nothing with the other backends, since it is what they are judged by. Importing the families
enters their functions into the table.
"""

from . import elementwise, linear, norm, pool, shape
from .base import LOWERINGS, Array, Lowering, Weights, lowers

__all__ = ["LOWERINGS", "Array", "Lowering", "Weights", "lowers"]

_FAMILIES = (elementwise, linear, norm, pool, shape)
