"""Writing a model with weights, and constructing a module, in process."""

import warnings
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
        "An ONNX file of ResNet-50 with weights, in process",
        "ms",
        "To a file of 102 MB on the same disk. cnnc syncs it before it is renamed, PyTorch's exporters do not.",
        {
            "cnnc, from text": milliseconds(ours),
            "torch.onnx.export, dynamo": milliseconds(lambda: export(model, folder / "dynamo.onnx", True)),
            "torch.onnx.export, TorchScript": milliseconds(lambda: export(model, folder / "script.onnx", False)),
        },
        (
            Goal("cnnc, from text", "faster", 10, ("torch.onnx.export, dynamo",)),
            Goal("cnnc, from text", "faster", 2, ("torch.onnx.export, TorchScript",)),
        ),
        5,
    )


def onnx_models() -> Contest:
    """The model in memory alone."""
    arrays = {name: tensor.numpy() for name, tensor in cnnc.compile(TEXT).to_torch().state_dict().items()}
    return Contest(
        "The same model as an object",
        "ms",
        "onnx.ModelProto with weights, from the program's text; weights given, and drawn from a seed.",
        {
            "weights given": milliseconds(lambda: cnnc.compile(TEXT).to_onnx(batch=1, weights=arrays)),
            "weights drawn": milliseconds(lambda: cnnc.compile(TEXT).to_onnx(batch=1)),
        },
        (),
        5,
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
