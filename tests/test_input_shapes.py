"""Input shapes: a program may say what `--input` may; with letters, channels among them, figures are formulas."""

import json
from typing import Any

import cnnc
import pytest
from cnnc.compiler.cli import run
from cnnc.compiler.ops import Tokens
from formulas import check as check_formulas

SIZES = {"C": 6, "H": 9, "W": 8, "L": 11, "K": 4, "D": 5}
CHAINS = {
    1: ("fc(5) -> relu -> fc(cin)", "scale -> [id, relu] -> ln", "relu -> slice(0, 3)"),
    2: (
        "conv3(8) -> bn -> relu -> tokens -> mhsa(2)",
        "dwconv3(p=1) -> (id + scale) -> maxpool2",
        "lrn(3) -> flatten -> fc(2)",
    ),
    3: (
        "conv3x3(8, s=2) -> bn -> relu -> gap -> fc(10)",
        "cbr(cin) -> se(2) -> cmean",
        "conv1x1(2 * cin) -> gn(2) -> pixelunshuffle(1) -> deconv2(cin)",
        "sepconv3x3(8) -> [id, id] -> slice(0, 3)",
        "ln -> tokens -> fc(cin) -> gelu -> split([fc(1), relu], (2, 4)) -> fc(2)",
        "conv3x3(4, reparam=spectral_norm) -> deconv3x3(cin, reparam=spectral_norm) -> nonlocal",
        "prelu -> scale -> lrn(3) -> grn -> instnorm -> droppath(0.1)",
        "conv1x1(4 * cin) -> pixelshuffle(2) -> upsample2 -> avgpool3 -> l2norm -> adaptive_avgpool(2)",
        "block b = res(conv1x1(cin) -> bn) -> relu\ninput {} -> b * 3 -> flatten -> fc(3)",
        "shared f = conv1x1(cin)\ninput {} -> f -> relu -> f",
    ),
    4: ("conv3(8, p=1) -> bn -> maxpool2 -> gap -> fc(2)", "dwconv3 -> cmax"),
}
SHAPES = ("C", "CxL", "6xL", "Cx11", "CxHxW", "6xHxW", "Cx9x8", "CxHxH", "CxDxHxW", "Cx5xHxW", "KxHxW")
CASES = [(shape, chain) for shape in SHAPES for chain in CHAINS[shape.count("x") + 1]]


def split_off(chain: str) -> tuple[str, str]:
    """The declarations of a program and its flow, without the input."""
    before, _, flow = chain.rpartition("input {} -> ")
    return before, flow


def in_file(shape: str, chain: str) -> cnnc.Net:
    before, flow = split_off(chain)
    return cnnc.compile(f"{before}input {shape} -> {flow}")


def asked_for(shape: str, chain: str) -> cnnc.Net:
    before, flow = split_off(chain)
    return cnnc.compile(f"{before}input -> {flow}", input=shape)


def outcome(make: Any) -> Any:
    """A network's whole report without places in the text, or the codes of what is wrong with it."""
    try:
        net = make()
    except cnnc.NetworkError as error:
        return [d.code for d in error.diagnostics if d.is_error]
    reports = [net.to_dict(by="block", convention=name, batch=3) for name in ("torchvision", "ptflops", "thop")]
    for part in [part for report in reports for part in (*report["layers"], *report["constraints"])]:
        del part["span"]
    for report in reports:
        report["constraints"] = [c["text"].partition(":")[0] for c in report["constraints"]]
    return reports, net.explain(), net.report(form="csv"), net.report("op", form="md"), net.draw("mermaid")


def placeless(report: dict[str, Any]) -> dict[str, Any]:
    for layer in report["layers"]:
        del layer["span"]
    return report


@pytest.mark.parametrize(("shape", "chain"), CASES)
def test_a_file_may_say_what_a_request_may(shape: str, chain: str) -> None:
    found = outcome(lambda: in_file(shape, chain))
    assert found == outcome(lambda: asked_for(shape, chain))
    assert found == outcome(lambda: in_file(shape.replace("x", "×"), chain))


