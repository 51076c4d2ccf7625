"""`cnnc diff`: alignment, figures, forms, exit statuses, large networks."""

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import cnnc as api
import pytest
from cnnc.compiler.align import match
from conftest import EXAMPLES, ROOT, calls_of
from test_cli import cnnc

VGG = str(ROOT / "examples/zoo/vgg.cnn")
RESNET18, RESNET50 = (str(ROOT / f"examples/resnet{n}.cnn") for n in (18, 50))


def compiled(text: str, shape: str = "3x32x32") -> api.Net:
    return api.compile(text, input=shape)


def pairs(a: str, b: str, by: str = "layer") -> list[tuple[str | None, str | None]]:
    lines = compiled(a).diff(compiled(b), by).lines
    return [(line.a and line.a.name, line.b and line.b.name) for line in lines]


def test_every_example_equals_itself(example: Path) -> None:
    net = api.load(example)
    found = net.diff(api.load(example))
    assert found.equal and all(line.equal for line in found.lines)
    assert all(total.change in (0, None) for total in found.totals)


def test_layers_are_paired_by_name() -> None:
    assert pairs("conv3x3(8) -> relu -> conv3x3(8)", "conv3x3(16) -> bn -> relu -> conv3x3(16)") == [
        ("conv1", "conv1"), (None, "bn1"), ("relu1", "relu1"), ("conv2", "conv2"),
    ]  # fmt: skip


def test_layers_are_paired_by_kind_where_names_move_up() -> None:
    a = "(conv3x3(8, p=1) -> relu -> maxpool2 -> conv3x3(16, p=1) -> relu -> maxpool2) as f"
    b = "(conv3x3(8, p=1) -> relu -> conv3x3(8, p=1) -> relu -> maxpool2 -> conv3x3(16, p=1) -> relu -> maxpool2) as f"
    found = compiled(a).diff(compiled(b))
    assert sum(line.equal for line in found.lines) == 6 and sum(line.a is None for line in found.lines) == 2
    assert sum(line.renamed for line in found.lines) == 1
    assert "… 4 equal layers, 1 with weights of another name" in str(found)


def test_repeats_of_other_lengths_are_one_line() -> None:
    block = "block b = conv3x3(3, p=1) -> relu\ninput 3x8x8 -> b * {} -> gap"
    found = compiled(block.format(4), None).diff(compiled(block.format(6), None))
    names = [(line.a.name, line.b.name, line.equal) for line in found.lines if line.a and line.b]
    assert names[0] == ("0-3.conv1", "0-5.conv1", False) or names[0][2] is False
    assert names[-1] == ("gap1", "gap1", True)


def test_figures_and_changes() -> None:
    found = compiled("conv3x3(8) -> relu").diff(compiled("conv3x3(16) -> relu"))
    totals = {total.name: total for total in found.totals}
    assert (totals["params"].a, totals["params"].b, totals["params"].change) == (224, 448, 224)
    assert totals["macs"].relative == 1.0 and totals["depth"].change == 0
    assert totals["training_bytes"].a == compiled("conv3x3(8) -> relu").training.saved_bytes(1, "fp32")
    assert not found.equal


def test_an_argument_without_a_figure_is_shown() -> None:
    found = compiled("conv3x3(8, p=2, d=2)").diff(compiled("conv3x3(8, p=1)"))
    assert not found.equal and "conv (p 2 -> 1, d 2 -> 1)" in str(found)


def test_equal_layers_connected_in_another_way() -> None:
    a = "input 4x8x8 -> relu as s -> relu as t -> relu -> [id, s]"
    b = "input 4x8x8 -> relu as s -> relu as t -> relu -> [id, t]"
    found = api.compile(a).diff(api.compile(b))
    assert found.rewired and not found.equal and "equal layers read other tensors" in str(found)


@pytest.mark.parametrize("by", ["block", "op"])
def test_groups(by: str) -> None:
    found = api.load(RESNET18).diff(api.load(RESNET50), by)
    names = [line.a.name for line in found.lines if line.a and line.b]
    assert ("layer1" if by == "block" else "conv") in names
    for side in ("a", "b"):
        sums = [getattr(line, side).params for line in found.lines if getattr(line, side)]
        assert sum(sums) == next(getattr(t, side) for t in found.totals if t.name == "params")


def test_formulas() -> None:
    a, b = (api.compile(f"conv3x3({c}) -> relu", input="3xHxW") for c in (4, 8))
    found = a.diff(b)
    assert "H" in str(found) and not found.equal
    assert json.dumps(found.to_dict())


