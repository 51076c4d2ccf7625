"""`cnnc fit`: budgets reached within two per cent, or the step that is in the way; requests that make no sense."""

import json
import subprocess
import sys
from pathlib import Path

import cnnc
import pytest
from cnnc.compiler.fitting import describe, read_amount
from cnnc.compiler.scaling import GOAL
from conftest import ROOT

ZOO = ROOT / "examples" / "zoo"
MOBILENET, RESNET = str(ZOO / "mobilenet_v2.cnn"), str(ZOO / "resnet.cnn")

SCALED = """net scaled(width=1.0, depth=2, classes=10)
block unit(c) = res(conv3x3(c, p=1, bias=false) -> bn -> relu, proj=conv1x1(c))
input 3x32x32 -> conv3x3(int(16 * width), p=1) -> unit(int(16 * width)) * depth
-> maxpool2 -> unit(int(32 * width)) * depth -> gap -> fc(classes)
"""


def run(*args: str, cwd: Path | None = None, stdin: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name("cnnc")), "fit", *args]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd, input=stdin, timeout=120)


@pytest.mark.parametrize(
    ("path", "budget", "vary"),
    [
        (MOBILENET, {"params": 5_000_000}, None),
        (MOBILENET, {"macs": 300_000_000}, ["width"]),
        (MOBILENET, {"params": 2_000_000, "macs": 300_000_000}, None),
        (MOBILENET, {"macs": 200_000_000}, ["width", "input=96..288:32"]),
        (MOBILENET, {"params": 2_000_000}, None),
        (MOBILENET, {"peak": 2 * 2**20}, ["width", "input"]),
        (RESNET, {"params": 10_000_000}, None),
        (RESNET, {"params": 12_000_000}, ["depth", "width=8..64"]),
        (RESNET, {"params": 15_000_000}, None),
        (RESNET, {"macs": 6_000_000_000}, ["depth", "width"]),
    ],
)
def test_a_budget_is_filled(path: str, budget: dict[str, int], vary: list[str] | None) -> None:
    """Within 2 % of the tightest budget and over none; the figures are those of the network itself."""
    found = cnnc.fit(path, **budget, vary=vary)
    assert found.bound in budget and GOAL <= found.shares[found.bound] <= 1
    given = {name: value for name, value in found.values.items() if name != "input"}
    shape = found.net.input_shape[1:]
    again = cnnc.load(path, input=shape, params=given)
    assert (again.params, again.macs) == found.cost[:2] == (found.net.params, found.net.macs)
    assert found.cost.peak == again.to_dict()["totals"]["peak_bytes"]
    for name, value, cost in found.next:
        assert found.budget.load(cost) > 1, (name, value)


def test_it_is_the_largest_that_fits() -> None:
    """Every width was tried the slow way."""
    limit = 60_000
    found = cnnc.fit(write(SCALED), params=limit, vary=["width=0.25..4:0.0625"])
    widths = [0.25 + i * 0.0625 for i in range(61)]
    fitting = [n.params for w in widths if (n := cnnc.compile(SCALED, params={"width": w})).params <= limit]
    assert found.cost.params == max(fitting)


def write(text: str) -> str:
    """A program in a file of its own, removed at the end."""
    import atexit
    import tempfile

    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    path = Path(folder.name) / "net.cnn"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_whole_numbers_stay_whole_and_what_does_not_compile_is_passed_over() -> None:
    found = cnnc.fit(RESNET, params=50_000_000, vary=["depth"])
    assert found.values == {"depth": 101} and isinstance(found.values["depth"], int)
    assert found.next[0][:2] == ("depth", 152)
    assert cnnc.fit(write(SCALED), params=60_000).values["depth"] >= 1


def test_a_multiple_is_found_among_values_that_fail() -> None:
    text = "net n(width=32) input 4x8x8 -> conv1x1(width, g=4) -> conv1x1(width, g=4) -> gap -> fc(3)"
    found = cnnc.fit(write(text), params=5_000)
    assert found.values["width"] % 4 == 0 and found.shares["params"] > 0.9


