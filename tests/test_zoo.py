"""The zoo against its sources: torchvision's classification networks, and published figures for the others."""

import runpy
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from itertools import takewhile
from pathlib import Path
from typing import Any

import cnnc
import pytest
import torch
import torchvision
from cnnc.compiler.ir import expand
from cnnc.compiler.reference import read_value
from conftest import ROOT
from support import TORCH_TOLERANCE, difference, inputs_for, run_torch
from torch import nn
from torchvision.models.convnext import CNBlock
from torchvision.models.regnet import BlockParams
from torchvision.ops import StochasticDepth

pytestmark = pytest.mark.zoo

ZOO = ROOT / "examples" / "zoo"
OPTIONS = {"googlenet": {"init_weights": False, "aux_logits": False}, "inception_v3": {"init_weights": False}}
"""Arguments for torchvision: GoogLeNet as its weights are published, and no slow initialisation."""
TRANSFORMERS = ("vit_", "swin_", "maxvit")


def variants_of(path: Path) -> list[dict[str, Any]]:
    return list(tomllib.loads(path.read_text())["variant"])


VARIANTS = {v["name"]: v for path in sorted(ZOO.glob("*.toml")) for v in variants_of(path)}
TORCHVISION = {v["name"]: v for v in variants_of(ZOO / "torchvision.toml")}
LARGER = (
    *("alexnet", "vgg11", "vgg11_bn", "resnet50", "resnext50_32x4d", "wide_resnet50_2", "inception_v3"),
    *("efficientnet_v2_s", "convnext_tiny"),
)
COMPARED = [name for name, v in TORCHVISION.items() if v["reference_params"] < 12_000_000 or name in LARGER]
"""The networks whose outputs are compared: small ones, and some of families that have none."""


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Small layers gain nothing from threads, and lose much where the cores have other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@cache
def load(name: str, size: str | None = None) -> cnnc.Net:
    variant = VARIANTS[name]
    return cnnc.load(ZOO / variant["file"], params=variant.get("params"), input=size or variant.get("input"))


