"""Tokens: every layer that takes them does to their channels, the last axis, what it does to those of a map."""

import cnnc
import numpy as np
import pytest
from cnnc.backends import numpy as reference
from cnnc.compiler.ir import known
from cnnc.compiler.ops import NAMES, REGISTRY, Tokens
from cnnc.compiler.verify import random_weights
from support import ONNX_TOLERANCE, TORCH_TOLERANCE, difference, inputs_for, run_onnx, run_torch

ARGUMENTS = {"dropout": "(0.3)", "droppath": "(0.2)", "mhsa": "(2)", "slice": "(1, 5)", "scale": "(0.5)"}
REARRANGING = {"fc", "flatten", "permute", "reshape"}
"""What maps of several positions do not have, or what moves axes by its arguments."""
CHANNELWISE = sorted(name for name, op in REGISTRY.items() if op.tokens and not op.operator and name not in REARRANGING)
OPERATORS = (
    "[id, relu, tanh]",
    "[sigmoid, slice(2)]",
    "split([relu, tanh])",
    "split([relu, tanh, slice(1)])",
    "split([relu, tanh, id], (1, 3, 2))",
    "split([slice(0, 1), split([id, tanh], (1, 2))])",
    "split([relu, tanh]) * 2",
    "(slice(0, cin // 2) -> [id, relu]) as half -> [id, half]",
    "relu + tanh - sigmoid",
    "id * (slice(3, 4) -> sigmoid)",
    "id / (slice(0, 1) -> sigmoid)",
    "res(split([relu, scale]))",
    "(id if cin == 6 else tanh) -> slice(0, cin // 3)",
    "for i in range(3) { split([relu, slice(0, 1)], (cin // 6 * 5 - i, 1)) -> slice(0, 5 - i) }",
)
USES = [*(name + ARGUMENTS.get(name, "") for name in CHANNELWISE), *OPERATORS]
SHAPE = (6, 5)
"""Channels and positions."""


@pytest.mark.parametrize("layer", USES)
def test_as_on_maps(layer: str) -> None:
    """Shape, parameters, work and result of a layer on tokens are those on the map that they came from."""
    on_map = cnnc.compile(f"input 6x5 -> ({layer})")
    on_tokens = cnnc.compile(f"input 6x5 -> tokens -> ({layer})")
    assert isinstance(known(on_tokens.graph.outputs[0].value), Tokens)
    assert tuple(reversed(on_tokens.output_shape[1:])) == on_map.output_shape[1:]
    assert (on_tokens.params, on_tokens.macs) == (on_map.params, on_map.macs)
    assert on_tokens.totals.work == on_map.totals.work
    inputs = [np.random.default_rng(0).standard_normal((2, *SHAPE))]
    weights = random_weights(on_map.graph, 0)
    names = dict(zip(random_weights(on_tokens.graph, 0), weights, strict=True))
    shapes = {name: array.shape for name, array in random_weights(on_tokens.graph, 0).items()}
    turned = {name: weights[old].reshape(shapes[name]) for name, old in names.items()}
    (wanted,) = reference.run(on_map, inputs, weights).values()
    (found,) = reference.run(on_tokens, inputs, turned).values()
    assert difference(found.transpose(0, 2, 1), wanted) < 1e-12


@pytest.mark.parametrize("layer", OPERATORS)
def test_backends(layer: str) -> None:
    net = cnnc.compile(f"input 6x5 -> tokens -> ({layer}) -> fc(3)")
    weights, inputs = random_weights(net.graph, 1), inputs_for(net)
    (wanted,) = reference.run(net, [x.double().numpy() for x in inputs], weights).values()
    (torch_found,) = run_torch(net.to_torch(weights=weights).eval(), inputs)
    assert difference(torch_found, wanted) < TORCH_TOLERANCE
    for inference in (False, True):
        (onnx_found,) = run_onnx(net.to_onnx(weights=weights, inference=inference), inputs)
        assert difference(onnx_found, wanted) < ONNX_TOLERANCE


@pytest.mark.parametrize("name", sorted(name for name, op in REGISTRY.items() if not op.tokens and not op.operator))
def test_all_others_refuse_tokens(name: str) -> None:
    samples = [sample.rpartition(" @ ")[0].split(" -> ") for sample in REGISTRY[name].samples]
    use = next(link for links in samples for link in links if link.startswith(name)).split(" as ")[0]
    found = cnnc.check(f"input 6x6 -> maxpool2 as p -> tokens -> {use}")
    assert [d.code for d in found if d.is_error] == ["E0230"]


def test_every_name_is_in_one_of_the_two() -> None:
    assert {op.name for op in NAMES.values()} == {name for name, op in REGISTRY.items() if not op.operator}


@pytest.mark.parametrize(
    ("program", "code"),
    [
        ("input 4x3x5 -> tokens -> split([relu, tanh, id])", "E0214"),  # 4 channels for 3
        ("input 4x3x5 -> tokens -> split([relu, tanh], (8, 7))", "E0214"),  # the 15 positions are not shared out
        ("input 4x3x5 -> tokens -> slice(0, 5)", "E0219"),
        ("input 3x8x8 -> split([relu, tanh])", "E0214"),
        ("input 3 -> split([relu, tanh])", "E0214"),
        ("input 1x8x8 -> split([relu, tanh])", "E0214"),
        ("input 4x3x5 -> relu as m -> tokens -> [id, m]", "E0204"),
        ("input 4x4 -> relu as m -> tokens -> [id, m]", "E0204"),
        ("input 4x4 -> relu as m -> tokens -> (id + m)", "E0203"),
        ("input a: 4x5, b: 4x6\nta = a -> tokens\ntb = b -> tokens\noutput y = ta -> [id, tb]", "E0204"),
        ("input 4x3x5 -> tokens -> conv1(4)", "E0230"),
        ("input 4x3x5 -> tokens -> se(2)", "E0230"),
        ("block b = id * hin\ninput 4x3x5 -> tokens -> b", "E0217"),
    ],
)
def test_refused(program: str, code: str) -> None:
    assert [d.code for d in cnnc.check(program) if d.is_error] == [code]


def test_shares_of_tokens() -> None:
    """The shares are of the channels, of which 4 are halved, not of the 15 positions."""
    net = cnnc.compile("input 4x3x5 -> tokens -> split([relu, tanh])")
    assert [row.output for row in net.layers][1:] == [Tokens((15, 2))] * 4 + [Tokens((15, 4))]


def test_uneven_shares_are_given() -> None:
    (found,) = cnnc.check("input 7x3x5 -> split([relu, tanh, id])")
    assert found.help == "without sizes all shares are equal; give one for each branch, such as (3, 2, 2)"
    assert not cnnc.check("input 7x3x5 -> split([relu, tanh, id], (3, 2, 2))")


def test_symbolic_channels_are_not_shared_out_by_guess() -> None:
    assert [d.code for d in cnnc.check("split([relu, tanh])", input="CxHxW")] == ["E0330"]
