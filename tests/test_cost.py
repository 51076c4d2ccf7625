"""Figures: known totals, depth, peak memory, receptive fields, conventions."""

from itertools import product

import cnnc
import pytest
from cnnc.compiler.conventions import CONVENTIONS
from cnnc.compiler.memory import peak_elements
from cnnc.compiler.rows import grouped, rows
from conftest import ROOT


def load(name: str) -> cnnc.Net:
    return cnnc.load(ROOT / "examples" / f"{name}.cnn")


def test_textbook_filters() -> None:
    """Two 3x3x3 filters with bias on a padded 5x5x3 input at stride 2: 3x3x2 outputs, 56 parameters (CS231n notes)."""
    net = cnnc.compile("conv3x3(2, s=2, p=1)", input=(3, 5, 5))
    assert (net.output_shape, net.params) == ((1, 2, 3, 3), 56)


def test_first_convolution_of_resnet() -> None:
    row = load("resnet50").layers[0]
    assert (row.output, row.params, row.macs) == ((64, 112, 112), 9_408, 118_013_952)


def test_depth_leaves_projections_out() -> None:
    assert load("resnet50").depth == 50
    assert load("resnet18").depth == 18
    assert load("vgg16").depth == 16
    assert load("densenet121").depth == 121
    assert load("alexnet").depth == 8


def test_peak_memory_of_resnet50() -> None:
    """At the end of the first stage: skip, convolution and its normalised result, 256x56x56 each."""
    assert load("resnet50").totals.peak == 3 * 256 * 56 * 56


@pytest.mark.parametrize(
    ("text", "shape", "peak"),
    [
        ("relu", (3, 4, 4), 48),  # in place
        ("bn", (3, 4, 4), 96),
        ("bn -> bn -> bn", (3, 4, 4), 96),
        ("[id, bn]", (3, 4, 4), 48 + 48 + 96),
        ("id + bn", (3, 4, 4), 96),  # the sum overwrites an operand
        ("conv1x1(6) -> relu -> conv1x1(1)", (3, 4, 4), 48 + 96),
        ("flatten -> fc(2)", (3, 4, 4), 50),
        ("relu as t -> conv1x1(10) -> (t + t) -> conv1x1(8)", (2, 2, 2), 8 + 40),  # nobody reads the first convolution
    ],
)
def test_peak_by_hand(text: str, shape: tuple[int, ...], peak: int) -> None:
    net = cnnc.compile(text, input=shape)
    assert net.totals.peak == peak
    assert peak_elements(net.graph.root) == peak


@pytest.mark.parametrize(
    ("blocks", "flow"),
    [
        ("block part = slice(1)", "part -> maxpool2"),  # the other channels stay where they are
        ("block part = crop(p=1)", "bn -> part -> [id, bn] -> conv1x1(3)"),
        ("block part = conv1x1(3) -> slice(1)", "part -> bn -> bn"),
        ("block part = flatten", "bn as t -> part -> fc(9) -> [id, t -> gap -> flatten]"),  # no second copy
        ("block part = pad(1) -> crop(p=1)", "part * 3 -> bn"),
        ("block part = bn -> (id + relu)", "bn as t -> part * 3 -> [id, t]"),
        ("block part = relu", "bn as t -> part * 3 -> [id, t]"),
        ("block part = relu", "bn as t -> flatten -> part -> [id, t -> flatten]"),  # t is needed
    ],
)
def test_peak_is_the_same_with_and_without_blocks(blocks: str, flow: str) -> None:
    """What shares memory within a block still does behind it."""
    body = blocks.partition(" = ")[2]
    within = cnnc.compile(f"{blocks}\ninput 3x8x8 -> {flow}")
    spelled = flow.replace("part * 3", " -> ".join([body] * 3)).replace("part", body)
    assert within.totals.peak == cnnc.compile(f"input 3x8x8 -> {spelled}").totals.peak


def test_peak_of_folded_repeats_is_that_of_the_expanded_net() -> None:
    block = "block b = id + (conv3x3(cin, p=1) -> bn -> relu)\n"
    folded = cnnc.compile(f"{block}input 4x8x8 -> b * 9")
    chain = " -> ".join(["b"] * 9)
    assert cnnc.compile(f"{block}input 4x8x8 -> {chain}").totals == folded.totals


