"""Examples beyond plain classifiers: auxiliary heads, shared weights, gates, pyramids, segmentation, other ranks.

Every figure is derived here by formula or taken from torchvision, never from what cnnc prints.
"""

import copy
from itertools import pairwise

import cnnc
import numpy as np
import pytest
import torch
import torchvision
from cnnc.compiler.ir import weights_of
from conftest import ROOT
from support import ONNX_TOLERANCE, TORCH_TOLERANCE, difference, inputs_for, run_onnx, run_torch
from torch import nn

HEADS = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("head1.",)}
"""The scopes of the auxiliary heads."""


def load(name: str, shape: tuple[int, ...] | None = None) -> cnnc.Net:
    return cnnc.load(ROOT / "examples" / f"{name}.cnn", shape)


def source(name: str) -> str:
    return (ROOT / "examples" / f"{name}.cnn").read_text()


# Formulas


def conv(cin: int, cout: int, window: int, bias: bool = False) -> int:
    """Parameters of a convolution whose window holds so many positions."""
    return cin * cout * window + bias * cout


def linear(inputs: int, outputs: int) -> int:
    return inputs * outputs + outputs


def conv_bn(cin: int, cout: int, window: int) -> int:
    return conv(cin, cout, window) + 2 * cout


STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""ResNet-50's inner channels and blocks of each stage; each block gives four times as many channels."""


def resnet50_trunk() -> int:
    total, cin = conv_bn(3, 64, 49), 64
    for c, blocks in STAGES:
        for block in range(blocks):
            total += conv_bn(cin, c, 1) + conv_bn(c, c, 9) + conv_bn(c, 4 * c, 1)
            total += conv_bn(cin, 4 * c, 1) if block == 0 else 0
            cin = 4 * c
    return total


