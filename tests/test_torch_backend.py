"""The emitted PyTorch source: what a person would write, and everything that PyTorch does with a module."""

import ast
import copy
import subprocess
import sys
from pathlib import Path

import cnnc
import pytest
import torch
from cnnc.backends.torch.text import fold_progressions
from cnnc.compiler.elaborate.build import RESERVED
from conftest import ROOT
from support import difference, inputs_for, run_torch

RESNET50 = ROOT / "examples/resnet50.cnn"


def test_reserved_names_cover_module() -> None:
    own = {name for name in dir(torch.nn.Module()) if not name.startswith("_")}
    assert own <= RESERVED, own - RESERVED


def test_source_is_lint_clean_and_formatted(example: Path, tmp_path: Path) -> None:
    path = tmp_path / f"{example.stem}.py"
    path.write_text(cnnc.load(example).torch_source())
    for command in (
        ["check", "--isolated", "--select", "E,F,I,B,UP,RUF"],
        ["format", "--isolated", "--check", "--diff"],
    ):
        result = subprocess.run([sys.executable, "-m", "ruff", *command, path], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


def test_source_imports_only_torch(example: Path) -> None:
    tree = ast.parse(cnnc.load(example).torch_source())
    modules = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names])
    }
    assert modules == {"torch"}


def test_one_class_per_block() -> None:
    tree = ast.parse(cnnc.load(RESNET50).torch_source())
    assert [node.name for node in tree.body if isinstance(node, ast.ClassDef)] == ["Bottleneck", "Stage", "Resnet50"]


@pytest.mark.parity
def test_resnet50_compiles_exports_and_copies() -> None:
    net = cnnc.load(RESNET50)
    module = net.to_torch(seed=0).eval()
    (x,) = inputs_for(net, batch=1)
    want = run_torch(module, [x])[0]
    compiled = torch.compile(module, fullgraph=True, backend="aot_eager")
    assert difference(run_torch(compiled, [x])[0], want) <= 1e-5
    exported = torch.export.export(module, (x,)).module()
    assert difference(run_torch(exported, [x])[0], want) <= 1e-5
    twin = copy.deepcopy(module)
    twin.load_state_dict(module.state_dict(), strict=True)
    assert difference(run_torch(twin, [x])[0], want) == 0


def test_meta_device(example: Path) -> None:
    """Nothing in the source pins tensors to a device."""
    net = cnnc.load(example)
    with torch.device("meta"):
        namespace: dict = {}
        exec(net.torch_source(), namespace)
        classes = [v for v in namespace.values() if isinstance(v, type) and issubclass(v, torch.nn.Module)]
        result = classes[-1]()(*(torch.empty(2, *t.value.shape) for t in net.graph.inputs))
    outputs = list(result.values()) if isinstance(result, dict) else [result]
    terminals = (*net.graph.outputs, *net.graph.aux)
    assert [(o.device.type, tuple(o.shape)) for o in outputs] == [("meta", (2, *t.value.shape)) for t in terminals]


@pytest.mark.parity
def test_one_step_changes_every_parameter() -> None:
    net = cnnc.load(RESNET50)
    module = net.to_torch(seed=0).train()
    before = copy.deepcopy(module.state_dict())
    optimizer = torch.optim.SGD(module.parameters(), lr=0.1)
    (x,) = inputs_for(net, batch=4)
    torch.nn.functional.cross_entropy(module(x), torch.tensor([1, 2, 3, 4])).backward()
    optimizer.step()
    for name, parameter in module.named_parameters():
        assert not torch.equal(parameter, before[name]), name


HOSTILE = (
    "class",
    "forward",
    "training",
    "None",
    "self",
    "x",
    "torch",
    "F",
    "nn",
    "lambda",
    "state_dict",
    "__init__",
    "_modules",
)


@pytest.mark.parametrize("name", HOSTILE)
def test_names_from_the_program_are_safe(name: str) -> None:
    """Labels and block names that mean something in Python or to `nn.Module` are renamed, and the net still runs."""
    block = f"block {name}(c) = (conv3x3(c) -> relu) as {name} -> bn\ninput 3x8x8 -> {name}(4) as {name} -> {name}(2)"
    label = f"input 3x8x8 -> conv3x3(4, p=1) as {name} -> relu -> [id, {name}] -> conv1x1(2) as {name}"
    for text in (block, label):
        check_names(cnnc.compile(text))


def check_names(net: cnnc.Net) -> None:
    module = net.to_torch(seed=0).eval()
    names = [n for n, _ in module.named_parameters()]
    assert run_torch(module, inputs_for(net))[0].shape[1:] == net.output_shape[1:]
    from cnnc.compiler.ir import weights_of

    assert names == [n for n, _, trainable in weights_of(net.graph) if trainable]


@pytest.mark.parametrize(
    "text", ["relu", "id", "relu * 300 -> tanh", "(" * 150 + "relu" + ")" * 150, "[id, [id, [id, relu]]]"]
)
def test_odd_nets_run(text: str) -> None:
    net = cnnc.compile(text, input=(3, 4, 4))
    assert run_torch(net.to_torch().eval(), inputs_for(net))[0].shape[1:] == net.output_shape[1:]


def test_deep_nesting_compiles() -> None:
    """CPython refuses 200 nested parentheses and 100 indents; emitted source never comes near."""
    text = "block d(n) = conv1x1(2) -> ((d(n - 1) if n > 0 else relu) + id)\ninput 2x3x3 -> d(150)"
    net = cnnc.compile(text)
    assert run_torch(net.to_torch(seed=0).eval(), inputs_for(net))[0].shape[1:] == (2, 3, 3)


def test_branches_of_branches_match_onnx() -> None:
    from support import run_onnx

    text = """
    block gate(c) = (id + (gap -> sigmoid)) * (conv1x1(c) -> sigmoid)
    block unit(c) = [conv1x1(c), conv3x3(c, p=1) -> bn -> relu] -> gate(2*c)
    input 3x9x9 -> unit(4) as a -> unit(4) -> [id, a] -> unit(2) * 2 -> ((id - conv1x1(4)) if cin == 3)
    """
    net = cnnc.compile(text)
    module = net.to_torch(seed=3).eval()
    inputs = inputs_for(net)
    assert difference(run_onnx(net.to_onnx(seed=3), inputs)[0], run_torch(module, inputs)[0]) <= 1e-4


def test_progressions_become_loops() -> None:
    texts = ["A(1, 8)", "A(1, 16)", "A(1, 24)", "B()"]
    assert fold_progressions(texts) == ["*(A(1, n) for n in range(8, 32, 8))", "B()"]
    assert fold_progressions(["A(8)", "A(16)", "A(20)"]) == ["A(8)", "A(16)", "A(20)"]


def test_tracebacks_show_the_source() -> None:
    import traceback

    module = cnnc.compile("conv3x3(4) -> relu", input=(3, 8, 8)).to_torch()
    with pytest.raises(RuntimeError) as caught:
        module(torch.zeros(1, 5, 8, 8))
    assert "self.conv1(x)" in "".join(traceback.format_exception(caught.value))