@contextmanager
def without_storage() -> Iterator[None]:
    """What is built here has shapes and no values; RegNet computes its widths with tensors, so those are real."""
    original = BlockParams.from_init_params

    def on_the_cpu(*args: Any, **kwargs: Any) -> BlockParams:
        with torch.device("cpu"):
            return original(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch, torch.device("meta"):
        patch.setattr(BlockParams, "from_init_params", on_the_cpu)
        yield


def reference(name: str) -> nn.Module:
    """torchvision's model without weights."""
    with without_storage():
        model: nn.Module = torchvision.models.get_model(name, weights=None, **OPTIONS.get(name, {}))
    return model


def published(name: str) -> dict[str, Any]:
    """What torchvision says of the weights known as IMAGENET1K_V1, or of its default ones."""
    weights = torchvision.models.get_model_weights(name)
    entry = weights.__members__.get("IMAGENET1K_V1", weights.DEFAULT)
    side = entry.transforms.keywords["crop_size"]
    return {
        "input": f"3x{side}x{side}",
        "reference_params": entry.meta["num_params"],
        "reference_gmacs": entry.meta["_ops"],
    }


def randomised(model: nn.Module) -> nn.Module:
    """The model with weights at which all of its parts matter to the output."""
    torch.manual_seed(7)
    state = model.state_dict()
    for name, value in state.items():
        tensor = torch.empty(value.shape, dtype=value.dtype)
        if name.endswith("num_batches_tracked"):
            tensor.zero_()
        elif name.endswith(("bias", "running_mean")):
            tensor.normal_(0, 0.1)
        elif name.endswith("layer_scale") or value.dim() < 2:
            tensor.uniform_(0.8, 1.2)
        else:
            tensor.normal_(0, (2 / value[0].numel()) ** 0.5)
        state[name] = tensor
    model.load_state_dict(state, assign=True)
    return model.eval()


def their_layers(name: str) -> Counter[tuple[Any, ...]]:
    """What torchvision's layers with settings are and give, as they run: heads for training, no layer that is not used.

    The linear layers within a ConvNeXt block see channels last; they are convolutions of 1x1.
    """
    model, layers = reference(name), Counter[tuple[Any, ...]]()
    blocks = [part for part in model.modules() if isinstance(part, CNBlock)]
    channels_last = {part for block in blocks for part in block.block if isinstance(part, nn.Linear | nn.LayerNorm)}

    def record(part: nn.Module, args: Any, output: torch.Tensor) -> None:
        shape = tuple((output.movedim(-1, 1) if part in channels_last else output).shape[1:])
        match part:
            case nn.Conv2d():
                settings = (part.stride, part.padding, part.dilation, part.groups, part.bias is not None)
                layers["conv", shape, tuple(part.weight.shape), *settings] += 1
            case nn.Linear() if part in channels_last:
                size = (*part.weight.shape, 1, 1)
                layers["conv", shape, size, (1, 1), (0, 0), (1, 1), 1, part.bias is not None] += 1
            case nn.Linear():
                layers["fc", shape, tuple(part.weight.shape), part.bias is not None] += 1
            case nn.BatchNorm2d():
                layers["bn", shape, part.eps, part.momentum] += 1
            case nn.LayerNorm():
                layers["ln", shape, part.eps] += 1
            case nn.Dropout() | StochasticDepth():
                layers["dropout" if isinstance(part, nn.Dropout) else "droppath", part.p] += 1

    for part in model.modules():
        if not list(part.children()):
            part.register_forward_hook(record)
    model.train()(torch.empty(2, *load(name).input_shape[1:], device="meta"))
    return layers


def our_layers(net: cnnc.Net) -> Counter[tuple[Any, ...]]:
    """The same of a program."""
    layers: Counter[tuple[Any, ...]] = Counter()
    for _, _, step in expand(net.graph.root):
        a, shape, sizes = step.attrs, step.out_shape, [weight.shape for weight in step.weights()]
        match step.op.name:
            case "conv" | "dwconv":
                padding = tuple(before if before == after else (before, after) for before, after in a.p)
                layers["conv", shape, sizes[0], a.s, padding, a.d, a.g, a.bias] += 1
            case "fc":
                layers["fc", shape, sizes[0], a.bias] += 1
            case "bn":
                layers["bn", shape, a.eps, a.momentum] += 1
            case "ln":
                layers["ln", shape, a.eps] += 1
            case "dropout" | "droppath" as kind:
                layers[kind, a.p] += 1
    return layers


def test_torchvision_is_complete() -> None:
    names = torchvision.models.list_models(module=torchvision.models)
    assert set(TORCHVISION) == {name for name in names if not name.startswith(TRANSFORMERS)}


def test_every_program_is_listed() -> None:
    assert {v["file"] for v in VARIANTS.values()} == {path.name for path in ZOO.glob("*.cnn")}


def test_names_are_unique() -> None:
    names = [v["name"] for path in sorted(ZOO.glob("*.toml")) for v in variants_of(path)]
    assert [name for name, n in Counter(names).items() if n > 1] == []


def test_one_comparison_in_each_family() -> None:
    assert {TORCHVISION[name]["file"] for name in COMPARED} == {v["file"] for v in TORCHVISION.values()}


def test_programs_are_short_and_name_their_source() -> None:
    for path in ZOO.glob("*.cnn"):
        text = path.read_text()
        lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
        assert len(lines) < (40 if path.name == "resnet.cnn" else 61), path.name
        remark = "".join(takewhile(lambda line: line.startswith("#"), text.splitlines()))
        assert any(str(year) in remark for year in range(1989, 2030)), path.name


@pytest.mark.parametrize("name", TORCHVISION)
def test_listed_figures_are_torchvisions(name: str) -> None:
    assert {key: TORCHVISION[name][key] for key in published(name)} == published(name)


@pytest.mark.parametrize("name", VARIANTS)
def test_figures(name: str) -> None:
    variant, net = VARIANTS[name], load(name)
    assert net.params == variant["reference_params"]
    if name in TORCHVISION:
        assert round(net.macs / 1e9, 3) == variant["reference_gmacs"]
    else:
        assert net.macs == variant["reference_macs"]


@pytest.mark.parametrize("name", TORCHVISION)
def test_layers_have_the_shapes_and_settings_of_torchvisions(name: str) -> None:
    assert our_layers(load(name)) == their_layers(name)


@pytest.mark.usefixtures("one_thread")
@pytest.mark.parametrize("name", COMPARED)
def test_outputs_with_transplanted_weights(name: str, tmp_path: Path) -> None:
    """The reference's weights, mapped as `cnnc weights` does, give its outputs.

    On an image that keeps it quick; Inception v3 needs a large one for its auxiliary head. Branches that nothing but
    the order tells apart come in the order in which the reference makes them.
    """
    size = "3x299x299" if name == "inception_v3" else "3x64x96"
    net, model = load(name, size), randomised(reference(name))
    inputs = inputs_for(net)
    expected = run_torch(model, inputs)[0]
    torch.save(model.state_dict(), tmp_path / "w.pth")
    module = net.to_torch(weights=net.import_weights(tmp_path / "w.pth", accept_order=True)).eval()
    assert difference(run_torch(module, inputs)[0], expected) <= TORCH_TOLERANCE


def test_settings_can_be_given_on_the_command_line() -> None:
    """What the page shows behind -D is read as the value that the variant has."""
    setting = runpy.run_path(str(ZOO / "table.py"))["setting"]
    for variant in VARIANTS.values():
        for value in variant["params"].values():
            assert read_value(setting(value)) == (tuple(value) if isinstance(value, list) else value)


def test_the_page_is_up_to_date() -> None:
    """docs/zoo.md is what `make zoo` writes."""
    table = runpy.run_path(str(ZOO / "table.py"))
    assert table["TARGET"].read_text() == table["page"]()