@pytest.mark.parametrize(("shape", "chain"), CASES)
def test_formulas_at_sizes(shape: str, chain: str) -> None:
    """With numbers for its letters a report is the one of the program with these numbers, formula by formula."""
    try:
        net = in_file(shape, chain)
    except cnnc.NetworkError as error:
        # what depends on a number of channels that is not known is refused, not guessed
        assert {d.code for d in error.diagnostics} <= {"E0214", "E0231", "E0210", "E0330"}
        return
    sizes = {letter: SIZES[letter] for letter in net.symbols}
    numbers = "x".join(str(SIZES.get(part, part)) for part in shape.split("x"))
    plain = in_file(numbers, chain)
    assert placeless(net.at(**sizes).to_dict()) == placeless(plain.to_dict())
    assert net.params == plain.params if isinstance(net.params, int) else net.params.at(sizes) == plain.params
    check_formulas(net, **sizes)


def test_parameters_are_formulas_in_the_channels() -> None:
    net = cnnc.compile("input CxHxW -> conv3x3(8) -> bn -> conv1x1(cin)")
    assert str(net.params) == "81*C + 24"
    assert net.at(C=3, H=8, W=8).params == 81 * 3 + 24
    assert [str(row.params) for row in net.layers] == ["72*C + 8", "16", "9*C"]


@pytest.mark.parametrize(
    "shape",
    ["NxCxHxW", "Bx3x8x8", "HxW", "HxWxC", "WxH", "Dx4", "0x3", "CxHxWx3x3", "Cx0", "hxw", "3xw", "3xHH", "Cx-1"],
)
def test_refused_by_both(shape: str) -> None:
    """The letters of the batch and of extents are no channels; and what is wrong in one place is wrong in the other."""
    assert [d for d in cnnc.check(f"input {shape} -> relu") if d.is_error]
    with pytest.raises(cnnc.UsageError) as caught:
        cnnc.compile("relu", input=shape)
    assert caught.value.code in ("E0505", "E0240")


@pytest.mark.parametrize(
    ("program", "inputs"),
    [
        ("input a: CxHxW, b: CxHxW\noutput y = a -> [id, b]", ["CxHxW", "CxHxW"]),
        ("input C: 3x8x8\noutput y = C -> relu", ["3x8x8"]),  # before a colon it is a name
        ("input CxH : 3x8x8\noutput y = CxH -> relu", ["3x8x8"]),
        ("input Cx3: CxL, N: N\noutput y = Cx3 -> relu, z = N -> relu", ["CxL", "N"]),
        ("net n(N=8)\ninput N -> relu", ["8"]),  # a lone letter that the file gives a meaning
        ("net n(c=2)\ninput (c, 4) -> relu", ["2x4"]),
        ("block AxB = relu\ninput Ax4 -> AxB", ["Ax4"]),  # elsewhere it is a name
        ("input C#x\n -> relu", ["C"]),
        ("input\nCx4# -> relu\n-> tanh", ["Cx4"]),
    ],
)
def test_names_and_letters(program: str, inputs: list[str]) -> None:
    net = cnnc.compile(program)
    assert ["x".join(map(str, t.value.shape)) for t in net.graph.inputs] == inputs
    assert not any(isinstance(t.value.shape, Tokens) for t in net.graph.inputs)


@pytest.mark.parametrize("shape", ["CxHxW", "C×H×W", "Cx9xW"])
def test_commands(shape: str, capsys: pytest.CaptureFixture[str]) -> None:
    program = f"input {shape} -> conv3x3(4) -> relu"
    printed = []
    for argv in (["-e", program], ["-e", "input -> conv3x3(4) -> relu", "--input", shape]):
        for options in (["--by", "op"], ["--format", "csv"], ["--explain"], ["--at", "C=3,H=9,W=8"]):
            sizes = ["--at", "C=3,W=8"] if "9" in shape and "--at" in options else options
            assert run(["analyze", *argv, *sizes]) == 0
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert run(["analyze", "-e", program, "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out)["totals"]["params"] == "36*C + 4"


def test_what_needs_numbers_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["compile", "-e", "input CxHxW -> relu", "-o", "-"]) == 2
    assert "E0331" in capsys.readouterr().err
