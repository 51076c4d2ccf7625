"""Operations other than multiply-accumulates, against definitions that are run scalar by scalar and counted."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from math import ceil, floor, prod
from typing import Any

import pytest
from cnnc.compiler.ir import Apply, known
from cnnc.compiler.ops import Work
from test_every_op import SAMPLES, compiled

COUNTED: Counter[str] = Counter()
"""What the numbers below have done."""


class Num:
    """A number that stands for any: each operation on it is counted by its kind."""

    def _of(self, kind: str) -> "Num":
        COUNTED[kind] += 1
        return self

    def __add__(self, other: Any) -> "Num":
        return self._of("add")

    def __mul__(self, other: Any) -> "Num":
        return self._of("mul")

    def __truediv__(self, other: Any) -> "Num":
        return self._of("div")

    def __neg__(self) -> "Num":
        return self

    __radd__ = __sub__ = __rsub__ = __add__
    __rmul__ = __mul__
    __rtruediv__ = __truediv__


X = Num()


def special(x: Num) -> Num:
    """A root, a power, an exponential, a logarithm, a hyperbolic tangent or an error function."""
    return x._of("special")


def larger(x: Num, y: Any) -> Num:
    """The larger or smaller of two numbers, or one of them by a comparison: branches are computed both."""
    return x._of("cmp")


def reduced(step: Callable[[Num, Num], Num], count: int) -> Num:
    """So many numbers made one, by one step less."""
    for _ in range(count - 1):
        step(X, X)
    return X


def total(count: int) -> Num:
    return reduced(lambda a, b: a + b, count)


def largest(count: int) -> Num:
    return reduced(larger, count)


def sigmoid(x: Num) -> Num:
    return 1 / (1 + special(-x))


def hard_sigmoid(x: Num) -> Num:
    return larger(larger(x + 3, 0), 6) * (1 / 6)


def leaky(x: Num) -> Num:
    x * 0.01
    return larger(x, x)


ACTIVATIONS: dict[str, Callable[[Num], Num]] = {
    "relu": lambda x: larger(x, 0),
    "relu6": lambda x: larger(larger(x, 0), 6),
    "hardtanh": lambda x: larger(larger(x, -1), 1),
    "abs": lambda x: larger(x, -x),
    "hardgate": lambda x: larger(x, 0),
    "lrelu": leaky,
    "prelu": leaky,
    "rrelu": leaky,
    "sigmoid": sigmoid,
    "tanh": special,
    "elu": lambda x: larger(x, 0.5 * (special(x) - 1)),
    "selu": lambda x: 1.05 * larger(x, 1.67 * (special(x) - 1)),
    "celu": lambda x: larger(x, 0.5 * (special(x / 0.5) - 1)),
    "silu": lambda x: x * sigmoid(x),
    "gelu": lambda x: x * 0.5 * (1 + special(x * 0.7)),
    "hardsigmoid": hard_sigmoid,
    "hardswish": lambda x: x * hard_sigmoid(x),
    "mish": lambda x: x * special(special(1 + special(x))),
    "softplus": lambda x: larger(x * 2, special(1 + special(x)) / 2),
    "softsign": lambda x: x / (1 + larger(x, -x)),
    "logsigmoid": lambda x: -special(1 + special(-x)),
    "scale": lambda x: x * 2,
    "bn": lambda x: x * 2 + 1,
    "add": lambda x: x + x,
    "sub": lambda x: x - x,
    "mul": lambda x: x * x,
    "div": lambda x: x / x,
}
"""Each output from one element, or from one of both operands."""


def softmax(count: int) -> None:
    largest(count)
    for _ in range(count):
        special(X - X)
    total(count)
    for _ in range(count):
        _ = X / X


def log_softmax(count: int) -> None:
    largest(count)
    for _ in range(count):
        special(X - X)
    special(total(count))
    for _ in range(count):
        _ = X - X


def standardized(count: int, affine: bool) -> None:
    """Sums begin at 0, that of squares at eps."""
    total(count + 1) / count
    for _ in range(count):
        _ = (X - X) * X
    special(total(count + 1) / count)
    for _ in range(count):
        _ = X * X
        if affine:
            _ = X * 2 + 1


def response(channels: int, positions: int) -> None:
    for _ in range(channels):
        for _ in range(positions):
            _ = X * X
        special(total(positions + 1))
    total(channels + 1) / channels
    for _ in range(channels):
        _ = X / X
        for _ in range(positions):
            _ = X * X * 2 + 1 + X


def neighbours(size: int) -> None:
    for _ in range(size):
        _ = X * X  # of the element itself; its neighbours' are theirs
    for _ in range(size):
        special(total(size_of_window[0]) * 2 + 1)
        _ = X / X


size_of_window = [1]


def bins(x: Sequence[int], out: Sequence[int]) -> Iterator[int]:
    """How many elements each bin of an adaptive pooling holds."""
    for place in product(*map(range, out)):
        edges = zip(place, x, out, strict=True)
        yield prod(ceil((i + 1) * w / n) - floor(i * w / n) for i, w, n in edges)


def each(count: int, action: Callable[[], Any]) -> None:
    for _ in range(count):
        action()


def mean(count: int) -> Num:
    return total(count) / count


def power_mean(count: int) -> None:
    each(count, lambda: special(X))
    special(total(count))


def attention(a: Any, x: Any, out: Any) -> None:
    """Scores are scaled; four projections add biases."""
    length, channels = (x[0], x[1]) if type(x).__name__ == "Tokens" else (prod(x[1:]), x[0])
    each(a.heads * length * length, lambda: X * 2)
    each(a.heads * length, lambda: softmax(length))
    each(4 * length * channels if a.bias else 0, lambda: X + 1)


def non_local(a: Any, x: Any, out: Any) -> None:
    there = prod(n // a.sub for n in x[1:])
    each(2 * a.m * there, lambda: largest(a.sub ** (len(x) - 1)))
    each(prod(x[1:]), lambda: softmax(there))
    each(prod(x[1:]) * (3 * a.m + x[0]) if a.bias else 0, lambda: X + 1)
    each(prod(x), lambda: X + X)


def deformable(a: Any, x: Any, out: Any) -> None:
    """Every value read lies between four others; a mask is a sigmoid and weighs it."""
    places, positions = a.offset_groups * prod(a.k), prod(out[1:])
    each(positions * places * (3 if a.mask else 2), lambda: X + 1)  # biases of what gives offsets and mask
    each(positions * places if a.mask else 0, lambda: sigmoid(X))
    each(positions * x[0] * prod(a.k), lambda: X * 1 + X * 1 + X * 1 + X * 1)
    each(positions * x[0] * prod(a.k) if a.mask else 0, lambda: X * X)
    biases(a, x, out)


def biases(a: Any, x: Any, out: Any) -> None:
    each(prod(out) if a.bias else 0, lambda: X + 1)


def local_norm(a: Any, x: Any, out: Any) -> None:
    size_of_window[0] = a.size
    neighbours(prod(x))


def upsampled(a: Any, x: Any, out: Any) -> None:
    """A weighted sum of the two, or of a cubic four, nearest of each axis; the nearest alone is copied."""
    count = {"nearest": 0, "bicubic": 4}.get(a.mode, 2) ** (len(x) - 1)
    each(prod(out), lambda: (each(count, lambda: X * 2), total(count)))


def layer_norm(a: Any, x: Any, out: Any) -> None:
    last = a.axes == "last" or (a.axes == "channels" and type(x).__name__ == "Tokens")
    count = prod(x) if a.axes == "all" else x[-1] if last else x[0]
    each(prod(x) // count, lambda: standardized(count, a.affine))


DEFINITIONS: dict[str, Callable[[Any, Any, Any], Any]] = {
    **{name: lambda a, x, out, f=f: each(prod(out), lambda: f(X)) for name, f in ACTIVATIONS.items()},
    **dict.fromkeys(("conv", "dwconv", "wsconv", "deconv", "fc", "bilinear"), biases),
    "deformconv": deformable,
    "softmax": lambda a, x, out: each(prod(x[1:]), lambda: softmax(x[0])),
    "logsoftmax": lambda a, x, out: each(prod(x[1:]), lambda: log_softmax(x[0])),
    "maxout": lambda a, x, out: each(prod(out), lambda: largest(a.k)),
    "gn": lambda a, x, out: each(a.groups, lambda: standardized(prod(x) // a.groups, a.affine)),
    "ln": layer_norm,
    "instnorm": lambda a, x, out: each(x[0], lambda: standardized(prod(x[1:]), a.affine)),
    "grn": lambda a, x, out: response(x[0], prod(x[1:])),
    "l2norm": lambda a, x, out: each(
        prod(x[1:]), lambda: (each(x[0], lambda: X * X), special(total(x[0])), each(x[0], lambda: X / X))
    ),
    "lrn": local_norm,
    "maxpool": lambda a, x, out: each(prod(out), lambda: largest(prod(a.k))),
    "avgpool": lambda a, x, out: each(prod(out), lambda: mean(prod(a.k))),
    "lppool": lambda a, x, out: each(prod(out), lambda: power_mean(prod(a.k))),
    "adaptive_avgpool": lambda a, x, out: each(x[0], lambda: [mean(n) for n in bins(x[1:], out[1:])]),
    "adaptive_maxpool": lambda a, x, out: each(x[0], lambda: [largest(n) for n in bins(x[1:], out[1:])]),
    "gap": lambda a, x, out: each(x[0], lambda: mean(prod(x[1:]))),
    "gmp": lambda a, x, out: each(x[0], lambda: largest(prod(x[1:]))),
    "cmean": lambda a, x, out: each(prod(x[1:]), lambda: mean(x[0])),
    "cmax": lambda a, x, out: each(prod(x[1:]), lambda: largest(x[0])),
    "upsample": upsampled,
    "mhsa": attention,
    "nonlocal": non_local,
}
"""What an op does, by its definition; an op that is not here only moves or leaves elements."""


def steps(region: Any) -> Iterator[Apply]:
    for step in region.steps:
        if isinstance(step, Apply):
            yield step
        else:
            yield from steps(step.region)


@pytest.mark.parametrize("sample", SAMPLES)
def test_other_operations(sample: str) -> None:
    for step in steps(compiled(sample).graph.root):
        x, out = known(step.inputs[0]), known(step.outputs[0])
        COUNTED.clear()
        if step.op.name in DEFINITIONS:
            DEFINITIONS[step.op.name](step.attrs, x, out)
        assert step.op.work(step.attrs, x, out)._replace(mac=0) == Work(**COUNTED), step.op.name


@pytest.mark.parametrize("sample", SAMPLES)
def test_biases(sample: str) -> None:
    """Every number of every bias is added once at each position or token."""
    for step in steps(compiled(sample).graph.root):
        if not step.op.macs_text or step.op.name == "blurpool":
            continue
        x, out = known(step.inputs[0]), known(step.outputs[0])
        channels = out[-1] if type(out).__name__ == "Tokens" else out[0]
        numbers = sum(w.shape[0] for w in step.weights() if w.name.endswith("bias"))
        assert step.op.biases(step.attrs, x, out) == numbers * prod(out) // channels, step.op.name
