"""How far single precision may move a result: the reference run again with every operand rounded at random.

A sum within a layer may move all elements of the layer's result together; so each result as a whole is moved by a
rounding of its largest element, too, or what is no more than such a rounding becomes 0, as a sum does in one order and
not in another. What a layer subtracts within itself, such as the mean of a normalisation, loses digits that its result
does not show: so layers compute in single precision here.

This is Monte Carlo arithmetic (Parker, 1997): where a division by a small spread, a difference of nearly equal numbers
or a choice between nearly equal ones makes the result of a program depend on its roundings, these runs differ among
themselves, and no library computing in single precision can be expected to give one of them.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from unittest.mock import patch

import cnnc
import numpy as np
from cnnc.backends import numpy as reference

Arrays = dict[str, np.ndarray]

ROUNDING = 2.0**-23
"""The distance of neighbouring numbers in single precision, relative to them."""
DOUBLE_ROUNDING = 2.0**-52
LARGEST = 1e37
"""Where a result in between exceeds this, single precision overflows there or soon after."""
RUNS = 12
LOST = {
    **dict.fromkeys(("gelu", "silu"), np.abs),
    **dict.fromkeys(("elu", "celu", "selu", "softplus", "mish", "logsigmoid", "logsoftmax", "sigmoid"), np.ones_like),
}
"""Layers in which libraries lose digits that the reference keeps, and the size of what is rounded within: 1 + erf in
the tail of gelu, exp(x) - 1 near 0, log(1 + exp(x)) far below 0; ONNX Runtime's sigmoid is exact to a part of 1, not
of its result."""
SCALE = 10.0
"""A disagreement is put down to rounding where it is at most this many times what random rounding makes."""


class Reference(NamedTuple):
    """The outputs in double precision, and what came up on the way."""

    outputs: Arrays
    largest: float
    """The largest number; infinite where one was none."""
    deformed: bool
    """Whether a deformable convolution got what is not a number."""


def reference_run(net: cnnc.Net, inputs: Arrays, weights: Arrays) -> Reference:
    """A network in double precision."""
    largest, deformed = 0.0, False

    def seen(lowering: Callable[..., Any], attrs: Any, step: Any, xs: list[Any], own: Arrays) -> Any:
        nonlocal largest, deformed
        made = lowering(attrs, step, xs, own)
        deformed |= step.op.name == "deformconv" and not np.isfinite(xs[0]).all()
        for array in made if isinstance(made, tuple) else (made,):
            top = float(np.abs(array).max(initial=0.0))
            largest = max(largest, top if top == top else float("inf"))
        return made

    with patch.object(reference, "LOWERINGS", _Wrapped(seen)):
        return Reference(reference.run(net, inputs, weights), largest, deformed)


def spread_of_rounding(
    net: cnnc.Net, inputs: Arrays, weights: Arrays, exact: Mapping[str, np.ndarray], rounding: float = ROUNDING
) -> dict[str, float]:
    """For each output, how far random rounding of all operands moved it at most."""
    furthest = dict.fromkeys(exact, 0.0)
    kind = np.float32 if rounding == ROUNDING else np.float64
    for run in range(RUNS):
        random = np.random.default_rng(run)

        def rounded(array: np.ndarray, random: np.random.Generator = random) -> np.ndarray:
            if array.dtype.kind != "f":  # the places that a pooling chose
                return array
            return (array * (1.0 + rounding * random.uniform(-1.0, 1.0, array.shape))).astype(kind)

        def moved(array: np.ndarray, random: np.random.Generator = random, cancels: bool = run % 2 == 1) -> np.ndarray:
            if array.dtype.kind != "f":
                return array
            array = array.astype(np.float64)
            least = rounding * float(np.abs(array).max(initial=0.0))
            return np.where(np.abs(array) < 4 * least, 0.0, array) if cancels else array + least * random.uniform(-1, 1)

        def noisy(lowering: Callable[..., Any], attrs: Any, step: Any, xs: list[Any], own: Arrays) -> Any:
            made = lowering(attrs, step, [rounded(x) for x in xs], {name: rounded(w) for name, w in own.items()})
            if step.op.name in LOST:
                within = LOST[step.op.name](xs[0])
                made = made + (rounded(within) - within)
            return tuple(map(moved, made)) if isinstance(made, tuple) else moved(made)

        with patch.object(reference, "LOWERINGS", _Wrapped(noisy)):
            found = reference.run(net, inputs, weights)
        for name, array in found.items():
            furthest[name] = max(furthest[name], float(np.abs(array - exact[name]).max(initial=0.0)))
    return furthest


class _Wrapped:
    """The reference's table of definitions, each called through `around`."""

    def __init__(self, around: Callable[..., Any]) -> None:
        self.around = around
        self.table = reference.LOWERINGS

    def get(self, name: str) -> Any:
        lowering = self.table.get(name)
        return lowering and (lambda *given: self.around(lowering, *given))
