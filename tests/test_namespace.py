"""Names that become equal on their way into weights, Python, ONNX and reports: each stays one of its own."""

import random
from collections.abc import Callable

import cnnc
import onnx
import pytest
import torch
from cnnc.compiler.ir import weights_of
from cnnc.compiler.namespace import Namespace

NASTY = (
    "a", "a_", "_a", "__a", "a2", "A", "class", "class_", "def", "x", "x_", "y", "self", "F", "nn", "torch", "range",
    "super", "i", "layer", "training", "training_", "forward", "type", "weight", "bias", "conv1", "conv2", "relu1",
    "branch1", "__conv", "__", "tap1", "output", "output1", "match", "print", "None", "True", "__init__",
    "__class__", "downsample",
)  # fmt: skip
"""Words of Python and PyTorch, names that source and graphs use themselves, and names that differ in underscores."""

COLLIDING = {
    "shared layers": ("shared a_ = conv1x1(3)\nshared _a = conv1x1(4)\ninput 3x8x8 -> a_ -> _a", 28),
    "inputs": ("input class: 3x8x8, class_: 3x8x8\nout a = class -> conv1x1(3), b = class_ -> relu", 12),
    "shared in blocks": ("shared i = conv1x1(3)\nshared i_ = conv1x1(3)\nblock u = i -> i_\ninput 3x8x8 -> u -> i", 24),
    "shared called x": ("shared x = conv1x1(3)\nshared x_ = conv1x1(3)\nblock u = x -> x_\ninput 3x8x8 -> u -> x", 24),
    "own shared and label": (
        "block u = conv1x1(3) as s -> s -> s where shared s = conv1x1(3)\ninput 3x8x8 -> u -> relu", 24,
    ),
    "block called conv1": ("block conv1(c) = conv1x1(c) -> relu\ninput 3x8x8 -> conv1(3)" + " -> conv1x1(3)" * 11, 144),
    "labels": ("input 3x8x8 -> conv1x1(3) as _a -> conv1x1(3) as a_ -> conv1x1(3) as a_2 -> conv1x1(3) as __a", 48),
    "label and number": ("input 3x8x8 -> conv1x1(3) as conv2 -> conv1x1(3) -> conv1x1(3) -> relu", 36),
    "reserved": ("input 3x8x8 -> conv1x1(3) as type -> conv1x1(3) as type_ -> conv1x1(3) as _type", 36),
    "blocks": ("block a_b = conv1x1(3) -> relu\nblock aB = conv1x1(3) -> tanh\ninput 3x8x8 -> a_b -> aB", 24),
    "count and label": (
        "block u = conv1x1(3) -> relu\nblock s(n) = u as n -> u * n\nblock t(n) = s(n) -> relu -> s(n)\n"
        "input 3x8x8 -> t(2) -> t(3)", 168,
    ),
    "blocks with underscores": (
        "block __conv = conv1x1(3) -> relu\nblock __init__ = conv1x1(3) -> tanh\nblock __ = conv1x1(3) -> relu\n"
        "block __0 = conv1x1(3) -> relu\nblock u = __conv -> conv1x1(3) -> __init__ * 2 -> __ -> __0\n"
        "input 3x8x8 -> u -> relu", 72,
    ),
    "fc and a block called __fc": ("block __fc = fc(3) -> relu\ninput 3 -> __fc -> fc(3) -> relu", 24),
    "label and shared": ("shared s = conv1x1(3)\ninput 3x8x8 -> conv1x1(3) as s -> s -> relu -> s", 24),
}  # fmt: skip


def check(net: cnnc.Net) -> None:
    """The names of a network: once each in every namespace, and the same weights in all backends."""
    module = net.to_torch(seed=1)
    stored = {name for name in module.state_dict() if not name.endswith("num_batches_tracked")}
    assert sum(p.numel() for p in module.parameters()) == net.params
    model = net.to_onnx(seed=1)
    onnx.checker.check_model(model, full_check=True)
    assert stored == {name for name, weight, _ in weights_of(net.graph) if weight.init != "count"}
    assert stored <= {tensor.name for tensor in model.graph.initializer}
    made = [name for node in model.graph.node for name in node.output]
    assert len(set(made)) == len(made)
    places: dict[str, set[int]] = {}
    for row in net.to_dict()["layers"]:
        places.setdefault(row["name"], set()).add(1000 * row["span"]["line"] + row["span"]["column"])
    assert all(len(found) == 1 for found in places.values()), places  # one layer, used several times
    ends = [terminal.name for terminal in (*net.graph.outputs, *net.graph.aux)]
    assert len(set(ends)) == len(ends)
    assert all(comparison.ok for comparison in net.verify())


@pytest.mark.parametrize("case", COLLIDING)
def test_colliding_names(case: str) -> None:
    text, params = COLLIDING[case]
    net = cnnc.compile(text.replace("out a", "output a"))
    assert net.params == params
    check(net)


