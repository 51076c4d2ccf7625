"""Layers as plain loops over single products, which a meter counts: what a network costs if done by hand.

Zeros of a padding are multiplied like other values, as every tool counts them. Arrays: one sample, channels first.
"""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Index = tuple[int, ...]


class Meter:
    """Multiplies, and counts how often."""

    def __init__(self) -> None:
        self.products = 0

    def times(self, a: float, b: float) -> float:
        self.products += 1
        return a * b


class Settings(NamedTuple):
    """Of a convolution over any number of axes, equal along all. padding: before, after."""

    stride: int = 1
    padding: tuple[int, int] = (0, 0)
    dilation: int = 1
    groups: int = 1


PLAIN = Settings()


def padded(x: Array, padding: tuple[int, int]) -> Array:
    return np.pad(x, [(0, 0), *[padding] * (x.ndim - 1)])


def reads(x: Array, w: Array, s: Settings) -> Iterator[tuple[Index, Index, Index]]:
    """Each product of a convolution on a padded input: where its sum goes, where it reads, by which weight."""
    extents = [(n - s.dilation * (k - 1) - 1) // s.stride + 1 for n, k in zip(x.shape[1:], w.shape[2:], strict=True)]
    per_group = w.shape[0] // s.groups
    for out in product(range(w.shape[0]), *map(range, extents)):
        first = out[0] // per_group * w.shape[1]
        for channel, *offset in np.ndindex(w.shape[1:]):
            place = tuple(p * s.stride + k * s.dilation for p, k in zip(out[1:], offset, strict=True))
            yield out, (first + channel, *place), (out[0], channel, *offset)


def _result(places: Sequence[Index]) -> Array:
    return np.zeros([extent + 1 for extent in map(max, zip(*places, strict=True))])


def conv(meter: Meter, x: Array, w: Array, s: Settings = PLAIN) -> Array:
    """A convolution without bias."""
    x = padded(x, s.padding)
    terms = list(reads(x, w, s))
    y = _result([out for out, _, _ in terms])
    for out, place, weight in terms:
        y[out] += meter.times(x[place], w[weight])
    return y


def conv_gradients(meter: Meter, x: Array, w: Array, y: Array, s: Settings, of_input: bool) -> tuple[Array, Array]:
    """Gradients of a convolution's input and weights from that of its output, y; that of the input only if wanted."""
    x = padded(x, s.padding)
    to_x, to_w = np.zeros_like(x), np.zeros_like(w)
    for out, place, weight in reads(x, w, s):
        to_w[weight] += meter.times(y[out], x[place])
        if of_input:
            to_x[place] += meter.times(y[out], w[weight])
    inner = tuple(slice(s.padding[0], n - s.padding[1]) for n in x.shape[1:])
    return to_x[(slice(None), *inner)], to_w


def deconv(meter: Meter, x: Array, w: Array, s: Settings = PLAIN) -> Array:
    """A transposed convolution without bias: every input times a whole kernel, then the border is cut off."""
    per_group, outputs = x.shape[0] // s.groups, w.shape[1]
    spans = [(n - 1) * s.stride + s.dilation * (k - 1) + 1 for n, k in zip(x.shape[1:], w.shape[2:], strict=True)]
    y = np.zeros((outputs * s.groups, *spans))
    for place in product(*map(range, x.shape)):
        for channel, *offset in np.ndindex(w.shape[1:]):
            to = tuple(p * s.stride + k * s.dilation for p, k in zip(place[1:], offset, strict=True))
            weight = (place[0], channel, *offset)
            y[place[0] // per_group * outputs + channel, *to] += meter.times(x[place], w[weight])
    return y[(slice(None), *(slice(s.padding[0], n - s.padding[1]) for n in spans))]


def matmul(meter: Meter, a: Array, b: Array) -> Array:
    y = np.zeros((a.shape[0], b.shape[1]))
    for i, j, k in product(range(a.shape[0]), range(b.shape[1]), range(a.shape[1])):
        y[i, j] += meter.times(a[i, k], b[k, j])
    return y


def softmax(x: Array) -> Array:
    powers: Any = np.exp(x - x.max(axis=-1, keepdims=True))
    result: Array = powers / powers.sum(axis=-1, keepdims=True)
    return result


def attention(meter: Meter, x: Array, inner: Array, outer: Array, heads: int) -> Array:
    """Self-attention of tokens without biases: projections, scores, weighted values, projection."""
    width = x.shape[1] // heads
    q, k, v = np.split(matmul(meter, x, inner.T), 3, axis=1)
    parts = []
    for i in range(heads):
        own = slice(i * width, (i + 1) * width)
        scores = matmul(meter, q[:, own], k[:, own].T) / np.sqrt(width)
        parts.append(matmul(meter, softmax(scores), v[:, own]))
    return matmul(meter, np.concatenate(parts, axis=1), outer.T)


def tokens(x: Array) -> Array:
    """The positions of maps as a sequence, channels last."""
    return x.reshape(x.shape[0], -1).T
