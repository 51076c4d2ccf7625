"""Single layers: the module as PyTorch has it and the program of that layer, to compare each rule by itself."""

from collections.abc import Callable
from typing import NamedTuple

from torch import nn

MAP, LINE, VOLUME, VECTOR, ROWS = (4, 6, 6), (4, 12), (4, 6, 6, 6), (12,), (5, 8)


class Layer(NamedTuple):
    """build: the module. program: the chain that describes it. size: of a sample."""

    build: Callable[[], nn.Module]
    program: str
    size: tuple[int, ...]


LAYERS: dict[str, Layer] = {
    "Conv1d": Layer(lambda: nn.Conv1d(4, 6, 3), "conv3(6)", LINE),
    "Conv2d": Layer(lambda: nn.Conv2d(4, 6, 3, stride=2, padding=1), "conv3x3(6, s=2, p=1)", MAP),
    "Conv2d, groups": Layer(lambda: nn.Conv2d(4, 6, 3, groups=2, bias=False), "conv3x3(6, g=2, bias=false)", MAP),
    "Conv3d": Layer(lambda: nn.Conv3d(4, 6, 3), "conv3x3x3(6)", VOLUME),
    "Linear": Layer(lambda: nn.Linear(12, 7), "fc(7)", VECTOR),
    "Linear, no bias": Layer(lambda: nn.Linear(12, 7, bias=False), "fc(7, bias=false)", VECTOR),
    "BatchNorm1d": Layer(lambda: nn.BatchNorm1d(4), "bn", LINE),
    "BatchNorm2d": Layer(lambda: nn.BatchNorm2d(4), "bn", MAP),
    "BatchNorm2d, not affine": Layer(lambda: nn.BatchNorm2d(4, affine=False), "bn(affine=false)", MAP),
    "BatchNorm3d": Layer(lambda: nn.BatchNorm3d(4), "bn", VOLUME),
    "GroupNorm": Layer(lambda: nn.GroupNorm(2, 4), "gn(2)", MAP),
    "LayerNorm": Layer(lambda: nn.LayerNorm(MAP), "ln(axes=all)", MAP),
    "LayerNorm, not affine": Layer(
        lambda: nn.LayerNorm(MAP, elementwise_affine=False), "ln(axes=all, affine=false)", MAP
    ),
    "InstanceNorm2d": Layer(lambda: nn.InstanceNorm2d(4), "instnorm", MAP),
    "InstanceNorm2d, affine": Layer(lambda: nn.InstanceNorm2d(4, affine=True), "instnorm(affine=true)", MAP),
    "ReLU": Layer(nn.ReLU, "relu", MAP),
    "ReLU6": Layer(nn.ReLU6, "relu6", MAP),
    "LeakyReLU": Layer(nn.LeakyReLU, "lrelu", MAP),
    "PReLU": Layer(nn.PReLU, "prelu", MAP),
    "ELU": Layer(nn.ELU, "elu", MAP),
    "GELU": Layer(nn.GELU, "gelu", MAP),
    "SiLU": Layer(nn.SiLU, "silu", MAP),
    "Sigmoid": Layer(nn.Sigmoid, "sigmoid", MAP),
    "Hardswish": Layer(nn.Hardswish, "hardswish", MAP),
    "Softmax": Layer(lambda: nn.Softmax(dim=1), "softmax", MAP),
    "MaxPool1d": Layer(lambda: nn.MaxPool1d(2), "maxpool2", LINE),
    "MaxPool2d": Layer(lambda: nn.MaxPool2d(2), "maxpool2", MAP),
    "MaxPool3d": Layer(lambda: nn.MaxPool3d(2), "maxpool2", VOLUME),
    "AvgPool1d": Layer(lambda: nn.AvgPool1d(2), "avgpool2", LINE),
    "AvgPool2d": Layer(lambda: nn.AvgPool2d(3, stride=2), "avgpool3(s=2)", MAP),
    "AvgPool3d": Layer(lambda: nn.AvgPool3d(2), "avgpool2", VOLUME),
    "AdaptiveAvgPool1d": Layer(lambda: nn.AdaptiveAvgPool1d(1), "gap", LINE),
    "AdaptiveAvgPool2d": Layer(lambda: nn.AdaptiveAvgPool2d(1), "gap", MAP),
    "AdaptiveAvgPool2d, to 4x4": Layer(lambda: nn.AdaptiveAvgPool2d(4), "adaptive_avgpool(4)", MAP),
    "AdaptiveMaxPool2d": Layer(lambda: nn.AdaptiveMaxPool2d(1), "gmp", MAP),
    "Upsample, nearest": Layer(lambda: nn.Upsample(scale_factor=2), "upsample(2)", MAP),
    "Upsample, bilinear": Layer(
        lambda: nn.Upsample(scale_factor=2, mode="bilinear"), "upsample(2, mode=bilinear)", MAP
    ),
    "Upsample, bicubic": Layer(lambda: nn.Upsample(scale_factor=2, mode="bicubic"), "upsample(2, mode=bicubic)", MAP),
    "Dropout": Layer(lambda: nn.Dropout(0.5), "dropout(0.5)", MAP),
    "PixelShuffle": Layer(lambda: nn.PixelShuffle(2), "pixelshuffle(2)", MAP),
}  # fmt: skip
