"""A node test of ONNX: its attributes, inputs and results."""

from collections.abc import Callable
from typing import Any

import numpy as np
import onnx
from foreign_program import Array, Program, Skip
from onnx import numpy_helper

Rule = Callable[["Node"], Program]


class Node:
    """A test's only node: its attributes, the arrays that go in (None where left out) and what must come out."""

    def __init__(self, test: Any) -> None:
        graph = test.model.graph
        (node,) = graph.node
        (given, made) = test.data_sets[0]
        arrays = dict(zip((i.name for i in graph.input), map(_array, given), strict=True))
        self.op: str = node.op_type
        self.attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        self.inputs: list[Any] = [arrays[name] if name else None for name in node.input]
        self.results = [_array(y) for y in made]

    def attribute(self, name: str, otherwise: Any = None) -> Any:
        value = self.attributes.get(name, otherwise)
        return value.decode() if isinstance(value, bytes) else tuple(value) if isinstance(value, list) else value

    def input(self, i: int) -> Any:
        return self.inputs[i] if i < len(self.inputs) else None

    @property
    def x(self) -> Array:
        return floating(self.inputs[0])

    @property
    def y(self) -> Array:
        made: Array = self.results[0]
        return made


def _array(value: Any) -> Any:
    if isinstance(value, onnx.TensorProto):
        return numpy_helper.to_array(value)
    return value if isinstance(value, np.ndarray) else np.asarray(value) if np.isscalar(value) else value


def floating(value: Any) -> Array:
    if not isinstance(value, np.ndarray):
        raise Skip("an input that is no tensor")
    if value.dtype not in (np.float32, np.float64):
        raise Skip(
            "an input of integers, booleans or complex numbers" if value.dtype.kind in "iub" else "half precision"
        )
    return value