@pytest.mark.parametrize(
    ("text", "field", "jump"),
    [
        ("conv3x3(1) -> conv3x3(1)", 5, 1),
        ("conv3x3(1, s=2) -> conv3x3(1)", 7, 2),
        ("conv3x3(1, d=4)", 9, 1),
        ("conv7x7(1, s=2, p=3) -> maxpool3(s=2, p=1)", 11, 4),
        ("[id, conv3x3(1, p=1), conv5x5(1, p=2)]", 5, 1),
    ],
)
def test_receptive_field_by_hand(text: str, field: int, jump: int) -> None:
    row = cnnc.compile(text, input=(1, 64, 64)).layers[-1]
    assert (row.receptive_field, row.jump) == ((field,) * 2, (jump,) * 2)


def test_published_receptive_fields() -> None:
    """Araujo, Norris and Sim, Distill, 2019: VGG-16 sees 212 pixels after its last pooling, at a stride of 32."""
    rows = [row for row in load("vgg16").layers if row.op == "maxpool"]
    assert (rows[-1].receptive_field, rows[-1].jump) == ((212, 212), (32, 32))


def test_groups_of_rows_add_up() -> None:
    for name in ("resnet50", "densenet121", "mobilenetv2"):
        net = load(name)
        for by, convention in product(("op", "block"), CONVENTIONS.values()):
            groups = grouped(net.graph, by, convention)
            assert sum(g.params for g in groups) == net.params
            assert sum(g.work.mac for g in groups) == net.macs
            assert sum(g.cost for g in groups) == net.cost(convention.name)
            assert sum(g.layers for g in groups) == net.totals.layers
        assert sum(row.params for row in net.layers) == net.params


@pytest.mark.parametrize(
    "text",
    [
        "upsample2 -> [conv3x3(3, p=1), id]",
        "deconv2(3, s=2) -> (id + conv3x3(3, p=1))",
        "[id, upsample3 -> blurpool(s=3)]",
        "id + (upsample2 -> conv2x2(3, s=2))",
    ],
)
def test_fields_join_behind_upsampling(text: str) -> None:
    """Between input positions, fields are fractions."""
    for shape in ("3x6x6", "3xHxW"):
        net = cnnc.compile(text, input=shape) if "H" not in shape else cnnc.compile(f"input {shape} -> ({text})")
        assert net.report() and net.to_dict()["layers"][-1]["receptive_field"]


SHARED = (
    "shared s = conv1(3) input 3x5x5 -> s * 2",
    "shared s = conv1(3) -> bn block u = relu -> s input 3x5x5 -> u * 3 -> s * 2 -> [s, id]",
    "shared s = conv1(3) -> bn shared t = s -> relu -> s input 3x5x5 -> t * 2 -> s",
    "block g = id * ((gap -> m) + (gmp -> m)) where shared m = conv1(2) -> conv1(cin) input 4x5x5 -> g * 3",
)


@pytest.mark.parametrize("text", SHARED)
def test_rows_of_shared_layers_add_up(text: str) -> None:
    """Work counts at every use, weights once; folded or not."""
    net = cnnc.compile(text)
    for folded in (False, True):
        found = list(rows(net.graph, folded))
        assert sum(row.times for row in found) == net.to_dict()["totals"]["layers"]
        assert sum(row.times * row.macs for row in found) == net.macs
        assert sum(row.params for row in found) == net.params
        assert sum(row.buffers for row in found) == net.buffers
    assert net.params == sum(p.numel() for p in net.to_torch().parameters())


def test_batch_and_dtype_scale() -> None:
    net = load("lenet5")
    one, many = net.to_dict()["totals"], net.to_dict(batch=8, dtype="fp16")["totals"]
    assert many["macs"] == 8 * one["macs"]
    assert many["params"] == one["params"]
    assert many["weight_bytes"] * 2 == one["weight_bytes"]
    assert many["activation_bytes"] == 4 * one["activation_bytes"]


def test_figures_are_exact_beyond_doubles() -> None:
    net = cnnc.compile("conv1x1(100000) -> conv1x1(99999)", input=(99991, 10007, 10009))
    spatial = 10007 * 10009
    assert net.macs == spatial * (99991 * 100000 + 100000 * 99999)
    assert net.macs > 2**53


def test_training_only_parts_cost_nothing_in_inference() -> None:
    """All sums are of what the outputs need; parameters are of all that the module holds."""
    text = "input 3x16x16 -> conv3(8) as t -> conv3(4) -> relu\n"
    plain, branched = cnnc.compile(text), cnnc.compile(text + "aux side = t -> conv3(6) -> bn -> relu")
    assert branched.params == plain.params + 8 * 6 * 9 + 6 + 12
    left = {"params", "buffers", "weight_bytes", "intensity", "bytes_moved"}
    for name, value in plain.to_dict()["totals"].items():
        assert name in left or branched.to_dict()["totals"][name] == value, name
