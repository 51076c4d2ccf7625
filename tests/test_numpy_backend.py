"""The NumPy reference itself: against loops written out, against PyTorch on many settings, and its walk of regions."""

from itertools import product
from math import inf

import cnnc
import numpy as np
import pytest
import torch
from cnnc.backends import numpy as reference
from cnnc.backends import torch as torch_backend
from cnnc.backends.weights import draw
from cnnc.compiler.verify import difference, random_inputs, random_weights


def run(text: str, shape: str, x: np.ndarray | None = None, **weights: np.ndarray) -> np.ndarray:
    """The only output of a chain; weights are those of its only layer, unless drawn."""
    net = cnnc.compile(text, input=shape)
    (layer,) = net.layers
    stored = {f"{layer.name}.{name}": array for name, array in weights.items()} or draw(net.graph, 0)
    (y,) = reference.run(net, [random_inputs(net.graph, 0, 2)["input"] if x is None else x], stored).values()
    return y


# By hand


def test_convolution_by_loops() -> None:
    """Stride, dilation, padding that differs by side, and groups, each index written out."""
    x, w, b = (np.random.default_rng(0).normal(size=shape) for shape in ((2, 4, 7, 6), (6, 2, 3, 2), (6,)))
    got = run("conv(6, 3x2, s=2x1, p=((1, 2), (0, 1)), d=1x2, g=2)", "4x7x6", x, weight=w, bias=b)
    want = np.zeros((2, 6, 4, 5))
    for n, o, i, j in product(*map(range, want.shape)):
        want[n, o, i, j] = b[o]
        for c, u, v in product(range(2), range(3), range(2)):
            row, column = 2 * i + u - 1, j + 2 * v
            if 0 <= row < 7 and column < 6:
                want[n, o, i, j] += w[o, c, u, v] * x[n, o // 3 * 2 + c, row, column]
    assert got.dtype == np.float64
    assert np.abs(got - want).max() < 1e-12


def test_transposed_convolution_by_loops() -> None:
    x, w, b = (np.random.default_rng(0).normal(size=shape) for shape in ((2, 4, 5), (4, 3, 3), (6,)))
    got = run("deconv(6, 3, s=2, p=1, op=1, g=2)", "4x5", x, weight=w, bias=b)
    want = np.broadcast_to(b[None, :, None], (2, 6, 10)).copy()
    for n, c, i, o, u in product(range(2), range(4), range(5), range(3), range(3)):
        if 0 <= 2 * i + u - 1 < 10:
            want[n, c // 2 * 3 + o, 2 * i + u - 1] += w[c, o, u] * x[n, c, i]
    assert np.abs(got - want).max() < 1e-12


def test_divisors_of_averages() -> None:
    """The last window of a rounded-up pooling ends with the padding, and padding counts only if asked to."""
    ones = np.ones((1, 1, 6))
    for settings, want in (
        ("s=3", [1, 1]),
        ("s=4, ceil=true", [1, 1]),
        ("s=3, p=1", [2 / 3, 1]),
        ("s=3, p=1, ceil=true", [2 / 3, 1, 1 / 2]),
        ("s=3, p=1, ceil=true, count_pad=false", [1, 1, 1]),
    ):
        assert run(f"avgpool3({settings})", "1x6", ones).tolist() == [[want]], settings


def test_padding_never_wins_a_maximum() -> None:
    x = -1 - np.arange(6.0).reshape(1, 1, 6)
    assert run("maxpool3(s=2, p=1, ceil=true)", "1x6", x).tolist() == [[[-1, -2, -4, -6]]]


def test_bins_overlap_where_they_do_not_fit() -> None:
    x = np.arange(5.0).reshape(1, 1, 5)
    assert run("adaptive_avgpool(3)", "1x5", x).tolist() == [[[0.5, 2, 3.5]]]
    assert run("adaptive_maxpool(7)", "1x5", x).tolist() == [[[0, 1, 2, 2, 3, 4, 4]]]


def test_indices_are_those_of_the_first_maximum() -> None:
    net = cnnc.compile("maxpool2 as p -> unpool2(p)", input="1x4x4")
    x = np.array([[1, 1, 2, 3], [1, 1, 3, 2], [0, 0, 0, 0], [0, 5, 0, 0]])[None, None]
    (y,) = reference.run(net, [x], {}).values()
    assert y.tolist() == [[[[1, 0, 0, 3], [0, 0, 0, 0], [0, 0, 0, 0], [0, 5, 0, 0]]]]


# Against PyTorch

POOLS = [
    f"{name}({k}, s={s}, p={p}, {rest})"
    for name, rests in (("maxpool", ("d=1", "d=2")), ("avgpool", ("count_pad=true", "count_pad=false")))
    for k, s, p, rest in product((2, 3), (1, 2, 3), (0, 1), (*rests, f"{rests[1]}, ceil=true"))
]
CONVOLUTIONS = [
    f"conv(4, {k}, s={s}, p={p}, d={d}, g=2, pad_mode={mode})"
    for k, s, p, d, mode in product((1, 3), (1, 2), (0, 2), (1, 2), ("zeros", "reflect", "replicate", "circular"))
]
TRANSPOSED = [
    f"deconv(4, {k}, s={s}, p={p}, op={op}, d={d}, g=2)"
    for k, s, p, op, d in product((2, 3), (1, 2, 3), (0, 1), (0, 1), (1, 2))
    if op < max(s, d)
]
RESIZED = [
    f"upsample(size={n}, mode={mode})"
    for n in (1, 3, 9, 10, 17)
    for mode in ("nearest", "bilinear", "bilinear, align_corners=true", "bicubic", "bicubic, align_corners=true")
]


@pytest.mark.parametrize("shape", ["4x9x10", "4x8x5"])
@pytest.mark.parametrize("layers", [POOLS, CONVOLUTIONS, TRANSPOSED, RESIZED], ids=["pool", "conv", "deconv", "resize"])
def test_settings(layers: list[str], shape: str) -> None:
    """Every combination of settings gives what PyTorch gives."""
    for layer in layers:
        net = cnnc.compile(layer, input=shape)
        weights, inputs = random_weights(net.graph, 0), random_inputs(net.graph, 0, 2)
        want = reference.run(net, inputs, weights)["output"]
        got = torch_backend.run(net, inputs, weights)["output"]
        assert difference(got, want) <= 1e-5, layer


@pytest.mark.parametrize("layer", ["relu", "sigmoid", "tanh", "softmax", "silu", "elu", "gelu", "lrelu", "hardswish"])
def test_extreme_values(layer: str) -> None:
    """No overflow where PyTorch has none, in float64 as well."""
    x = np.array([[-inf, -1e4, -100, -1, -0.0, 0, 1, 100, 1e4]])
    x = np.where(np.isinf(x), -1e30, x) if layer in ("softmax", "silu", "gelu", "hardswish") else x
    net = cnnc.compile(layer, input=(9,))
    (y,) = reference.run(net, [x], {}).values()
    want = net.to_torch().double().eval()(torch.from_numpy(x)).numpy()
    assert difference(y, want) <= 1e-12


# Regions


def test_repeats_have_weights_of_their_own_and_shared_layers_have_not() -> None:
    net = cnnc.compile(
        "shared twice = fc(3, bias=false)\nblock own = fc(3, bias=false)\ninput 3 -> twice -> own * 2 -> twice"
    )
    weights = draw(net.graph, 0)
    assert len(weights) == 3
    x = np.random.default_rng(0).normal(size=(2, 3))
    (y,) = reference.run(net, [x], weights).values()
    shared = weights.pop("twice.weight")
    first, second = weights.values()
    assert np.allclose(y, x @ shared.T @ first.T @ second.T @ shared.T, rtol=1e-12)


def test_inputs_and_outputs_by_name() -> None:
    net = cnnc.compile("input a: 2, b: 2\noutput d = a -> (id - b), again = a\naux s = a -> (id + b)")
    a, b = np.array([[1.0, 2]]), np.array([[5.0, 7]])
    for inputs in ([a, b], {"b": b, "a": a}):
        outputs = reference.run(net, inputs, {})
        assert {name: y.tolist() for name, y in outputs.items()} == {"d": [[-4, -5]], "again": [[1, 2]]}


def test_deep_networks_run() -> None:
    net = cnnc.compile("block d(n) = relu -> (d(n - 1) if n > 0 else relu)\ninput 3 -> d(2000)")
    (y,) = reference.run(net, [np.array([[-1.0, 0, 2]])], {}).values()
    assert y.tolist() == [[0, 0, 2]]


def test_an_op_without_a_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(reference.LOWERINGS, "relu")
    with pytest.raises(cnnc.UsageError) as caught:
        run("relu", "3")
    assert caught.value.code == "E0512" and "`relu`" in str(caught.value)


def test_a_shape_that_was_not_inferred(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reference holds shape inference to account."""
    monkeypatch.setitem(reference.LOWERINGS, "relu", lambda a, step, xs, weights: xs[0][:, :-1])
    with pytest.raises(AssertionError, match=r"relu1: the reference gives \(2, 2\), shape inference \(2, 3\)"):
        run("relu", "3")
