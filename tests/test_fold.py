"""Batch normalisation folded into shared layers: with the weights of all uses at once, or not at all."""

import cnnc
import pytest
import torch
from support import ONNX_TOLERANCE, difference, inputs_for, run_onnx, run_torch


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("shared s = conv3x3(3, p=1, bias=false) -> bn\ninput 3x8x8 -> s -> relu -> s", 0),
        ("shared s = conv3x3(3, p=1) -> bn -> relu\ninput 3x8x8 -> s -> s -> s", 0),
        ("block b = c -> c where shared c = conv3x3(3, p=1) -> bn\ninput 3x8x8 -> b -> b", 0),
        ("shared s = conv3x3(3, p=1)\ninput 3x8x8 -> s -> bn -> relu -> s", 1),
        ("shared s = conv3x3(3, p=1)\ninput 3x8x8 -> s -> relu -> s -> bn", 1),
        ("shared n = bn\ninput 3x8x8 -> conv3x3(3, p=1) -> n -> conv3x3(3) -> n", 2),
    ],
)
def test_shared_layers(text: str, left: int) -> None:
    """left: the normalisations that stay, since what they follow is used without them or they follow several layers."""
    net = cnnc.compile(text)
    module = net.to_torch(seed=1).eval()
    generator = torch.Generator().manual_seed(3)
    state = module.state_dict()
    for value in state.values():
        if value.dtype.is_floating_point:
            value.copy_(torch.rand(value.shape, generator=generator) + 0.2)
    inputs = inputs_for(net)
    model = net.to_onnx(weights={name: value.numpy() for name, value in state.items()}, inference=True)
    assert [node.op_type for node in model.graph.node].count("BatchNormalization") == left
    assert difference(run_onnx(model, inputs)[0], run_torch(module, inputs)[0]) < ONNX_TOLERANCE
