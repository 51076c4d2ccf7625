"""Receptive fields and depth: published figures, measurements on random programs, and examples by hand."""

import random
from fractions import Fraction

import cnnc
import numpy as np
import pytest
from cnnc.backends import numpy as reference
from cnnc.compiler.ir import weights_of
from cnnc.compiler.report import Row, rows
from cnnc.compiler.symbolic import at
from conftest import ROOT

# Published figures

PUBLISHED: dict[str, tuple[str, dict[str, int], str, dict[str, tuple[int, int, int]]]] = {
    "alexnet_v2": ("tests/fields/alexnet_v2", {}, "3x224x224", {
        "conv1": (11, 4, 0), "pool1": (19, 8, 0), "conv2": (51, 8, 16), "conv3": (99, 16, 32), "conv4": (131, 16, 48),
        "conv5": (163, 16, 64), "pool5": (195, 32, 64),
    }),
    "vgg_16": ("examples/zoo/vgg", {"depth": 16}, "3x224x224", {
        "features.4": (6, 2, 2), "features.9": (16, 4, 6), "features.16": (44, 8, 18), "features.23": (100, 16, 42),
        "features.30": (212, 32, 90),
    }),
    "mobilenet_v1, 224": ("examples/zoo/mobilenet", {}, "3x224x224", {
        "separable1": (7, 2, 2), "separable2": (11, 4, 2), "separable4": (27, 8, 6), "separable6": (59, 16, 14),
        "separable8": (251, 32, 94), "separable9": (315, 32, 126),
    }),
    "mobilenet_v1, 321": ("examples/zoo/mobilenet", {}, "3x321x321", {
        "separable1": (7, 2, 3), "separable2": (11, 4, 5), "separable4": (27, 8, 13), "separable6": (59, 16, 29),
        "separable8": (251, 32, 125), "separable9": (315, 32, 157),
    }),
    "resnet_v1_50, 224": ("tests/fields/resnet_v1", {"depth": 50}, "3x224x224", {
        "block1": (35, 8, 15), "block2": (99, 16, 47), "block3": (291, 32, 143), "block4": (483, 32, 239),
    }),
    "resnet_v1_50, 321": ("tests/fields/resnet_v1", {"depth": 50}, "3x321x321", {
        "block1": (35, 8, 17), "block2": (99, 16, 49), "block3": (291, 32, 145), "block4": (483, 32, 241),
    }),
    "resnet_v1_101": ("tests/fields/resnet_v1", {"depth": 101}, "3x224x224", {
        "block1": (35, 8, 15), "block2": (99, 16, 47), "block3": (835, 32, 415), "block4": (1027, 32, 511),
    }),
    "resnet_v1_152": ("tests/fields/resnet_v1", {"depth": 152}, "3x224x224", {
        "block1": (35, 8, 15), "block2": (163, 16, 79), "block3": (1315, 32, 655), "block4": (1507, 32, 751),
    }),
    "resnet_v1_200": ("tests/fields/resnet_v1", {"depth": 200}, "3x224x224", {
        "block1": (35, 8, 15), "block2": (419, 16, 207), "block3": (1571, 32, 783), "block4": (1763, 32, 879),
    }),
    "inception_v3": ("examples/zoo/inception_v3", {}, "3x299x299", {
        "maxpool2": (31, 8, 2), "mixed_a2.1": (127, 8, 50), "mixed_b1": (159, 16, 58), "mixed_6e": (927, 16, 442),
        "mixed_d1": (1055, 32, 490), "mixed_e1": (1311, 32, 618),
    }),
    "inception_v4": ("examples/zoo/inception_v4", {}, "3x299x299", {
        "stem1": (55, 8, 14), "inception_a1.3": (183, 8, 78), "reduction_a1": (215, 16, 86),
        "inception_b1": (1559, 16, 758), "reduction_b1": (1687, 32, 806), "inception_c1": (2071, 32, 998),
    }),
    "inception_resnet_v2": ("examples/zoo/inception_resnet_v2", {}, "3x299x299", {
        "stem1": (31, 8, 2), "inception_a1": (63, 8, 18), "reduction_a1": (415, 16, 186),
        "inception_resnet_b1": (2335, 16, 1146), "reduction_b1": (2399, 32, 1162), "unit1": (3039, 32, 1482),
    }),
}  # fmt: skip
"""Field, stride and padding of layers or blocks of TF-Slim's networks: Araujo, Norris and Sim, "Computing receptive
fields of convolutional neural networks", Distill, 2019, and with more end-points the table of the authors' library,
RECEPTIVE_FIELD_TABLE.md in tensorflow/contrib/receptive_field. Where the zoo has another variant, TF-Slim's is in
tests/fields."""


