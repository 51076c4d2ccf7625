"""How emitted classes read: few of them, arguments and locals named as in the program, formatted as a person's."""

import re
import subprocess
import sys
from pathlib import Path

import cnnc
import pytest
from cnnc.backends.torch.ops import HELPERS
from conftest import ROOT
from support import check_onnx

PROGRAMS = {
    "flags_that_are_read_later": """
        block unit(c) = ((conv1x1(c) -> bn) + id) if cin == c else conv1x1(c)
        block gated(c) = (id * (conv1x1(c) -> sigmoid)) if cin == c else conv1x1(c)
        input 4x8x8 -> unit(8) -> unit(8) -> gated(4) -> gated(4)
        """,
    "layers_with_classes_of_their_own": """
        block one = wsconv3x3(8, p=same_upper, s=2) -> deformconv3x3(8, p=1, mask=true) -> blurpool -> grn
        block two = (scale(0.1) -> droppath(0.1) -> hardgate -> crop(p=1) -> permute((0, 2, 1)) -> cmean) as t
        block three = (tokens -> mhsa(2) -> scale(2, learn=false) -> permute((1, 0))) as t
        input 4x32x32 -> one -> nonlocal(sub=2) -> mhsa(4) -> [two -> pad(1), cmax]
        -> [three -> gap -> flatten, two -> gmp -> flatten]
        """,
    "repeats_of_one_layer": """
        block pick = (maxpool3(s=1, p=1) as t -> (unpool(t)) * 2) -> (id + t) * 2
        input 4x4x4 -> pick -> gap -> flatten -> (bilinear(4)) * 2 -> relu as r -> (bilinear(4, r)) * 2
        """,
    "operators_before_expressions": """
        block a = (relu + tanh) -> scale(3, learn=false) -> crop(p=1) -> slice(1)
        block b = res(relu) -> cmean
        input 3x8x8 -> [a, relu -> crop(p=1)] -> [b, (relu - tanh) -> permute((0, 2, 1))] -> (relu + tanh) -> tokens
        """,
    "names_that_methods_use": """
        block unit(nn) = conv1x1(nn) -> relu
        block deep(self, range) = (conv1x1(self) -> bn) * range
        block pair(a, b) = lrn(a, alpha=1) -> lrn(b, alpha=1)
        block stage(n) = pair(n, 3) -> pair(n, 5) -> pair(n, 7)
        input 3x8x8 -> unit(4) -> unit(5) -> deep(3, 2) -> deep(4, 3) -> stage(3) -> stage(5)
        -> (relu as i -> (conv1x1(4) -> bn) * 3 -> (id + i)) as t
        -> (conv1x1(4) as append -> relu as layer -> (id + append) -> (id + layer)) as pop
        -> (scale(1e-10) -> scale(1e-11) -> scale(1e-12)) as small
        """,
    "long_signatures": """
        block unit(c, kernel, other_kernel, padding_of_the_other, stride_of_the_last) =
            conv(c, kernel, p=same) -> conv(c, other_kernel, p=padding_of_the_other) -> conv(c, 1, stride_of_the_last)
        input 3x16x16 -> unit(4, 3, 5x1, 1x2, 1) -> unit(6, 5, 1x3, 0x1, 2x1)
        """,
    "shared_beside_numbered_blocks": """
        shared g = conv1x1(3)
        block u = conv1x1(3) -> relu
        block b = relu -> g
        input 3x8x8 -> u -> b -> b * 2 -> u
        """,
    "shared_names_that_clash": """
        shared range = conv1x1(3)
        shared x = conv1x1(3)
        shared F = conv1x1(3)
        block b = relu as F -> range -> x -> F -> l2norm -> [id, F -> tanh] -> conv1x1(3)
        input 3x8x8 -> range * 3 -> b -> x * 2
        """,
    "shared_in_sequence": """
        shared step = conv3x3(3, p=1) -> bn -> relu
        input 3x6x6 -> step * 3 -> [step, id] -> conv1x1(3) -> step
        """,
    "one_tensor_as_two_outputs": """
        input 3x8x8 -> conv1x1(4) as a
        output p = a, q = a, r = a -> relu
        """,
    "numbered_chain_without_its_end": """
        block tail(last) = [(conv1x1(4) -> relu as t -> bn -> (conv1x1(4) if last)), id, t]
        input 3x4x4 -> tail(1 == 1) -> tail(1 == 0) -> tail(1 == 0)
        """,
    "words_as_arguments": """
        block larger(h) = upsample(size=(h, h), mode=bilinear) -> pad(1, mode=reflect)
        input 3x6x6 -> larger(4) -> larger(7)
        """,
    "prelude": """
        input 16x16x16 -> se(4) -> cbam(4) -> eca -> sk(32, 8, g=4) -> basic(32) -> bottleneck(8) -> preact(8)
        -> resnext(16, g=4) -> inverted_residual(32) -> fire(4, 8, 8) -> dense_layer(8) -> transition
        -> shuffle_unit(12) -> shuffle_unit(16, s=2) -> ghost(15) -> aspp(4, (1, 2))
        """,
    "tuples_with_equal_entries": """
        block pair(t) = [conv1x1(t[0]), conv1x1(t[1])]
        block square(t) = conv(t[0], k=t, p=same) -> conv(t[1], k=3, p=1)
        input 3x9x9 -> pair((4, 4)) -> pair((5, 6)) -> square((3, 3)) -> square((1, 3))
        """,
    "shares_of_channels": """
        block even = split([conv1x1(cin // 2), id]) -> shuffle(2)
        block uneven(a) = split([conv1x1(a), relu], (a, cin - a))
        input 8x4x4 -> even -> uneven(3) -> conv1x1(12) -> even -> uneven(5) -> split([relu, id, tanh])
        -> [slice(0, 6) -> relu, slice(6, 12), id]
        """,
    "names_that_clash": """
        input x: 3x4x4, y: 3x4x4
        z = x -> conv1x1(3)
        self = y -> conv1x1(3)
        w = z -> (id + self)
        output torch = w -> relu, nn = z -> conv1x1(2), F = self -> relu
        """,
    "training_outputs_first": """
        input 3x8x8 -> conv1x1(4) as a -> relu
        aux q = a -> gap -> fc(2), r = a
        output y = a -> bn -> relu, z = a -> tanh
        """,
    "long_lines": """
        block a_block_with_a_rather_long_name(first_number_of_channels, second_number_of_channels) =
            conv3x3(first_number_of_channels, p=1) -> conv3x3(second_number_of_channels, p=1, bias=false)
        input picture: 3x8x8
        output one_rather_long_name = picture -> a_block_with_a_rather_long_name(4, 5) -> relu -> conv1x1(3),
               another_rather_long_name = picture -> a_block_with_a_rather_long_name(6, 7),
               the_last_rather_long_name = picture -> [relu -> conv1x1(3) as t -> bn -> relu, id, t]
        """,
}


