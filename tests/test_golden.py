"""Whole outputs of a few programs, kept as files: the PyTorch source, the ONNX graph, the report."""

from pathlib import Path

import cnnc
import onnx
import pytest
from conftest import EXAMPLES

GOLDEN = Path(__file__).with_name("golden")
PROGRAMS = [path for path in EXAMPLES if path.stem in ("lenet5", "resnet18", "resnet50", "mobilenetv2", "densenet121")]
FEATURES = sorted(GOLDEN.glob("*/program.cnn"))


def outputs(path: Path) -> dict[str, str]:
    net = cnnc.load(path)
    model = net.to_onnx()
    for initializer in model.graph.initializer:
        initializer.ClearField("raw_data")  # the weights are drawn from a seed; their names and shapes stay
    return {
        "torch.py": net.torch_source(),
        "report.txt": net.report() + "\n",
        "graph.onnx.txt": onnx.printer.to_text(model) + "\n",
    }


def label(path: Path) -> str:
    return path.parent.name if path.name == "program.cnn" else path.stem


@pytest.mark.parametrize(
    "path", [*PROGRAMS, *FEATURES], ids=lambda p: p.parent.name if p.name == "program.cnn" else p.stem
)
def test_golden(path: Path, update_golden: bool) -> None:
    folder = GOLDEN / label(path)
    for name, text in outputs(path).items():
        if update_golden:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
        assert text == (folder / name).read_text(), f"{folder.name}/{name}"
