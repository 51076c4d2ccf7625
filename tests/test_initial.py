"""Initial values: drawn by NumPy as by torch.nn.init, and written into emitted source."""

import cnnc
import numpy as np
import pytest
import torch
from cnnc.backends.weights import draw
from cnnc.compiler.ir_text import print_graph, read_graph
from cnnc.compiler.ops.initial import METHODS, NEEDS_FANS

CHAIN = "conv5x5(64) -> relu -> conv3x3(48, g=2, bias=false) -> deconv2(40, s=2) -> gap -> fc(300)"

CASES = {
    "xavier_uniform": ("xavier_uniform_", {}),
    "xavier_uniform(gain=2)": ("xavier_uniform_", {"gain": 2}),
    "xavier_normal": ("xavier_normal_", {}),
    "kaiming_uniform": ("kaiming_uniform_", {}),
    "kaiming_uniform(mode=fan_out, nonlinearity=relu)": (
        "kaiming_uniform_",
        {"mode": "fan_out", "nonlinearity": "relu"},
    ),
    "kaiming_normal(nonlinearity=tanh)": ("kaiming_normal_", {"nonlinearity": "tanh"}),
    "kaiming(a=0.5)": ("kaiming_normal_", {"a": 0.5}),
    "kaiming(nonlinearity=selu)": ("kaiming_normal_", {"nonlinearity": "selu"}),
    "orthogonal(gain=3)": ("orthogonal_", {"gain": 3}),
    "normal(0.5, 0.1)": ("normal_", {"mean": 0.5, "std": 0.1}),
    "uniform(-2, 1)": ("uniform_", {"a": -2, "b": 1}),
    "trunc_normal(std=0.02)": ("trunc_normal_", {"std": 0.02}),
    "trunc_normal(mean=0.5, std=1, a=0, b=1)": ("trunc_normal_", {"mean": 0.5, "std": 1, "a": 0, "b": 1}),
    "constant(0.25)": ("constant_", {"val": 0.25}),
    "zeros": ("zeros_", {}),
    "ones": ("ones_", {}),
}


def compiled(setting: str) -> cnnc.Net:
    return cnnc.compile(f"set init({setting})\ninput 3x16x16 -> {CHAIN}")


@pytest.mark.parametrize("setting", CASES)
def test_drawn_as_in_torch(setting: str) -> None:
    """Mean, spread, extremes and order statistics of every weight are those of torch.nn.init's."""
    name, arguments = CASES[setting]
    arrays = draw(compiled(setting).graph, seed=3)
    for key in ("conv1.weight", "conv2.weight", "deconv1.weight", "fc.weight"):
        torch.manual_seed(5)
        expected = getattr(torch.nn.init, name)(torch.empty(arrays[key].shape), **arguments).numpy()
        spread = max(float(expected.std()), 1e-9)
        assert abs(arrays[key].mean() - expected.mean()) <= 0.1 * spread
        assert abs(arrays[key].std() - expected.std()) <= 0.06 * spread
        parts = (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
        assert np.abs(np.quantile(arrays[key], parts) - np.quantile(expected, parts)).max() <= 0.2 * spread


@pytest.mark.parametrize("setting", CASES)
def test_emitted_source_initialises(setting: str) -> None:
    """The module without drawn weights has the distribution by its own constructor; biases and norms are left alone."""
    net = cnnc.compile(f"set init({setting})\ninput 3x16x16 -> {CHAIN} -> bn")
    torch.manual_seed(1)
    module = net.to_torch(seed=None)
    arrays = draw(net.graph, seed=3)
    for key in ("conv1.weight", "conv2.weight", "deconv1.weight", "fc.weight"):
        own = module.state_dict()[key].numpy()
        assert abs(own.std() - arrays[key].std()) <= 0.1 * max(float(arrays[key].std()), 1e-9)
    assert module.state_dict()["bn1.weight"].eq(1).all()
    assert module.state_dict()["fc.bias"].abs().max() <= 1 / 40**0.5


def test_orthogonal_rows() -> None:
    weight = draw(compiled("fc=orthogonal").graph, seed=0)["fc.weight"]
    assert np.allclose(weight.T @ weight, np.eye(40), atol=1e-5)


def test_kinds_and_biases() -> None:
    """A later line wins for its kind only; offsets of deformable convolutions stay 0."""
    text = """
    set init(ones)
    set init(fc=constant(2), bias=constant(3))
    input 4x6x6 -> deformconv3x3(4) -> nonlocal(2) -> gap -> fc(3) -> bilinear(2) -> bn
    """
    net = cnnc.compile(text)
    for state in (draw(net.graph, 0), {k: v.numpy() for k, v in net.to_torch(seed=None).state_dict().items()}):
        assert (state["deformconv1.weight"] == 1).all() and (state["nonlocal1.theta.weight"] == 1).all()
        assert (state["fc.weight"] == 2).all() and (state["bilinear1.weight"] == 2).all()
        assert (state["fc.bias"] == 3).all() and (state["deformconv1.bias"] == 3).all()
        assert (state["deformconv1.offset.weight"] == 0).all() and (state["bn1.bias"] == 0).all()
    assert print_graph(read_graph(net.ir())) == net.ir()


@pytest.mark.parametrize("method", NEEDS_FANS)
def test_biases_have_no_fans(method: str) -> None:
    assert [d.code for d in cnnc.check(f"set init(bias={method})\ninput 3x8x8 -> conv3x3(4)")] == ["E0344"]


def test_every_method_has_a_case() -> None:
    named = {setting.partition("(")[0] for setting in CASES}
    assert {method.name for name, method in METHODS.items() if name in named} == {
        method.name for method in METHODS.values() if method.name != "default"
    }
