"""`cnnc advise`: what each rule saves, that results compile, and that exact rewrites compute the same."""

import json
from pathlib import Path

import cnnc as api
import pytest
from cnnc.compiler import cli
from cnnc.compiler.advice.advise import FIGURES, Advice, Advised, advise, figures
from cnnc.compiler.advice.carry import check
from cnnc.compiler.comments import comments_of
from cnnc.compiler.format import format_source
from cnnc.compiler.limits import Limits
from cnnc.compiler.source import Source
from conftest import ROOT
from test_cli import cnnc

VGG16, ALEXNET = (str(ROOT / f"examples/{name}.cnn") for name in ("vgg16", "alexnet"))


def advised(text: str, shape: tuple[int, ...] | None = None, name: str = "net.cnn") -> Advised:
    found, _ = advise(Source(text, name), shape, {}, Limits())
    return found


def of_rule(found: Advised, rule: str) -> list[Advice]:
    return [one for one in found.advice if one.proposal.rule == rule]


@pytest.mark.parametrize(
    ("layer", "idle"),
    [("softplus", True), ("softplus(threshold=0)", True), ("softplus(threshold=-1)", False), ("sigmoid", True),
     ("softplus(beta=2, threshold=-0.5)", False), ("tanh", False)],
)  # fmt: skip
def test_a_relu_on_what_is_never_negative(layer: str, idle: bool) -> None:
    """Below a threshold under 0, softplus gives negative inputs back."""
    assert len(of_rule(advised(f"{layer} -> relu", (5,)), "idle-layer")) == idle


def judge(found: Advised, shape: tuple[int, ...] | None) -> None:
    """Each rewrite compiles to what its savings say, is canonical, and keeps comments; exact ones compute the same."""
    for one in found.advice:
        net = api.compile(one.text, input=shape)
        assert figures(net.graph) == one.after
        assert [t.value.shape for t in net.graph.outputs] == [t.value.shape for t in found.graph.outputs]
        assert format_source(Source(one.text)) == one.text
        assert comments_of(one.text) == comments_of(found.source.text)
        if one.proposal.exact:
            result = check(found.graph, one)
            assert result.ok, (one.proposal.rule, result.differences)


EXACT = [
    ("bias-before-norm", "conv3x3(16, p=1) -> bn -> relu", (3, 8, 8), "conv3x3(16, p=1, bias=false) -> bn", 16, 0),
    ("bias-before-norm", "dwconv3x3 -> instnorm", (3, 8, 8), "dwconv3x3(bias=false) -> instnorm", 3, 0),
    ("bias-before-norm", "gap -> fc(8, bias=true) -> bn", (3, 8, 8), "fc(8, bias=false) -> bn", 8, 0),
    ("bias-before-norm", "(conv3x3(3, p=1) -> bn -> relu) * 5", (3, 8, 8), "(conv3x3(3, p=1, bias=false)", 15, 0),
    ("bias-before-norm", "deconv2(4, s=2) -> bn -> conv1x1(4) -> bn", (3, 8, 8), "bias=false", 8, 0),
    ("merge-linear", "conv1x1(32) -> conv3x3(4)", (3, 8, 8), "conv3x3(4)", 128 + 1156 - 112, 0),
    ("merge-linear", "conv3x3(16, s=2, p=1) -> conv1x1(4)", (3, 8, 8), "conv3x3(4, s=2, p=1)", 448 + 68 - 112, 0),
    ("merge-linear", "conv1x1(32, bias=false) -> conv3x3(4, p=1)", (3, 8, 8), "conv3x3(4, p=1)", 96 + 1156 - 112, 0),
    ("merge-linear", "conv1x1(32) -> conv3x3(4, bias=false)", (3, 8, 8), "conv3x3(4, bias=true)", 128 + 1152 - 112, 0),
    ("merge-linear", "conv3(16, bias=false) -> conv1(4)", (3, 9), "conv3(4, bias=true)", 144 + 68 - 40, 0),
    ("merge-linear", "fc(64) -> fc(5)", (12,), "fc(5)", 832 + 325 - 65, 768 + 320 - 60),
    ("norm-twice", "bn -> bn -> relu", (3, 8, 8), "bn -> relu", 6, 0),
    ("norm-twice", "bn(affine=false) -> bn(eps=0.01)", (3, 8, 8), "bn(eps=0.01)", 0, 0),
    ("norm-twice", "bn -> bn(affine=false)", (3, 8, 8), "bn", 0, 0),
    ("reorder-relu", "conv3x3(4) -> relu -> maxpool3(s=2, p=1)", (3, 9, 9), "maxpool3(s=2, p=1) -> relu", 0, 0),
    ("reorder-conv", "conv1x1(8) -> avgpool2", (3, 8, 8), "avgpool2 -> conv1x1(8)", 0, 24 * 48),
    ("reorder-conv", "conv1x1(8) -> gap", (3, 8, 8), "gap -> conv1x1(8)", 0, 24 * 63),
    ("reorder", "upsample2(mode=bilinear) -> conv1x1(8)", (3, 8, 8), "conv1x1(8) -> upsample2", 0, 24 * 192),
    ("idle-layer", "relu -> dropout(0) -> scale(1, learn=false) -> relu", (3, 8, 8), "relu\n", 0, 0),
    ("idle-layer", "[relu, dropout(0)]", (3, 8, 8), "[relu, id]", 0, 0),
    ("zero-branch", "id + (conv3x3(3, p=1) -> scale(0, learn=false)) + relu", (3, 8, 8), "id + relu", 84, 81 * 64),
    ("zero-branch", "(conv3x3(3, p=1) -> scale(0, learn=false)) + relu", (3, 8, 8), "relu", 84, 81 * 64),
    ("zero-branch", "res(conv3x3(3, p=1) -> scale(0, learn=false)) -> relu", (3, 8, 8), "id -> relu", 84, 81 * 64),
    ("unread-layer", "relu as t -> conv3x3(3) -> tanh -> [t]", (3, 8, 8), "relu as t -> [t]", 84, 81 * 36),
    ("unread-layer", "input a: 3x8x8\nb = a -> conv1x1(4)  # b\noutput c = a -> relu", None, "# b\noutput", 16, 768),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "shape", "result", "params", "macs"), EXACT, ids=lambda v: str(v)[:40])
