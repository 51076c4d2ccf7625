"""The networks that are measured: torchvision's models, and the programs of the zoo that describe them."""

import tomllib
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cnnc

if TYPE_CHECKING:
    from torch import nn

ZOO = Path(__file__).resolve().parent.parent / "examples" / "zoo"
NETWORKS = (
    *("alexnet", "vgg11", "vgg16", "vgg16_bn", "resnet18", "resnet34", "resnet50", "resnet101"),
    *("resnext50_32x4d", "wide_resnet50_2", "squeezenet1_0", "squeezenet1_1", "densenet121", "googlenet"),
    *("inception_v3", "mobilenet_v2", "mobilenet_v3_large", "mobilenet_v3_small", "shufflenet_v2_x1_0"),
    *("mnasnet1_0", "efficientnet_b0", "efficientnet_b4", "efficientnet_v2_s", "regnet_y_400mf"),
    *("regnet_x_800mf", "convnext_tiny"),
)
"""Some of each family, by torchvision's names."""
OPTIONS = {"googlenet": {"init_weights": False, "aux_logits": False}, "inception_v3": {"init_weights": False}}
"""Arguments for torchvision: GoogLeNet as its weights are published, and no slow initialisation."""


@cache
def variants() -> dict[str, dict[str, Any]]:
    """The zoo's entries for torchvision's networks, by name."""
    return {v["name"]: v for v in tomllib.loads((ZOO / "torchvision.toml").read_text())["variant"]}


@cache
def program(name: str) -> cnnc.Net:
    """The zoo's program at the size at which torchvision counted."""
    variant = variants()[name]
    return cnnc.load(ZOO / variant["file"], params=variant["params"], input=variant["input"])


def model(name: str) -> "nn.Module":
    """torchvision's model as it is in evaluation, with any weights."""
    import torchvision

    built: nn.Module = torchvision.models.get_model(name, weights=None, **OPTIONS.get(name, {}))
    return built.eval()
