"""Foreign weights: read from files, and mapped onto networks or refused; how names are told is in test_mapping.py."""

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cnnc
import numpy as np
import pytest
import torch
import torchvision
from cnnc.compiler.cli import run
from conftest import EXAMPLES, ROOT
from safetensors.torch import load_file, save_file
from support import TORCH_TOLERANCE, difference, inputs_for, run_torch
from torch import nn

SMALL = "conv3x3(4) -> bn -> relu -> conv3x3(6) -> relu -> gap -> fc(3)"


class Foreign(nn.Sequential):
    """SMALL under other names, its last layer a 1x1 convolution."""

    def __init__(self) -> None:
        stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU())
        head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(6, 3, 1), nn.Flatten())
        super().__init__(stem, nn.Conv2d(4, 6, 3), nn.ReLU(), head)


def program(tmp_path: Path, text: str = SMALL) -> Path:
    path = tmp_path / "net.cnn"
    path.write_text(f"input 3x12x12 -> {text}")
    return path


def saved(state: object, path: Path) -> Path:
    torch.save(state, path)
    return path


def agree(net: cnnc.Net, weights: Any, model: nn.Module) -> None:
    inputs = inputs_for(net)
    module = net.to_torch(weights=weights).eval()
    assert difference(run_torch(module, inputs)[0], run_torch(model.eval(), inputs)[0]) <= TORCH_TOLERANCE


def test_by_name(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = torchvision.models.resnet18()
    source = saved(model.state_dict(), tmp_path / "resnet18.pth")
    target = tmp_path / "out.safetensors"
    example = str(ROOT / "examples/resnet18.cnn")
    assert run(["weights", example, "--from", str(source), "-o", str(target)]) == 0
    printed = capsys.readouterr().out
    assert "conv1.weight" in printed and printed.strip().endswith("102 tensors by name")
    assert all(torch.equal(v, model.state_dict()[k]) for k, v in load_file(target).items())
    agree(cnnc.load(example), target, model)


@pytest.mark.parametrize("wrapped", [False, True])
def test_by_shape(tmp_path: Path, wrapped: bool) -> None:
    """Other names and other axes of extent 1; a checkpoint's own state_dict is found."""
    model = Foreign()
    state = model.state_dict()
    source = saved({"epoch": 3, "state_dict": state} if wrapped else state, tmp_path / "w.pth")
    net = cnnc.load(program(tmp_path))
    agree(net, net.import_weights(source), model)


@pytest.mark.parametrize("name", ["mobilenetv2", "densenet121", "googlenet", "shufflenetv2"])
def test_torchvision_under_other_names(tmp_path: Path, name: str) -> None:
    known = {"mobilenetv2": "mobilenet_v2", "shufflenetv2": "shufflenet_v2_x1_0"}
    options = {"init_weights": False} if name == "googlenet" else {}
    model = torchvision.models.get_model(known.get(name, name), weights=None, **options)
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
    net = cnnc.load(ROOT / f"examples/{name}.cnn")
    agree(net, net.import_weights(saved(model.state_dict(), tmp_path / "w.pth")), model)


def test_a_file_without_order(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Safetensors are sorted by name. Layers that are alike are told by their numbers, as numbers."""
    path = program(tmp_path, "(conv3x3(3, p=0) -> relu) * 5 -> conv1x1(3)")
    model = nn.Sequential(*(nn.Conv2d(3, 3, 3) for _ in range(5)), nn.Conv2d(3, 3, 1))
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    assert run(["weights", str(path), "--from", str(tmp_path / "w.safetensors")]) == 0
    assert capsys.readouterr().out.split()[:5] == ["stack1.0.0.weight", "<-", "0.weight", "3x3x3x3", "numbers"]
    unique = Foreign()
    save_file(unique.state_dict(), tmp_path / "u.safetensors")
    net = cnnc.load(program(tmp_path))
    agree(net, net.import_weights(tmp_path / "u.safetensors"), unique)


def test_the_order_decides_where_it_may(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Names that say nothing: refused, unless order is accepted; a file that is sorted is taken in natural order."""
    path = program(tmp_path, "(conv3x3(3, p=0) -> relu) * 3")
    layers = [nn.Conv2d(3, 3, 3) for _ in range(3)]
    state = nn.ModuleDict({"first": layers[0], "next": layers[1], "end": layers[2]}).state_dict()
    source = saved(state, tmp_path / "w.pth")
    command = ["weights", str(path), "--from", str(source)]
    assert run(command) == 1
    error = capsys.readouterr().err
    assert "E0527" in error and "stack1.0.0, stack1.1.0 and stack1.2.0 may each be first, next or end" in error
    assert run([*command, "--accept-order"]) == 0
    assert capsys.readouterr().out.count("  order") == 6
    net = cnnc.load(path)
    model = nn.Sequential(*(part for layer in layers for part in (layer, nn.ReLU())))
    agree(net, net.import_weights(source, accept_order=True), model)
    by_name = net.import_weights(source, order="name", accept_order=True)
    assert np.array_equal(by_name["stack1.0.0.bias"], layers[2].bias.detach().numpy())
    save_file(state, tmp_path / "w.safetensors")
    taken = net.import_weights(tmp_path / "w.safetensors", accept_order=True)
    assert np.array_equal(taken["stack1.0.0.bias"], layers[2].bias.detach().numpy())
    with pytest.raises(cnnc.UsageError) as caught:
        net.import_weights(source, order="name")
    assert caught.value.code == "E0528"


def test_names_are_in_natural_order(tmp_path: Path) -> None:
    model = nn.Sequential(*(nn.Conv2d(3, 3, 1) for _ in range(12)))
    save_file(model.state_dict(), tmp_path / "w.safetensors")
    net = cnnc.load(program(tmp_path, "conv1x1(3) * 12"))
    agree(net, net.import_weights(tmp_path / "w.safetensors"), model)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (nn.Sequential(Foreign(), nn.Linear(5, 7)), "no place for 1.weight"),
        (nn.Sequential(*list(Foreign())[:-1]), "nothing in the file is like fc"),
        (nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), *list(Foreign())[1:]), "nothing in the file is like conv1"),
    ],
)
def test_leftovers_are_refused(tmp_path: Path, model: nn.Module, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    source = saved(model.state_dict(), tmp_path / "w.pth")
    target = tmp_path / "out.safetensors"
    assert run(["weights", str(program(tmp_path)), "--from", str(source), "-o", str(target)]) == 2
    error = capsys.readouterr().err
    assert "E0516" in error and said in error
    assert not target.exists()


class Harmful:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch harmed",)


@pytest.mark.parametrize("protocol", ["torch", "pickle"])
def test_nothing_but_tensors_is_unpickled(
    tmp_path: Path, protocol: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    source = tmp_path / "w.pth"
    if protocol == "torch":
        torch.save({"a": Harmful()}, source)
    else:
        source.write_bytes(pickle.dumps(Harmful()))
    assert run(["weights", str(program(tmp_path)), "--from", str(source)]) == 2
    assert "E0509" in capsys.readouterr().err
    assert not (tmp_path / "harmed").exists()


@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16, torch.float64])
def test_other_precisions(name: str, kind: torch.dtype, tmp_path: Path) -> None:
    net = cnnc.compile("conv3x3(4) -> bn", input=(3, 8, 8))
    state = {key: v.to(kind) if v.is_floating_point() else v for key, v in net.to_torch(seed=1).state_dict().items()}
    (save_file if name.endswith("s") else torch.save)(state, tmp_path / name)
    for key, array in net.import_weights(tmp_path / name).items():
        assert array.dtype == (np.float32 if state[key].is_floating_point() else np.int64)
        assert torch.equal(torch.from_numpy(array), state[key].to(torch.from_numpy(array).dtype))


