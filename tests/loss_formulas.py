"""Textbook formulas of losses in NumPy, which tests compare with."""

from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[Any]]


def log_softmax(y: Array) -> Array:
    """yc − log Σ exp y, along the classes (Bridle 1990)."""
    top = y.max(1, keepdims=True)
    return y - top - np.log(np.exp(y - top).sum(1, keepdims=True))


def picked(values: Array, t: Array) -> Array:
    """values[n, t[n, …], …]"""
    return np.take_along_axis(values, t[:, None], 1)[:, 0]


def nll(y: Array, t: Array, ignore: int = -100) -> float:
    """−log p of the right class, the mean over what is not left out."""
    kept = t != ignore
    return float(-picked(y, np.where(kept, t, 0))[kept].mean())


def cross_entropy(y: Array, t: Array, label_smoothing: float = 0.0, ignore: int = -100) -> float:
    """−Σ q log p with q = (1 − ε)·onehot + ε/C (Szegedy et al. 2016, section 7)."""
    kept, log_p = t != ignore, log_softmax(y)
    classes = np.moveaxis(np.eye(y.shape[1])[np.where(kept, t, 0)], -1, 1)
    q = (1 - label_smoothing) * classes + label_smoothing / y.shape[1]
    return float(-(q * log_p).sum(1)[kept].mean())


def bce(y: Array, t: Array) -> float:
    """Negative log likelihood of Bernoulli variables; log 0 counts as −100."""
    with np.errstate(divide="ignore"):
        return float(-(t * np.maximum(np.log(y), -100) + (1 - t) * np.maximum(np.log1p(-y), -100)).mean())


def bce_logits(y: Array, t: Array, pos_weight: float = 1.0) -> float:
    """The same of σ(y): −log σ(y) = log(1 + e^−y); targets of 1 weighted."""
    return float((pos_weight * t * np.logaddexp(0, -y) + (1 - t) * np.logaddexp(0, y)).mean())


def smooth_l1(y: Array, t: Array, beta: float = 1.0) -> float:
    """Girshick 2015, equation 3, with the point β where it turns linear."""
    d = np.abs(y - t)
    return float(np.where(d < beta, d**2 / (2 * beta or 1), d - beta / 2).mean())


def huber(y: Array, t: Array, delta: float = 1.0) -> float:
    """Huber 1964: quadratic up to δ, then linear with the same slope."""
    d = np.abs(y - t)
    return float(np.where(d < delta, d**2 / 2, delta * (d - delta / 2)).mean())


def hinge(y: Array, t: Array, margin: float = 1.0) -> float:
    """Weston and Watkins 1999, over C; of single scores Cortes and Vapnik 1995 with labels −1 and 1."""
    y = y.reshape(len(y), -1)
    if y.shape[1] == 1:
        return float(np.maximum(0, margin - np.where(t == 1, 1, -1) * y[:, 0]).mean())
    over = np.maximum(0, margin - picked(y, t)[:, None] + y)
    np.put_along_axis(over, t[:, None], 0, 1)
    return float(over.sum(1).mean() / y.shape[1])


def norm(x: Array) -> Array:
    """The Euclidean norm with 1e-6 on each difference, which keeps its gradient finite."""
    return np.sqrt(((x + 1e-6) ** 2).sum(1))


def triplet(a: Array, p: Array, n: Array, margin: float = 1.0) -> float:
    """Balntas et al. 2016, equation 1."""
    return float(np.maximum(0, norm(a - p) - norm(a - n) + margin).mean())


def contrastive(a: Array, b: Array, t: Array, margin: float = 1.0) -> float:
    """Hadsell, Chopra and LeCun 2006, equation 4 with Y = 1 − t."""
    d = norm(a - b)
    return float((t * d**2 / 2 + (1 - t) * np.maximum(0, margin - d) ** 2 / 2).mean())


def quadruplet(a: Array, p: Array, n: Array, q: Array, margin: float = 1.0, margin2: float = 0.5) -> float:
    """Chen et al. 2017, equation 4, on squared distances."""

    def square(x: Array) -> Array:
        return (x**2).sum(1)

    first = np.maximum(0, square(a - p) - square(a - n) + margin)
    return float((first + np.maximum(0, square(a - p) - square(q - n) + margin2)).mean())
