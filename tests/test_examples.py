"""The examples against torchvision: parameters, multiply-accumulates, outputs and gradients with its weights."""

from pathlib import Path

import cnnc
import pytest
import torch
import torchvision
from conftest import EXAMPLES, ROOT
from support import ONNX_TOLERANCE, TORCH_TOLERANCE, check_onnx, difference, inputs_for, run_onnx, run_torch

PUBLISHED = {
    "alexnet": ("alexnet", "AlexNet_Weights"),
    "vgg16": ("vgg16", "VGG16_Weights"),
    "resnet18": ("resnet18", "ResNet18_Weights"),
    "resnet50": ("resnet50", "ResNet50_Weights"),
    "densenet121": ("densenet121", "DenseNet121_Weights"),
    "mobilenetv2": ("mobilenet_v2", "MobileNet_V2_Weights"),
    "shufflenetv2": ("shufflenet_v2_x1_0", "ShuffleNet_V2_X1_0_Weights"),
}
SAME_NAMES = ("alexnet", "vgg16", "resnet18", "resnet50", "shufflenetv2")


def load(name: str) -> cnnc.Net:
    return cnnc.load(ROOT / "examples" / f"{name}.cnn")


def reference(name: str) -> torch.nn.Module:
    """torchvision's model with its own random weights, and statistics that are not the initial 0 and 1."""
    torch.manual_seed(7)
    model = torchvision.models.get_model(PUBLISHED[name][0], weights=None)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    return model


def transplanted(name: str, net: cnnc.Net, model: torch.nn.Module) -> torch.nn.Module:
    """Our module with the reference's weights: by name where the spec has torchvision's, else in order."""
    module = net.to_torch()
    state = model.state_dict()
    if name not in SAME_NAMES:
        ours = module.state_dict()
        assert [v.shape for v in ours.values()] == [v.shape for v in state.values()]
        state = dict(zip(ours, state.values(), strict=True))
    module.load_state_dict(state, strict=True)
    for part in module.modules():
        if isinstance(part, torch.nn.Dropout):
            part.p = 0.0
    return module


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(name: str) -> None:
    weights = getattr(torchvision.models, PUBLISHED[name][1]).IMAGENET1K_V1
    net = load(name)
    assert net.params == weights.meta["num_params"]
    assert round(net.macs / 1e9, 3) == weights.meta["_ops"]


@pytest.mark.parity
@pytest.mark.parametrize("name", PUBLISHED)
def test_outputs_with_transplanted_weights(name: str, tmp_path: Path) -> None:
    net, model = load(name), reference(name).eval()
    module = transplanted(name, net, model).eval()
    inputs = inputs_for(net)
    expected = run_torch(model, inputs)
    assert difference(run_torch(module, inputs)[0], expected[0]) <= TORCH_TOLERANCE
    path = tmp_path / "weights.pth"
    torch.save(module.state_dict(), path)
    for inference in (False, True):
        onnx_model = net.to_onnx(weights=path, inference=inference)
        for batch in (1, 2):
            got = run_onnx(onnx_model, [x[:batch] for x in inputs])
            assert difference(got[0], expected[0][:batch]) <= ONNX_TOLERANCE


@pytest.mark.parity
@pytest.mark.parametrize("name", PUBLISHED)
def test_gradients_with_transplanted_weights(name: str) -> None:
    net, model = load(name), reference(name).train()
    module = transplanted(name, net, model).train()
    (x,) = inputs_for(net, batch=4)
    for network in (module, model):
        network(x).square().sum().backward()
    for ours, theirs in zip(module.parameters(), model.parameters(), strict=True):
        assert ours.grad is not None and theirs.grad is not None
        assert difference(ours.grad.numpy(), theirs.grad.numpy()) <= TORCH_TOLERANCE


@pytest.mark.parametrize("name", SAME_NAMES)
def test_torchvision_state_dict_fits(name: str) -> None:
    with torch.device("meta"):
        model = torchvision.models.get_model(PUBLISHED[name][0], weights=None)
    ours = {n: tuple(w.shape) for n, w, _ in weights(load(name))}
    assert ours == {n: tuple(v.shape) for n, v in model.state_dict().items()}


def weights(net: cnnc.Net):
    from cnnc.compiler.ir import weights_of

    return weights_of(net.graph)


@pytest.mark.parity
def test_onnx_is_valid_runs_and_repeats(example: Path) -> None:
    net = cnnc.load(example)
    model = net.to_onnx()
    check_onnx(model)
    assert model.SerializeToString(deterministic=True) == net.to_onnx().SerializeToString(deterministic=True)
    inputs = inputs_for(net, batch=7)
    expected = run_torch(net.to_torch(seed=0).eval(), inputs)
    for batch in (1, 7):
        for got, want in zip(run_onnx(model, [x[:batch] for x in inputs]), expected, strict=True):
            assert difference(got, want[:batch]) <= ONNX_TOLERANCE


def test_cifar10_tutorial_parameters() -> None:
    net = load("cifar10")
    assert net.params == 145_578
    assert net.input_shape == (1, 3, 32, 32)


def test_lenet5_parameters() -> None:
    """60,000 trainable parameters in the paper with its sparse C3; 61,706 with full connections, as is taught."""
    assert load("lenet5").params == 61_706


def test_examples_name_their_source() -> None:
    for path in EXAMPLES:
        text = path.read_text()
        assert text.startswith("# "), path.name
        assert any(year in text.split("net ")[0] for year in map(str, range(1989, 2030))), path.name


def test_resnet50_is_short() -> None:
    text = (ROOT / "examples/resnet50.cnn").read_text()
    assert len([line for line in text.splitlines() if line and not line.startswith("#")]) <= 15
    assert len(load("resnet50").torch_source().splitlines()) <= 90