def test_a_parameter_that_makes_the_network_smaller() -> None:
    path = str(ZOO / "se_resnet.cnn")
    found = cnnc.fit(path, params=27_000_000, vary={"reduction": (4, 64)})
    assert GOAL <= found.shares["params"] <= 1
    assert found.next[0][1] == found.values["reduction"] - 1


def test_rounder_numbers_for_the_same_network() -> None:
    """Between two steps of the channels all widths make one network; the shortest number of them is given."""
    found = cnnc.fit(MOBILENET, params=1_700_000)
    assert len(str(found.values["width"])) <= 5
    assert cnnc.load(MOBILENET, params=found.values).params == found.cost.params


def test_the_reason_where_a_budget_is_not_filled() -> None:
    result = run(str(ZOO / "efficientnet.cnn"), "--params", "12M", "--vary", "b=0..7")
    assert result.returncode == 0 and "b=2" in result.stdout.splitlines()[0]
    assert "next step       b=3 takes 12,233,232 parameters, 101.9 %" in result.stdout
    assert "not filled" in result.stdout


@pytest.mark.parametrize(
    ("network", "budget", "vary", "near"),
    [
        ("resnet18", {"macs": 1_000_000_000}, "input", ("input", 160, 161)),
        ("resnet50", {"macs": 1_000_000_000}, "input=32..256:32", ("input", 96, 128)),
        ("zoo/mobilenet_v2", {"macs": 50_000_000}, "width", ("width", 0.277, 0.278)),
        ("zoo/resnet", {"params": 8_000_000, "macs": 900_000_000}, "width=8..64", ("width", 12, 13)),
    ],
)
def test_what_is_not_filled_has_a_next_step_too_far(
    network: str, budget: dict[str, int], vary: str, near: tuple[str, float, float]
) -> None:
    """Over 2 % are left only where the very next value goes beyond the budget; the text says so."""
    found = cnnc.fit(str(ROOT / f"examples/{network}.cnn"), **budget, vary=vary)
    assert found.bound is not None and found.shares[found.bound] < GOAL
    ((name, value, cost),) = found.next
    assert (name, found.values[name], value) == near and found.budget.load(cost) > 1
    assert f"next step       {name}={value} takes" in describe(found) and "not filled" in describe(found)


def test_the_smallest_need_not_have_the_smallest_of_every_parameter() -> None:
    """A wide unit without a bottleneck is dearer than a deep one with it, so the first depth is no bound."""
    text = """net n(depth=2, width=32)
block unit = conv3x3(256, p=1) if depth < 2 else (conv1x1(width) -> conv1x1(256))
input 64x8x8 -> unit * depth -> gap -> fc(4)
"""
    found = cnnc.fit(write(text), params=100_000)
    assert found.values["depth"] >= 2 and GOAL <= found.shares["params"] <= 1
    result = run("-", "--params", "4K", stdin=text)
    assert result.returncode == 2 and "depth=2, width=4" in result.stderr and "--vary input" in result.stderr


def test_ranges_that_end_first() -> None:
    result = run(MOBILENET, "--params", "1G", "--vary", "width=0.5..1.5")
    assert "width=1.5" in result.stdout and "bound by        the ranges" in result.stdout


def test_memory_in_the_type_asked_for() -> None:
    wide = cnnc.fit(MOBILENET, peak=2**21, vary=["width=0.1..2", "input=64..256:16"])
    narrow = cnnc.fit(MOBILENET, peak=2**19, vary=["width=0.1..2", "input=64..256:16"], dtype="int8")
    assert wide.values == narrow.values and wide.cost.peak == 4 * narrow.cost.peak


def test_text() -> None:
    result = run(MOBILENET, "--params", "5M", "--macs", "300M")
    lines = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert lines[0] == "mobilenet_v2, input 1x3x224x224: width=0.987"
    assert lines[4].split() == ["MACs", "300,000,000", "299,896,192", "100.0", "%"]
    assert "bound by        MACs" in lines and "arguments       -D width=0.987" in lines


