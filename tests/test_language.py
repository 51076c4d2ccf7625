"""What programs mean: shapes, structure and weight names of small programs, form by form."""

import cnnc
import pytest
import torch
from cnnc.compiler.cli import run
from cnnc.compiler.ir import weights_of
from conftest import calls_of


def net(text: str, shape: str | None = None, **params: object) -> cnnc.Net:
    return cnnc.compile(text, input=shape, params=params)


def ops(text: str, shape: str | None = None, **params: object) -> list[str]:
    return [row.op for row in net(text, shape, **params).layers]


def names(text: str, shape: str | None = None) -> list[str]:
    return [name for name, _, trainable in weights_of(net(text, shape).graph) if trainable and name.endswith("weight")]


def out(text: str, shape: str | None = None, **params: object) -> tuple[int, ...]:
    return net(text, shape, **params).output_shape[1:]


@pytest.mark.parametrize(
    ("text", "shape", "expected"),
    [
        ("conv3x3(32, s=2, d=2) -> bn -> relu -> maxpool2", "3x224x224", (32, 55, 55)),
        ("conv3x3(2, s=2, p=1)", "3x5x5", (2, 3, 3)),
        ("conv3x3(1, s=2)", "1x640x640", (1, 319, 319)),
        ("conv3x3(64, 2)", "3x9x9", (64, 4, 4)),
        ("conv(64, 3, 2)", "3x9x9", (64, 4, 4)),
        ("conv(8, k=3x1, s=(2, 1))", "3x9x9", (8, 4, 9)),
        ("conv3(8)", "3x9", (8, 7)),
        ("conv3(8)", "3x9x9x9", (8, 7, 7, 7)),
        ("maxpool2", "3x9x9", (3, 4, 4)),
        ("maxpool2 * 3", "3x64x64", (3, 8, 8)),
        ("conv3x3(4, p=same_upper, s=2)", "3x7x7", (4, 4, 4)),
        ("[id, id, conv1x1(5)]", "3x4x4", (11, 4, 4)),
        ("id * gap", "3x4x4", (3, 4, 4)),
        ("flatten -> fc(7)", "3x4x4", (7,)),
        ("gap -> fc(7)", "3x4x4", (7,)),
        ("conv1x1(cin * 2) -> conv1x1(cin)", "3x4x4", (3, 4, 4)),
        ("id * 0", "3x4x4", (3, 4, 4)),
        ("relu if cin > 2", "3x4x4", (3, 4, 4)),
        ("(conv1x1(2) if cin > 5 else conv1x1(1)) -> relu", "3x4x4", (1, 4, 4)),
        ("for c in [4, 8] { conv3x3(c) }", "3x9x9", (8, 5, 5)),
        ("[conv1x1(c) for c in [1, 2, 3]]", "3x9x9", (6, 9, 9)),
        ("[(conv1x1(9) if cin > 5), id]", "3x9x9", (3, 9, 9)),
        ("relu", "7", (7,)),
    ],
)
def test_shapes(text: str, shape: str, expected: tuple[int, ...]) -> None:
    assert out(text, shape) == expected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2 + 3 * 4", 14), ("(2 + 3) * 4", 20), ("2 ** 3 ** 2 % 100", 12), ("7 // 2", 3), ("8 / 2", 4), ("-3 + 5", 2),
        ("round(2.5)", 2), ("round(3.5)", 4), ("ceil(2.1)", 3), ("floor(2.9)", 2), ("int(2.9)", 2), ("log2(64)", 6),
        ("round_to(37, 8)", 40), ("round_to(35, 8)", 32), ("round_to(10, 8)", 16), ("min(4, 2, 3)", 2),
        ("max([4, 9])", 9), ("sum(range(4))", 6), ("len([1, 2, 3])", 3), ("[5, 6, 7][-1]", 7),
        ("(1 if 2 > 1 else 9)", 1),
        ("(1 if not (2 > 1 and 3 == 3) else 9)", 9), ("(4 if 1 < 2 < 3 or 1 / 0 > 1 else 5)", 4), ("3x5[1]", 5),
    ],
)  # fmt: skip
def test_numbers(text: str, value: int) -> None:
    assert out(f"conv1x1({text})", "3x2x2")[0] == value


def test_blocks_have_defaults_layers_and_scopes() -> None:
    text = """
    block wrap(f, c, again=c * 2, act=relu) = f(c) -> act -> f(again)
    block pw(c) = conv1x1(c + cin)
    input 3x4x4 -> wrap(pw, 4, act=tanh) -> wrap(conv1x1(cin), 2) -> wrap(pw, 1)
    """.replace("-> wrap(conv1x1(cin), 2) ", "")
    assert ops(text) == ["conv", "tanh", "conv", "conv", "relu", "conv"]
    assert out(text) == (15 + 1 + 2, 4, 4)


