"""`analyze --explain`: every formula that is printed is true, and gives the report's figure."""

from pathlib import Path

import cnnc
import pytest
from cnnc.compiler.cli import run
from cnnc.compiler.explain import explanations
from cnnc.compiler.ops import REGISTRY
from conftest import ROOT
from formulas import check, check_text, check_true, values
from test_every_op import SAMPLES, compiled
from test_imports import HEAVY, loaded_after

GOLDEN = Path(__file__).with_name("golden") / "lenet5" / "explain.txt"
SYMBOLIC = (
    "input 3xHxW -> conv3x3(8, s=2, p=1) -> bn -> relu -> maxpool(3, s=2, p=1, ceil=true) -> softmax -> gap -> fc(10)",
    "input 4xHxW -> dwconv3x3(m=2, p=same_upper, s=2) -> lppool2 -> adaptive_avgpool(3) -> ln(axes=all) -> flatten",
    "input 4xHxW -> upsample2 -> pixelunshuffle(2) -> deconv3(6, s=2) -> pad(1) -> crop(p=2) -> tokens -> mhsa(2)",
    "input 6xLx1 -> nonlocal(3, sub=1) -> ([id, relu] + [id, id]) -> gn(3) -> cmean -> gmp",
)


@pytest.mark.parametrize("sample", SAMPLES)
def test_samples(sample: str) -> None:
    check(compiled(sample))


def test_examples(example: Path) -> None:
    net = cnnc.load(example)
    check(net)
    check_text(net.explain())


@pytest.mark.parametrize("program", SYMBOLIC)
def test_symbols(program: str) -> None:
    net = cnnc.compile(program)
    for size in (64, 67, 93, 256):
        check(net, H=size, W=size + 13, L=size)


def lines_of(program: str, layer: str, shape: str | None = None) -> list[str]:
    """The lines of one layer in the text."""
    blocks = cnnc.compile(program, input=shape).explain().split("\n\n")
    return next(block.split("\n") for block in blocks if block.startswith(f"{layer} "))


def test_resnet50_conv1() -> None:
    found = cnnc.load(ROOT / "examples/resnet50.cnn").explain().split("\n\n")[1].split("\n")
    assert found == [
        "conv1  conv  3×224×224 → 64×112×112",
        "  height, width  N = ⌊(224 + 2·3 − 1·(7 − 1) − 1)/2⌋ + 1 = 112",
        "  parameters     64·(3·7·7) = 9,408; with a bias 64·(3·7·7) + 64 = 9,472",
        "  MACs           64·112·112·(3·7·7) = 118,013,952",
        "  note           by the input's 224·224 positions it would be 64·224·224·(3·7·7) = 472,055,808, "
        "right only at stride 1 with same padding",
        "  field          1 + (7 − 1)·1 = 7, jump 1·2 = 2",
    ]


def test_batch_normalisation() -> None:
    assert lines_of("bn", "bn1", "64x112x112")[2:-1] == [
        "  parameters  2·64 = 128",
        "  buffers     2·64 + 1 = 129",
        "  other ops   1 multiplication + 1 addition per element: 2·64·112·112 = 1,605,632",
    ]


def test_linear() -> None:
    assert lines_of("fc(84)", "fc", "120")[2:] == [
        "  parameters  120·84 + 84 = 10,164; without a bias 120·84 = 10,080",
        "  MACs        120·84 = 10,080",
        "  other ops   1 addition per output: 84",
    ]
    assert "  MACs        12·6·8 = 576" in lines_of("tokens -> fc(8)", "fc", "6x3x4")


def test_pooling() -> None:
    assert lines_of("relu -> maxpool3(s=2, p=1)", "maxpool1", "64x112x112")[1:] == [
        "  height, width  N = ⌊(112 + 2·1 − 1·(3 − 1) − 1)/2⌋ + 1 = 56",
        "  other ops      (3·3 − 1) comparisons per output: (3·3 − 1)·64·56·56 = 1,605,632",
        "  field          1 + (3 − 1)·1 = 3, jump 1·2 = 2",
    ]
    assert "1 comparison per element: 64·112·112 = 802,816" in lines_of("relu", "relu1", "64x112x112")[2]


def test_transposed_convolution_counts_inputs() -> None:
    found = lines_of("deconv2(4, s=2)", "deconv1", "3x5x4")
    assert found[1] == "  height      N = (5 − 1)·2 − 2·0 + 1·(2 − 1) + 0 + 1 = 10"
    assert "  MACs        3·5·4·(4·2·2) = 960" in found


def test_repeats_are_folded() -> None:
    net = cnnc.compile("input 8x9x9 -> (conv3x3(8, p=1) -> relu) * 3")
    text = net.explain()
    assert text.count("conv  8×9×9 → 8×9×9  (3 times)") == 1
    assert sum(layer.times for layer in explanations(net.graph)) == len(net.layers)


def test_shared_weights_are_counted_once() -> None:
    text = cnnc.compile("shared f = conv3x3(8, p=1)\ninput 8x9x9 -> f -> f").explain()
    assert "those of an earlier use, here 0" in text


def test_batch_multiplies_operations() -> None:
    net = cnnc.compile("conv3x3(8) -> mhsa(2)", input="3x9x9")
    for layer, one in zip(explanations(net.graph, batch=4), explanations(net.graph), strict=True):
        check_true(layer)
        for label, factor in (("MACs", 4), ("other ops", 4), ("parameters", 1)):
            assert values(layer, label) == [factor * value for value in values(one, label)]


def test_every_op_declares_its_formulas() -> None:
    """An op whose samples have multiply-accumulates, or change the shape, says why."""
    for sample in SAMPLES:
        for row in compiled(sample).layers:
            op = REGISTRY[row.op]
            assert op.macs_text or not row.macs, f"{row.op} has no macs_text"
            assert op.shape_lines or row.inputs[0] == row.output, f"{row.op} has no shape_lines"


def test_lenet5(update_golden: bool) -> None:
    text = cnnc.load(ROOT / "examples/lenet5.cnn").explain() + "\n"
    if update_golden:
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "-e", "conv3x3(8) -> relu", "--input", "3x9x9", "--explain", "--batch", "2"]) == 0
    net = cnnc.compile("conv3x3(8) -> relu", input="3x9x9")
    printed = capsys.readouterr().out
    assert printed == net.explain(batch=2) + "\n"
    assert "2·8·7·7·(3·3·3) = 21,168" in printed and "2·8·7·7 = 784" in printed


def test_command_is_light() -> None:
    code = f"from cnnc.compiler.cli import run; run(['analyze', {str(ROOT / 'examples/lenet5.cnn')!r}, '--explain'])"
    assert not loaded_after(code).intersection(HEAVY)
