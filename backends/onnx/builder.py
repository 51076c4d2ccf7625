"""Collects the nodes, initializers and shapes of an ONNX graph."""

from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from ...compiler.ir import Apply, Region, Value
from ...compiler.namespace import Namespace
from ...compiler.ops import Shape
from ..reparam import weight_from
from ..tensors import Drawn, Given, Tensor, at_hand

if TYPE_CHECKING:
    from numpy.typing import NDArray

Extent = int | str
KINDS = {"float": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


class Builder:
    """One graph under construction. Tensors are named by the path of the layer that makes them."""

    def __init__(self, batch: Extent, opset: int, arrays: Drawn | Given, inference: bool) -> None:
        self.batch, self.opset, self.arrays, self.inference = batch, opset, arrays, inference
        self.nodes: list[onnx.NodeProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self.outputs: list[onnx.ValueInfoProto] = []
        self.stored: dict[str, Tensor] = {}
        self.shapes: dict[str, tuple[Extent, ...]] = {}
        self.kinds: dict[str, str] = {}
        self.names = Namespace(joint="_")
        self.path, self.doc = "", ""
        self.step: Apply | None = None
        self.uses: dict[Value, int] = {}
        self.makers: dict[str, onnx.NodeProto] = {}
        self.folded: set[str] = set()
        self.public: set[str] = set()  # names of the graph's inputs and outputs
        self.renamed: dict[str, str] = {}

    # Graph inputs and outputs

    def reserve(self, names: list[str]) -> None:
        """Keep names for graph outputs and weights, so that no inner tensor takes them."""
        self.names.reserve((*names, *self.arrays))

    def input(self, name: str, shape: Shape) -> str:
        name = self.unique(name)
        self.inputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (self.batch, *shape)))
        self.public.add(name)
        return name

    def output(self, name: str, tensor: str, shape: Shape) -> str:
        """Make a tensor an output under its public name; an Identity where the tensor is an input or another output.

        Returns what the tensor is called from now on.
        """
        maker = self.makers.get(tensor)
        if name in self.public:
            name = self.unique(name)
        if maker is None or tensor in self.public:
            self.nodes.append(helper.make_node("Identity", [tensor], [name], name=self.unique(f"{name}.out")))
        else:
            self.rename(tensor, name)
            tensor = name
        self.outputs.append(helper.make_tensor_value_info(name, TensorProto.FLOAT, (self.batch, *shape)))
        self.public.add(name)
        return tensor

    def rename(self, old: str, new: str) -> None:
        """Give a tensor another name, which its maker and readers get when the graph is finished."""
        self.renamed[old] = new
        self.makers[new] = self.makers.pop(old)
        self.shapes.pop(old, None)

    # Nodes

    def use_counts(self, region: Region) -> dict[Value, int]:
        uses: dict[Value, int] = {}
        for values in (*(s.inputs for s in region.steps), region.outputs):
            for value in values:
                uses[value] = uses.get(value, 0) + 1
        return uses

    def begin(self, path: str, step: Apply, uses: dict[Value, int]) -> None:
        """Say which layer the next nodes belong to."""
        self.path, self.step, self.uses = path, step, uses
        self.doc = f"{step.span.source.name}:{step.span.line}"

    def node(self, op: str, inputs: list[str], shape: Shape, part: str = "", **attributes: Any) -> str:
        """Add a node and return its output's name: the layer's path, or path.part for a step of a decomposition."""
        return self.raw_node(op, inputs, (self.batch, *shape), part, **attributes)

    def raw_node(
        self,
        op: str,
        inputs: list[str],
        shape: tuple[Extent, ...],
        part: str = "",
        kind: str = "float",
        **attributes: Any,
    ) -> str:
        """Like `node` for a tensor without a batch axis, or not of floats: `kind` is int64 or bool."""
        name = self.unique(f"{self.path}.{part}" if part else self.path)
        node = helper.make_node(op, inputs, [name], name=name, doc_string=self.doc, **attributes)
        self.nodes.append(node)
        self.makers[name] = node
        self.shapes[name] = shape
        if kind != "float":
            self.kinds[name] = kind
        return name

    def second_output(self, first: str, shape: Shape, part: str) -> str:
        """A further output, of whole numbers, of the node that makes a tensor."""
        name = self.unique(f"{first}.{part}")
        self.makers[first].output.append(name)
        self.shapes[name] = (self.batch, *shape)
        self.kinds[name] = "int64"
        return name

    def weight(self, name: str) -> str:
        """The initializer of this layer's weight of that name; shared layers meet theirs again."""
        full = f"{self.path}.{name}" if self.path else name
        if full not in self.stored:
            self.stored[full] = self.arrays.tensor(full) if full in self.arrays else self.expressed(full)
        return full

    def expressed(self, full: str) -> Tensor:
        """The weight of this layer that other tensors express."""
        assert self.step is not None
        self.names.reserve([full])
        path, axis = self.path, int(self.step.op.initial == "deconv")
        (shape,) = {w.shape for w in self.step.weights() if w.name.endswith(("original", "original1"))}
        return Tensor(shape, np.dtype(np.float32), lambda: weight_from(self.arrays, path, axis))

    def constant(self, part: str, array: "NDArray[Any]") -> str:
        """An initializer that is not a weight."""
        name = self.unique(f"{self.path}.{part}")
        self.stored[name] = at_hand(array)
        return name

    def ints(self, part: str, values: list[int]) -> str:
        return self.constant(part, np.array(values, np.int64))

    def unique(self, name: str) -> str:
        return self.names.take(name or "layer")

    def times(self, elements: int) -> Extent:
        """The extent of that many elements for each sample of the batch, flattened."""
        return f"{self.batch}*{elements}" if isinstance(self.batch, str) else self.batch * elements

    def kind(self, name: str) -> int:
        return int(KINDS[self.kinds.get(name, "float")])

    def graph(self, name: str, tensors: list[TensorProto]) -> onnx.GraphProto:
        """The finished graph with its initializers, and a shape for every tensor between inputs and outputs."""
        for node in self.nodes if self.renamed else ():
            for names in (node.input, node.output):
                for i, old in enumerate(names):
                    if old in self.renamed:
                        names[i] = self.renamed[old]
        infos = [helper.make_tensor_value_info(key, self.kind(key), shape) for key, shape in self.shapes.items()]
        return helper.make_graph(self.nodes, name, self.inputs, self.outputs, tensors, value_info=infos)