def test_layer_arguments_are_read_in_the_callers_scope() -> None:
    """The `cin` of an argument is the caller's, wherever the argument is used."""
    text = "block twice(f) = conv1x1(9) -> f\nblock outer = twice(conv1x1(cin))\ninput 5x4x4 -> outer"
    assert out(text) == (5, 4, 4)


def test_partial_blocks_pass_through_levels() -> None:
    text = """
    block leaf(c) = conv1x1(c)
    block one(f, c) = f(c) -> relu
    block two(f, c) = one(f, c) -> one(f, c + 1)
    block three(f, c) = two(f, c)
    input 3x4x4 -> three(leaf, 6)
    """
    assert out(text) == (7, 4, 4)


def test_set_reaches_its_family_and_only_what_follows() -> None:
    text = """
    block before = conv3x3(2)
    set conv(p=same, bias=false)
    block after = conv3x3(2) -> dwconv3x3 -> sepconv3x3(4) -> conv3x3(1, p=0)
    input 3x9x9 -> before -> after
    """
    compiled = net(text)
    assert compiled.output_shape == (1, 1, 5, 5)
    assert compiled.params == (2 * 27 + 2) + 2 * 18 + 2 * 9 + (2 * 9 + 4 * 2) + 36


def test_build_parameters() -> None:
    text = "net n(classes=1000, wide=classes // 100)\ninput 3x4x4 -> gap -> fc(wide) -> fc(classes)"
    assert out(text) == (1000,)
    assert out(text, classes=200) == (200,)
    assert net(text, classes=200).layers[1].output == (2,)


def test_shape_from_build_parameters() -> None:
    text = "net n(size=32)\ninput (3, size, size) -> relu"
    assert out(text, size=8) == (3, 8, 8)


def test_taps_read_across_branches_and_blocks() -> None:
    text = """
    block keep(inner) = conv1x1(4) as early -> inner -> [id, early]
    input 3x8x8 -> conv1x1(2) as a -> keep(conv1x1(3) as b) -> [conv1x1(1) as c, c + conv1x1(1)] -> [id, a, b]
    """
    assert out(text) == (1 + 1 + 2 + 3, 8, 8)


@pytest.mark.parametrize("gate", ["(t -> conv1x1(2))", "((t -> conv1x1(2)) -> relu)", "((t -> conv1x1(2)) if cin > 1)"])
def test_a_factor_that_begins_with_a_label_is_built_once(gate: str) -> None:
    """Whether `*` repeats or multiplies is decided without building what stands behind it."""
    compiled = net(f"input 3x4x4 -> relu as t -> (conv1x1(2) * {gate})")
    assert [row.op for row in compiled.layers].count("conv") == 2
    assert compiled.params == 2 * (3 * 2 + 2)


def test_recursion_with_an_exit() -> None:
    text = "block nest(n) = conv1x1(n) -> (nest(n - 1) if n > 1)\ninput 9x4x4 -> nest(5)"
    assert [row.output[0] for row in net(text).layers] == [5, 4, 3, 2, 1]


def test_res_projects_only_where_shapes_differ() -> None:
    text = "block b(c) = res(conv3x3(c, p=1), proj=conv1x1(c)) -> relu\ninput 3x8x8 -> b(4) -> b(4)"
    assert names(text) == ["0.conv1.weight", "0.downsample.weight", "1.conv1.weight"]


def test_weight_names() -> None:
    assert names("conv1x1(2) -> bn -> conv1x1(3) -> gap -> fc(4)", "3x4x4") == [
        "conv1.weight", "bn1.weight", "conv2.weight", "fc.weight",
    ]  # fmt: skip
    assert names("flatten -> fc(8) -> fc(4)", "3x4x4") == ["fc1.weight", "fc2.weight"]
    assert names("conv1x1(3) * 2", "3x4x4") == ["conv1.0.weight", "conv1.1.weight"]
    assert names("(conv1x1(3) -> relu -> conv1x1(3)) as body -> conv1x1(1) as head", "3x4x4") == [
        "body.0.weight", "body.2.weight", "head.weight",
    ]  # fmt: skip
    assert names("[conv1x1(1), relu -> conv1x1(2), id] -> [conv1x1(1)]", "3x4x4") == [
        "branch1.weight", "branch2.1.weight", "branch4.weight",
    ]  # fmt: skip


def test_names_do_not_depend_on_unrelated_lines() -> None:
    text = "block b(c) = conv1x1(c) -> bn\ninput 3x4x4 -> conv1x1(4) -> b(4) as body -> gap -> fc(2)"
    assert names(text) == names("# one more line\nblock unused = relu\n" + text.replace("-> gap", "-> relu -> gap"))


