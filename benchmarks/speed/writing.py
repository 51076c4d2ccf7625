"""Writing a model with weights, and constructing a module, in process."""

import warnings
from io import BytesIO
from pathlib import Path

import cnnc
import torch
from analysis import TEXT, milliseconds
from contest import Contest, Goal
from peers import SIZE
from torchvision.models import resnet50


def export(model: torch.nn.Module, path: Path, dynamo: bool) -> None:
    """An ONNX file by PyTorch's own exporters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model, (torch.zeros(1, *SIZE),), path, dynamo=dynamo, **({"verbose": False} if dynamo else {})
        )


def onnx_files(folder: Path) -> Contest:
    """A file with the same weights from each: ours from the program's text, theirs from a module."""
    model = resnet50().eval()
    arrays = {name: tensor.numpy() for name, tensor in cnnc.compile(TEXT).to_torch().state_dict().items()}

    def ours() -> None:
        cnnc.compile(TEXT).to_onnx(folder / "cnnc.onnx", batch=1, weights=arrays)

    return Contest(
        "The same to a file",
        "ms",
        "102 MB on the same disk. cnnc waits until the disk has it and renames it then, PyTorch's exporters do not.",
        {
            "cnnc, from text": milliseconds(ours),
            "torch.onnx.export, dynamo": milliseconds(lambda: export(model, folder / "dynamo.onnx", True)),
            "torch.onnx.export, TorchScript": milliseconds(lambda: export(model, folder / "script.onnx", False)),
        },
        (),
        3,
    )


def onnx_models() -> Contest:
    """The model in memory."""
    model, batch = resnet50().eval(), torch.zeros(1, *SIZE)
    arrays = {name: tensor.numpy() for name, tensor in cnnc.compile(TEXT).to_torch().state_dict().items()}
    ours, dynamo, script = "cnnc, from text", "torch.onnx.export, dynamo", "torch.onnx.export, TorchScript"
    return Contest(
        "An ONNX model of ResNet-50 with weights, in process",
        "ms",
        "In memory: an onnx.ModelProto from the program's text and given weights, or weights drawn from a seed; an "
        "onnx.ModelProto from PyTorch's newer exporter; bytes from its older one.",
        {
            ours: milliseconds(lambda: cnnc.compile(TEXT).to_onnx(batch=1, weights=arrays)),
            "cnnc, weights drawn": milliseconds(lambda: cnnc.compile(TEXT).to_onnx(batch=1)),
            dynamo: milliseconds(lambda: torch.onnx.export(model, (batch,), dynamo=True, verbose=False).model_proto),
            script: milliseconds(lambda: torch.onnx.export(model, (batch,), BytesIO(), dynamo=False)),
        },
        (Goal(ours, "faster", 10, (dynamo,)), Goal(ours, "faster", 2, (script,))),
        7,
    )


def modules() -> Contest:
    """From text to a module with initial weights, beside torchvision's constructor."""
    return Contest(
        "A PyTorch module of ResNet-50",
        "ms",
        "Ours from the program's text: compiled, emitted, run; both draw initial weights.",
        {
            "cnnc, from text": milliseconds(lambda: cnnc.compile(TEXT).to_torch()),
            "torchvision.models.resnet50()": milliseconds(resnet50),
        },
        (Goal("cnnc, from text", "within", 1.05, ("torchvision.models.resnet50()",)),),
        11,
    )