def end_of(layers: list[Row], name: str) -> Row:
    """A layer, or the last one of a block."""
    return [row for row in layers if f"{row.name}.".startswith(f"{name}.")][-1]


@pytest.mark.parametrize("name", PUBLISHED)
def test_published_figures(name: str) -> None:
    path, params, shape, figures = PUBLISHED[name]
    net = cnnc.load(ROOT / f"{path}.cnn", params=params, input=shape)
    for layers in (net.layers, list(rows(net.graph, folded=True))):
        for end, (field, stride, padding) in figures.items():
            if layers is net.layers or any(row.name.startswith(end) for row in layers):
                row = end_of(layers, end)
                assert (row.receptive_field, row.jump, row.offset) == ((field,) * 2, (stride,) * 2, (-padding,) * 2), (
                    end
                )


# Measurements


def positive_weights(net: cnnc.Net, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Weights through which every input that is looked at adds something, and no biases."""
    return {
        name: np.zeros(w.shape) if name.endswith("bias") else rng.uniform(0.5, 1.5, w.shape) / max(w.fan_in, 1)
        for name, w, _ in weights_of(net.graph)
    }


def measured(net: cnnc.Net, axis: int, seed: int, base: float) -> np.ndarray:
    """Which outputs along an axis change when the input changes at a position along it: outputs × inputs.

    On zeros, no maximum hides a change; on another base, no gate does.
    """
    rng = np.random.default_rng(seed)
    shape = net.input_shape[1:]
    extent = shape[1 + axis]
    still = np.full((1, *shape), base)
    changed = np.repeat(still, extent, 0)
    for i in range(extent):
        np.moveaxis(changed[i], 1 + axis, 0)[i] += 5
    weights = positive_weights(net, rng)
    (before,) = reference.run(net, [still], weights).values()
    (after,) = reference.run(net, [changed], weights).values()
    differs = np.abs(after - before) > 1e-12 * np.abs(after).max()
    return np.moveaxis(differs, 2 + axis, 1).reshape(extent, before.shape[2 + axis], -1).any(-1).T


def check(net: cnnc.Net, exact: bool = True, seed: int = 0, base: float = 0.0) -> int:
    """Compare what the outputs see with the measurement; exactly where all of it lies on the input. Returns how often.

    At the border, a measurement finds less, but for the reflections of inputs further inside that `blurpool` reads.
    """
    compared = 0
    reflects = any(row.op == "blurpool" for row in net.layers)
    for axis, field in enumerate(net.layers[-1].fields):
        influence = measured(net, axis, seed, base)
        for i, seen in enumerate(influence):
            found = np.flatnonzero(seen)
            stretch = field.at(i)
            inside = stretch is not None and 0 <= stretch[0] <= stretch[1] < len(seen)
            if len(found) and (inside or not reflects):
                assert stretch is not None and stretch[0] <= found[0] and found[-1] <= stretch[1], (axis, i, stretch)
            if exact and inside:
                assert (found[0], found[-1]) == stretch, (axis, i)
                compared += 1
            if stretch is not None:
                assert stretch[1] - stretch[0] + 1 <= field.size
        first, period = field.at(0), len(field.places)
        if exact and first is not None and field.whole is None:
            assert (field.offset, field.at(period)[0]) == (first[0], first[0] + field.jump * period)
    return compared


def per_axis(dice: random.Random, rank: int, low: int, high: int) -> str:
    return "x".join(str(dice.randint(low, high)) for _ in range(rank))


def window(dice: random.Random, rank: int) -> str:
    """A layer with a window of any kind."""
    k, s, d = per_axis(dice, rank, 1, 4), per_axis(dice, rank, 1, 3), per_axis(dice, rank, 1, 3)
    pairs = ", ".join(f"({dice.randint(0, 2)}, {dice.randint(0, 2)})" for _ in range(rank))
    return dice.choice([
        f"conv(2, {k}, s={s}, p=({pairs},), d={d})", f"conv(2, {k}, p=({pairs},), d={d})",
        f"conv(2, {k}, s={s}, p=same_upper)", f"dwconv({per_axis(dice, rank, 2, 4)}, s={s}, p=1)",
        f"maxpool({per_axis(dice, rank, 2, 3)}, s={s}, p=1)", f"avgpool({per_axis(dice, rank, 1, 3)}, s={s})",
        f"blurpool({per_axis(dice, rank, 2, 4)}, s={s})", f"lppool({per_axis(dice, rank, 1, 3)}, s={s})",
        f"maxpool(3, s={s}, p=1, ceil=true)", f"pad(({pairs},))", "relu",
    ])  # fmt: skip


def branched(dice: random.Random, rank: int) -> str:
    """A sum, a concatenation, a residual or a repeat, whose parts agree in shape."""
    odd = [dice.choice([1, 3, 5]) for _ in range(4)]
    d, s = dice.randint(1, 2), dice.randint(1, 3)
    return dice.choice([
        f"[conv{odd[0]}(2, p=same), id, conv{odd[1]}(1, p=same, d={d}) -> conv{odd[2]}(1, p=same)]",
        f"(conv{odd[0]}(2, s={s}, p=same) + conv{odd[1]}(2, s={s}, p=same))",
        f"[conv{odd[0]}(2, s={s}, p=same), maxpool3(s={s}, p=1), conv5(1, p=same) -> avgpool3(s={s}, p=1)]",
        f"res(conv{odd[0]}(cin, p=same) -> relu -> conv{odd[1]}(cin, p=same))",
        f"res(conv3(2 * cin, s={s}, p=same), proj=conv1(2 * cin, s={s}))",
        f"conv{odd[0]}(cin, p=same) * {dice.randint(1, 4)}",
        f"(relu as t -> conv{odd[0]}(cin, p=same) * 2 -> [id, t -> conv{odd[1]}(1, p=same), t])",
        f"[conv2(1, p=same_upper), conv4(1, p=same_upper), conv{odd[0]}(1, p=same_upper, d={d})]",
    ])  # fmt: skip


def spreading(dice: random.Random, rank: int) -> str:
    """A layer whose outputs may lie closer together than its inputs."""
    linear = ("linear", "bilinear")[rank - 1]
    return dice.choice([
        f"deconv(2, {per_axis(dice, rank, 1, 5)}, s={per_axis(dice, rank, 1, 4)}, d={per_axis(dice, rank, 1, 3)})",
        f"deconv(2, {per_axis(dice, rank, 3, 5)}, s={per_axis(dice, rank, 2, 3)}, p=1, op=1)",
        f"upsample({per_axis(dice, rank, 1, 3)})", f"upsample({per_axis(dice, rank, 2, 4)}, mode={linear})",
        f"upsample2(mode={linear}, align_corners=true)", f"adaptive_avgpool({dice.randint(2, 7)})",
        f"upsample(size={dice.choice((8, 16, 24))})", f"upsample(size={dice.randint(6, 20)}, mode={linear})",
        "deconv2(2, s=2) -> [id, conv3(1, p=1)]", f"[upsample2, deconv4(2, s=2, p=1), upsample2(mode={linear})]",
        "[id, maxpool2 -> conv3(2, p=1) -> deconv2(2, s=2)]" if rank == 1 else "upsample2 -> maxpool3(s=2, p=1)",
        "pixelunshuffle(2)" if rank == 2 else "upsample3 -> conv3(2, s=2)",
        "conv1(4) -> pixelshuffle(2)" if rank == 2 else "upsample4 -> avgpool(6, s=3)",
    ])  # fmt: skip


def program(dice: random.Random, kinds: list) -> str:
    """Declarations and an input with a chain of 2 to 5 parts."""
    rank = 1 if dice.random() < 0.6 else 2
    parts = [dice.choice(kinds)(dice, rank) for _ in range(dice.randint(2, 5))]
    blocks = "".join(f"block b{i} = {part}\n" for i, part in enumerate(parts))
    shape = f"2x{dice.randint(36, 48)}" if rank == 1 else f"2x{dice.randint(18, 24)}x{dice.randint(18, 24)}"
    return f"{blocks}input {shape} -> " + " -> ".join(f"b{i}" for i in range(len(parts)))


@pytest.mark.parametrize(
    ("kinds", "count", "least"),
    [([window], 60, 200), ([window, branched], 60, 200), ([window, branched, spreading], 120, 400)],
    ids=["windows", "branches", "spread"],
)
def test_random_programs_see_what_is_measured(kinds: list, count: int, least: int) -> None:
    compared = programs = seed = 0
    while programs < count:
        seed += 1
        text = program(random.Random(seed), kinds)
        if cnnc.check(text):
            continue  # a window that does not fit
        net = cnnc.compile(text)
        if any(extent > 100 for row in net.layers for extent in row.output[1:]):
            continue
        programs += 1
        try:
            compared += check(net, exact="align_corners" not in text, seed=seed)  # too many places to tell apart
        except AssertionError as error:
            raise AssertionError(f"{text}\n{error}") from error
    assert compared >= least


@pytest.mark.parametrize(
    "text",
    [
        "input 2x30 -> conv3(2) -> (id * (gap -> conv1(cin))) -> conv3(2)",
        "input 2x20x18 -> conv3(2, p=1) -> (id * (gap -> conv1(cin))) -> conv3(2, s=2)",
        "input 2x30 -> [conv3(2, p=1), gap -> upsample(size=win)]",
        "input 2x20x18 -> se(2) -> conv3x3(2)",
        "input 4x12x12 -> cbam(2) -> conv3x3(2)",
        "input 4x12x12 -> eca -> conv3x3(2)",
        "input 2x12x12 -> soft_attention(3)",
        "input 2x12x10 -> conv3x3(2) -> (id + nonlocal(1)) -> maxpool2",
        "input 2x20x20 -> aspp(2, (2, 3))",
        "input 2x9x9 -> conv3x3(4, p=1) -> (id + (ln -> mhsa(2)))",
    ],
)
def test_gates_see_all_positions(text: str) -> None:
    """Whatever looks at all positions does so for every position, also further down."""
    net = cnnc.compile(text)
    check(net, exact=False, base=1.0)
    for axis, field in enumerate(net.layers[-1].fields):
        assert field.whole is not None
        extent = net.input_shape[2 + axis]
        for i in (0, net.output_shape[2 + axis] - 1):
            first, last = field.at(i)
            assert first <= 0 and last >= extent - 1, (axis, i)


@pytest.mark.parametrize(
    "text",
    [
        "input 2x40 -> upsample(200) -> conv3(2) -> maxpool2",  # too many places to tell apart
        "input 2x40 -> deconv(2, 300, s=150) -> conv3(2) -> avgpool(7, s=30)",
        "input 2x301 -> adaptive_avgpool(200) -> conv3(2)",
        "input 2x40 -> upsample(size=199, mode=linear) -> [id, conv3(1, p=1)]",
        "input 2x30 -> maxpool2 -> [id, adaptive_avgpool(3) -> conv1(2) -> upsample(size=15)]",
        "input 2x12x12 -> upsample2(mode=bicubic) -> conv3x3(2, s=2)",
        "input 2x20x18 -> crop(12x10) -> conv3x3(2, p=1)",
        "input 2x16x16 -> maxpool2 as p -> conv3x3(2, p=1) -> unpool2(p) -> conv3x3(2)",
        "input 2x30 -> maxpool3(s=2, p=1) as p -> unpool(p) -> [id, maxpool2(s=1, d=2, p=1)]",
        "input 2x30 -> conv5(2) -> tokens -> permute((1, 0)) -> conv3(2)",
        "input 2x9x8 -> permute((1, 2, 0)) -> relu -> permute((2, 0, 1)) -> conv3x3(2)",
        "input 2x20 -> deconv1(2, s=3) -> [id, relu] -> maxpool3(s=3)",  # of three positions, two see nothing
    ],
)
def test_what_is_seen_is_covered(text: str) -> None:
    net = cnnc.compile(text)
    check(net, exact=False)


@pytest.mark.parametrize(
    "text",
    [
        "input 2x9x8 -> conv3x3(3) -> tokens -> permute((1, 0)) -> conv3(2)",
        "input 2x9x8 -> conv3x3(3) -> tokens -> permute((1, 0)) -> reshape((3, 7, 6))",
        "input 2x9x8 -> conv3x3(3) -> reshape((1, 18, 7)) -> conv3x3(4)",
        "input 2x9x8 -> tokens -> mhsa(1) -> fc(4)",
    ],
)
def test_positions_that_lose_their_axes_count_as_seeing_all(text: str) -> None:
    assert [field.whole for field in cnnc.compile(text).layers[-1].fields] == [(0, 8), (0, 7)]


def test_axes_in_another_order() -> None:
    """Fields follow the input's axes; a convolution mixes channels, whichever axis they came from."""
    net = cnnc.compile("input 3x9x8 -> conv5x1(3) -> permute((1, 2, 0)) -> conv1x3(4)")
    height, width = net.layers[-1].fields
    assert (height.whole, width.places, width.axis) == ((0, 8), ((0, 0),), 1)


# By hand


def fields(text: str, shape: str = "1x64x64") -> tuple[object, object, object]:
    row = cnnc.compile(text, input=shape).layers[-1]
    receptive_field, jump, offset = (
        values[0] if len(set(values)) == 1 else values for values in (row.receptive_field, row.jump, row.offset)
    )
    return receptive_field, jump, offset


HALF = Fraction(1, 2)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("relu", (1, 1, 0)),
        ("conv3x3(1, p=1) * 5", (11, 1, -5)),
        ("conv3x3(1, p=1) * 5 -> maxpool2", (12, 2, -5)),
        ("conv(1, 3x5, s=2x1, p=1x0)", ((3, 5), (2, 1), (-1, 0))),
        ("conv3x3(1, p=((1, 2), (0, 1)), d=2)", (5, 1, (-1, 0))),
        ("conv3x3(1, s=2, p=same_upper)", (3, 2, 0)),  # of an even extent, the padding is at the end
        ("pad(3) -> conv3x3(1)", (3, 1, -3)),
        ("crop(60) -> conv3x3(1)", (3, 1, 2)),
        ("crop(p=((3, 0), (5, 1))) -> maxpool2", (2, 2, (3, 5))),
        ("[conv3x3(1, p=1), conv3x3(1, p=1) -> conv5x5(1, p=2), id]", (7, 1, -3)),
        ("conv1x1(1, s=2) -> (id + conv3x3(1, p=((2, 0), (0, 2))))", (5, 2, (-4, 0))),
        ("upsample2", (1, HALF, 0)),
        ("upsample2 -> conv3x3(1, p=1)", (2, HALF, -1)),
        ("upsample2 -> maxpool2", (1, 1, 0)),
        ("upsample2(mode=bilinear)", (2, HALF, -1)),
        ("upsample2(mode=bicubic)", (4, HALF, -2)),
        ("upsample(size=32)", (1, 2, 0)),
        ("upsample(size=48)", (1, Fraction(4, 3), 0)),
        ("deconv2(1, s=2)", (1, HALF, 0)),
        ("deconv4x4(1, s=2, p=1)", (2, HALF, -1)),
        ("deconv3x3(1, s=2, p=1, op=1)", (2, HALF, 0)),
        ("maxpool2 -> deconv2(1, s=2)", (2, 1, 0)),
        ("maxpool2 as p -> unpool2(p)", (2, 1, 0)),
        ("[id, maxpool2 -> conv3x3(1, p=1) -> deconv2(1, s=2)]", (6, 1, -2)),
        ("conv1x1(4) -> pixelshuffle(2)", (1, HALF, 0)),
        ("pixelunshuffle(4)", (4, 4, 0)),
        ("blurpool", (3, 2, -1)),
        ("gap", (64, 1, 0)),
        ("conv3x3(1, p=1) -> gap", (66, 1, -1)),
        ("conv3x3(1) -> gap -> conv1x1(2) -> flatten -> fc(3)", (64, 1, 0)),
        ("maxpool2 -> flatten -> fc(3)", (64, 2, 0)),
        ("maxpool4 -> (id * (gap -> conv1x1(cin) -> sigmoid))", (64, 4, 0)),
        ("adaptive_avgpool(1)", (64, 1, 0)),
        ("adaptive_avgpool(64)", (1, 1, 0)),
        ("adaptive_avgpool(16)", (4, 4, 0)),
        ("maxpool4 -> adaptive_avgpool(16)", (4, 4, 0)),
        ("adaptive_avgpool(48)", (2, Fraction(4, 3), 0)),
        ("avgpool2 -> tokens", (2, 2, 0)),
        ("avgpool2 -> tokens -> fc(4) -> gelu", (2, 2, 0)),
        ("avgpool2 -> tokens -> mhsa(1)", (64, 2, 0)),
        ("conv(1, 5x1) -> permute((0, 2, 1)) -> conv(1, 3x1)", ((5, 3), 1, 0)),
        ("conv3x3(1, p=1) -> ln(axes=all)", (3, 1, -1)),  # statistics are taken as given
    ],
)
def test_fields_by_hand(text: str, expected: tuple[object, object, object]) -> None:
    """Field, jump and offset."""
    assert fields(text) == expected


