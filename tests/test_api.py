"""The Python API: what people import, what it returns and raises, from several threads too."""

import gc
import json
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cnnc
import jsonschema
import pytest
from conftest import ROOT, calls_of

CHAIN = "conv3x3(32) -> bn -> relu"
SCHEMA = json.loads((ROOT / "docs/report.schema.json").read_text())


def test_net() -> None:
    net = cnnc.compile(CHAIN, input=(3, 224, 224))
    assert (net.params, net.macs, net.flops) == (960, 42_581_376, 85_162_752)
    assert (net.input_shape, net.output_shape) == ((1, 3, 224, 224), (1, 32, 222, 222))
    assert [row.name for row in net.layers] == ["conv1", "bn1", "relu1"]
    assert "42,581,376" in net.report() and "960" in repr(net)


@pytest.mark.parametrize("shape", [(3, 8, 8), [3, 8, 8], "3x8x8", "3×8×8", {"input": (3, 8, 8)}])
def test_input_shapes(shape: object) -> None:
    assert cnnc.compile(CHAIN, input=shape).output_shape == (1, 32, 6, 6)


def test_several_inputs_by_name() -> None:
    text = "input a: 3x8x8, b: 3x8x8\noutput y = a -> conv3x3(4) -> flatten, z = b -> gap -> fc(2)"
    net = cnnc.compile(text, input={"a": (3, 5, 5)})
    assert [list(o["shape"]) for o in net.to_dict()["outputs"]] == [[1, 36], [1, 2]]
    assert [o["name"] for o in net.to_dict()["outputs"]] == ["y", "z"]


def test_load_with_parameters() -> None:
    assert cnnc.load(ROOT / "examples/resnet50.cnn", params={"classes": 10}).output_shape == (1, 10)


def test_reports_follow_the_schema(example: Path) -> None:
    net = cnnc.load(example)
    for report in (net.to_dict(), net.to_dict(batch=3, dtype="bf16", convention="torch")):
        jsonschema.validate(json.loads(json.dumps(report)), SCHEMA)
        assert report["totals"]["params"] == sum(layer["params"] for layer in report["layers"])
        every = sum(layer["macs"] for layer in report["layers"])
        assert report["totals"]["macs"] < every if net.graph.aux else report["totals"]["macs"] == every


@pytest.mark.parametrize("settings", [{"batch": "N"}, {"dtype": "int8", "by": "op"}, {"batch": "N", "by": "block"}])
def test_reports_of_formulas_follow_the_schema(settings: dict[str, str]) -> None:
    """A letter for the batch, letters for extents, a vector, and what has no figures for training."""
    for text, shape in (("conv3x3(4, s=2, p=same_upper) -> bn -> upsample2", "3xHxW"), ("fc(4) -> relu", "3")):
        report = cnnc.compile(text, input=shape).to_dict(**settings)
        jsonschema.validate(json.loads(json.dumps(report, allow_nan=False)), SCHEMA)


def test_check_never_raises() -> None:
    assert cnnc.check(CHAIN) == []
    assert [d.code for d in cnnc.check("rellu -> conv3x3", input="3x8x8")] == ["E0301", "E0303"]
    for text in ("", "\0", "(" * 9999, "input 3x8x8 -> " * 50, "block b = b\ninput 3 -> b", "9" * 5000, "a" * 10_000):
        assert all(isinstance(d, cnnc.Diagnostic) for d in cnnc.check(text))


def test_errors_carry_what_was_found() -> None:
    with pytest.raises(cnnc.NetworkError) as caught:
        cnnc.compile("conv7x7(4)", input=(3, 5, 5))
    error = caught.value
    assert isinstance(error, cnnc.CnncError)
    assert error.code == "E0201" and error.span.line == 1 and error.help
    assert "covers 7" in str(error)
    with pytest.raises(cnnc.UsageError):
        cnnc.load("/nowhere.cnn")
    with pytest.raises(cnnc.UsageError):
        cnnc.compile(CHAIN, input="3xbig")


