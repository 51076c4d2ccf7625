"""The ONNX target: the expanded graph with weights as initializers, the same bytes on every run."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from ...compiler.cost import inference_steps
from ...compiler.diagnostics import usage
from ...compiler.ir import Apply, Call, Graph, Region, Value, join, known, path_length
from ...compiler.requests import read_batch
from ...compiler.verify import check_weights
from ...compiler.writing import check_room, check_target, write_file
from ..tensors import Drawn, Given, Tensor
from ..weights import read_weights
from .builder import Builder
from .external import inline, tidy, write_external
from .ops import LOWERINGS
from .run import place, prepare, run

OPSET = 20
OPSETS = range(18, onnx.defs.onnx_opset_version() + 1)
MOST_NAMES = 16 * 2**20
"""Characters in the paths of all layers, which a model names tensors and nodes by. No flag: a reader of such a model
would need gigabytes for names alone."""
MESSAGE_LIMIT = 2**31 - 1
"""Bytes that one protobuf message can hold."""
INLINE_LIMIT = MESSAGE_LIMIT - 2**20
"""Bytes of a model above which its weights go to a second file."""
COPIES = 3
"""How often weights are in memory at once at most: as drawn, in the message, and as its bytes."""
Finished = Callable[[list[onnx.TensorProto]], onnx.ModelProto]
"""Gives the model with its initializers."""


def model(
    net: Any,
    *,
    batch: int | str = "dynamic",
    seed: int = 0,
    weights: str | Path | Mapping[str, Any] | None = None,
    opset: int | None = None,
    inference: bool = False,
    path: str | Path | None = None,
) -> onnx.ModelProto:
    """The model of a network; see `Net.to_onnx`. Raises UsageError for an opset outside 18 to onnx's own newest."""
    graph: Graph = net.graph
    opset = OPSET if opset is None else opset
    if opset not in OPSETS:
        raise usage("E0512", op=f"opset {opset}", backend="ONNX", reason=f"{OPSETS[0]} to {OPSETS[-1]} are supported")
    if (length := path_length(graph)) > MOST_NAMES:
        raise usage("E0523", length=length, most=MOST_NAMES)
    arrays = Drawn(graph, seed) if weights is None else Given(read_weights(weights, graph))
    leading: Any = "N" if batch == "dynamic" else read_batch(batch)
    if leading != "N" and not isinstance(leading, int):
        raise usage("E0513", text=batch)
    builder = Builder(leading, opset, arrays, inference)
    _emit(graph, builder)

    def finished(tensors: list[onnx.TensorProto]) -> onnx.ModelProto:
        return _model(builder.graph(graph.name, tensors), opset)

    if path is None:
        return _in_memory(builder.stored, finished)
    return _written(builder.stored, finished, Path(path))


def _in_memory(stored: dict[str, Tensor], finished: Finished) -> onnx.ModelProto:
    """The model with its weights. Raises UsageError for more than a message can hold (E0546) or memory (E0522)."""
    total = sum(tensor.nbytes for tensor in stored.values())
    if total > MESSAGE_LIMIT:
        raise usage("E0546", needed=f"{total / 2**30:,.1f}")
    check_weights(COPIES * total)
    return finished(inline(stored))


def _written(stored: dict[str, Tensor], finished: Finished, path: Path) -> onnx.ModelProto:
    """The model, written to a file; weights go to a second one beside it where one message cannot hold them.

    Raises UsageError before anything is drawn for what the disk (E0547) or memory (E0522) has no room for.
    """
    check_target(path)
    total = sum(tensor.nbytes for tensor in stored.values())
    check_room(path, total)
    if total > INLINE_LIMIT:
        check_weights(COPIES * max((tensor.nbytes for tensor in stored.values() if tensor.blocks is None), default=0))
        return write_external(stored, finished, path)
    check_weights(COPIES * total)
    proto = finished(inline(stored))
    if proto.ByteSize() > INLINE_LIMIT:
        return write_external(stored, finished, path)
    write_file(path, proto.SerializeToString(deterministic=True))
    tidy(path)
    return proto


def _model(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", opset)]
    version = helper.find_min_ir_version_for(imports)
    return helper.make_model(graph, opset_imports=imports, ir_version=version, producer_name="cnnc")


def _emit(graph: Graph, builder: Builder) -> None:
    """Give the builder all inputs, nodes and outputs of a graph."""
    names: dict[Value, str] = {}
    builder.reserve([t.name for t in graph.outputs])
    for terminal in graph.inputs:
        names[terminal.value] = builder.input(terminal.name, known(terminal.value))
    _region(graph.root, inference_steps(graph), "", names, builder)
    renamed: dict[str, str] = {}
    for terminal in graph.outputs:
        tensor = renamed.get(names[terminal.value], names[terminal.value])
        renamed[names[terminal.value]] = builder.output(terminal.name, tensor, known(terminal.value))


def _region(region: Region, steps: list[Apply | Call], prefix: str, names: dict[Value, str], builder: Builder) -> None:
    uses = builder.use_counts(region)
    for step in steps:
        if isinstance(step, Apply):
            inputs = [names[v] for v in step.inputs]
            builder.begin(join(prefix, step.name), step, uses)
            made = LOWERINGS[step.op.name](builder, step.attrs, step, inputs)
            names.update(zip(step.outputs, (made,) if isinstance(made, str) else made, strict=True))
            continue
        tensors = [names[v] for v in step.inputs]
        for i in range(step.count):
            path = step.shared or join(prefix, step.instance_name(i))
            inner = dict(zip(step.region.inputs, tensors, strict=True))
            _region(step.region, step.region.steps, path, inner, builder)
            tensors = [inner[value] for value in step.region.outputs]
        names.update(zip(step.outputs, tensors, strict=True))


__all__ = ["model", "place", "prepare", "run"]