def test_exact_rule(rule: str, text: str, shape: tuple[int, ...] | None, result: str, params: int, macs: int) -> None:
    """One piece of advice with these savings, verified with the same weights in double precision."""
    found = advised(text, shape)
    (one,) = of_rule(found, rule)
    assert one.proposal.exact and result in one.text
    assert one.saved("params") == params and (not macs or one.saved("macs") == macs)
    judge(found, shape)


RETRAINED = [
    ("small-kernels", "conv5x5(32, p=1) -> relu", (32, 9, 9), "conv3x3(32, p=1) -> relu -> conv3x3(32, p=0) -> relu",
     25 * 1024 - 18 * 1024 - 32),
    ("small-kernels", "conv5x5(64) -> bn -> relu", (32, 9, 9), "conv3x3(32) -> bn -> relu -> conv3x3(64) -> bn -> relu",
     25 * 2048 - 9 * 1024 - 9 * 2048 - 32 - 64),
    ("small-kernels", "set conv(p=same)\ninput 32x9x9 -> conv7x7(32) -> tanh", None, "conv3x3(32) -> tanh -> conv3x3",
     49 * 1024 - 27 * 1024 - 64),
    ("small-kernels", "conv5x5(32, s=2, p=2) -> relu", (32, 9, 9),
     "conv3x3(32, s=2, p=1) -> relu -> conv3x3(32, p=1) -> relu", 25 * 1024 - 18 * 1024 - 32),
    ("small-kernels", "conv5x5(32, s=3, p=3) -> relu", (32, 20, 19),
     "conv3x3(32, s=3, p=2) -> relu -> conv3x3(32, p=1) -> relu", 25 * 1024 - 18 * 1024 - 32),
    ("small-kernels", "conv7x7(32, s=2, p=same) -> gelu", (32, 10, 10),
     "conv3x3(32, s=2, p=same) -> gelu -> conv3x3(32, p=same) -> gelu -> conv3x3(32, p=same) -> gelu",
     49 * 1024 - 27 * 1024 - 64),
    ("separable", "conv3x3(32, s=2, p=1) -> relu", (32, 9, 9), "dwconv3x3(s=2, p=1, bias=false) -> conv1x1(32) -> relu",
     8 * 1024 - 9 * 32),
    ("separable", "conv3x3(32, bias=false) as a -> relu", (32, 9, 9), 
     "(dwconv3x3(bias=false) -> conv1x1(32, bias=false)) as a", 9216 - 288 - 1024),
    ("separable", "set conv(bias=false)\ninput 32x9x9 -> conv3x3(32) -> relu", None,
     "dwconv3x3 -> conv1x1(32)", 9216 - 288 - 1024),
    ("grouped", "conv1x1(64, bias=false) -> relu", (64, 9, 9), "conv1x1(64, bias=false, g=4) -> shuffle(4)", 3072),
    ("earlier-pool", "conv1x1(8) -> relu -> conv3x3(8, p=1) -> tanh -> maxpool2", (8, 8, 8),
     "maxpool2 -> conv3x3(8, p=1) -> tanh", 0),
    ("earlier-stride", "conv3x3(8, p=1) -> relu -> conv3x3(8, s=2, p=1)", (8, 8, 8),
     "conv3x3(8, p=1, s=2) -> relu -> conv3x3(8, p=1)", 0),
    ("pooled-head", "flatten -> fc(8) -> relu -> fc(4)", (3, 5, 5), "gap -> fc(8) -> relu -> fc(4)", 24 * 24),
    ("short-head", "avgpool2 -> flatten -> (fc(8) -> relu -> fc(4)) as h", (3, 8, 8), "gap -> fc(4) as h",
     392 + 36 - 16),
]  # fmt: skip