def test_fields_of_known_classifiers() -> None:
    """At its own resolution, what VGG-16 calls adaptive pooling changes nothing."""
    net = cnnc.load(ROOT / "examples" / "vgg16.cnn")
    assert end_of(net.layers, "features.30").receptive_field == (212, 212)
    (pool,) = [row for row in net.layers if row.op == "adaptive_avgpool"]
    assert (pool.receptive_field, pool.jump, pool.offset) == ((212, 212), (32, 32), (-90, -90))
    assert net.layers[-1].receptive_field == (212 + 6 * 32,) * 2


def test_a_repeat_leaves_its_input_alone() -> None:
    """What another branch reads is the repeat's input, not one of the maps within it."""
    net = cnnc.compile("input 1x32x32 -> relu as t -> conv3x3(1, p=1) * 3 -> [id, t -> conv3x3(1, p=1)]")
    found = {row.name: (row.receptive_field[0], row.offset[0]) for row in net.layers}
    assert (found["conv1.2"], found["conv2"], found["concat1"]) == ((7, -3), (3, -1), (7, -3))


REPEATS = (
    "block u(s=1) = res(conv3x3(4, s, p=1), proj=conv1x1(4, s)) input 4x64x64 -> u(2) -> u * 5 -> u(2) -> u * 3",
    "block u = [id, conv3x3(1, p=1)] -> conv1x1(4) block v = u * 3 -> se(2) input 4x16x16 -> v * 3 -> u * 2 -> gap",
    "block u = deconv2(4, s=2) -> conv3x3(4, p=1) -> maxpool2 input 4x16x16 -> upsample2 -> u * 6 -> conv3x3(4)",
    "input 4x16 -> conv3(4, p=1) * 7 -> (relu -> maxpool3(s=1, p=1)) * 4 -> [conv3(4, p=1) * 2, id]",
    "input 4x1 -> conv3(4, s=2, p=1) * 6 -> conv1(4)",
)


