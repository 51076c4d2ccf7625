"""`cnnc verify`: agreement on everything that we ship, and that disagreement is found and told."""

import math
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import cnnc
import numpy as np
import pytest
from cnnc.backends import numpy as reference
from cnnc.backends import onnx as onnx_backend
from cnnc.backends import torch as torch_backend
from cnnc.backends.onnx import ops as onnx_lower
from cnnc.backends.torch.ops import base as torch_lower
from cnnc.compiler.cli import run
from cnnc.compiler.ir import known
from cnnc.compiler.verify import TOLERANCE, Comparison, difference, random_inputs, random_weights
from conftest import ROOT

FEATURES = ROOT / "tests/golden/features/program.cnn"
CHAIN = "conv3x3(4) -> bn -> relu"
SMALLER = {"c3d": "3x16x32x32", "inception_v3": "3x299x299"}
"""Inputs where 64 by 64 pixels would not do: a video, and a network with an auxiliary head for one size only."""


def command(*args: str) -> subprocess.CompletedProcess[str]:
    executable = str(Path(sys.executable).with_name("cnnc"))
    return subprocess.run([executable, "verify", *args], capture_output=True, text=True, timeout=300)


# The command


def test_a_line_for_each_output_and_backend() -> None:
    result = command(str(FEATURES), "--seed", "3", "--batch", "5")
    assert result.returncode == 0, result.stderr
    head, *lines = result.stdout.splitlines()
    assert head.startswith("features, batch 5, seed 3: largest difference from NumPy in float64, 1e-04 allowed")
    assert [line.split()[:2] for line in lines] == [[o, b] for o in ("joint", "other") for b in ("torch", "onnx")]
    for line in lines:
        output, _, on, place, found, verdict, shape = line.split()
        assert (on, place, verdict) == ("on", "cpu", "ok")
        assert float(found) <= 1e-5
        assert shape == {"joint": "5x5", "other": "5x729"}[output]


def test_text_from_the_command_line() -> None:
    result = command("-e", CHAIN, "--input", "3x8x8")
    assert result.returncode == 0 and result.stderr == ""
    assert result.stdout.count(" ok ") == 2 and "2x4x6x6" in result.stdout


def test_build_parameters_and_smaller_inputs() -> None:
    result = command(str(ROOT / "examples/resnet18.cnn"), "-D", "classes=7", "--input", "3x40x40")
    assert result.returncode == 0 and result.stdout.count("2x7") == 2


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (("missing.cnn",), 2, "E0501"),
        (("-e", "rellu", "--input", "3x8x8"), 1, "E0301"),
        (("-e", CHAIN, "--input", "3x8x8", "--batch", "0"), 2, "E0513"),
        (("-e", CHAIN, "--input", "3x8x8", "--on", "moon"), 2, "invalid choice"),
    ],
)
def test_wrong_requests(args: tuple[str, ...], status: int, code: str) -> None:
    result = command(*args)
    assert (result.returncode, result.stdout) == (status, "")
    assert code in result.stderr and "Traceback" not in result.stderr


def wrong_relu(monkeypatch: pytest.MonkeyPatch, backend: str) -> None:
    """Lower relu as another activation in one backend."""
    tables = {"torch": torch_lower.LOWERINGS, "onnx": onnx_lower.LOWERINGS, "numpy": reference.LOWERINGS}
    monkeypatch.setitem(tables[backend], "relu", tables[backend]["lrelu" if backend == "numpy" else "tanh"])