@pytest.mark.parametrize(("rule", "text", "shape", "result", "params"), RETRAINED, ids=lambda v: str(v)[:40])
def test_other_rule(rule: str, text: str, shape: tuple[int, ...] | None, result: str, params: int) -> None:
    found = advised(text, shape)
    mine = of_rule(found, rule)
    (one,) = mine
    assert not one.proposal.exact and result in one.text and one.saved("params") == params and one.saved("macs") > 0
    judge(found, shape)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("conv1x1(32) -> conv3x3(4, p=1)", "merge-linear"),  # zeros beside the map instead of the first one's bias
        ("conv3x3(8) -> relu -> conv1x1(4)", "merge-linear"),
        ("conv3x3(8, reparam=weight_norm) -> conv1x1(4)", "merge-linear"),
        ("conv3x3(8) as t -> conv1x1(4) -> [id, t]", "merge-linear"),
        ("shared f = conv1x1(3) -> bn\ninput 3x9x9 -> f -> f", "bias-before-norm"),
        ("conv1x1(8) -> gn(2)", "bias-before-norm"),
        ("conv1x1(8) as t -> bn -> [id, t]", "bias-before-norm"),
        ("conv1x1(8) -> avgpool3(s=2, p=1)", "reorder-conv"),
        ("relu as t -> maxpool2 -> [id, (t -> maxpool2)]", "reorder-relu"),
        ("silu -> maxpool2", "reorder-silu"),
        ("maxpool2 as p -> relu -> unpool2(p)", "idle-layer"),
        ("(gap -> conv1x1(3)) + (conv3x3(3, p=1) -> scale(0, learn=false)) -> conv3x3(3, p=1) -> gap", "zero-branch"),
        ("id + (conv3x3(3, p=1) -> scale(0))", "zero-branch"),
        ("conv7x7(64, s=2) -> maxpool2", "small-kernels"),
        (
            "conv1x1(32) -> relu -> conv5x5(32, s=2)",
            "small-kernels",
        ),  # the stride in the last: all positions; in the first: too few
        ("conv1x1(32) -> relu -> conv7x7(32, s=2, p=1)", "small-kernels"),  # nothing to take off the first's padding
        ("conv3x3(64) -> maxpool2", "earlier-pool"),  # it would pool the input itself
        ("conv1x1(8) -> relu -> conv3x3(8, s=2)", "earlier-stride"),  # it would pass positions over
        ("conv3x3(8, p=1) -> relu", "separable"),
        ("gap -> flatten -> fc(4)", "pooled-head"),
    ],
)
def test_no_advice(text: str, rule: str) -> None:
    assert rule not in {one.proposal.rule for one in advised(text, (3, 9, 9)).advice}


