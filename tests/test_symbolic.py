"""Symbolic extents: formulas equal the concrete analysis at every size, including sizes that do not fit."""

import itertools
import math
import random
from contextlib import suppress
from functools import partial

import cnnc
import pytest
from cnnc.compiler.ops.kinds import REQUIRED
from cnnc.compiler.reference import entries
from cnnc.compiler.symbolic import at, gcd, largest, less, symbol
from conftest import ROOT

RESNET50 = (ROOT / "examples/resnet50.cnn").read_text().replace("3x224x224", "3xHxW")
UNET = """
block double(c) = (conv3x3(c, p=1) -> bn -> relu) * 2
block level(c, inner) = double(c) -> [id, maxpool2 -> inner -> deconv2(c, s=2)] -> double(c)
block unet(k, f=4) = level(f, level(2*f, level(4*f, double(8*f)))) -> conv1x1(k)
input 3xHxW -> unet(2)
"""


def sizes(count: int, seed: int) -> list[tuple[int, int]]:
    """Half of any size, half of multiples of 8, which U-Net needs."""
    numbers = random.Random(seed)
    odd = [(numbers.randint(1, 300), numbers.randint(1, 300)) for _ in range(count // 2)]
    return odd + [(8 * numbers.randint(1, 40), 8 * numbers.randint(1, 40)) for _ in range(count // 2)]


def report(text: str, height: int, width: int) -> dict:
    return cnnc.compile(text, input=(3, height, width)).to_dict()


def report_at(net: cnnc.Net, height: int, width: int) -> dict:
    return net.at(H=height, W=width).to_dict()


def outcome(compute) -> object:
    try:
        return compute()
    except cnnc.NetworkError as error:
        return error.code


@pytest.mark.parametrize(("text", "seed"), [(RESNET50, 1), (UNET, 2)], ids=["resnet50", "unet"])
def test_formulas_equal_the_concrete_analysis(text: str, seed: int) -> None:
    net = cnnc.compile(text)
    formulas = net.to_dict()
    failing = 0
    for height, width in sizes(200, seed):
        concrete = outcome(partial(report, text, height, width))
        assert outcome(partial(report_at, net, height, width)) == concrete
        if isinstance(concrete, str):
            failing += 1
            continue
        assert evaluated(formulas, height, width) == evaluated(concrete, height, width)
    assert (failing > 50) == (text is UNET)


def evaluated(value: object, height: int, width: int, key: str = "") -> object:
    """A report with its formulas computed by Python itself; names and ops stay text."""
    if isinstance(value, dict):
        return {k: v if k in TEXTS else evaluated(v, height, width, k) for k, v in value.items() if k != "constraints"}
    if isinstance(value, list):
        values = [evaluated(v, height, width) for v in value]
        return values[0] if key in ("receptive_field", "jump", "offset") and len(set(values)) == 1 else values
    if isinstance(value, str):
        return eval(value, {"H": height, "W": width, "max": max, "gcd": math.gcd})
    return value


TEXTS = ("name", "op", "scope", "net", "convention", "dtype", "span")


def test_shapes_of_resnet50() -> None:
    rows = cnnc.compile(RESNET50).layers
    assert [str(n) for n in rows[0].output] == ["64", "(H + 1)//2", "(W + 1)//2"]
    assert [str(n) for n in rows[-3].output] == ["2048", "(H + 31)//32", "(W + 31)//32"]


def test_report_and_refusals() -> None:
    net = cnnc.compile(RESNET50)
    assert net.symbols == ["H", "W"]
    assert "((H + 1)//2)*((W + 1)//2)" in net.report()
    for refused in (net.torch_source, net.to_onnx, net.to_torch, lambda: net.at(H=3)):
        with pytest.raises(cnnc.UsageError) as caught:
            refused()
        assert caught.value.code == "E0331"


def test_structure_that_depends_on_the_size() -> None:
    """At 1x1 a stride changes nothing, so `res` would need no projection."""
    net = cnnc.compile("input 4xHxW -> res(conv3x3(4, s=2, p=1), proj=conv1x1(4, s=2))")
    assert net.at(H=8, W=8).output_shape == (1, 4, 4, 4)
    with pytest.raises(cnnc.NetworkError) as caught:
        net.at(H=1, W=1)
    assert caught.value.code == "E0343"


@pytest.mark.parametrize(
    "text",
    [
        "conv3x3(4, s=3, p=same_upper)", "maxpool3(s=2, ceil=true)", "adaptive_avgpool(5)", "avgpool2 -> upsample2",
        "gap -> conv1x1(2)", "deconv4x4(2, s=2, p=1)", "maxpool2 as p -> unpool2(p)",
        "[id, conv3x3(2, p=1)] -> flatten",
        "conv1x1(8) -> pixelshuffle(2)", "upsample(size=(hin * 2, win + 3))", "gn(1) -> ln(axes=all) -> instnorm",
    ],
)  # fmt: skip
def test_layers_at_random_sizes(text: str) -> None:
    net = cnnc.compile(f"input 3xHxW -> {text}")
    formulas = net.to_dict()
    for height, width in sizes(20, 5):
        concrete = outcome(partial(report, text, height, width))
        found = outcome(partial(report_at, net, height, width))
        if isinstance(concrete, str):
            assert found == concrete
            continue
        for result in (concrete, found, formulas):
            for layer in result["layers"]:
                layer.pop("span", None)  # the texts differ by the input line
        assert found == concrete
        if formulas["training"] is None:  # depends on the size
            concrete["training"] = None
        if text in HIDDEN_RATIO:
            for layer in (*concrete["layers"], *formulas["layers"]):
                for key in ("receptive_field", "jump", "offset"):
                    layer.pop(key, None)
        assert evaluated(formulas, height, width) == evaluated(concrete, height, width)


HIDDEN_RATIO = ("adaptive_avgpool(5)", "upsample(size=(hin * 2, win + 3))")
"""Where no formula says how many inputs there are to an output, which then counts as seeing them all."""


def test_arithmetic_keeps_one_form() -> None:
    h = symbol("H")
    assert (h // 2) // 3 == h // 6
    assert ((h - 1) // 2 + 1) // 2 == (h + 1) // 4
    assert (4 * h + 6) // 2 == 2 * h + 3
    assert h - h == 0 and 2 * h - h == h and h * 0 == 0
    assert (h * h + 2 * h + 1) == (h + 1) * (h + 1)
    assert less(h, h + 1) and not less(h + 1, h) and not less(h, 5)
    assert str(largest(h, h + 2)) == "H + 2" and at(largest(h, 7), {"H": 3}) == 7
    assert at(gcd(h, 6), {"H": 9}) == 3
    assert at((7 * h + 5) // 3 - (h // 2) * 4, {"H": 11}) == (7 * 11 + 5) // 3 - 20


@pytest.mark.parametrize("text", ["dwconv3(p=1)", "sepconv3(8, p=1)", "dwconv3(m=2, bias=false) -> bn"])
def test_symbolic_channels(text: str) -> None:
    """Extents that a permutation has made channels."""
    net = cnnc.compile(f"input 4xH -> permute((1, 0)) -> {text}")
    assert "H" in net.report()
    assert (
        net.at(H=9).to_dict()["totals"] == cnnc.compile(f"input 4x9 -> permute((1, 0)) -> {text}").to_dict()["totals"]
    )


@pytest.mark.parametrize(
    ("text", "code"), [("crop(5)", "E0228"), ("maxpool2(p=1, d=2)", "E0226"), ("conv7(3)", "E0201")]
)
def test_sizes_that_do_not_fit(text: str, code: str) -> None:
    """A rule that only some sizes break speaks up once they are known."""
    net = cnnc.compile(f"input 2xW -> {text}")
    assert net.at(W=9).output_shape
    with pytest.raises(cnnc.NetworkError) as caught:
        net.at(W=1)
    assert caught.value.code == code


@pytest.mark.parametrize(
    "layer",
    ["adaptive_avgpool(win // 2)", "adaptive_maxpool(min(win // 2, 9))", "upsample(size=win * win // 9)",
     "upsample(scale=win - 1)", "upsample(size=max(win // 2, win // 3))"],
)  # fmt: skip
def test_arguments_out_of_range(layer: str) -> None:
    """An argument is checked where it is a number: an extent of 0 is none."""
    text = f"input 2xW -> {layer}"
    for read in (lambda: cnnc.compile(text).at(W=1), lambda: cnnc.compile(text.replace("xW", "x1"))):
        with pytest.raises(cnnc.NetworkError) as caught:
            read()
        assert caught.value.code == "E0305"
        assert "``" not in str(caught.value)


@pytest.mark.parametrize(
    "size", ["(win, hin)", "(hin - 2, 3)", "(3, hin)", "(hin, win)", "(2 * win, win + 1)", "(win // 2, 7)"]
)
@pytest.mark.parametrize("pool", ["adaptive_avgpool", "adaptive_maxpool"])
def test_bins_of_open_extents(pool: str, size: str) -> None:
    """Bins that overlap are counted with the common divisor of two formulas."""
    text = f"input 3xHxW -> {pool}({size})"
    for height, width in ((4, 6), (12, 8), (9, 9), (7, 30)):
        assert report_at(cnnc.compile(text), height, width) == report(text, height, width)


@pytest.mark.parametrize("size", ["(max(hin, win), min(hin, win))", "(min(hin, win), min(hin, win) + 2)"])
def test_a_minimum_in_a_peak(size: str) -> None:
    """A minimum is stored as the maximum of what is below 0, which must not make the other moments seem larger."""
    text = f"input 3xHxW -> upsample(size={size}) -> (relu + tanh)"
    peak = cnnc.compile(text).totals.peak
    for height, width in itertools.product((1, 4, 8, 30), (1, 3, 9, 40)):
        assert at(peak, {"H": height, "W": width}) == cnnc.compile(text).at(H=height, W=width).totals.peak


@pytest.mark.parametrize(
    ("layer", "extent"),
    [
        ("maxpool3(s=2, ceil=true)", "H//2"),
        ("maxpool2(p=1, ceil=true)", "H//2 + 1"),
        ("avgpool3(s=2, p=1, ceil=true)", "H//2 + 1"),
        ("conv3x3(3, s=2, p=same_upper)", "(H + 1)//2"),
        ("conv5x5(3, s=3, d=2, p=same_upper)", "(H + 2)//3"),
        ("conv1x1(3, s=2, p=same_upper)", "(H + 1)//2"),
    ],
)
def test_rounding_up_has_one_short_formula(layer: str, extent: str) -> None:
    """No maximum, which would be written out twice in every layer behind it."""
    net = cnnc.compile(layer, input="3xHxW")
    assert str(net.layers[0].output[1]) == extent
    for height in (5, 6, 7, 8, 9, 10, 23):
        assert net.at(H=height, W=9).to_dict() == cnnc.compile(layer, input=(3, height, 9)).to_dict()


@pytest.mark.parametrize("name", ["googlenet", "c3d", "se_resnet50", "zoo/mobilenet"])
def test_networks_have_tables_that_can_be_read(name: str) -> None:
    net = cnnc.load(ROOT / "examples" / f"{name}.cnn")
    symbolic = cnnc.load(
        ROOT / "examples" / f"{name}.cnn", input=(3, *(symbol(s) for s in "DHW"[4 - len(net.input_shape[1:]) :]))
    )
    assert symbolic.constraints == [] and max(map(len, symbolic.report().splitlines())) < 1500


def test_a_floor_and_a_gcd_of_the_same_numbers_are_two_terms() -> None:
    """Half of H, and the pooling bins of two that begin within an element."""
    assert str(symbol("H") // 2 + gcd(symbol("H"), 2)) == "H//2 + gcd(H, 2)"
    net = cnnc.compile("input x: 1xH\noutput a = x -> maxpool2, b = x -> adaptive_avgpool(2)")
    for length in (8, 9):
        concrete = net.at(H=length).totals.work
        assert tuple(at(n, {"H": length}) for n in net.totals.work) == tuple(concrete)


def test_formulas_that_shrink_with_every_layer() -> None:
    """The peak is the largest of one formula for each layer; none of them is compared twice with the same."""
    net = cnnc.compile("conv3x3(3) * 60", input="3xHxW")
    peak = at(net.totals.peak, {"H": 130, "W": 125})
    assert peak == net.at(H=130, W=125).totals.peak == 3 * (130 * 125 + 128 * 123)


@pytest.mark.parametrize(("sizes", "told"), [({"H": 0, "W": 3}, "H=0"), ({"H": 8, "W": 8, "Q": 8}, "Q=8")])
def test_what_is_no_size_of_the_input(sizes: dict[str, int], told: str) -> None:
    with pytest.raises(cnnc.UsageError) as caught:
        cnnc.compile("relu", input="3xHxW").at(**sizes)
    assert caught.value.code == "E0519" and told in str(caught.value)


def test_sizes_beyond_64_bits() -> None:
    """Also where no layer computes a shape of its own."""
    with pytest.raises(cnnc.NetworkError) as caught:
        cnnc.compile("relu", input="3xHxW").at(H=2**32, W=2**32)
    assert caught.value.code == "E0209"


def test_a_batch_with_the_letter_of_an_extent() -> None:
    with pytest.raises(cnnc.UsageError) as caught:
        cnnc.compile("input 3xHxW -> relu").report(batch="H")
    assert caught.value.code == "E0513"


def test_arguments_of_blocks_get_numbers() -> None:
    """Emitted source names its classes' arguments by them."""
    text = "block unit(n) = conv3(cin, p=1) -> bn\ninput 2xHx8 -> unit(hin) -> unit(win + 1)"
    symbolic, concrete = cnnc.compile(text).at(H=8), cnnc.compile(text.replace("H", "8"))
    assert symbolic.ir() == concrete.ir()
    assert symbolic.torch_source() == concrete.torch_source()


EXTENTS = ("win", "win // 2", "win - 3", "(win, 4)", "((win, 1), (1, win))")


@pytest.mark.parametrize("name", sorted(entries()))
def test_an_extent_as_any_argument_is_answered(name: str) -> None:
    """It computes like a number, or is refused with a diagnostic; then formulas exist for all costs."""
    entry = entries()[name]
    begin = {0: "input 4xHxW -> flatten", 1: "input 4xW -> id", 2: "input 4xHxW -> id", 3: "input 4xDxHxW -> id"}
    begin = {rank: f"{begin[rank]}{' -> maxpool2 as p' if name == 'unpool' else ''}" for rank in entry.ranks}
    required = {n: "p" if n == "tap" else "2" for n, kind in entry.params.items() if kind.default is REQUIRED}
    for parameter, value, start in itertools.product(entry.params, EXTENTS, begin.values()):
        given = ", ".join(f"{n}={v}" for n, v in {**required, parameter: value}.items())
        text = f"{start} -> {name}({given})"
        try:
            net = cnnc.compile(text)
        except cnnc.NetworkError:
            continue
        assert net.to_dict() and net.explain() and net.ir()
        with suppress(cnnc.NetworkError):
            assert net.at(**dict.fromkeys(net.symbols, 6)).to_dict()


def test_shares_of_an_open_extent() -> None:
    """Equal shares of channels that are an extent: only where nothing is left over at any size."""
    assert cnnc.compile("input 2xW -> permute((1, 0)) -> pad(1) -> [id, id] -> split([relu, tanh])").at(W=3)
    assert [d.code for d in cnnc.check("input 2xW -> permute((1, 0)) -> split([relu, tanh])")] == ["E0330"]


@pytest.mark.parametrize(
    "expression",
    ["max(win, 17)", "min(win, 9)", "max(hin, win, 5)", "min([hin, win])", "sum(win, hin, 2)", "floor(win)",
     "round(win)", "int(win) + ceil(hin)", "len([win, 2.5])", "max(win, 4) - min(win, 4)",
     "max(2 * win, hin + 9) // 2"],
)  # fmt: skip
def test_functions_of_extents(expression: str) -> None:
    text = f"input 3xHxW -> upsample(size=(3, {expression} + 1))"
    net = cnnc.compile(text)
    for height, width in itertools.product((1, 4, 8, 30), (1, 3, 9, 40)):
        assert report_at(net, height, width) == report(text, height, width)


@pytest.mark.parametrize(
    "expression",
    ["win * 0.5", "0.5 * win", "win + 0.5", "win // 2.0", "max(win, 2.5)", "sum(win, 0.5)", "floor(win / 2)",
     "7 // win", "7 % win", "1 / win", "2 ** win", "win ** 9", "round_to(win, 8)", "log2(win)", "len(range(win))",
     "max(hin, win) // win"],
)  # fmt: skip
def test_what_is_no_formula_in_extents(expression: str) -> None:
    with pytest.raises(cnnc.NetworkError, match="cannot be computed for a symbolic extent") as caught:
        cnnc.compile(f"input 3xHxW -> upsample(size=(3, {expression}))")
    assert caught.value.code == "E0366"


RESIZED = "block b = relu -> upsample(size=({}, 4))\ninput 3x{} -> b"


@pytest.mark.parametrize(
    ("extent", "formula"),
    [
        ("max(hin, 10)", "max(10, H)"),
        ("max([hin, win, 3])", "max(3, H, W)"),
        ("max(hin, hin + 2)", "H + 2"),
        ("min(hin, 10)", "-max(-10, -H)"),
        ("sum([hin, 2])", "H + 2"),
        ("(4 * hin) / 2", "2*H"),
        ("hin / hin + 3", "4"),
    ],
)
def test_formulas_of_functions(extent: str, formula: str) -> None:
    """A smallest or largest extent stays open until the sizes are known."""
    net = cnnc.compile(RESIZED.format(extent, "HxW"))
    assert str(net.output_shape[2]) == formula
    for height, width in ((3, 20), (12, 5)):
        concrete = cnnc.compile(RESIZED.format(extent, f"{height}x{width}"))
        assert net.at(H=height, W=width).output_shape == concrete.output_shape


@pytest.mark.parametrize(
    ("extent", "told"),
    [
        ("hin * 1.5", "H is computed with whole numbers only, not with 1.5"),
        ("sum([hin, 0.5])", "not with 0.5"),
        ("min(hin, 2.5)", "not with 2.5"),
        ("hin / 2", "H is not always a multiple of 2"),
        ("hin / win", "H over W"),
        ("2 / hin", "2 over H"),
        ("2 ** hin", "2 to the power of H"),
        ("hin ** 0", "exponents from 1 to 8"),
        ("hin % 0", "division by zero"),
        *((f"{function}(hin)", f"`{function}` needs a number") for function in ("log2", "range")),
        ("round_to(hin, 8)", "`round_to` needs a number"),
    ],
)
def test_what_has_no_formula(extent: str, told: str) -> None:
    """It is said in the language's words, and none of Python's."""
    (found,) = (found for found in cnnc.check(RESIZED.format(extent, "HxW")) if found.is_error)
    assert found.code == ("E0316" if "zero" in told else "E0366") and told in found.facts["reason"]


@pytest.mark.parametrize(
    ("test", "holds"),
    [
        ("hin == hin", True),
        ("hin != hin", False),
        ("hin == hin + 1", False),
        ("hin != hin + 1", True),
        ("hin < hin + 1", True),
        ("hin >= hin + 1", False),
        ("hin > hin", False),
        ("hin <= hin", True),
        ("hin == same", False),
        ("hin != same", True),
        ("hin == true", False),
        ("hin == (3, 4)", False),
        ("(hin, 2) == (hin, 2)", True),
        ("(hin, 3) == (8, 2)", False),
        ("(hin, 2) != (8, 2, 1)", True),
        ("hin == 8", None),
        ("hin != win", None),
        ("hin < win", None),
        ("(hin, 2) == (8, 2)", None),
        ("((hin, 1), 2) != ((8, 1), 2)", None),
    ],
)
def test_comparisons_of_extents(test: str, holds: bool | None) -> None:
    """Answered where the answer is the same at all sizes, and refused where it is not."""
    text = f"block b = (relu if {test} else tanh)\ninput 3xHxW -> b"
    if holds is None:
        assert [found.code for found in cnnc.check(text) if found.is_error] == ["E0342"]
    else:
        assert [row["op"] for row in cnnc.compile(text).to_dict()["layers"]] == ["relu" if holds else "tanh"]
