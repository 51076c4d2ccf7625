"""Receptive fields, jumps, offsets and depth: published figures, measurements on random programs, and examples by hand."""

import random
from fractions import Fraction

import cnnc
import numpy as np
import pytest
from cnnc.backends import numpy as reference
from cnnc.compiler.fields import Field
from cnnc.compiler.ir import weights_of
from cnnc.compiler.report import Row, rows
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
"""Field, stride and padding at layers or at the ends of blocks, of the networks of TF-Slim: Araujo, Norris and Sim,
"Computing receptive fields of convolutional neural networks", Distill, 2019, and, with all end-points, the table of the
authors' library (RECEPTIVE_FIELD_TABLE.md in tensorflow/contrib/receptive_field). Where the zoo has another variant, the
one of TF-Slim is in tests/fields."""


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
                assert (row.receptive_field, row.jump, row.offset) == ((field,) * 2, (stride,) * 2, (-padding,) * 2), end


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
    exact = exact and not any(isinstance(f.step, Fraction) for row in net.layers for f in row.fields)  # not too many places
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
        if exact and first is not None:
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


def program(dice: random.Random, kinds: list) -> tuple[str, str]:
    """Declarations and an input with a chain of 2 to 5 parts."""
    rank = 1 if dice.random() < 0.6 else 2
    parts = [dice.choice(kinds)(dice, rank) for _ in range(dice.randint(2, 5))]
    blocks = "".join(f"block b{i} = {part}\n" for i, part in enumerate(parts))
    shape = f"2x{dice.randint(36, 48)}" if rank == 1 else f"2x{dice.randint(18, 24)}x{dice.randint(18, 24)}"
    return f"{blocks}input {shape} -> " + " -> ".join(f"b{i}" for i in range(len(parts))), shape


@pytest.mark.parametrize(
    ("kinds", "count", "least"),
    [([window], 60, 200), ([window, branched], 60, 200), ([window, branched, spreading], 120, 400)],
    ids=["windows", "branches", "spread"],
)
def test_random_programs_see_what_is_measured(kinds: list, count: int, least: int) -> None:
    compared = programs = seed = 0
    while programs < count:
        seed += 1
        text, _ = program(random.Random(seed), kinds)
        if cnnc.check(text):
            continue  # a window that does not fit
        net = cnnc.compile(text)
        if any(extent > 100 for row in net.layers for extent in row.output[1:]):
            continue
        programs += 1
        try:
            compared += check(net, seed=seed)
        except AssertionError as error:
            raise AssertionError(f"{text}\n{error}") from error
    assert compared >= least