@pytest.mark.parametrize("backend", ["torch", "onnx"])
def test_a_wrong_lowering_is_told(
    backend: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    wrong_relu(monkeypatch, backend)
    assert run(["verify", "-e", CHAIN, "--input", "3x8x8"]) == 1
    verdicts = {line.split()[1]: line.split()[5] for line in capsys.readouterr().out.splitlines()[1:]}
    assert verdicts == {"torch": "ok", "onnx": "ok"} | {backend: "differs"}


def test_one_convolution_that_is_off_is_found_in_a_deep_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The random weights let a small mistake in the first of sixteen layers through to the output."""
    net = cnnc.compile("conv3x3(16, p=1) -> relu -> (conv3x3(16, p=1) -> relu) * 15 -> flatten -> fc(9)", input="3x9x9")
    original = torch_backend.run

    def off(net: cnnc.Net, inputs: dict, weights: dict, on: str) -> dict:
        return original(net, inputs, weights | {"conv1.weight": weights["conv1.weight"] * 1.001}, on)

    monkeypatch.setattr(torch_backend, "run", off)
    (found,) = net.verify(backends=("torch",))
    assert not found.ok and found.difference < 1e-2


def test_a_network_that_a_library_refuses(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """What it says is shown, and the other backend is judged nevertheless."""
    code = torch_lower.Code(torch_lower.New("nn.Softmax", (torch_lower.Arg("dim", 9),)))
    monkeypatch.setitem(torch_lower.LOWERINGS, "relu", lambda a, x, context: code)
    assert run(["verify", "-e", "sigmoid -> relu", "--input", "3x8x8"]) == 1
    torch_line, onnx_line = capsys.readouterr().out.splitlines()[1:]
    assert torch_line.split()[4:7] == ["inf", "fails", "IndexError:"] and "out of range" in torch_line
    assert onnx_line.split()[5] == "ok"


# The interface


def test_comparisons() -> None:
    net = cnnc.compile("input a: 3x8x8, b: 2\noutput y = a -> conv3x3(4), z = b -> fc(7)")
    found = net.verify(seed=5, batch=3)
    assert [(c.output, c.backend, c.shape, c.on) for c in found] == [
        (output, backend, shape, "cpu")
        for output, shape in (("y", (3, 4, 6, 6)), ("z", (3, 7)))
        for backend in ("torch", "onnx")
    ]
    assert all(c.ok and c.difference < 1e-6 for c in found)
    assert [c.backend for c in net.verify(backends=("onnx",))] == ["onnx", "onnx"]


def test_requests_are_checked() -> None:
    net = cnnc.compile(CHAIN, input=(3, 8, 8))
    for settings, code in (
        ({"backends": ("numpy",)}, "E0504"),
        ({"backends": ("tflite",)}, "E0504"),
        ({"batch": 0}, "E0513"),
        ({"on": "tpu"}, "E0515"),
    ):
        with pytest.raises(cnnc.UsageError) as caught:
            net.verify(**settings)
        assert caught.value.code == code


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_no_silent_change_of_place(monkeypatch: pytest.MonkeyPatch) -> None:
    """ONNX Runtime falls back to the CPU where it promised a GPU; its figures must not be taken for the GPU's."""
    module = import_module("cnnc.backends.onnx.run")
    monkeypatch.setattr(module, "CUDA", "AbsentExecutionProvider")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["AbsentExecutionProvider"])
    net = cnnc.compile(CHAIN, input=(3, 8, 8))
    with pytest.raises(cnnc.UsageError, match="cannot be run on cuda"):
        net.verify(backends=("onnx",), on="cuda")
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    assert [(c.on, c.ok) for c in net.verify(backends=("onnx",), on="cuda")] == [("cpu", True)]


def test_memory_that_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*args: object) -> None:
        raise MemoryError

    monkeypatch.setattr(reference, "run", exhausted)
    with pytest.raises(cnnc.UsageError, match="cannot be run on cpu") as caught:
        cnnc.compile(CHAIN, input=(3, 8, 8)).verify()
    assert caught.value.code == "E0515"


def test_same_seed_same_figures() -> None:
    net = cnnc.compile(CHAIN, input=(3, 8, 8))
    assert net.verify(seed=1) == net.verify(seed=1)
    assert (random_inputs(net.graph, 1, 2)["input"] != random_inputs(net.graph, 2, 2)["input"]).all()


def test_random_weights_hide_nothing() -> None:
    """No scale is 1, no shift 0, and variances are positive."""
    net = cnnc.compile("conv3x3(4) -> bn -> relu -> gn(2) -> prelu -> instnorm(affine=true)", input=(3, 8, 8))
    weights = random_weights(net.graph, 0)
    scales = [weights[f"{name}.weight"] for name in ("bn1", "gn1", "instnorm1")] + [weights["bn1.running_var"]]
    shifts = [weights[f"{name}.bias"] for name in ("bn1", "gn1", "instnorm1")] + [weights["bn1.running_mean"]]
    for scale in scales:
        assert (scale >= 0.8).all() and (scale <= 1.2).all() and len(set(scale)) == 4
    for shift in shifts:
        assert (abs(shift) > 0).all() and (abs(shift) < 0.5).all() and len(set(shift)) == 4
    assert 0.2 <= weights["prelu1.weight"] <= 0.3
    assert weights["bn1.num_batches_tracked"] == 0
    assert all(array.dtype in (np.float32, np.int64) for array in weights.values())