def test_repeats_are_stored_once() -> None:
    compiled = net("block b = conv3x3(cin, p=1) -> bn -> relu\ninput 4x8x8 -> b * 1000")
    assert len(compiled.graph.root.steps) == 1
    assert compiled.totals.layers == 3000
    assert len(compiled.layers) == 3000
    assert compiled.layers[-1].name == "999.relu1"


def test_repeats_that_grow_are_built_one_by_one() -> None:
    assert out("block d(k) = [id, conv1x1(k)]\ninput 3x2x2 -> d(2) * 5") == (13, 2, 2)


def test_shared_weights_count_once() -> None:
    text = """
    shared embed = conv3x3(4) -> bn -> relu
    input a: 3x8x8, b: 3x8x8
    output ya = a -> embed, yb = b -> embed
    """
    compiled = net(text)
    assert compiled.params == 4 * 27 + 4 + 8
    assert compiled.macs == 2 * 4 * 27 * 36
    assert len(compiled.layers) == 6


def test_training_only_outputs() -> None:
    """Their weights count as parameters, their work is no part of inference."""
    text = "input 3x8x8 -> conv1x1(4) as stem -> gap -> fc(2)\naux early = stem -> flatten -> fc(2)"
    compiled = net(text)
    assert compiled.params == 16 + 10 + (256 * 2 + 2)
    assert compiled.macs == 12 * 64 + 8


@pytest.mark.parametrize(("given", "op"), [("act=silu", "silu"), ('act="tanh"', "tanh"), ("size=small", "relu")])
def test_build_parameters_that_are_words_or_layers(given: str, op: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A word given for a parameter whose default is a layer names a layer."""
    text = 'net a(act=relu, size="large") input 3x8x8 -> conv1x1(4 if size == "small" else 8) -> act'
    assert run(["analyze", "-e", text, "-D", given]) == 0
    assert f"{op}1" in capsys.readouterr().out


@pytest.mark.parametrize("word", ["cin", "zeros", "input", "res", "x", "none"])
def test_a_word_that_is_no_layer(word: str) -> None:
    with pytest.raises(cnnc.CnncError) as caught:
        cnnc.compile("net a(act=relu) input 3x8x8 -> relu as t -> conv1x1(3) -> act", params={"act": word})
    assert caught.value.code in ("E0301", "E0303", "E0308", "E0367")


@pytest.mark.parametrize("given", ["act=cbr3(4)", "size=[1, x]", "act=x -> relu", "act=1 +"])
def test_build_parameters_that_are_no_values(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = "net a(act=relu, size=1) input 3x8x8 -> conv1x1(size) -> act"
    assert run(["analyze", "-e", text, "-D", given]) == 2
    assert "E0506" in capsys.readouterr().err


def test_preact_skips_what_it_got() -> None:
    """With its last convolution at zero the unit is the identity, so the skip adds the raw input."""
    module = cnnc.compile("preact(16)", input="64x8x8").to_torch(seed=0).eval()
    next(p for name, p in module.named_parameters() if name.endswith("conv3.weight")).data.zero_()
    x = torch.randn(1, 64, 8, 8)
    assert torch.equal(module(x), x)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("(relu + (t -> fc(4)) * (fc(4) -> relu))", ["fc", "relu", "fc", "fc", "relu", "mul", "add"]),
        ("(id + [t -> fc(4), relu][0])", ["fc", "fc", "add"]),
        ("(id + [relu, t -> fc(4)][0])", ["fc", "relu", "add"]),
        ("split([t -> fc(1), relu])", ["fc", "slice", "slice", "fc", "relu", "concat"]),
        ("fc(len([t -> fc(1), relu]))", ["fc", "fc"]),
        ("(relu if len([relu, t -> fc(1)]) == 2)", ["fc", "relu"]),
        ("(for b in [t -> fc(4)] { id -> (b + b) })", ["fc", "fc", "add"]),
    ],
)
def test_a_chain_that_begins_with_a_label_is_built_once(expression: str, expected: list[str]) -> None:
    """Also where it is looked at before, to see whether a list is one of layers or of numbers."""
    assert ops(f"input 12 -> fc(4) as t -> {expression}") == expected


@pytest.mark.parametrize("entry", ["relu", "t -> relu"])
def test_lists_in_lists_are_looked_through_once(entry: str) -> None:
    def nested(depth: int) -> str:
        return "input 12 -> fc(4) as t -> (id + " + "[" * depth + entry + "][0]" * depth + ")"

    assert calls_of(lambda: net(nested(40))) < 8 * calls_of(lambda: net(nested(20)))
