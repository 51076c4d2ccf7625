"""`cnnc sweep`: a space of networks, evaluated point by point in one process or many, and its Pareto front."""

from .evaluate import evaluate_chunk
from .run import Sweep, sweep

__all__ = ["Sweep", "evaluate_chunk", "sweep"]
