"""The roofline model: bytes and times by hand, sums over a network, devices from files good and bad."""

import json
from fractions import Fraction
from pathlib import Path

import cnnc
import jsonschema
import pytest
from cnnc.compiler.devices import BUNDLED, find_device, read_devices
from cnnc.compiler.memory import DTYPE_BYTES
from cnnc.compiler.ops import REGISTRY
from cnnc.compiler.reference import describe_devices
from cnnc.compiler.roofline import IDLE, Device, intensity, operations, roofline, traffic
from cnnc.compiler.rows import rows
from conftest import ROOT
from test_imports import loaded_after

TOY = Device("toy", "", "", 10_000, None, 1000.0, 100.0, {"fp32": 1000.0, "fp16": 4000.0})
"""A thousand bytes and a thousand operations a second, a hundred outside of matrices."""

FIELDS = {"memory": "1e9", "bandwidth": "1e9", "vector": "1e9", "peak": "{ fp32 = 1e9 }"}
DEVICES = read_devices(str(BUNDLED))


def table(name: str = "edge", **changes: str) -> str:
    """A device's text with fields replaced, or left out where they are empty."""
    return f"[{name}]\n" + "".join(f"{field} = {value}\n" for field, value in (FIELDS | changes).items() if value)


# By hand


def test_a_convolution_by_hand() -> None:
    net = cnnc.compile("conv3x3(4)", input="3x8x8")
    for batch in (1, 2):
        (point,) = net.roofline(TOY, batch).points
        assert point.bytes == 4 * (batch * (3 * 8 * 8 + 4 * 6 * 6) + 4 * 3 * 9 + 4)
        assert point.operations == batch * (2 * 4 * 6 * 6 * 27 + 4 * 6 * 6)  # the bias is an addition each
        assert point.seconds == pytest.approx(batch * (2 * 3888 / 1000 + 144 / 100))
        assert (point.bound, point.intensity) == ("compute", Fraction(point.operations, point.bytes))


def test_narrow_types_move_fewer_bytes() -> None:
    net = cnnc.compile("conv3x3(4)", input="3x8x8")
    wide, narrow = net.roofline(TOY), net.roofline(TOY, dtype="fp16")
    assert narrow.bytes * 2 == wide.bytes
    assert narrow.points[0].seconds == pytest.approx(2 * 3888 / 4000 + 144 / 100)


def test_an_activation_is_bound_by_memory() -> None:
    (point,) = cnnc.compile("relu", input="3x8x8").roofline(TOY._replace(vector=1e9)).points
    assert (point.bytes, point.operations, point.bound) == (4 * 2 * 192, 192, "memory")
    assert point.seconds == pytest.approx(4 * 2 * 192 / 1000)


def test_a_sum_reads_both_operands() -> None:
    points = cnnc.compile("id + conv1x1(3, bias=false)", input="3x4x4").roofline(TOY).points
    assert [p.bytes for p in points] == [4 * (48 + 48 + 9), 4 * 3 * 48]


def test_statistics_are_read_and_counts_of_batches_are_not() -> None:
    (point,) = cnnc.compile("bn", input="3x4x4").roofline(TOY).points
    assert point.bytes == 4 * (48 + 48 + 4 * 3)


@pytest.mark.parametrize("name", sorted(set(DEVICES) - {"stm32h7"}))
def test_a_linear_layer_for_one_sample_is_bound_by_memory(name: str) -> None:
    net = cnnc.compile("fc(1000)", input="2048")
    for dtype in DEVICES[name].dtypes:
        (point,) = net.roofline(name, dtype=dtype).points
        assert point.bound == "memory"
        assert point.seconds == point.bytes / DEVICES[name].bandwidth


def test_batches_raise_the_intensity() -> None:
    net = cnnc.compile("fc(1000)", input="2048")
    assert net.roofline("h100", 4096, "fp16").points[0].bound == "compute"


def test_a_small_intensity_is_enough_for_a_small_device() -> None:
    net = cnnc.compile("conv1x1(64)", input="64x32x32")
    assert net.roofline("stm32h7", dtype="int8").points[0].bound == "compute"
    assert net.roofline("h100", dtype="fp16").points[0].bound == "memory"


def test_views_and_dropout_cost_nothing() -> None:
    for op in REGISTRY.values():
        if op.view or op.name in IDLE:
            for sample in op.samples[:2]:
                chain, _, shape = sample.rpartition(" @ ")
                net = cnnc.compile(chain, input=shape)
                for row, p in zip(net.layers, net.roofline(TOY).points, strict=True):
                    if row.op == op.name:
                        assert (p.bytes, p.operations, p.seconds, p.bound, p.intensity) == (0, 0, 0.0, "", None)
    assert set(REGISTRY) >= IDLE


# Sums


