"""`cnnc sweep`: a space of networks, evaluated point by point in one process or many, and its Pareto front."""

from .evaluate import evaluate_chunks
from .run import Sweep, sweep

__all__ = ["Sweep", "evaluate_chunks", "sweep"]
