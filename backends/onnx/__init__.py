"""The ONNX target: the expanded graph with weights as initializers, the same bytes on every run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx
from onnx import helper

from ...compiler.cost import inference_steps
from ...compiler.diagnostics import usage
from ...compiler.ir import Apply, Call, Graph, Region, Value, join, known, path_length
from ...compiler.requests import read_batch
from ...compiler.verify import check_weights
from ...compiler.writing import write_file
from ..weights import draw, read_weights
from .builder import Builder
from .external import tidy, write_external
from .ops import LOWERINGS
from .run import place, prepare, run

OPSET = 20
OPSETS = range(18, onnx.defs.onnx_opset_version() + 1)
MOST_NAMES = 16 * 2**20
"""Characters in the paths of all layers, which a model names tensors and nodes by. No flag: a reader of such a model
would need gigabytes for names alone."""
INLINE_LIMIT = 2**31 - 2**20  # a protobuf message cannot exceed 2 GiB


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
    check_weights(net)
    if (length := path_length(graph)) > MOST_NAMES:
        raise usage("E0523", length=length, most=MOST_NAMES)
    arrays = draw(graph, seed) if weights is None else read_weights(weights, graph)
    leading: Any = "N" if batch == "dynamic" else read_batch(batch)
    if leading != "N" and not isinstance(leading, int):
        raise usage("E0513", text=batch)
    builder = Builder(leading, opset, arrays, inference)
    result = _emit(graph, builder)
    proto = _model(result, opset)
    if path is not None:
        _write(proto, Path(path))
    return proto


def _model(graph: onnx.GraphProto, opset: int) -> onnx.ModelProto:
    imports = [helper.make_opsetid("", opset)]
    version = helper.find_min_ir_version_for(imports)
    return helper.make_model(graph, opset_imports=imports, ir_version=version, producer_name="cnnc")


def _emit(graph: Graph, builder: Builder) -> onnx.GraphProto:
    names: dict[Value, str] = {}
    builder.reserve([t.name for t in graph.outputs])
    for terminal in graph.inputs:
        names[terminal.value] = builder.input(terminal.name, known(terminal.value))
    _region(graph.root, inference_steps(graph), "", names, builder)
    renamed: dict[str, str] = {}
    for terminal in graph.outputs:
        tensor = renamed.get(names[terminal.value], names[terminal.value])
        renamed[names[terminal.value]] = builder.output(terminal.name, tensor, known(terminal.value))
    return builder.graph(graph.name)


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


def _write(proto: onnx.ModelProto, path: Path) -> None:
    """Write the model; weights go to a second file beside it where one message cannot hold them."""
    if proto.ByteSize() > INLINE_LIMIT:
        write_external(proto, path)
    else:
        write_file(path, proto.SerializeToString(deterministic=True))
        tidy(path)


__all__ = ["model", "place", "prepare", "run"]