@pytest.mark.parametrize(
    "change",
    [lambda w: w.to_sparse(), lambda w: w.to("meta"), lambda w: w.to(torch.complex64)],
    ids=["sparse", "meta", "complex"],
)
def test_what_is_no_dense_array_of_real_numbers(change: Callable[[Any], Any], tmp_path: Path) -> None:
    net = cnnc.compile("fc(4)", input=(3,))
    torch.save({"fc.weight": change(torch.ones(4, 3)), "fc.bias": torch.ones(4)}, tmp_path / "w.pth")
    for read in (net.import_weights, lambda path: net.to_torch(weights=path)):
        with pytest.raises(cnnc.UsageError, match="not a dense tensor of real numbers") as caught:
            read(tmp_path / "w.pth")
        assert caught.value.code == "E0509"


@pytest.mark.parametrize("kind", [torch.complex64, torch.float8_e4m3fn])
def test_safetensors_of_other_types(kind: torch.dtype, tmp_path: Path) -> None:
    net = cnnc.compile("fc(4)", input=(3,))
    save_file({"fc.weight": torch.ones(4, 3).to(kind), "fc.bias": torch.ones(4)}, tmp_path / "w.safetensors")
    with pytest.raises(cnnc.UsageError, match=r"weight is of the type [CF]") as caught:
        net.import_weights(tmp_path / "w.safetensors")
    assert caught.value.code == "E0509"


def test_parameters_that_need_gradients(tmp_path: Path) -> None:
    """As `dict(module.named_parameters())` holds them."""
    net = cnnc.compile("fc(4)", input=(3,))
    module = net.to_torch(seed=1)
    torch.save(dict(module.named_parameters()), tmp_path / "w.pth")
    assert torch.equal(net.to_torch(weights=tmp_path / "w.pth").state_dict()["fc.weight"], module.fc.weight)


def test_text_is_no_pickle(tmp_path: Path) -> None:
    (tmp_path / "w.pth").write_text("hello\n", encoding="utf-8")
    with pytest.raises(cnnc.UsageError, match="not a file of tensors"):
        cnnc.compile("fc(4)", input=(3,)).import_weights(tmp_path / "w.pth")


def test_every_example_takes_its_own_weights(tmp_path: Path) -> None:
    for path in EXAMPLES:
        net = cnnc.load(path)
        if net.params > 30_000_000:
            continue
        state = net.to_torch(seed=1).state_dict()
        taken = net.import_weights(saved(state, tmp_path / "w.pth"))
        assert all((torch.from_numpy(v) == state[k]).all() for k, v in taken.items())