IMPORTS = {
    "torch": "import torch",
    "nn": "from torch import nn",
    "F": "from torch.nn import functional as F",
    "DeformConv2d": "from torchvision.ops import DeformConv2d",
}
"""What the sources of helper classes may need."""


def source(name: str) -> str:
    return cnnc.load(ROOT / "examples" / f"{name}.cnn").torch_source()


@pytest.mark.parametrize("name", PROGRAMS)
def test_programs_agree(name: str) -> None:
    net = cnnc.compile(PROGRAMS[name])
    comparisons = net.verify()
    assert len(comparisons) == 2 * len(net.graph.outputs)
    assert all(c.ok for c in comparisons), comparisons
    check_onnx(net.to_onnx())


def test_programs_are_lint_clean_and_formatted(tmp_path: Path) -> None:
    for name, text in PROGRAMS.items():
        (tmp_path / f"{name}.py").write_text(cnnc.compile(text).torch_source())
    for name, text in HELPERS.items():
        used = [line for word, line in IMPORTS.items() if re.search(rf"\b{word}\b", text)]
        (tmp_path / f"{name}.py").write_text("\n".join([*used, "", "", text]))
    for command in (["check", "--isolated", "--select", "E,F,I,B,UP,RUF"], ["format", "--isolated", "--diff"]):
        result = subprocess.run([sys.executable, "-m", "ruff", *command, tmp_path], capture_output=True, text=True)
        assert result.returncode == 0, result.stdout + result.stderr


def classes(text: str) -> list[str]:
    return re.findall(r"^class (\w+)", text, re.MULTILINE)


def test_units_of_different_widths_are_one_class() -> None:
    """ShuffleNetV2's unit with stride 1 takes its halves without their width being written out."""
    text = source("shufflenetv2")
    assert classes(text) == ["Unit", "Unit2", "Stage", "Shufflenetv2"]
    assert "x, y = x.chunk(2, 1)" in text
    assert "Stage(116, 232, n=8)" in text


def test_tuple_arguments_stay_tuples() -> None:
    text = source("googlenet")
    assert classes(text) == ["Unit", "Inception", "Head", "Googlenet"]
    assert "def __init__(self, cin, a, b, c, d):" in text
    assert "Inception(192, 64, b=(96, 128), c=(16, 32), d=32)" in text
    assert "Unit(b[0], b[1], k=3, s=1)" in text


def test_padding_follows_the_kernel() -> None:
    assert "nn.Conv2d(cin, c, k, stride=s, padding=k // 2, bias=False)" in source("googlenet")


def test_training_outputs_stand_behind_a_condition() -> None:
    forward = source("googlenet").partition("class Googlenet")[2].partition("def forward")[2]
    main, _, training = forward.partition("        if self.training:\n")
    assert "self.fc(" in main and "self.aux" not in main
    assert training.count("self.aux") == 2
    assert training.endswith("        return x\n")


def test_locals_are_called_as_in_the_program() -> None:
    text = source("fpn")
    assert "def forward(self, x, above):" in text
    assert "m3 = self.merge2(layer2, m4)" in text
    assert "ea = self.embed(a)" in source("siamese")
    assert "x, indices = self.pooled(x)" in source("segnet")


def test_nothing_is_written_to_a_device() -> None:
    for path in (ROOT / "examples").glob("*.cnn"):
        assert not re.search(r"\bcuda\b|device|dtype", cnnc.load(path).torch_source()), path.name