def drawn(seed: int) -> str:
    """A program with names from the list at every place that takes one."""
    rng = random.Random(seed)
    name: Callable[[], str] = lambda: rng.choice(NASTY)  # noqa: E731
    first, second = rng.sample(NASTY, 2)
    blocks = rng.sample(NASTY, 3)
    u1, u2, u3 = rng.sample([n for n in NASTY if n not in (first, second)], 3)
    lines = [
        f"shared {first} = conv1x1(3)",
        f"shared {second} = conv1x1(3)",
        f"block {u1}({blocks[0]}, {blocks[1]}) = conv1x1({blocks[0]}) as {name()} -> conv1x1({blocks[1]}) as {name()}",
        f"block {u2} = {first} -> conv1x1(3) as {name()} -> {second}",
        f"block {u3}({blocks[2]}) = {u1}(3, 3) -> {u2} * {blocks[2]} -> {u1}({blocks[2]}, 3)",
        f"input {(ends := rng.sample(NASTY, 6))[0]}: 3x4x4, {ends[1]}: 3x4x4",
        f"{ends[2]} = {ends[0]} -> ({first} + {ends[1]}) -> {u3}(2) as {name()} -> {u3}(3) -> conv1x1(3) as {name()}",
        f"output {ends[3]} = {ends[2]} -> (conv1x1(3) -> relu) as {name()} -> {second}, {ends[4]} = {ends[2]} -> {u2}",
        f"aux {ends[5]} = {ends[2]} -> relu",
    ]
    return "\n".join(lines)


def test_random_names() -> None:
    """Names drawn for every place, until thirty programs compile; a name may also be refused."""
    compiled = 0
    for seed in range(2000):
        try:
            net = cnnc.compile(drawn(seed))
        except cnnc.NetworkError:
            continue
        check(net)
        compiled += 1
        if compiled == 30:
            return
    raise AssertionError(f"only {compiled} programs compile")


def test_numbers_after_taken_names() -> None:
    scope = Namespace(["conv", "conv3"], joint="_")
    assert [scope.take("conv") for _ in range(3)] == ["conv_2", "conv_3", "conv_4"]
    files = Namespace(["a"], folded=True)
    assert [files.take(name) for name in ("A", "b", "B")] == ["A2", "b", "B2"] and "a" in files
    assert scope.take("bn") == "bn" and "bn" in scope and "relu" not in scope


# Names of inputs and outputs


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("input x: 3x8x8\na = x -> relu\nb = x -> tanh\noutput a, b", ["a", "b"]),
        ("input 3x8x8 -> relu\noutput gmp, tanh", ["output", "output1"]),  # a layer's name, not a tensor's
        ("input 3x8x8 -> relu as r\noutput r, tanh", ["r", "output1"]),
        ("input 3x8x8 -> conv1x1(4) as t -> relu\noutput t, u = t -> relu", ["t", "u"]),
        ("input x: 3x8x8\noutput x -> relu, x -> tanh", ["output", "output1"]),
        ("input x: 3x8x8\noutput output1 = x -> relu, x -> tanh", ["output1", "output2"]),
        ("input x: 3x8x8\na = x -> relu\noutput x -> tanh, (a)", ["output", "a"]),
    ],
)
def test_names_of_outputs(text: str, names: list[str]) -> None:
    net = cnnc.compile(text)
    assert [terminal.name for terminal in net.graph.outputs] == names
    assert [value.name for value in net.to_onnx().graph.output] == names
    found = net.to_torch()(torch.zeros(1, 3, 8, 8))
    assert list(found) == names


@pytest.mark.parametrize(
    "lines",
    ["a = x -> relu\noutput a, a", "output a = x -> relu\naux a = x -> tanh", "output b = x\naux a = x, a = x -> relu"],
)
def test_two_outputs_of_one_name(lines: str) -> None:
    found = cnnc.check(f"input x: 3x8x8\n{lines}")
    assert [d.code for d in found] == ["E0312"]
    assert [label.text for label in found[0].labels] == ["declared here before"]


def test_a_shape_for_one_of_several_inputs() -> None:
    """A shape without a name says nothing where there are several inputs."""
    text = "input a: 3x8x8, b: 3x8x8\noutput y = a -> (relu + b)"
    with pytest.raises(cnnc.UsageError, match="does not say which input") as raised:
        cnnc.compile(text, input=(3, 9, 9))
    assert raised.value.code == "E0524" and "--input a=3x9x9" in raised.value.help
    with pytest.raises(cnnc.UsageError):
        cnnc.Template(text).compile(input=(3, 9, 9))
    net = cnnc.compile(text, input={"a": (3, 9, 9), "b": (3, 9, 9)})
    assert [shape["shape"] for shape in net.to_dict()["inputs"]] == [[1, 3, 9, 9]] * 2


def test_a_seed_beside_weights() -> None:
    net = cnnc.compile("input 3x8x8 -> conv1x1(3)")
    weights = {name: tensor.numpy() for name, tensor in net.to_torch(seed=0).state_dict().items()}
    for make in (net.to_torch, net.to_onnx):
        with pytest.raises(cnnc.UsageError, match="has no effect") as raised:
            make(seed=0, weights=weights)
        assert raised.value.code == "E0580"