@pytest.mark.parametrize("text", REPEATS)
def test_folded_rows_end_where_the_expanded_ones_do(text: str) -> None:
    net = cnnc.compile(text)
    expanded, folded = net.layers, list(rows(net.graph, folded=True))
    assert any(row.times > 1 for row in folded)
    assert folded[-1].fields == expanded[-1].fields
    by_name = {row.name: row for row in expanded}
    assert all(row.fields == by_name[row.name].fields for row in folded if row.name in by_name)


def test_symbolic_extents() -> None:
    net = cnnc.compile("input 3xHxW -> conv3x3(4, s=2, p=1) -> (id * (gap -> sigmoid)) -> upsample(size=(hin, win))")
    stem, gate, resized = net.layers[0], net.layers[-2], net.layers[-1]
    assert (stem.receptive_field, stem.jump, stem.offset) == ((3, 3), (2, 2), (-1, -1))
    for row in (gate, resized):  # no formula says how far apart the resized ones look: they count as seeing all
        assert [at(n, {"H": 9, "W": 12}) for n in row.receptive_field] == [11, 13]
        assert [at(n, {"H": 9, "W": 12}) for n in row.offset] == [-1, -1]
    assert net.at(H=9, W=9).layers[-1].jump == (Fraction(10, 9),) * 2
    upper = cnnc.compile(
        "input 3xH -> conv3(4, s=2, p=same_upper) -> upsample2 -> conv3(4, s=2, p=same_upper) -> [id, id]"
    )
    assert upper.layers[-1].receptive_field and upper.at(H=8).layers[-1].receptive_field == (5,)


