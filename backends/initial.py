"""Random initial values in NumPy, in the distributions of torch.nn.init and of PyTorch's own layers."""

from collections.abc import Callable, Iterator
from math import prod, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from ..compiler.ops import Weight

if TYPE_CHECKING:
    from numpy.typing import NDArray

Random = np.random.Generator


Draw = Callable[[Random, tuple[int, ...]], "NDArray[Any]"]
"""Values of a shape, each drawn after the other."""


def draw_values(weight: Weight, random: Random) -> "NDArray[Any]":
    """Values for one tensor, in single precision."""
    draw = elementwise(weight)
    if draw is not None:
        return draw(random, weight.shape)
    return WHOLE[weight.init](weight, random, **dict(weight.args)).astype(np.float32, copy=False)


def draw_blocks(weight: Weight, size: int) -> "Callable[[Random], Iterator[NDArray[Any]]] | None":
    """The same values, flattened, in blocks of at most `size`; None where they are only there as a whole."""
    draw, count = elementwise(weight), prod(weight.shape)
    if draw is None:
        return None

    def blocks(random: Random) -> "Iterator[NDArray[Any]]":
        for start in range(0, count, size):
            yield draw(random, (min(size, count - start),))

    return blocks


def elementwise(weight: Weight) -> Draw | None:
    """How a tensor's values are drawn where each is independent of the others; None for the methods of WHOLE."""
    if (weight.init == "default" and not weight.fan_in) or (weight.init == "constant" and not weight.args):
        return _full(weight.value)
    if weight.init == "default" or (weight.init == "uniform" and not weight.args):
        return _between(1 / sqrt(weight.fan_in))
    return None if weight.init in WHOLE else DRAWS[weight.init](weight, **dict(weight.args))


def fans(weight: Weight) -> tuple[int, int]:
    """fan_in and fan_out as torch.nn.init counts them: the second and the first axis, times the kernel."""
    if len(weight.shape) < 2:
        return weight.shape[0], weight.shape[0]
    kernel = prod(weight.shape[2:])
    return weight.shape[1] * kernel, weight.shape[0] * kernel


def _between(bound: float) -> Draw:
    """Uniform in ±bound."""

    def draw(random: Random, shape: tuple[int, ...]) -> "NDArray[Any]":
        values = random.random(shape, np.float32)
        values *= np.float32(2 * bound)
        values -= np.float32(bound)
        return values

    return draw


def _full(value: float) -> Draw:
    return lambda random, shape: np.full(shape, value, np.float32)


def _gaussian(std: float, mean: float = 0.0) -> Draw:
    return lambda random, shape: random.standard_normal(shape, np.float32) * np.float32(std) + np.float32(mean)


def _uniform(a: float, b: float) -> Draw:
    return lambda random, shape: random.random(shape, np.float32) * np.float32(b - a) + np.float32(a)


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
    values = _gaussian(std, mean)(random, weight.shape)
    for _ in range(1000):
        outside = (values < a) | (values > b)
        if not outside.any():
            return values
        values[outside] = random.standard_normal(int(outside.sum()), np.float32) * std + mean
    values[outside] = random.uniform(a, b, int(outside.sum()))
    return values


DRAWS: dict[str, Callable[..., Draw]] = {
    "xavier_uniform": lambda w, gain=1.0: _between(sqrt(3) * _xavier_std(w, gain)),
    "xavier_normal": lambda w, gain: _gaussian(_xavier_std(w, gain)),
    "kaiming_uniform": lambda w, **how: _between(sqrt(3) * _kaiming_std(w, **how)),
    "kaiming_normal": lambda w, **how: _gaussian(_kaiming_std(w, **how)),
    "normal": lambda w, mean, std: _gaussian(std, mean),
    "uniform": lambda w, a, b: _uniform(a, b),
    "constant": lambda w, val: _full(val),
    "zeros": lambda w: _full(0),
    "ones": lambda w: _full(1),
}
"""Methods by which each value is drawn alone."""

WHOLE: dict[str, Callable[..., "NDArray[Any]"]] = {"orthogonal": _orthogonal, "trunc_normal": _truncated}
"""Methods that need all of a tensor at once."""