def gates(reduction: int) -> int:
    """One for each block of ResNet-50: two layers with biases, the first to 1/reduction of the channels."""
    widths = [4 * c for c, blocks in STAGES for _ in range(blocks)]
    return sum(linear(c, c // reduction) + linear(c // reduction, c) for c in widths)


def unet(classes: int, width: int, cin: int = 3) -> int:
    def double(cin: int, cout: int) -> int:
        return conv(cin, cout, 9, bias=True) + conv(cout, cout, 9, bias=True)

    widths = [width * 2**i for i in range(5)]
    down = sum(double(a, b) for a, b in zip([cin, *widths], widths, strict=False))
    up = sum(conv(2 * c, c, 4, bias=True) + double(2 * c, c) for c in widths[:4])
    return down + up + conv(width, classes, 1, bias=True)


def segnet(classes: int) -> int:
    """VGG-16's thirteen convolutions there and the same back, but for the last, which gives the classes."""
    widths = [3, 64, 64, 128, 128, *[256] * 3, *[512] * 6]
    pairs = list(pairwise(widths))
    back = [(b, a) for a, b in pairs[1:]]
    return sum(conv_bn(a, b, 9) for a, b in pairs + back) + conv(64, classes, 9, bias=True)


def c3d(classes: int) -> int:
    widths = [3, 64, 128, 256, 256, 512, 512, 512, 512]
    trunk = sum(conv(a, b, 27, bias=True) for a, b in pairwise(widths))
    return trunk + linear(512 * 1 * 4 * 4, 4096) + linear(4096, 4096) + linear(4096, classes)


def m5(classes: int) -> int:
    def unit(cin: int, cout: int, window: int) -> int:
        return conv(cin, cout, window, bias=True) + 2 * cout

    return unit(1, 128, 80) + unit(128, 128, 3) + unit(128, 256, 3) + unit(256, 512, 3) + linear(512, classes)


def pnet() -> int:
    """Three convolutions with a slope for each channel, then the heads."""
    trunk = sum(conv(a, b, 9, bias=True) + b for a, b in ((3, 10), (10, 16), (16, 32)))
    return trunk + conv(32, 2, 1, bias=True) + conv(32, 4, 1, bias=True)


PARAMETERS = {
    "se_resnet50": resnet50_trunk() + linear(2048, 1000) + gates(16),
    "cbam_resnet50": resnet50_trunk() + linear(2048, 1000) + gates(16) + 16 * conv_bn(2, 1, 49),
    "fpn": resnet50_trunk() + sum(conv(4 * c, 256, 1, bias=True) + conv(256, 256, 9, bias=True) for c, _ in STAGES),
    "unet": unet(2, 64),
    "segnet": segnet(11),
    "siamese": conv(1, 15, 36, bias=True) + conv(15, 30, 81, bias=True) + linear(30, 2),
    "triplet": conv(1, 64, 9, bias=True) + 128 + conv(64, 64, 9, bias=True) + 128 + linear(64, 128),
    "multitask": pnet(),
    "conv1d": m5(10),
    "c3d": c3d(101),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_parameters(name: str) -> None:
    assert load(name).params == PARAMETERS[name]


def test_formulas_give_published_figures() -> None:
    """torchvision's ResNet-50, the released SE-ResNet-50, CBAM's 28.09 M, the released P-Net, U-Net's 31 M."""
    weights = torchvision.models.ResNet50_Weights.IMAGENET1K_V1
    assert resnet50_trunk() + linear(2048, 1000) == weights.meta["num_params"]
    assert PARAMETERS["se_resnet50"] == 28_088_024
    assert round(PARAMETERS["cbam_resnet50"] / 1e6, 2) == 28.09
    assert PARAMETERS["multitask"] == 6_632
    assert round(PARAMETERS["unet"] / 1e6, 1) == 31.0
    assert round(PARAMETERS["c3d"] / 1e6, 1) == 78.4


# Against torchvision


def auxiliary(net: cnnc.Net, name: str) -> list:
    rows = [row for row in net.layers if row.name.startswith(HEADS[name])]
    assert rows
    return rows


def published(name: str) -> dict:
    weights = {"googlenet": "GoogLeNet_Weights", "inception_v3": "Inception_V3_Weights"}[name]
    return getattr(torchvision.models, weights).IMAGENET1K_V1.meta


def test_googlenet_figures() -> None:
    """The published count leaves the auxiliary heads out, and so do the published multiply-adds."""
    net = load("googlenet")
    heads = sum(row.params for row in auxiliary(net, "googlenet"))
    assert heads == sum(conv_bn(c, 128, 1) + linear(2048, 1024) + linear(1024, 1000) for c in (512, 528))
    assert net.params - heads == published("googlenet")["num_params"]
    assert round(net.macs / 1e9, 3) == published("googlenet")["_ops"]


def test_inception_v3_figures() -> None:
    """The published count holds the auxiliary head, the published multiply-adds do not."""
    net = load("inception_v3")
    heads = sum(row.params for row in auxiliary(net, "inception_v3"))
    assert heads == conv_bn(768, 128, 1) + conv_bn(128, 768, 25) + linear(768, 1000)
    assert net.params == published("inception_v3")["num_params"]
    assert round(net.macs / 1e9, 3) == published("inception_v3")["_ops"]


@pytest.mark.parametrize("name", HEADS)
def test_auxiliary_heads_are_no_part_of_inference(name: str) -> None:
    """The table of layers shows their work, the total does not hold it, and ONNX leaves them out."""
    net = load(name)
    whole, heads = sum(row.work.mac for row in net.layers), sum(row.work.mac for row in auxiliary(net, name))
    assert heads > 0
    assert net.macs == whole - heads
    assert not any(i.name.startswith(HEADS[name]) for i in net.to_onnx().graph.initializer)


def reference(name: str) -> nn.Module:
    """torchvision's network with its auxiliary heads, random statistics and no dropout."""
    torch.manual_seed(3)
    model = torchvision.models.get_model(name, weights=None, aux_logits=True, transform_input=False, init_weights=False)
    return without_chance(model)


def without_chance(model: nn.Module) -> nn.Module:
    """Statistics and scales that are not the initial 0 and 1; dropout that drops nothing."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.8, 1.2)
            nn.init.uniform_(module.weight, 0.8, 1.2)
            nn.init.normal_(module.bias, 0, 0.1)
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return model


def in_our_order(name: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """torchvision registers the auxiliary head where it branches off, a program declares it at the end."""
    late = [key for key in state if key.startswith("AuxLogits.")] if name == "inception_v3" else []
    return {key: state[key] for key in [*(k for k in state if k not in late), *late]}


def transplant(net: cnnc.Net, state: dict[str, torch.Tensor], by_name: bool) -> nn.Module:
    """Our module with another network's weights, in evaluation mode and without dropout."""
    module = net.to_torch()
    if not by_name:
        ours = module.state_dict()
        assert [v.shape for v in ours.values()] == [v.shape for v in state.values()]
        state = dict(zip(ours, state.values(), strict=True))
    module.load_state_dict(state, strict=True)
    for part in module.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return module.eval()


def watch_heads(name: str, module: nn.Module) -> list[str]:
    """The auxiliary heads that run from now on."""
    ran: list[str] = []
    for head in HEADS[name]:
        module.get_submodule(head[:-1]).register_forward_hook(lambda *_, head=head: ran.append(head))
    return ran


def arrays(module: nn.Module) -> dict[str, np.ndarray]:
    return {key: value.numpy() for key, value in module.state_dict().items()}


def check_outputs(net: cnnc.Net, module: nn.Module, inputs: list[torch.Tensor], expected: list[np.ndarray]) -> None:
    """PyTorch and ONNX Runtime, plain and folded, against a reference's outputs."""
    for got, want in zip(run_torch(module, inputs), expected, strict=True):
        assert difference(got, want) <= TORCH_TOLERANCE
    for inference in (False, True):
        model = net.to_onnx(weights=arrays(module), inference=inference)
        for got, want in zip(run_onnx(model, inputs), expected, strict=True):
            assert difference(got, want) <= ONNX_TOLERANCE


@pytest.mark.parity
@pytest.mark.parametrize("name", HEADS)
def test_outputs_with_transplanted_weights(name: str) -> None:
    net, model = load(name), reference(name).eval()
    module = transplant(net, in_our_order(name, model.state_dict()), by_name=name == "googlenet")
    ran = watch_heads(name, module)
    inputs = inputs_for(net)
    check_outputs(net, module, inputs, run_torch(model, inputs))
    assert not ran


@pytest.mark.parity
@pytest.mark.parametrize("name", HEADS)
def test_all_outputs_in_training(name: str) -> None:
    """The main output and those of the auxiliary heads, with the statistics of the batch."""
    net, model = load(name), reference(name)
    module = transplant(net, in_our_order(name, model.state_dict()), by_name=name == "googlenet")
    ran = watch_heads(name, module)
    inputs = inputs_for(net, batch=4)
    with torch.no_grad():
        theirs, ours = model.train()(*inputs)._asdict(), module.train()(*inputs)
    names = {"logits": "output", "aux_logits1": "aux1", "aux_logits2": "aux2", "aux_logits": "aux_logits"}
    assert {names[key] for key in theirs} == set(ours)
    assert len(ran) == len(HEADS[name])
    for key, want in theirs.items():
        assert difference(ours[names[key]].numpy(), want.numpy()) <= 1e-4, key


def test_googlenet_takes_torchvisions_state_dict() -> None:
    with torch.device("meta"):
        model = torchvision.models.googlenet(weights=None, aux_logits=True, init_weights=False)
    ours = {name: tuple(weight.shape) for name, weight, _ in weights_of(load("googlenet").graph)}
    assert ours == {name: tuple(value.shape) for name, value in model.state_dict().items()}


def pyramid_name(name: str) -> str:
    """Our name of a weight of torchvision's pyramid, which numbers the stages from the finest."""
    part, _, rest = name.removeprefix("fpn.").partition(".")
    if part == "body":
        return rest
    stage, leaf = int(rest[0]), rest.rpartition(".")[2]
    if part == "layer_blocks":
        return f"smooth{stage + 2}.{leaf}"
    return f"lateral.{leaf}" if stage == 3 else f"merge{3 - stage}.conv1.{leaf}"


@pytest.mark.parity
def test_pyramid_against_torchvision() -> None:
    from torchvision.models.detection.backbone_utils import resnet_fpn_backbone

    torch.manual_seed(3)
    model = resnet_fpn_backbone(backbone_name="resnet50", weights=None, norm_layer=nn.BatchNorm2d, trainable_layers=5)
    without_chance(model).eval()
    net = load("fpn", (3, 96, 64))
    module = transplant(net, {pyramid_name(k): v for k, v in model.state_dict().items()}, by_name=True)
    inputs = inputs_for(net)
    with torch.no_grad():
        expected = [model(*inputs)[stage].numpy() for stage in "0123"]
    assert [t.name for t in net.graph.outputs] == ["p2", "p3", "p4", "p5"]
    check_outputs(net, module, inputs, expected)


# Against ResNet-50 with gates put in by hand


class Cbam(nn.Module):
    """The gates of Woo et al., written out."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        hidden = channels // 16
        self.mlp = nn.Sequential(nn.Conv2d(channels, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, channels, 1))
        self.conv = nn.Conv2d(2, 1, 7, padding=3, bias=False)
        self.bn = nn.BatchNorm2d(1, momentum=0.01)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        mean, largest = x.mean((2, 3), keepdim=True), x.amax((2, 3), keepdim=True)
        x = x * torch.sigmoid(self.mlp(mean) + self.mlp(largest))
        maps = torch.stack([x.max(dim=1).values, x.mean(dim=1)], dim=1)
        return x * torch.sigmoid(self.bn(self.conv(maps)))


def gated(name: str) -> nn.Module:
    """torchvision's ResNet-50 with a gate behind the last normalisation of each block."""
    torch.manual_seed(3)
    model = torchvision.models.resnet50(weights=None)
    for block in [m for m in model.modules() if isinstance(m, torchvision.models.resnet.Bottleneck)]:
        channels = block.bn3.num_features
        if name == "se_resnet50":
            block.conv1.stride, block.conv2.stride = block.conv2.stride, (1, 1)
            gate = torchvision.ops.SqueezeExcitation(channels, channels // 16)
        else:
            gate = Cbam(channels)
        block.bn3 = nn.Sequential(block.bn3, gate)
    if name == "se_resnet50":
        model.maxpool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
    return without_chance(model).eval()


@pytest.mark.parity
@pytest.mark.parametrize("name", ["se_resnet50", "cbam_resnet50"])
def test_gates_against_torchvision(name: str) -> None:
    net, model = load(name, (3, 96, 64)), gated(name)
    module = transplant(net, model.state_dict(), by_name=False)
    inputs = inputs_for(net)
    check_outputs(net, module, inputs, run_torch(model, inputs))


def test_se_resnet50_work() -> None:
    """3.86 G multiply-adds, 0.3 % of ResNet-50's own being the gates'; the strides are in the first convolutions."""
    net = load("se_resnet50")
    assert round(net.macs / 1e9, 2) == 3.86
    gate = sum(row.work.mac for row in net.layers if ".gate1." in row.name)
    assert gate == sum(2 * (4 * c) * (4 * c // 16) * blocks for c, blocks in STAGES)


# Shared embeddings

SHARED = {"siamese": ("a", "b"), "triplet": ("a", "p", "n")}


@pytest.mark.parametrize("name", SHARED)
def test_shared_weights_are_stored_once(name: str) -> None:
    net = load(name)
    module, model = net.to_torch(seed=0), net.to_onnx()
    stored = [weight for weight, _, _ in weights_of(net.graph)]
    assert all(weight.startswith("embed.") for weight in stored)
    assert list(module.state_dict()) == stored
    assert net.torch_source().count("self.embed = ") == 1
    assert net.torch_source().count("self.embed(") == len(SHARED[name])
    initializers = [i.name for i in model.graph.initializer]
    assert sorted(n for n in initializers if n in stored) == sorted(n for n in stored if "num_batches" not in n)
    assert sum(p.numel() for p in module.parameters()) == net.params == PARAMETERS[name]
    assert [t.name for t in net.graph.inputs] == list(SHARED[name])


@pytest.mark.parity
@pytest.mark.parametrize("name", SHARED)
def test_gradient_of_shared_weights_is_the_sum_over_their_uses(name: str) -> None:
    net = load(name)
    module = net.to_torch(seed=0).train()
    inputs = inputs_for(net, batch=3)
    targets = [torch.randn(3, *t.value.shape, generator=torch.Generator().manual_seed(9)) for t in net.graph.outputs]
    alone = [copy.deepcopy(module.embed) for _ in inputs]
    sum((y * t).sum() for y, t in zip(module(*inputs).values(), targets, strict=True)).backward()
    for embed, x, target in zip(alone, inputs, targets, strict=True):
        (embed(x) * target).sum().backward()
    for place, parameter in module.embed.named_parameters():
        total = sum(embed.get_parameter(place).grad for embed in alone)
        assert difference(parameter.grad.numpy(), total.numpy()) <= TORCH_TOLERANCE
        assert all(embed.get_parameter(place).grad.abs().max() > 0 for embed in alone), place


# Shapes that the papers name


def outputs(name: str) -> dict[str, tuple[int, ...]]:
    return {t.name: t.value.shape for t in load(name).graph.outputs}


def test_output_shapes() -> None:
    assert outputs("fpn") == {f"p{i}": (256, 224 // 2**i, 224 // 2**i) for i in range(2, 6)}
    assert outputs("multitask") == {"face": (2, 1, 1), "box": (4, 1, 1)}
    assert outputs("siamese") == {"ea": (2,), "eb": (2,)}
    assert outputs("unet") == {"output": (2, 128, 128)}
    assert outputs("segnet") == {"output": (11, 90, 120)}
    assert outputs("conv1d") == {"output": (10,)}
    assert outputs("c3d") == {"output": (101,)}


def test_pnet_looks_at_all_windows_of_a_larger_image() -> None:
    net = load("multitask", (3, 100, 60))
    assert {t.name: t.value.shape for t in net.graph.outputs} == {"face": (2, 45, 25), "box": (4, 45, 25)}


def test_m5_shapes() -> None:
    """32,000 samples become 8,000, then a quarter at each pooling; the last leaves a remainder out."""
    lengths = [row.output[1] for row in load("conv1d").layers if row.op in ("conv", "maxpool")]
    assert lengths == [8000, 2000, 2000, 500, 500, 125, 125, 31]


def test_c3d_shapes() -> None:
    pooled = [row.output for row in load("c3d").layers if row.op == "maxpool"]
    assert pooled == [(64, 16, 56, 56), (128, 8, 28, 28), (256, 4, 14, 14), (512, 2, 7, 7), (512, 1, 4, 4)]


@pytest.mark.parametrize("name", ["siamese", "triplet", "multitask", "conv1d"])
def test_all_backends_agree_with_numpy(name: str) -> None:
    comparisons = load(name).verify()
    assert comparisons
    assert all(c.ok for c in comparisons), comparisons


@pytest.mark.parity
@pytest.mark.parametrize(("name", "shape"), [("unet", (3, 32, 48)), ("segnet", (3, 45, 37)), ("fpn", (3, 64, 32))])
def test_dense_networks_agree_with_numpy(name: str, shape: tuple[int, ...]) -> None:
    """SegNet at odd extents too, where a pooling drops positions that the paired unpooling brings back."""
    comparisons = load(name, shape).verify(batch=1)
    assert all(c.ok for c in comparisons), comparisons


def test_programs_are_short() -> None:
    for name in (*PARAMETERS, *HEADS, "shufflenetv2"):
        lines = source(name).splitlines()
        assert len(lines) <= 45, name
        assert max(map(len, lines)) <= 120, name
        assert cnnc.check(source(name), name=name) == [], name