@pytest.mark.parametrize(
    ("kernel", "stride", "place", "field"),
    [(5, 2, "last", 5), (5, 2, "first", 7), (5, 3, "first", 9), (7, 2, "last", 7), (7, 2, "first", 11)],
)
def test_where_the_stride_of_small_kernels_goes(kernel: int, stride: int, place: str, field: int) -> None:
    """In the last it leaves the receptive field, in the first it widens it, and saves more; both say so."""
    found = advised(f"conv{kernel}x{kernel}(64, s={stride}, p={kernel // 2}) -> relu", (16, 33, 32))
    mine = {one.proposal.title.rpartition(" ")[2]: one for one in of_rule(found, "small-kernels")}
    assert api.compile(mine[place].text, input=(16, 33, 32)).layers[-1].receptive_field == (field, field)
    assert f"{field}x{field}" in mine[place].proposal.why and not mine[place].proposal.exact
    assert "last" not in mine or mine["first"].saved("macs") > mine["last"].saved("macs")


def test_a_repeated_layer_changes_once() -> None:
    text = "block b(c) = conv3x3(c, p=1) -> bn -> relu\ninput 3x8x8 -> for c in [8, 16] { b(c) -> b(c) * 3 } -> gap"
    found = advised(text)
    (one,) = of_rule(found, "bias-before-norm")
    assert one.saved("params") == 4 * (8 + 16) and one.difference.count("+ ") == 1
    judge(found, None)


def test_weights_move_through_layers_that_are_numbered_anew() -> None:
    """Names of all later layers change where a layer goes; each keeps its weights all the same."""
    text = (
        "(conv3x3(4, p=1) -> bn -> bn -> relu -> relu -> conv3x3(4, p=1) -> bn -> relu) as f -> gap -> fc(8) -> fc(2)"
    )
    found = advised(text, (3, 8, 8))
    assert {"norm-twice", "idle-layer", "merge-linear", "bias-before-norm"} <= {a.proposal.rule for a in found.advice}
    judge(found, (3, 8, 8))


def test_comments_and_the_rest_of_the_file_stay() -> None:
    text = (
        "# head\nnet n(classes=4)\n\ninput 3x8x8  # an image\n-> conv3x3(8)  # first\n-> bn  # then\n-> bn  # again\n"
        "-> relu\n# end\n-> gap -> fc(classes)\n"
    )
    found = advised(text)
    (one,) = of_rule(found, "norm-twice")
    assert one.text.count("bn") == 1 and "net n(classes=4)" in one.text
    judge(found, None)


def test_the_best_advice_comes_first() -> None:
    for path in (VGG16, ALEXNET):
        found = advised(Path(path).read_text())
        assert [one.worth for one in found.advice] == sorted((one.worth for one in found.advice), reverse=True)


def test_vgg16() -> None:
    found = advised(Path(VGG16).read_text())
    (pooled,), (short,), (separable,) = (of_rule(found, r) for r in ("pooled-head", "short-head", "separable"))
    assert pooled.saved("params") == 4096 * (25_088 - 512)
    assert short.after["params"] == 14_714_688 + 513_000
    assert separable.share("macs") > 0.85
    judge(found, None)


def test_alexnet() -> None:
    found = advised(Path(ALEXNET).read_text(), (3, 67, 67))
    rules = {one.proposal.rule for one in found.advice}
    assert {"pooled-head", "short-head", "small-kernels", "separable", "grouped", "reorder-relu"} <= rules
    judge(found, (3, 67, 67))