def test_difference() -> None:
    nan, inf = math.nan, math.inf

    def between(a: list[float], b: list[float]) -> float:
        return difference(np.array(a, np.float32), np.array(b))

    assert between([1.0, 2.0], [1.0, 4.0]) == 0.5
    assert between([0.0, 0.0], [0.0, 0.0]) == 0 and between([0.0, 0.1], [0.0, 0.0]) == inf
    assert between([inf, nan, 1.0], [inf, nan, 1.0]) == 0
    for a, b in (([inf, 1.0], [-inf, 1.0]), ([nan, 1.0], [0.0, 1.0]), ([1.0, 1.0], [nan, 1.0]), ([1.0], [1.0, 1.0])):
        assert between(a, b) == inf
    assert difference(np.zeros((2, 0)), np.zeros((2, 0))) == 0


def test_the_tolerance_is_a_bound() -> None:
    assert Comparison("y", "torch", TOLERANCE, (1,)).ok
    assert not Comparison("y", "torch", TOLERANCE * 1.01, (1,)).ok
    assert not Comparison("y", "torch", math.inf, (1,)).ok


def test_arrays_as_weights() -> None:
    """The same arrays reach a module and a model, and must fit as those of a file must."""
    net = cnnc.compile(CHAIN, input=(3, 8, 8))
    weights = random_weights(net.graph, 0)
    state = net.to_torch(weights=weights).state_dict()
    assert all((state[name].numpy() == array).all() for name, array in weights.items())
    del weights["conv1.bias"]
    for convert in (net.to_torch, net.to_onnx):
        with pytest.raises(cnnc.UsageError) as caught:
            convert(weights=weights)
        assert caught.value.code == "E0508" and "missing: conv1.bias" in str(caught.value)


# Everything that we ship


def smaller(path: Path) -> cnnc.Net:
    """The network on an input that is large enough for it and small enough for a test."""
    net = cnnc.load(path)
    shapes = [known(terminal.value) for terminal in net.graph.inputs]
    if path.stem in SMALLER:
        return cnnc.load(path, input=SMALLER[path.stem])
    if len(shapes) == 1 and len(shapes[0]) == 3 and min(shapes[0][1:]) > 64:
        return cnnc.load(path, input=(shapes[0][0], 64, 64))
    return net


@pytest.mark.parity
def test_examples_agree(example: Path) -> None:
    net = smaller(example)
    found = net.verify()
    assert {c.output for c in found} == {terminal.name for terminal in net.graph.outputs}
    assert [c for c in found if not c.difference <= 1e-5] == []


@pytest.mark.parity
@pytest.mark.parametrize("name", ["resnet18", "densenet121", "mobilenetv2", "googlenet"])
def test_folded_models_agree(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Models for inference only, with batch normalisation folded into the layers before it."""
    plain = cnnc.Net.to_onnx

    def folded(net: cnnc.Net, path: Path, weights: dict) -> object:
        return plain(net, path, weights=weights, inference=True)

    monkeypatch.setattr(cnnc.Net, "to_onnx", folded)
    net = smaller(ROOT / f"examples/{name}.cnn")
    assert [c for c in net.verify(backends=("onnx",)) if not c.difference <= 1e-5] == []


def test_nothing_runs_before_all_places_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that is missing is noticed at once, not after minutes on the CPU."""

    def unexpected(*args: object) -> None:
        raise AssertionError("nothing should have run")

    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr(onnx_backend, "run", unexpected)
    with pytest.raises(cnnc.UsageError) as caught:
        cnnc.compile(CHAIN, input=(3, 8, 8)).verify(backends=("onnx", "torch"), on="cuda")
    assert caught.value.code == "E0515"
