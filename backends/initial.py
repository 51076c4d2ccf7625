"""Random initial values in NumPy, in the distributions of torch.nn.init and of PyTorch's own layers."""

from collections.abc import Callable
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.ops import Weight

if TYPE_CHECKING:
    from numpy.typing import NDArray

Random = np.random.Generator


def draw_values(weight: Weight, random: Random) -> "NDArray[Any]":
    """Values for one tensor, in single precision."""
    if weight.init == "uniform" and not weight.args:
        return _between(weight, random, 1 / sqrt(weight.fan_in))
    if weight.init == "default":
        return _between(weight, random, 1 / sqrt(weight.fan_in)) if weight.fan_in else _full(weight, weight.value)
    return DRAWS[weight.init](weight, random, **dict(weight.args)).astype(np.float32, copy=False)


def fans(weight: Weight) -> tuple[int, int]:
    """fan_in and fan_out as torch.nn.init counts them: the second and the first axis, times the kernel."""
    if len(weight.shape) < 2:
        return weight.shape[0], weight.shape[0]
    kernel = prod(weight.shape[2:])
    return weight.shape[1] * kernel, weight.shape[0] * kernel


def _between(weight: Weight, random: Random, bound: float) -> "NDArray[Any]":
    """Uniform in ±bound."""
    values = random.random(weight.shape, np.float32)
    values *= np.float32(2 * bound)
    values -= np.float32(bound)
    return values


def _full(weight: Weight, value: float) -> "NDArray[Any]":
    return np.full(weight.shape, value, np.float32)


def _gaussian(weight: Weight, random: Random, std: float, mean: float = 0.0) -> "NDArray[Any]":
    return random.standard_normal(weight.shape, np.float32) * np.float32(std) + np.float32(mean)


def _xavier_std(weight: Weight, gain: float) -> float:
    """gain·√(2/(fan_in + fan_out)): Glorot and Bengio, 2010."""
    return gain * sqrt(2 / sum(fans(weight)))


def _kaiming_std(weight: Weight, mode: str, nonlinearity: str, a: float) -> float:
    """gain/√fan: He et al., 2015."""
    gains = {"tanh": 5 / 3, "relu": sqrt(2), "leaky_relu": sqrt(2 / (1 + a * a)), "selu": 3 / 4}
    return gains.get(nonlinearity, 1.0) / sqrt(fans(weight)[mode == "fan_out"])


def _orthogonal(weight: Weight, random: Random, gain: float = 1.0) -> "NDArray[Any]":
    """Rows (or columns, whichever are fewer) of length `gain` at right angles: Saxe, McClelland and Ganguli, 2013."""
    rows, columns = weight.shape[0], prod(weight.shape[1:])
    tall = random.standard_normal((max(rows, columns), min(rows, columns)))
    q, r = np.linalg.qr(tall)
    q *= np.sign(np.diagonal(r))
    return gain * (q if rows >= columns else q.T).reshape(weight.shape)


def _truncated(weight: Weight, random: Random, mean: float, std: float, a: float, b: float) -> "NDArray[Any]":
    """Normal values, drawn again while they are outside a to b; uniform there if hardly any would be inside."""
    values = _gaussian(weight, random, std, mean)
    for _ in range(1000):
        outside = (values < a) | (values > b)
        if not outside.any():
            return values
        values[outside] = random.standard_normal(int(outside.sum()), np.float32) * std + mean
    values[outside] = random.uniform(a, b, int(outside.sum()))
    return values


DRAWS: dict[str, Callable[..., "NDArray[Any]"]] = {
    "xavier_uniform": lambda w, random, gain=1.0: _between(w, random, sqrt(3) * _xavier_std(w, gain)),
    "xavier_normal": lambda w, random, gain: _gaussian(w, random, _xavier_std(w, gain)),
    "kaiming_uniform": lambda w, random, **how: _between(w, random, sqrt(3) * _kaiming_std(w, **how)),
    "kaiming_normal": lambda w, random, **how: _gaussian(w, random, _kaiming_std(w, **how)),
    "orthogonal": _orthogonal,
    "normal": lambda w, random, mean, std: _gaussian(w, random, std, mean),
    "trunc_normal": _truncated,
    "uniform": lambda w, random, a, b: random.random(w.shape, np.float32) * np.float32(b - a) + np.float32(a),
    "constant": lambda w, random, val: _full(w, val),
    "zeros": lambda w, random: _full(w, 0),
    "ones": lambda w, random: _full(w, 1),
}