@pytest.mark.parametrize("name", ["vgg16", "alexnet", "googlenet", "resnet50", "c3d"])
def test_every_rewrite_saves_what_it_promises(name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Written with --apply N -o, read again, and counted: parameters and operations are those of the report."""
    path, out = str(ROOT / f"examples/{name}.cnn"), tmp_path / "out.cnn"
    assert cli.run(["advise", path, "--format", "json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["advice"]
    for one in report["advice"]:
        assert cli.run(["advise", path, "--apply", str(one["number"]), "-o", str(out), "--force"]) == 0
        net, savings = api.load(out), one["savings"]
        assert (net.params, net.macs) == (savings["params"]["after"], savings["macs"]["after"])
        assert net.params == report["totals"]["params"] - savings["params"]["saved"]
        assert net.macs == report["totals"]["macs"] - savings["macs"]["saved"]
        assert net.to_dict()["totals"]["peak_bytes"] == savings["peak_bytes"]["after"]


@pytest.mark.parametrize("name", ["resnet50", "mobilenetv2"])
def test_nothing_silly(name: str) -> None:
    """No advice for heads that are small already, stems that cannot get cheaper, or projections."""
    found = advised((ROOT / f"examples/{name}.cnn").read_text())
    assert {one.proposal.rule for one in found.advice} <= {"separable", "grouped", "reorder-relu"}
    assert not any("proj" in one.difference.split("+ ", 1)[1] for one in found.advice)


@pytest.mark.parametrize("name", ["cifar10", "conv1d", "triplet", "siamese", "multitask", "unet", "shufflenetv2"])
def test_examples(name: str) -> None:
    """Exact rewrites of whole networks, shared layers and several outputs among them."""
    found = advised((ROOT / f"examples/{name}.cnn").read_text())
    for one in found.advice:
        assert one.saved("params") >= 0 and one.saved("macs") >= 0
    judge(Advised(*found[:3], [one for one in found.advice if not one.proposal.exact]), None)


@pytest.mark.parametrize(
    ("name", "shape"), [("densenet121", (3, 32, 32)), ("resnet18", (3, 32, 32)), ("cifar10", None)]
)
def test_exact_advice_on_networks(name: str, shape: tuple[int, ...] | None) -> None:
    found = advised((ROOT / f"examples/{name}.cnn").read_text(), shape)
    exact = [one for one in found.advice if one.proposal.exact]
    assert exact
    judge(Advised(*found[:3], exact), shape)


# The command


def test_command() -> None:
    result = cnnc("advise", VGG16)
    assert result.returncode == 0 and result.stderr == "" and "\x1b" not in result.stdout
    assert "changes the function: train again" in result.stdout and "-100,663,296  -72.76%" in result.stdout
    assert "+ -> gap" in result.stdout and "vgg16.cnn:9:4" in result.stdout
    assert "example" in cnnc("advise", "--help").stdout


def test_command_verifies() -> None:
    net = ("-e", "conv3x3(8) -> bn -> relu -> maxpool2", "--input", "3x16x16")
    result = cnnc("advise", *net, "--verify", "--exact")
    assert result.returncode == 0 and result.stdout.count("apart, ok") == 2
    report = json.loads(cnnc("advise", *net, "--verify", "--format", "json").stdout)
    assert [one["number"] for one in report["advice"]] == [1, 2]
    for one in report["advice"]:
        assert one["exact"] and one["verified"]["ok"] and set(one["savings"]) == set(FIGURES)
        assert api.compile(one["program"], input="3x16x16").params == one["savings"]["params"]["after"]
    assert report["advice"][0]["line"] == 1 and report["totals"]["params"] == 240


def test_command_applies(tmp_path: Path) -> None:
    result = cnnc("advise", ALEXNET, "--apply", "1", "-o", "out.cnn", cwd=tmp_path)
    assert result.returncode == 0 and result.stdout.startswith("wrote out.cnn: ")
    text = (tmp_path / "out.cnn").read_text()
    assert cnnc("fmt", "--check", "out.cnn", cwd=tmp_path).returncode == 0
    assert text.startswith('# AlexNet in the one-tower form of Krizhevsky, "One weird trick')
    assert api.compile(text).params == 2_726_696
    assert cnnc("advise", ALEXNET, "--apply", "1").stdout == text


def test_command_reads_stdin_and_parameters() -> None:
    result = cnnc("advise", "-", "-D", "classes=10", stdin=Path(VGG16).read_text())
    assert result.returncode == 0 and "<stdin>:9:4" in result.stdout and "134,301,514 parameters" in result.stdout
    assert "nothing to advise" in cnnc("advise", "-e", "relu", "--input", "3x8x8").stdout


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        ((), 2, "E0501"),
        (("missing.cnn",), 2, "E0501"),
        (("-e", "rellu", "--input", "3x8x8"), 1, "E0301"),
        (("-e", "relu -> (", "--input", "3x8x8"), 1, "E0109"),
        (("-e", "conv3x3(8)", "--input", "3xHxW"), 2, "E0331"),
        ((VGG16, "--apply", "99"), 2, "E0572"),
        ((VGG16, "--apply", "1", "-o", "/nowhere/x.cnn"), 2, "E0503"),
    ],
)
def test_wrong_requests(args: tuple[str, ...], status: int, code: str) -> None:
    result = cnnc("advise", *args)
    assert result.returncode == status and code in result.stderr and result.stdout == ""