def test_large_networks_take_few_steps() -> None:
    """A thousand calls for a layer: not every layer is compared with every other."""
    text = "input 3x8x8 -> " + " -> ".join(f"conv3x3({3 + i % 2}, p=1) -> relu" for i in range(1500))
    a, b = api.compile(text), api.compile(text.replace("conv3x3(3, p=1)", "conv3x3(5, p=1)", 700))
    lines = a.diff(b).lines
    assert len(lines) == 3000
    assert calls_of(lambda: a.diff(b)) < 1000 * len(lines)
    net = api.compile("block b = conv3x3(8, p=1) -> bn -> relu\ninput 8x32x32 -> b * 100000")
    assert net.diff(net).equal


def test_match_pairs_equal_keys_in_order() -> None:
    assert match("abcxyz", "abdxyz") == [(0, 0), (1, 1), (3, 3), (4, 4), (5, 5)]
    assert match("", "abc") == [] and match("aaa", "aa") == [(0, 0), (1, 1)]


# The command


def test_command_folds_what_is_equal() -> None:
    result = cnnc("diff", RESNET50, RESNET50, "--b-define", "classes=10")
    assert result.returncode == 0 and result.stderr == ""
    assert "… 173 equal layers" in result.stdout and "-2,028,510" in result.stdout and "-7.94%" in result.stdout
    assert "MACs (torchvision)" in result.stdout and "\x1b" not in result.stdout


def test_command_with_settings_of_both_and_of_one() -> None:
    settings = ("-D", "classes=10", "--b-define", "depth=11", "--b-input", "3x64x64", "--convention", "fvcore")
    result = cnnc("diff", VGG, VGG, *settings, "--format", "json")
    report = json.loads(result.stdout)
    one, two = (api.load(VGG, shape, {"classes": 10, "depth": n}) for shape, n in ((None, 16), ("3x64x64", 11)))
    assert report["convention"] == "fvcore" and not report["equal"]
    for side, net in (("a", one), ("b", two)):
        assert report["totals"]["params"][side] == net.params
        assert report["totals"]["cost"][side] == net.cost("fvcore")
        assert sum(line[side]["params"] for line in report["lines"] if line[side]) == net.params


def test_check_tells_by_its_status() -> None:
    assert cnnc("diff", RESNET18, RESNET18, "--check").returncode == 0
    assert cnnc("diff", RESNET18, RESNET50, "--check").returncode == 1
    assert "all layers, connections and names of weights" in cnnc("diff", RESNET18, RESNET18).stdout


def test_forms_and_pipes() -> None:
    markdown = cnnc("diff", RESNET18, RESNET50, "--by", "block", "--format", "md").stdout
    assert "| layer1 | 14 | 32 | 147,968 | 215,808 | +67,840 |" in markdown
    piped = cnnc("diff", "-", RESNET18, stdin=Path(RESNET18).read_text())
    assert piped.returncode == 0 and "… 68 equal layers" in piped.stdout
    assert "example" in cnnc("diff", "--help").stdout
    head = subprocess.run(
        ["bash", "-c", f"{Path(sys.executable).with_name('cnnc')} diff {RESNET18} {RESNET50} | head -1"],
        capture_output=True,
        text=True,
    )
    assert head.stderr == ""


@pytest.mark.parametrize(
    ("args", "status", "code"),
    [
        (("-", "-"), 2, "E0501"),
        (("missing.cnn", RESNET18), 2, "E0501"),
        ((RESNET18, RESNET50, "--convention", "mine"), 2, "E0517"),
        ((RESNET18, RESNET50, "--b-define", "oops"), 2, "E0506"),
        ((RESNET18, RESNET50, "-D", "nothing=1"), 1, "E0322"),
        ((RESNET18,), 2, "E0501"),
        ((), 2, "E0501"),
        ((RESNET18, RESNET18, RESNET50), 2, "E0501"),
    ],
)
def test_wrong_requests(args: tuple[str, ...], status: int, code: str) -> None:
    result = cnnc("diff", *args)
    assert result.returncode == status and code in result.stderr and result.stdout == ""


def test_examples_side_by_side() -> None:
    """Any two networks can be compared, and every layer of both is in exactly one line."""
    nets = [api.load(path) for path in EXAMPLES[::4]]
    for a, b in pairwise(nets):
        lines = a.diff(b).lines
        for side, net in (("a", a), ("b", b)):
            layers = sum(getattr(line, side).layers for line in lines if getattr(line, side) is not None)
            assert layers == len(net.layers)