def test_limits_are_arguments() -> None:
    with pytest.raises(cnnc.NetworkError) as caught:
        cnnc.compile("relu * 11", input=(3, 4, 4), limits=cnnc.Limits(max_layers=10))
    assert caught.value.code == "E0404"


def test_threads_do_not_disturb_each_other() -> None:
    deep = "block d(n) = conv1x1(3) -> (d(n - 1) if n > 0 else relu)\ninput 3x4x4 -> d({})"

    def params(n: int) -> int:
        return cnnc.compile(deep.format(n)).params

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(params, range(200, 240))) == [12 * (n + 1) for n in range(200, 240)]


def test_garbage_collection_goes_on_afterwards() -> None:
    """It pauses while a network is built, whatever comes of it and however many threads build one."""

    def collects(text: str) -> bool:
        cnnc.check(text)
        return True

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(collects, ["input 3x4x4 -> conv1x1(3)", "input 3x4x4 -> conv9x9(3)", "(", "relu"] * 20))
    assert gc.isenabled()
    gc.disable()
    try:
        assert cnnc.compile("input 3x4x4 -> conv1x1(3)").report()
        assert not gc.isenabled()
    finally:
        gc.enable()


def test_depth_of_calls_and_brackets() -> None:
    deep = "block d(n) = conv1x1(3) -> (d(n - 1) if n > 0 else relu)\ninput 3x4x4 -> d(9999)"
    with pytest.raises(cnnc.NetworkError) as caught:
        cnnc.compile(deep, limits=cnnc.Limits(max_calls=9_000))
    assert caught.value.code == "E0403" and "--max-calls" in str(caught.value)
    net = cnnc.compile(deep)
    assert (net.params, net.depth) == (120_000, 10_000)
    assert cnnc.compile("(" * 1000 + "relu + id" + ")" * 1000, input=(3, 4, 4)).totals.layers == 2


def test_large_repeats_cost_little() -> None:
    """Few Python calls, however many repeats there are."""
    text = "block b = conv3x3(8, p=1) -> bn -> relu\ninput 8x32x32 -> b * 100000"
    net = cnnc.compile(text)
    assert net.report()  # what is imported or made once is not counted
    assert calls_of(lambda: cnnc.compile(text).report()) < 20_000
    assert net.totals.layers == 300_000
    assert net.params == 60_000_000


def test_same_bytes_for_any_hash_seed(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import cnnc, hashlib, sys\n"
        f"net = cnnc.load({str(ROOT / 'examples/mobilenetv2.cnn')!r})\n"
        "data = net.torch_source().encode() + net.to_onnx().SerializeToString(deterministic=True)\n"
        "print(hashlib.sha256(data + str(net.to_dict()).encode()).hexdigest())"
    )
    runs = {
        subprocess.run(
            [sys.executable, "-c", code], env={"PYTHONHASHSEED": seed}, capture_output=True, text=True
        ).stdout
        for seed in ("0", "1", "99")
    }
    assert len(runs) == 1 and len(runs.pop()) == 65


def test_a_template_gives_what_compiling_its_text_gives() -> None:
    """One parsed text with many parameters and shapes; mistakes too."""
    text = "net n(c=8, act=relu)\nblock b(k) = conv3x3(k) -> bn -> act\ninput 3x32x32 -> b(c) -> b(2*c)"
    template = cnnc.Template(text)
    for params in ({}, {"c": 4}, {"c": 16, "act": "silu"}, {"c": 4}):
        for shape in (None, (1, 16, 24), "3x9x9"):
            assert template.compile(shape, params).ir() == cnnc.compile(text, shape, params).ir()
    with pytest.raises(cnnc.NetworkError, match="E0201"):
        template.compile("3x2x2")
    assert template.compile("3x8x8").params == cnnc.compile(text).params
    with pytest.raises(cnnc.NetworkError, match="E0109"):
        cnnc.Template("conv3x3(")
