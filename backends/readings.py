"""What a map that comes out of a network shows, classes or an image, and in which range an image's values lie.

The losses of the `train` section say it best. Without one the last layer does: softmax gives classes, tanh values from
-1 to 1. Three channels are an image unless something speaks against it, other numbers of channels scores of classes.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..compiler.ir import Apply, Call, Graph, Value

if TYPE_CHECKING:
    from numpy.typing import NDArray

RANGES = {"sigmoid": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0), "softsign": (-1.0, 1.0)}
"""Between which values the results of an op lie; those of hardtanh are its arguments."""

CLASSES = ("softmax", "logsoftmax")
"""Ops whose results are of classes."""

OF_CLASSES = ("cross_entropy", "nll", "bce", "bce_logits")
"""Losses of maps of classes or flags."""

MOVING = ("dropout", "dropout2d", "droppath", "pixelshuffle", "pixelunshuffle", "shuffle", "slice", "crop", "permute")
"""Ops that leave every value as it is, wherever they put it."""


class Reading(NamedTuple):
    """How a map is read.

    image      whether it is an image; otherwise the best class at each position is shown
    why        the convention, in words
    low, high  the values of an image that are black and white, for all channels or for each
    """

    image: bool
    why: str
    low: tuple[float, ...] = (0.0,)
    high: tuple[float, ...] = (1.0,)

    def shares(self, array: "NDArray[Any]") -> "NDArray[Any]":
        """The values of an image C×H×W, 0 for black and 1 for white; some may lie beyond."""
        low, high = (np.asarray(ends, np.float64).reshape(-1, 1, 1) for ends in (self.low, self.high))
        return np.asarray((array.astype(np.float64) - low) / (high - low))

    def pixels(self, array: "NDArray[Any]") -> "NDArray[np.uint8]":
        """An image as bytes H×W×C; what lies beyond the range is black or white, what is no number black."""
        shown = np.nan_to_num(self.shares(array), nan=0.0, posinf=1.0, neginf=0.0).clip(0, 1)
        return np.asarray(np.rint(255 * shown).astype(np.uint8).transpose(1, 2, 0))

    def outside(self, array: "NDArray[Any]") -> float:
        """The share of values that lie beyond the range, by more than a byte's rounding."""
        shown = self.shares(array)
        return float(np.mean(~((shown >= -1 / 510) & (shown <= 1 + 1 / 510))))


def reading(graph: Graph, name: str, value: Value, mean: Sequence[float], std: Sequence[float]) -> Reading:
    """How the map of an output is read. mean, std: by which the input was normalised; nothing where it was not."""
    shape = value.shape or ()
    losses = [term.loss.name for term in graph.recipe.terms if name in term.outputs] if graph.recipe else []
    ends = value_range(value)
    scores = len(shape) != 3 or shape[0] not in (1, 3) or last_op(value) in CLASSES
    if scores or any(loss in OF_CLASSES for loss in losses) or (not losses and is_mask(graph, value)):
        if shape and shape[0] == 1:
            return Reading(False, f"1 where it is above {0.5 if ends == (0.0, 1.0) else 0:g}")
        return Reading(False, "the class with the highest score at each position")
    if ends is not None:
        low, high = ends
        return Reading(
            True, f"an image from {low:g} to {high:g}, between which {last_op(value)} keeps it", (low,), (high,)
        )
    if not mean:
        return Reading(True, "an image from 0 to 1, as the input is")
    return Reading(True, "an image normalised as the input is, which is undone", *_undone(mean, std, int(shape[0])))


def is_mask(graph: Graph, value: Value) -> bool:
    """Whether a single channel is a mask rather than a grey image.

    An image it is where its values go below 0 by an op like tanh, where it is larger than the input, or where it is
    what a grey input is after something has been added to it or taken off.
    """
    shape, given = value.shape or (), graph.inputs[0].value.shape or ()
    if shape[0] != 1:
        return False
    ends = value_range(value)
    larger = len(given) == 3 and bool(shape[1] > given[1] or shape[2] > given[2])
    changed = last_op(value) in ("add", "sub") and given[0] == 1
    return not (larger or changed or (ends is not None and ends[0] < 0))


def _undone(mean: Sequence[float], std: Sequence[float], channels: int) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Where black and white of a normalised image lie; by averages if the input has another number of channels."""
    count = max(len(mean), len(std))
    means, stds = (list(part) * (count // len(part)) for part in (mean, std))
    if count not in (1, channels):
        means, stds = [sum(means) / count], [sum(stds) / count]
    pairs = list(zip(means, stds, strict=True))
    return tuple(-m / s for m, s in pairs), tuple((1 - m) / s for m, s in pairs)


def value_range(value: Value) -> tuple[float, float] | None:
    """Between which values a tensor lies by the op that it comes from, None where it has no bounds on both sides."""
    step = source_of(value)
    if step is None:
        return None
    if step.op.name == "hardtanh":
        low, high = (float(end) for end in step.attrs[:2])
        return (low, high) if low < high else None
    return RANGES.get(step.op.name)


def last_op(value: Value) -> str:
    """The name of the op that gave a tensor its numbers; "" for an input."""
    step = source_of(value)
    return "" if step is None else step.op.name


def source_of(value: Value) -> Apply | None:
    """The step that gave a tensor its numbers, before those that only move them; None for an input."""
    while value.maker is not None:
        step = value.maker
        if isinstance(step, Call):
            value = step.region.outputs[step.outputs.index(value)]
            continue
        assert isinstance(step, Apply)
        if not step.op.view and step.op.name not in MOVING:
            return step
        value = step.inputs[0]
    return None