def test_points_stand_beside_rows(example: Path) -> None:
    """Folded or not, points are those of the rows, and their sum is what regions sum to."""
    net = cnnc.load(example)
    for folded in (False, True):
        found = roofline(net.graph, TOY, 2, "fp16", folded)
        lines = list(rows(net.graph, folded))
        assert [p.times for p in found.points] == [row.times for row in lines]
        assert [p.operations for p in found.points] == [2 * operations(row.work) for row in lines]
        assert found.operations == 2 * operations(net.totals.work)
        assert found.bytes == traffic(net.graph).bytes(2, "fp16") == net.to_dict(2, "fp16")["totals"]["bytes_moved"]
        assert found.seconds == pytest.approx(net.roofline(TOY, 2, "fp16").seconds)
        assert all(p.active for p in found.points) == (not net.graph.aux)
        assert 0 <= found.memory_share <= 1


def test_weights_that_are_shared_are_read_at_every_use() -> None:
    net = cnnc.compile("shared s = conv1(3) input 3x5x5 -> s * 2")
    assert {p.bytes for p in net.roofline(TOY).points} == {4 * (75 + 75 + 12)}
    assert net.roofline(TOY).weight_bytes == 4 * 12


def test_training_only_layers_are_left_out() -> None:
    net = cnnc.compile("input 3x4x4 -> conv1x1(3) as t -> flatten -> fc(2) as y\noutput y\naux z = t -> relu")
    found = net.roofline(TOY)
    assert [p.active for p in found.points] == [row.op != "relu" for row in net.layers]
    assert found.bytes == sum(p.bytes for p in found.points if p.active) < sum(p.bytes for p in found.points)


def test_more_work_never_takes_less_time() -> None:
    net = cnnc.load(ROOT / "examples/resnet18.cnn")
    times = [net.roofline("h100", batch).seconds for batch in (1, 2, 3, 8, 64)]
    assert times == sorted(times)
    assert times[-1] / 64 < times[0]  # weights are read once for all
    h100 = DEVICES["h100"]
    slower = [h100._replace(bandwidth=1e12), h100._replace(vector=1e12), h100._replace(peak={"fp32": 1e12})]
    assert all(net.roofline(device).seconds > times[0] for device in slower)
    larger = cnnc.load(ROOT / "examples/resnet18.cnn", input="3x448x448")
    assert larger.roofline("h100").seconds > times[0]


def test_what_fits() -> None:
    net = cnnc.compile("fc(100)", input="1000")  # 100,100 weights, 1,100 activations
    room = TOY._replace(memory=4 * (100_100 + 3 * 1_100))
    assert (net.roofline(room, 3).fits, net.roofline(room, 4).fits) == (True, False)
    assert net.roofline(room).largest_batch == 3
    assert net.roofline(room._replace(memory=room.memory - 1)).largest_batch == 2
    assert net.roofline(TOY).largest_batch == 0 and not net.roofline(TOY).fits
    flash = TOY._replace(storage=4 * 100_100)
    assert net.roofline(flash).largest_batch == 10_000 // 4_400
    assert net.roofline(flash._replace(storage=4 * 100_100 - 1)).largest_batch == 0


def test_intensity_without_a_device() -> None:
    assert intensity(6, 4) == Fraction(3, 2) and intensity(0, 4) == 0 and intensity(0, 0) is None
    totals = cnnc.compile("conv3x3(4)", input="3x8x8").to_dict()["totals"]
    assert (totals["bytes_moved"], totals["intensity"]) == (1792, 7920 / 1792)
    assert cnnc.compile("flatten", input="3x8x8").to_dict()["totals"]["intensity"] is None


def test_formulas_equal_the_concrete_figures() -> None:
    net = cnnc.compile("input 3xHxW -> conv3x3(4, s=2) -> bn -> relu")
    formulas, concrete = net.to_dict(3)["totals"], net.at(H=33, W=20).to_dict(3)["totals"]
    for key in ("bytes_moved", "intensity"):
        assert eval(formulas[key], {"H": 33, "W": 20}) == concrete[key]
    for use in (net.report, net.to_dict, net.roofline):
        with pytest.raises(cnnc.UsageError) as caught:
            use(device="h100")
        assert caught.value.code == "E0331"


# Reports


def test_reports_with_a_device_follow_the_schema(example: Path) -> None:
    schema = json.loads((ROOT / "docs/report.schema.json").read_text())
    net = cnnc.load(example)
    report = net.to_dict(batch=2, dtype="fp16", device="h100")
    jsonschema.validate(json.loads(json.dumps(report, allow_nan=False)), schema)
    assert report["device"]["time_s"] == net.roofline("h100", 2, "fp16").seconds
    assert "device" not in net.to_dict() and "bytes" not in net.to_dict()["layers"][0]


def test_the_table_with_a_device() -> None:
    net = cnnc.load(ROOT / "examples/resnet50.cnn")
    text = net.report(device="h100", dtype="fp16", batch=8)
    heading = text.splitlines()[2]
    assert heading.split()[-3:] == ["intensity", "time", "bound"]
    for part in (
        "989,400 G operations/s in fp16",
        "at the least",
        "bound by memory",
        "fits in 74.5 GiB, largest batch",
    ):
        assert part in text
    for by in ("block", "op"):
        assert net.report(by=by, device="h100").splitlines()[2].split()[-2:] == ["intensity", "time"]
    assert net.report() + "\n" == (ROOT / "tests/golden/resnet50/report.txt").read_text()
    assert "does not fit in 2.0 MiB and 1.0 MiB, largest batch 0" in net.report(device="stm32h7")


