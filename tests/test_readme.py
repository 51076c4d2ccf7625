"""What README.md and docs/ show is what the commands print."""

import re
import shlex

import cnnc
import pytest
from cnnc.compiler.cli import run
from conftest import ROOT

README = (ROOT / "README.md").read_text()
FENCED = re.compile(r"```(\w*)\n(.*?)```", re.DOTALL)
SHOWN = [block for _, block in FENCED.findall(README) if block.startswith("$ ")]


@pytest.mark.parametrize("block", SHOWN, ids=lambda block: block.split("\n")[0][:40])
def test_output_in_readme(block: str, capsys: pytest.CaptureFixture[str]) -> None:
    command, _, expected = block.partition("\n")
    run(shlex.split(command.removeprefix("$ cnnc ")))
    captured = capsys.readouterr()
    assert (captured.out or captured.err) == expected


def test_pictures_in_readme() -> None:
    """They are there, all are shown, and none takes long to load."""
    shown = {ROOT / path for path in re.findall(r"!\[[^\]]+\]\((.*?)\)", README)}
    assert shown == set((ROOT / "docs/images").iterdir())
    assert all(path.stat().st_size < 300_000 for path in shown)


def test_network_in_readme_is_the_example() -> None:
    example = (ROOT / "examples/resnet50.cnn").read_text().split("\n", 2)[2]
    assert example in README


def test_source_in_readme_is_emitted() -> None:
    (shown,) = [block for language, block in FENCED.findall(README) if "class Bottleneck" in block]
    assert shown.strip() in cnnc.load(ROOT / "examples/resnet50.cnn").torch_source()


def test_python_in_readme_runs(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = [block for language, block in FENCED.findall(README) if language == "python" and "import cnnc" in block]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})
    assert (tmp_path / "resnet50.onnx").stat().st_size > 90_000_000


def test_formulas_in_readme() -> None:
    (code,) = [block for _, block in FENCED.findall(README) if "net.at(" in block]
    names: dict = {"cnnc": cnnc}
    for line in code.splitlines():
        source, _, shown = line.partition("  # ")
        if not shown:
            exec(source, names)
            continue
        assert str(eval(source, names)) == shown


def test_layer_guide_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ELU of docs/add-a-layer.md, entered and lowered as the page says, compiles and runs."""
    import cnnc.backends.numpy.ops.activation as numpy_lower
    import cnnc.backends.onnx.ops.activation as onnx_lower
    import cnnc.backends.torch.ops.activation as torch_lower
    import cnnc.compiler.ops.activation as activation
    import torch
    from cnnc.backends.numpy.ops import LOWERINGS as NUMPY_LOWERINGS
    from cnnc.backends.onnx.ops import LOWERINGS as ONNX_LOWERINGS
    from cnnc.backends.torch.ops import LOWERINGS as TORCH_LOWERINGS
    from cnnc.compiler.ops import NAMES, REGISTRY
    from support import difference, inputs_for, run_onnx, run_torch

    for table in (NAMES, REGISTRY, TORCH_LOWERINGS, ONNX_LOWERINGS, NUMPY_LOWERINGS):
        monkeypatch.delitem(table, "elu", raising=False)
    blocks = [re.sub(r"(?m)^   ", "", b) for _, b in FENCED.findall((ROOT / "docs/add-a-layer.md").read_text())]
    for block, module in zip(blocks, (activation, torch_lower, onnx_lower, numpy_lower), strict=True):
        exec(block, vars(module))
    net = cnnc.compile("elu(0.5)", input=(3, 4, 5))
    inputs = inputs_for(net)
    expected = torch.nn.functional.elu(inputs[0], 0.5).numpy()
    assert difference(run_torch(net.to_torch(), inputs)[0], expected) <= 1e-6
    assert difference(run_onnx(net.to_onnx(), inputs)[0], expected) <= 1e-6
    assert all(comparison.ok for comparison in net.verify())