def test_arguments_build_the_network() -> None:
    text = run(MOBILENET, "--macs", "100M", "--vary", "width", "--vary", "input=96..224:32").stdout
    given = text.split("arguments")[1].split()
    used = next(line.split()[2] for line in text.splitlines() if line.startswith("MACs"))
    command = [str(Path(sys.executable).with_name("cnnc")), "analyze", MOBILENET, *given]
    assert used in subprocess.run(command, capture_output=True, text=True).stdout


def test_json_and_pipe() -> None:
    result = run("-", "--params", "60K", "--format", "json", stdin=SCALED)
    report = json.loads(result.stdout)
    assert report["bound"] == "params" and set(report["values"]) == {"width", "depth"}
    assert report["cost"]["params"]["share"] == report["cost"]["params"]["used"] / 60_000
    assert report["cost"]["macs"]["budget"] is None


def test_help() -> None:
    text = " ".join(run("--help").stdout.split())
    assert "example: cnnc fit" in text and "powers of 1000" in text and "powers of 1024" in text


def test_amounts() -> None:
    assert [read_amount(t) for t in ("5M", "1.5g", "300", "2K")] == [5_000_000, 1_500_000_000, 300, 2_000]
    assert [read_amount(t, True) for t in ("256K", "256KiB", "1.5M", "64KB", "100")] == [
        2**18, 2**18, 3 * 2**19, 2**16, 100,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("args", "code", "told"),
    [
        (("-e", "input 3x8x8 -> relu", "--params", "1"), "E0540", "no numeric build parameter"),
        (("-e", "net n(classes=3) input 3x8x8 -> gap -> fc(classes)", "--params", "9"), "E0540", "none of classes"),
        ((MOBILENET, "--params", "5M", "--vary", "widht"), "E0541", "can be scaled: classes, width, input"),
        ((str(ZOO / "efficientnet_v2.cnn"), "--params", "5M", "--vary", "size"), "E0541", "its value is not a number"),
        ((MOBILENET, "--params", "5M", "--vary", "width=2"), "E0542", "two bounds"),
        ((MOBILENET, "--params", "5M", "--vary", "width=2..1"), "E0542", "the lower bound comes first"),
        ((MOBILENET, "--params", "5M", "--vary", "width=a..b"), "E0542", "numbers"),
        ((MOBILENET, "--params", "5M", "--vary", "width=0..1:1e-9"), "E0542", "values"),
        ((MOBILENET, "--params", "5M", "--vary", "input=0..64"), "E0542", "at least 1"),
        ((MOBILENET, "--params", "5M", "--vary", "width", "--vary", "width=1..2"), "E0542", "width has one already"),
        ((MOBILENET, "--params", "five"), "E0543", "`five` is not a budget"),
        ((MOBILENET, "--macs", "0"), "E0543", "`0` is not a budget"),
        ((MOBILENET, "--params", "500K", "--vary", "width=1..2"), "E0544", "3,504,872 parameters, 601.0 % more"),
        ((MOBILENET,), "E0545", "--params 5M"),
        (("--params", "5M"), "E0501", "-e TEXT"),
    ],
)
def test_wrong_requests(args: tuple[str, ...], code: str, told: str) -> None:
    result = run(*args)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith(f"error[{code}]") and told in result.stderr


def test_a_wrong_program() -> None:
    result = run("-e", "net n(width=1) input 3x8x8 -> rellu", "--params", "1")
    assert result.returncode == 1 and "E0301" in result.stderr


def test_a_type_without_memory() -> None:
    """It is that of `peak`, and would have no effect."""
    with pytest.raises(cnnc.UsageError, match="`dtype` has no effect") as raised:
        cnnc.fit(MOBILENET, params=5_000_000, dtype="fp16")
    assert raised.value.code == "E0580"