def test_report_has_offsets() -> None:
    layers = cnnc.compile("conv(4, 3x5, p=1x0) -> upsample2", input=(3, 8, 8)).to_dict()["layers"]
    assert [layer["offset"] for layer in layers] == [[-1, 0], [-1, 0]]
    assert [layer["jump"] for layer in layers] == [1, 0.5]
    assert cnnc.compile("fc(3)", input=(4,)).to_dict()["layers"][0]["offset"] is None


def test_inputs_of_different_kinds() -> None:
    """A vector has no positions; a gate made of it changes nothing."""
    net = cnnc.compile(
        "input v: 4, x: 4x16x16\ngate = v -> fc(4) -> reshape((4, 1, 1))\n"
        "output a = x -> conv3x3(4) -> (id * gate), b = gate -> (id * x), c = v -> fc(2)"
    )
    found = {row.op: row.receptive_field for row in net.layers if row.op != "fc"}
    assert found == {"reshape": (), "conv": (3, 3), "mul": (1, 1)}
    assert net.layers[-1].receptive_field == ()


# Depth


@pytest.mark.parametrize(
    ("text", "depth"),
    [
        ("input 3x9x9 -> relu", 0),
        ("input 3x9x9 -> conv3x3(4) -> deconv3x3(4) -> gap -> fc(2)", 3),
        ("input 3x9x9 -> sepconv3x3(4) -> spatialconv3x3(4)", 4),
        ("input 3x9x9 -> [conv1(1), conv1(1) -> conv3(1, p=1) -> conv3(1, p=1), maxpool3(s=1, p=1) -> conv1(1)]", 3),
        ("input 3x9x9 -> [id, maxpool3(s=1, p=1)] -> conv1x1(2)", 1),
        ("input 3x9x9 -> conv1x1(3) * 5 -> (conv1x1(3) + id) * 4", 9),
        ("block a = conv1x1(3) block b = a * 2 -> a block c = b * 3 input 3x9x9 -> c * 2 -> a", 19),
        ("input 3x9x9 -> res(conv3x3(4, p=1), proj=conv1x1(8) -> conv1x1(4) * 2)", 1),
        ("block u(c) = res(conv1(c) -> conv3(c, p=1), proj=conv1(c)) input 3x9 -> u(4) -> u(4) * 3 -> u(8)", 10),
        ("shared s = conv1x1(3) -> conv1x1(3) input 3x9x9 -> s -> s * 2 -> [s, id]", 8),
        ("block g = id * ((gap -> m) + (gmp -> m)) where shared m = conv1(2) -> conv1(cin) input 4x5x5 -> g * 3", 6),
        ("input 3x9x9 -> conv1x1(3) as t -> conv1x1(3) * 2 -> [t -> conv1x1(3), id, t -> conv1x1(3) * 4]", 5),
        ("block f(n) = conv1x1(3) -> (f(n - 1) if n > 1) input 3x9x9 -> f(6)", 6),
        ("input a: 3x9x9, b: 3x9x9\nx = a -> conv1x1(3) * 4\noutput y = b -> conv1x1(3) -> (id + x)", 4),
        ("input 3x9x9 -> conv1x1(3) as t -> conv1x1(3) * 3\noutput p = t, q = t -> conv1x1(3) -> gap -> fc(2)", 3),
        ("input 3x9x9 -> conv1x1(3) as t -> relu as u\noutput p = t, q = t\naux r = u -> conv1x1(3) * 7", 1),
        ("input 3x9x9 -> conv1x1(3) as t -> relu\noutput p = t -> conv1x1(3) * 2\naux r = t -> conv1x1(3) * 7", 3),
        ("input 3x8x8 -> conv1x1(3) -> maxpool2 as p -> conv1x1(3) * 2 -> unpool2(p) -> conv1x1(3)", 4),
        ("input 6 -> relu as t -> fc(4) * 1 -> fc(5) -> bilinear(3, t)", 3),
        ("input 4x6x6 -> tokens -> (id + (ln -> mhsa(2))) -> fc(8) -> fc(4)", 2),
    ],
)  # fmt: skip
def test_depth_by_hand(text: str, depth: int) -> None:
    """Convolutions, transposed ones and linear layers on the longest path, projections of a skip aside."""
    assert cnnc.compile(text).depth == depth


@pytest.mark.parametrize(
    ("name", "depth"),
    [("resnet", 50), ("vgg", 16), ("alexnet", 8), ("googlenet", 22), ("mobilenet", 28), ("densenet", 121)],
)
def test_published_depths(name: str, depth: int) -> None:
    assert cnnc.load(ROOT / "examples" / "zoo" / f"{name}.cnn").depth == depth
