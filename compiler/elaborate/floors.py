"""Which layer rounded an extent, where branches do not fit: its stride does not divide the extent that it was given."""

from collections.abc import Iterator, Sequence
from math import prod
from typing import Any

from ..diagnostics import Label
from ..ir import Apply, Call, Value, regions_of
from .build import Frame

MOST = 10_000
"""Steps that are looked at before a misfit."""


def rounding(values: Sequence[Value], frame: Frame) -> tuple[Label, ...]:
    """A label on the first layer that rounded an extent of some of the values, but not of all of them."""
    paths = [list(_before(value, frame)) for value in values]
    common = {id(step) for step in paths[0]}.intersection(*({id(step) for step in path} for path in paths[1:]))
    for path in paths:
        own = [step for step in path if id(step) not in common]
        if _apart(values) >= prod(max(_strides(step)) for step in own):
            continue  # a stride is missing, or one too many: more than rounding
        for step in reversed(own):
            remark = _rounded(step)
            if remark:
                return (Label(step.span, remark),)
    return ()


def _strides(step: Apply) -> tuple[int, ...]:
    """The strides of a layer with a window; 1 for any other."""
    strides = getattr(step.attrs, "s", None)
    return strides if step.op.window is not None and isinstance(strides, tuple) and strides else (1,)


def _apart(values: Sequence[Value]) -> int:
    """How far extents of some tensors lie apart along an axis, channels left out."""
    shapes = [value.shape[1:] for value in values if value.shape is not None]
    known = [extents for extents in zip(*shapes, strict=False) if all(isinstance(n, int) for n in extents)]
    return max((max(extents) - min(extents) for extents in known), default=0)


def _before(value: Value, frame: Frame) -> Iterator[Apply]:
    """The layers that a value depends on, the last first, those of finished blocks as a whole."""
    outer = _surroundings(frame)
    seen: set[int] = set()
    queue = [value]
    for item in queue:
        if id(item) in seen or len(seen) > MOST:
            continue
        seen.add(id(item))
        if item.maker is None:
            queue += [outer[id(item)]] if id(item) in outer else []
            continue
        queue += item.maker.inputs
        if isinstance(item.maker, Call):
            steps = [step for region in regions_of(item.maker.region) for step in region.steps]
            yield from reversed([step for step in steps if isinstance(step, Apply)])
        elif isinstance(item.maker, Apply):
            yield item.maker


def _surroundings(frame: Frame | None) -> dict[int, Value]:
    """For each input of the regions under construction, the tensor outside that it stands for."""
    found: dict[int, Value] = {}
    while frame is not None:
        found.update((id(inner), value) for value, inner in frame.imports.items())
        frame = frame.parent
    return found


def _rounded(step: Apply) -> str:
    """What is said of a layer whose stride does not divide its input evenly; else an empty text."""
    shape, out = step.inputs[0].shape, step.outputs[0].shape
    if shape is None or out is None:
        return ""
    for axis, (extent, result, stride) in enumerate(zip(shape[1:], out[1:], _strides(step), strict=False)):
        if not isinstance(extent, int) or result >= extent:
            continue
        taken = f"`{step.op.name}` takes {extent} to {result}"
        if extent % stride:
            return f"{taken}: {extent} is not a multiple of its stride {stride}"
        if _left_over(step.attrs, axis, extent, stride):
            return f"{taken}: its windows, {stride} apart, do not reach the end"
    return ""


def _left_over(attrs: Any, axis: int, extent: int, stride: int) -> int:
    """How many positions of the padded input lie behind the last window."""
    kernel, dilation, padding = (getattr(attrs, name, None) for name in ("k", "d", "p"))
    if not isinstance(kernel, tuple) or not isinstance(padding, tuple):
        return 0
    cover = (dilation[axis] if isinstance(dilation, tuple) else 1) * (kernel[axis] - 1) + 1
    pads = padding[axis] if isinstance(padding[axis], tuple) else (padding[axis],) * 2
    return int(extent + sum(pads) - cover) % stride