def test_without_a_device_nothing_more_is_loaded() -> None:
    code = f"from cnnc.compiler.cli import run; run(['analyze', {str(ROOT / 'examples/lenet5.cnn')!r}])"
    modules = loaded_after(code)
    assert not modules & {"tomllib", "cnnc.compiler.devices"}
    assert "tomllib" in loaded_after(code.replace("])", ", '--device', 'h100'])"))


# Devices


def test_the_page_of_devices_is_current(update_golden: bool) -> None:
    page = ROOT / "docs/devices.md"
    if update_golden:
        page.write_text(describe_devices(), encoding="utf-8")
    assert page.read_text(encoding="utf-8") == describe_devices()


@pytest.mark.parametrize("name", DEVICES)
def test_bundled_devices_are_complete(name: str) -> None:
    """No figure is out of order: narrower types are no slower, and no figure counts zeros that sparsity skips."""
    device = DEVICES[name]
    assert device.description and device.source and "fp32" in device.peak
    peaks = [device.peak[d] for d in ("fp32", "tf32", "fp16", "int8") if d in device.peak]
    assert peaks == sorted(peaks) and device.vector == device.peak["fp32"]
    assert device.peak.get("bf16", device.peak.get("fp16")) == device.peak.get("fp16")
    assert device.peak.get("int8", 0) <= 4 * device.peak.get("fp16", device.peak["fp32"])
    assert {"h100", "a100", "cpu", "stm32h7"} <= set(DEVICES)


def test_a_device_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "my.toml"
    path.write_text(table("edge", peak="{ fp32 = 2e9, int8 = 8_000_000_000 }", storage="4096"))
    device = find_device(str(path))
    assert device == Device("edge", "", "", 10**9, 4096, 1e9, 1e9, {"fp32": 2e9, "int8": 8e9})
    assert find_device(f"{path}:edge") == device
    path.write_bytes(b"\xef\xbb\xbf" + (table("a") + table("b", vector="7")).replace("\n", "\r\n").encode())
    assert find_device(f"{path}:b").vector == 7
    assert cnnc.compile("relu", input="3").roofline(f"{path}:a").seconds > 0


def test_every_type_of_the_command_line_is_a_peak() -> None:
    assert set(DEVICES["h100"].dtypes) == set(DTYPE_BYTES)


@pytest.mark.parametrize(
    ("text", "code", "part"),
    [
        ("", "E0531", "it is empty"),
        ("[edge]\nmemory 5", "E0531", "at line 2"),
        ("memory = 5", "E0531", "`memory` stands outside"),
        ('["a b"]', "E0531", "is not a name"),
        ("x = " + "[" * 100_000, "E0531", "nested too deeply"),
        ("[edge]\nmemory = " + "9" * 5000, "E0531", ""),
        (table("a") + table("b"), "E0531", "choose one: my.toml:a"),
        (table() + "#" * 2**20, "E0531", "more than 1,048,576 bytes"),
        (table(memory=""), "E0532", "`memory`"),
        (table(bandwidth=""), "E0532", "it is missing"),
        (table(vector="0"), "E0532", "`vector`"),
        (table(vector="-5e9"), "E0532", "from 1 to 1e+30"),
        (table(bandwidth="nan"), "E0532", "`bandwidth`"),
        (table(bandwidth="inf"), "E0532", "not inf"),
        (table(memory="1" * 400), "E0532", "not a 1326-bit integer"),
        (table(memory='"16GB"'), "E0532", "a number is needed, not 16GB"),
        (table(memory="true"), "E0532", "a number is needed, not true"),
        (table(memory="[1]"), "E0532", "a number is needed"),
        (table(storage="0.5"), "E0532", "`storage`"),
        (table(peak=""), "E0532", "peak.fp32"),
        (table(peak="{}"), "E0532", "at least one of"),
        (table(peak="5e12"), "E0532", "`peak`"),
        (table(peak="{ tf32 = 1e12 }"), "E0532", "at least one of"),
        (table(peak="{ fp32 = 0 }"), "E0532", "`peak.fp32`"),
        (table(peak="{ fp32 = 1e9, fp8 = 1e9 }"), "E0532", "`peak.fp8`"),
        (table(bandwith="1e9"), "E0532", "`bandwith`"),
        (table(description="5"), "E0532", "`description`"),
        (table(source='"\\u001b[31m"'), "E0532", "`source`"),
    ],
    ids=lambda value: value[:40],
)
def test_a_file_of_devices_that_is_wrong(
    text: str, code: str, part: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("my.toml").write_text(text)
    with pytest.raises(cnnc.UsageError) as caught:
        find_device("my.toml")
    assert caught.value.code == code and part in str(caught.value)
