"""What several test files need: running a network in PyTorch and ONNX Runtime, and comparing."""

import cnnc
import numpy as np
import onnx
import onnxruntime
import torch

TORCH_TOLERANCE = 1e-5
ONNX_TOLERANCE = 1e-4


def difference(a: np.ndarray, b: np.ndarray) -> float:
    """max|a − b| / max|b|, which stays meaningful near zero."""
    assert a.shape == b.shape, f"{a.shape} is not {b.shape}"
    return float(np.abs(a - b).max() / max(np.abs(b).max(), 1e-30)) if b.size else 0.0


def inputs_for(net: cnnc.Net, batch: int = 2, seed: int = 0) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(batch, *t.value.shape, generator=generator) for t in net.graph.inputs]


def run_onnx(model: onnx.ModelProto, inputs: list[torch.Tensor]) -> list[np.ndarray]:
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])
    feeds = {i.name: x.numpy() for i, x in zip(session.get_inputs(), inputs, strict=True)}
    return session.run(None, feeds)


def run_torch(module: torch.nn.Module, inputs: list[torch.Tensor]) -> list[np.ndarray]:
    with torch.no_grad():
        result = module(*inputs)
    outputs = list(result.values()) if isinstance(result, dict) else [result]
    return [t.numpy() for t in outputs]


def check_onnx(model: onnx.ModelProto) -> None:
    """The checker's and shape inference's word, and that every tensor's declared shape is the inferred one."""
    onnx.checker.check_model(model, full_check=True)
    declared = {v.name: _extents(v) for v in (*model.graph.value_info, *model.graph.output)}
    made = {name for node in model.graph.node for name in node.output}
    assert made == set(declared), f"without a shape: {made - set(declared)}"
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    inferred = onnx.shape_inference.infer_shapes(bare, check_type=True, strict_mode=True, data_prop=True)
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        assert _agree(_extents(value), declared[value.name]), value.name


def _extents(value: onnx.ValueInfoProto) -> list[int | str]:
    return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]


def _agree(inferred: list[int | str], declared: list[int | str]) -> bool:
    """Equal, but for an extent that inference could not name (an anonymous symbol or nothing)."""
    return len(inferred) == len(declared) and all(
        a == b or (not isinstance(a, int) and a.startswith("unk")) or a in ("", 0)
        for a, b in zip(inferred, declared, strict=True)
    )
