"""Diagnostics: each program of errors/ is reported exactly as its .err file says, and every code has a case."""

import argparse
import builtins
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cnnc.compiler import ir
from cnnc.compiler import net as api
from cnnc.compiler.catalogue import CATALOGUE
from cnnc.compiler.cli import run
from cnnc.compiler.diagnostics import CnncError, Diagnostic
from cnnc.compiler.files import project_loader, read_source
from cnnc.compiler.limits import Limits
from cnnc.compiler.pipeline import compile_source
from cnnc.compiler.reference import read_value
from cnnc.compiler.render import render_text

ROOT = Path(__file__).resolve().parent.parent
CASES = sorted(Path(__file__).with_name("errors").glob("*.cnn"))
GOOD = "input 3x8x8 -> conv3x3(4) -> bn -> relu"
SHOWN = re.compile(r"^(?:error|warning)\[([EW]\d{4})\]: ", re.MULTILINE)

BY_REQUEST = {
    "E0331": "test_symbols_without_values",
    "E0343": "test_a_structure_that_depends_on_the_size",
    "E0364": "test_a_program_too_deep_to_be_followed",
    "E0358": "test_a_recipe_without_what_is_asked_for",
    "E0359": "test_a_schedule_in_steps_without_their_number",
    "E0361": "test_a_schedule_that_does_not_fit",
    "E0362": "test_a_network_that_no_script_can_train",
    "E0365": "test_a_shared_layer_that_is_not_one_module",
    "E0401": "test_a_text_over_the_limit",
    "E0501": "test_a_file_that_cannot_be_read",
    "E0503": "test_a_file_that_cannot_be_written",
    "E0504": "test_an_unknown_target",
    "E0555": "test_a_file_of_somebody_else",
    "E0505": "test_a_wrong_input_shape",
    "E0506": "test_a_wrong_parameter_value",
    "E0507": "test_a_missing_package",
    "E0508": "test_weights_that_do_not_fit",
    "E0509": "test_weights_that_cannot_be_read",
    "E0510": "test_an_unknown_layer",
    "E0511": "test_an_unknown_code",
    "E0512": "test_an_unsupported_opset",
    "E0513": "test_a_wrong_batch_size",
    "E0514": "test_an_unknown_input",
    "E0524": "test_a_shape_without_its_input",
    "E0515": "test_a_place_to_run_that_is_not_there",
    "E0516": "test_weights_that_cannot_be_mapped",
    "E0517": "test_an_unknown_convention",
    "E0527": "test_weights_that_fit_in_several_ways",
    "E0528": "test_an_order_that_is_not_accepted",
    "E0518": "test_an_unknown_grouping_type_or_form",
    "E0519": "test_a_wrong_size",
    "E0520": "test_weights_outside_of_the_project",
    "E0530": "test_an_unknown_device",
    "E0531": "test_a_file_of_devices_that_cannot_be_read",
    "E0532": "test_a_device_with_a_wrong_field",
    "E0533": "test_a_type_that_a_device_has_no_rate_for",
    "E0572": "test_a_number_that_is_no_advice",
    "E0573": "test_a_module_without_parameters",
    "E0571": "test_a_page_of_too_many_layers",
    "E0570": "test_a_network_too_large_to_draw",
    "E0540": "test_nothing_to_scale",
    "E0541": "test_a_parameter_that_cannot_be_scaled",
    "E0542": "test_a_wrong_range",
    "E0543": "test_a_wrong_budget",
    "E0544": "test_an_impossible_budget",
    "E0545": "test_no_budget",
    "E0550": "test_a_network_that_takes_no_image",
    "E0551": "test_an_image_that_cannot_be_read",
    "E0552": "test_results_that_cannot_be_written",
    "E0553": "test_a_wrong_normalisation",
    "E0554": "test_labels_that_do_not_fit",
    "E0560": "test_watching_no_file",
    "E0580": "test_an_option_without_effect",
    "E0581": "test_two_shapes_for_an_input",
    "E0523": "test_names_too_long_for_a_model",
    "E0522": "test_weights_larger_than_memory",
    "E0546": "test_weights_larger_than_a_message",
    "E0547": "test_weights_larger_than_the_disk",
    "E0521": "test_a_machine_that_is_not_there",
    "E0585": "test_a_wrong_argument",
    "E0586": "test_two_values_of_a_build_parameter",
    "E0590": "test_data_that_is_not_there",
    "E0591": "test_machines_without_an_address",
    "E0592": "test_spaces_and_their_sweeps",
    "E0593": "test_spaces_and_their_sweeps",
    "E0594": "test_spaces_and_their_sweeps",
    "E0595": "test_spaces_and_their_sweeps",
    "E0596": "test_spaces_and_their_sweeps",
    "E0597": "test_a_worker_that_fails",
    "E0598": "test_spaces_and_their_sweeps",
    "E0599": "test_a_sweep_that_is_under_way",
    "E0901": "test_a_fault",
    "W0610": "test_random_weights",
}
"""Codes that depend on the request rather than on a program's text, and the test of each."""

CLI = Callable[..., tuple[int, str]]


# Programs


def settings(path: Path) -> argparse.Namespace:
    """What the first line of a case asks for: `# args: --input 3x32x32 -D classes=10 --max-calls 50`."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--input")
    parser.add_argument("-D", dest="define", action="append", default=[])
    for name, value in Limits()._asdict().items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=int, default=value)
    first = path.read_bytes().split(b"\n")[0].decode("utf-8", "replace")
    return parser.parse_args(shlex.split(first.removeprefix("# args:")) if first.startswith("# args:") else [])


def diagnose(path: Path) -> list[Diagnostic]:
    """Everything that is reported for a case."""
    args = settings(path)
    limits = Limits(*(getattr(args, name) for name in Limits._fields))
    params = {name: read_value(value) for name, _, value in (text.partition("=") for text in args.define)}
    try:
        source = read_source(str(path), limits)
        loader = project_loader(source, limits)
        return compile_source(source, api.read_shape(args.input), params, limits, loader).diagnostics
    except CnncError as error:
        return error.diagnostics


def report(path: Path) -> str:
    return "".join(f"{render_text(found)}\n" for found in diagnose(path))


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_message(path: Path, update_golden: bool) -> None:
    """The diagnostics of a program, to the letter."""
    golden = path.with_suffix(".err")
    text = report(path)
    assert text, "a program of errors/ must have something wrong with it"
    if update_golden:
        golden.write_text(text, encoding="utf-8")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_message_as_data(path: Path) -> None:
    """The same diagnostics as JSON data: places inside the text, sentences without gaps, terminal-safe rendering."""
    for found in diagnose(path):
        data = found.to_dict()
        assert data["title"] and data["help"] and data["label"]
        for place in (data["span"], *(label["span"] for label in data["labels"])):
            assert place["line"] >= 1 and place["column"] >= 1
            assert (place["end_line"], place["end_column"]) >= (place["line"], place["column"])
        rendered = render_text(found)
        assert all(c.isprintable() or c == "\n" for c in rendered)
        assert "{" not in re.sub(r"`[^`]*`|^ *\d+ \|.*$", "", rendered, flags=re.MULTILINE)


def test_no_golden_is_left_over() -> None:
    """Every .err file belongs to a .cnn file."""
    assert {p.stem for p in CASES} == {p.stem for p in CASES[0].parent.glob("*.err")}


def test_every_code_has_a_case() -> None:
    """Each code is shown by a golden file, or is about the request and has a test of its own here."""
    shown = {code for path in CASES for code in SHOWN.findall(path.with_suffix(".err").read_text(encoding="utf-8"))}
    assert shown <= set(CATALOGUE)
    assert all(callable(globals().get(test)) for test in BY_REQUEST.values())
    assert set(CATALOGUE) - shown == set(BY_REQUEST)


def test_independent_mistakes_are_all_reported() -> None:
    """One run reports what is wrong in declarations, arguments and names; what follows from a mistake is silent."""
    found = [
        (d.code, d.span.line) for d in diagnose(CASES[0].with_name("several_mistakes.cnn")) if d.span and d.is_error
    ]
    assert len(found) >= 7
    assert {line for _, line in found} >= {2, 3, 5, 7, 8}
    silenced = diagnose(CASES[0].with_name("mistake_silences_what_follows.cnn"))
    assert [d.code for d in silenced] == ["E0302"]


def test_an_expansion_bomb_is_counted_and_refused() -> None:
    """A text of under 1 KiB that stands for 10¹⁰ layers is refused at once, with the exact count."""
    text = "block a = relu * 100000\nblock b = a * 100000\ninput 3x8x8 -> b\n"
    assert len(text) <= 1024
    (found,) = api.check(text)
    assert found.code == "E0404"
    assert "10,000,000,000" in render_text(found)


# Requests


@pytest.fixture
def cnnc(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CLI:
    """Runs a command in an empty folder that holds good.cnn; gives its exit status and what it wrote to stderr."""
    monkeypatch.chdir(tmp_path)
    Path("good.cnn").write_text(GOOD, encoding="utf-8")

    def command(*argv: str) -> tuple[int, str]:
        status = run(argv)
        return status, capsys.readouterr().err

    return command


def assert_refused(result: tuple[int, str], code: str, *parts: str, status: int = 2) -> None:
    """A command ended with a status and a message that holds a code and further parts."""
    assert result[0] == status, result[1]
    assert result[1].startswith(f"error[{code}]: ")
    for part in parts:
        assert part in result[1]


def test_symbols_without_values(cnnc: CLI) -> None:
    assert_refused(cnnc("compile", "-e", "input 3xHxW -> relu", "-o", "-"), "E0331", "H, W", "--input")


def test_a_structure_that_depends_on_the_size() -> None:
    net = api.compile("input 4xHxW -> res(conv3x3(4, s=2, p=1), proj=conv1x1(4, s=2))")
    with pytest.raises(CnncError) as caught:
        net.at(H=1, W=1)
    assert caught.value.code == "E0343" and caught.value.span is not None


def test_a_text_over_the_limit(cnnc: CLI) -> None:
    assert_refused(
        cnnc("analyze", "-e", GOOD, "--max-bytes", "20"), "E0401", "more than 20 bytes", "--max-bytes", status=1
    )
    status, message = cnnc("analyze", "good.cnn", "--max-bytes", "20")
    assert status != 0
    assert "E0401" in message and "more than 20" in message


def test_a_file_that_cannot_be_read(cnnc: CLI) -> None:
    assert_refused(cnnc("analyze", "missing.cnn"), "E0501", "cannot read missing.cnn", "No such file")
    assert_refused(cnnc("analyze", "."), "E0501", "it is a folder")
    assert_refused(cnnc("compile", "good.cnn", "--weights", "w.pth"), "E0501", "cannot read w.pth", "No such file")
    assert_refused(cnnc("analyze"), "E0501", "-e TEXT")
    assert_refused(cnnc("analyze", "a\x1b[31m.cnn"), "E0501", "a\\u001b[31m.cnn")


def test_a_file_of_somebody_else(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "net.py"
    path.write_text("import this")
    assert run(["compile", "-e", "relu", "--input", "3x8x8", "-o", str(path)]) == 2
    assert capsys.readouterr().err == (
        f"error[E0555]: `{path}` is there, and cnnc did not write it\n"
        "  = help: --force replaces it; -o names another file\n"
    )


def test_a_file_that_cannot_be_written(cnnc: CLI) -> None:
    assert_refused(
        cnnc("compile", "good.cnn", "-o", "no/such/folder/net.py"), "E0503", "cannot write no/such/folder/net.py"
    )
    assert_refused(cnnc("compile", "good.cnn", "--to", "torch", "-o", "good.cnn"), "E0503", "it is the program itself")
    Path("net.py").mkdir()
    assert_refused(cnnc("compile", "good.cnn", "-o", "net.py"), "E0503", "it is not a regular file")
    Path("link.py").symlink_to("elsewhere.py")
    assert_refused(cnnc("compile", "good.cnn", "-o", "link.py"), "E0503", "it is a symbolic link")
    assert Path("good.cnn").read_text(encoding="utf-8") == GOOD
    assert sorted(p.name for p in Path().iterdir()) == ["good.cnn", "link.py", "net.py"]


def test_an_unknown_convention(cnnc: CLI) -> None:
    told = ("`macs`", "torchvision, torch, fvcore")
    assert_refused(cnnc("analyze", "good.cnn", "--convention", "macs"), "E0517", *told)
    assert_refused(cnnc("analyze", "good.cnn", "--convention", "macs", "--format", "json"), "E0517", *told)


def test_an_unknown_grouping_type_or_form() -> None:
    net = api.compile(GOOD)
    for told, request in (
        ("no grouping is called `row`", lambda: net.report(by="row")),
        ("no grouping is called `row`", lambda: net.to_dict(by="row")),
        ("no type is called `fp8`", lambda: net.report(dtype="fp8")),
        ("no form is called `xml`", lambda: net.report(form="xml")),
    ):
        with pytest.raises(CnncError) as caught:
            request()
        assert caught.value.code == "E0518" and told in str(caught.value)


@pytest.mark.parametrize("text", ["", "H", "H=", "H=x", "H=2.5", "H=-1", "H=8,H=9", "=8", "H=8,,W=8"])
def test_a_wrong_size(cnnc: CLI, text: str) -> None:
    assert_refused(cnnc("analyze", "good.cnn", "--input", "3xHxW", "--at", text), "E0519", "gives no size")


def test_an_unknown_target(cnnc: CLI) -> None:
    assert_refused(cnnc("compile", "good.cnn", "--to", "tflite"), "E0504", "`tflite`", "targets are torch, onnx")
    assert_refused(cnnc("compile", "good.cnn", "--to", "numpy"), "E0504", "`numpy`", "targets are torch, onnx")
    assert_refused(cnnc("compile", "good.cnn", "-o", "net.tflite"), "E0504", "`.tflite`", "torch (.py), onnx (.onnx)")


@pytest.mark.parametrize(
    "shape",
    [
        "3x",
        "",
        "3x8x8x8x8",
        "0x8x8",
        "3xhxw",
        "-3x8x8",
        "3.5x8",
        "3x99999999999999999999",
        "3x8_0x8",
        "3x+8x8",
        "3x٣x8",
    ],
)
def test_a_wrong_input_shape(cnnc: CLI, shape: str) -> None:
    assert_refused(
        cnnc("analyze", "good.cnn", f"--input={shape}"), "E0505", f"`{shape}` is not a shape", "--input 3x224x224"
    )


@pytest.mark.parametrize("value", ["classes", "=3", "3=4", "n=", "n=1+", "n=relu(", "n=1 m=2"])
def test_a_wrong_parameter_value(cnnc: CLI, value: str) -> None:
    assert_refused(cnnc("analyze", "good.cnn", "-D", value), "E0506", "is not a parameter value", "-D name=value")


def hide_package(monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    """Let a package look as if it were not installed."""
    original = builtins.__import__

    def guarded(name: str, *args: Any, **kwargs: Any) -> Any:
        if name.split(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=package)
        return original(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", guarded)


def test_a_missing_package(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("w.safetensors").write_bytes(b"")
    hide_package(monkeypatch, "safetensors")
    result = cnnc("compile", "good.cnn", "--weights", "w.safetensors")
    assert_refused(result, "E0507", "the package safetensors is needed", "pip install 'cnnc[weights]'")


@pytest.mark.parametrize(("package", "extra"), [("torch", "cnnc[torch]"), ("onnxruntime", "cnnc[verify]")])
def test_a_package_that_verify_needs(cnnc: CLI, monkeypatch: pytest.MonkeyPatch, package: str, extra: str) -> None:
    hide_package(monkeypatch, package)
    result = cnnc("verify", "good.cnn")
    assert_refused(result, "E0507", f"the package {package} is needed", f"pip install '{extra}'")


def test_a_package_that_drawings_need(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    """SVG needs it; the forms that are only text do not."""
    hide_package(monkeypatch, "graphlay")
    assert_refused(cnnc("draw", "good.cnn"), "E0507", "the package graphlay", "pip install 'cnnc[draw]'")
    assert cnnc("draw", "good.cnn", "-o", "net.mmd")[0] == cnnc("draw", "good.cnn", "-o", "net.dot")[0] == 0


def write_weights(**changes: Any) -> None:
    """Weights of good.cnn in w.safetensors, with tensors replaced, or left out where None is given."""
    import numpy as np
    from safetensors.numpy import save_file

    shapes = {"conv1.weight": (4, 3, 3, 3), "conv1.bias": (4,)}
    shapes |= {f"bn1.{name}": (4,) for name in ("weight", "bias", "running_mean", "running_var")}
    arrays = {name: np.ones(shape, np.float32) for name, shape in shapes.items()}
    arrays |= {name.replace("__", "."): array for name, array in changes.items()}
    save_file({name: array for name, array in arrays.items() if array is not None}, "w.safetensors")


def test_weights_that_do_not_fit(cnnc: CLI) -> None:
    import numpy as np

    command = ("compile", "good.cnn", "--weights", "w.safetensors")
    write_weights()
    assert cnnc(*command)[0] == 0
    write_weights(conv1__bias=None)
    assert_refused(cnnc(*command), "E0508", "missing: conv1.bias")
    write_weights(fc__weight=np.ones(3, np.float32))
    assert_refused(cnnc(*command), "E0508", "not in the network: fc.weight")
    write_weights(conv1__bias=np.ones(5, np.float32))
    assert_refused(cnnc(*command), "E0508", "conv1.bias is 5, the network needs 4")


def test_weights_that_cannot_be_mapped(cnnc: CLI) -> None:
    command = ("weights", "good.cnn", "--from", "w.safetensors")
    write_weights()
    assert cnnc(*command)[0] == 0
    write_weights(conv1__bias=None)
    assert_refused(cnnc(*command), "E0516", "nothing in the file is like conv1 (weight 4×3×3×3, bias 4)", "--partial")


def test_weights_that_fit_in_several_ways(cnnc: CLI) -> None:
    import numpy as np
    from safetensors.numpy import save_file

    save_file({f"{name}.weight": np.ones((3, 3, 1, 1), np.float32) for name in ("one", "other")}, "w.safetensors")
    text = "conv1x1(3, bias=false) -> conv1x1(3, bias=false)"
    command = ("weights", "-e", text, "--input", "3x4x4", "--from", "w.safetensors")
    result = cnnc(*command)
    assert result[0] == 1
    assert "E0527" in result[1] and "conv1 and conv2 may each be one or other" in result[1]
    assert "--accept-order" in result[1]
    assert cnnc(*command, "--accept-order")[0] == 0


def test_an_order_that_is_not_accepted(cnnc: CLI) -> None:
    write_weights()
    result = cnnc("weights", "good.cnn", "--from", "w.safetensors", "--order", "name")
    assert_refused(result, "E0528", "`--order` has no effect without `--accept-order`", "give both")


def test_weights_that_cannot_be_read(cnnc: CLI) -> None:
    import torch

    Path("w.safetensors").write_bytes(b"junk")
    assert_refused(cnnc("compile", "good.cnn", "--weights", "w.safetensors"), "E0509", "w.safetensors")
    torch.save([1, 2, 3], "w.pth")
    assert_refused(cnnc("compile", "good.cnn", "--weights", "w.pth"), "E0509", "it holds no state_dict")
    torch.save({"conv1.weight": Opaque()}, "w.pth")
    assert_refused(cnnc("compile", "good.cnn", "--weights", "w.pth"), "E0509", "cannot read the weights in w.pth")
    assert not Path("touched").exists()


class Opaque:
    """Something that only a pickle which runs code could bring back."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("touched"),))


def test_an_unknown_layer(cnnc: CLI) -> None:
    assert_refused(cnnc("layers", "convv"), "E0510", "unknown layer `convv`", "did you mean `conv`?")
    assert_refused(cnnc("layers", "zzz"), "E0510", "unknown layer `zzz`", "lists all layers")


@pytest.mark.parametrize("code", ["E9999", "kernel"])
def test_an_unknown_code(cnnc: CLI, code: str) -> None:
    assert_refused(cnnc("explain", code), "E0511", f"unknown code `{code}`")


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_every_code_is_explained(capsys: pytest.CaptureFixture[str], code: str) -> None:
    """`cnnc explain` knows the code in either case, and says more than its title."""
    assert run(["explain", code.lower()]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"{code}: ")
    assert CATALOGUE[code].explain.split("{")[0] in shown


def test_an_unsupported_opset(cnnc: CLI) -> None:
    assert_refused(cnnc("compile", "good.cnn", "-o", "net.onnx", "--opset", "3"), "E0512", "opset 3", "ONNX")
    assert not Path("net.onnx").exists()


@pytest.mark.parametrize("batch", ["0", "-1", "two", "1.5", "", "99999999999", "9" * 5000])
def test_a_wrong_batch_size(cnnc: CLI, batch: str) -> None:
    for command in (("analyze", "good.cnn"), ("compile", "good.cnn", "-o", "net.onnx")):
        assert_refused(cnnc(*command, f"--batch={batch}"), "E0513", f"`{batch[:99]}", "is not a batch size")


def test_a_shape_without_its_input(cnnc: CLI) -> None:
    two = "input a: 3x8x8, b: 3x8x8\noutput y = a -> (relu + b)"
    assert_refused(
        cnnc("analyze", "-e", two, "--input", "3x9x9"), "E0524", "3x9x9", "--input a=3x9x9", "inputs are a, b"
    )


def test_an_unknown_input(cnnc: CLI) -> None:
    assert_refused(cnnc("analyze", "good.cnn", "--input", "image=3x9x9"), "E0514", "`image`", "inputs are input")


def test_a_page_of_too_many_layers(cnnc: CLI) -> None:
    long = ("analyze", "-e", "relu * 10001", "--input", "3x8x8", "--format", "html")
    assert_refused(cnnc(*long), "E0571", "10,001, more than 10,000", "--format json")


def test_a_place_to_run_that_is_not_there(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert_refused(cnnc("verify", "good.cnn", "--on", "cuda"), "E0515", "cannot be run on cuda", "finds no GPU")
    for huge in (("--input", "3x2000000000x2000000"), ("--batch", "2147483647")):
        assert_refused(cnnc("verify", "good.cnn", *huge), "E0515", "cannot be run on cpu", "GiB of memory")


def on_device(device: str, *more: str) -> tuple[str, ...]:
    return ("analyze", "good.cnn", "--device", device, *more)


def test_weights_outside_of_the_project(cnnc: CLI, tmp_path_factory: pytest.TempPathFactory) -> None:
    away = tmp_path_factory.mktemp("away") / "w.pth"
    away.touch()
    command = ("compile", "good.cnn", "--weights", str(away))
    assert_refused(cnnc(*command), "E0520", "it lies outside of the project", "--allow-outside")
    assert_refused(cnnc(*command, "--allow-outside"), "E0509", "it ends too early")


def test_an_unknown_device(cnnc: CLI) -> None:
    assert_refused(cnnc(*on_device("H-100")), "E0530", "unknown device `H-100`", "did you mean `h100`?", "stm32h7")
    assert_refused(cnnc(*on_device("")), "E0530", "devices are a100", ".toml file of your own")
    Path("my.toml").write_text("[edge]\nmemory = 1\nbandwidth = 1\nvector = 1\npeak.fp32 = 1", encoding="utf-8")
    assert cnnc(*on_device("my.toml"))[0] == 0
    assert_refused(cnnc(*on_device("my.toml:egde")), "E0530", "did you mean `edge`?", "devices are edge in my.toml")
    assert_refused(cnnc(*on_device("other.toml")), "E0501", "cannot read other.toml")


def test_a_file_of_devices_that_cannot_be_read(cnnc: CLI) -> None:
    Path("my.toml").write_text("[edge]\nmemory 5", encoding="utf-8")
    assert_refused(cnnc(*on_device("my.toml")), "E0531", "cannot take a device from my.toml", "line 2")
    Path("my.toml").write_bytes(b"[edge]\nsource = '\xff'")
    assert_refused(cnnc(*on_device("my.toml")), "E0531", "it is not UTF-8 text")


def test_a_device_with_a_wrong_field(cnnc: CLI) -> None:
    Path("my.toml").write_text("[edge]\nmemory = -1", encoding="utf-8")
    assert_refused(cnnc(*on_device("my.toml")), "E0532", "`memory` of the device edge in my.toml is wrong", "not -1")


def test_a_type_that_a_device_has_no_rate_for(cnnc: CLI) -> None:
    refused = cnnc(*on_device("v100", "--dtype", "int8"))
    assert_refused(refused, "E0533", "v100 has no peak rate for int8", "it has fp32, fp16")


@pytest.mark.parametrize("number", ["0", "99", "-1", "x", ""])
def test_a_number_that_is_no_advice(cnnc: CLI, number: str) -> None:
    refused = cnnc("advise", "good.cnn", f"--apply={number}", "-o", "out.cnn")
    assert_refused(refused, "E0572", f"advice `{number or 'no number'}` does not exist", "numbers go from 1 to 1")
    assert_refused(cnnc("advise", "-e", "relu", "--input", "3x8x8", "-o", "out.cnn"), "E0572", "there is none")
    assert not Path("out.cnn").exists()


def test_a_network_too_large_to_draw(cnnc: CLI) -> None:
    """Refused at once; closed blocks are a way out, and so is counting equal layers."""
    layers = " -> ".join(["conv1x1(8)"] * 3001)
    Path("long.cnn").write_text(f"block long = {layers}\ninput 3x8x8 -> long", encoding="utf-8")
    assert_refused(cnnc("draw", "long.cnn", "-o", "net.dot"), "E0570", "more than 3,000 boxes", "--depth 0")
    assert cnnc("draw", "long.cnn", "-o", "net.dot", "--depth", "0")[0] == 0
    tensors = [f"a{i} = a{i - 1} -> (relu + {' + '.join(f'a{j}' for j in range(i))})" for i in range(1, 60)]
    tangle = "\n".join(["input x: 8x8x8", "a0 = x -> relu", *tensors, "output y = a59 -> relu"])
    assert_refused(cnnc("draw", "-e", tangle), "E0570", "its arrows pass by too many boxes")


def test_nothing_to_scale(cnnc: CLI) -> None:
    assert_refused(cnnc("fit", "good.cnn", "--params", "1M"), "E0540", "declares no numeric build parameter")


def test_a_parameter_that_cannot_be_scaled(cnnc: CLI) -> None:
    refused = cnnc("fit", "good.cnn", "--params", "1M", "--vary", "width")
    assert_refused(refused, "E0541", "`width` cannot be scaled", "no such parameter", "can be scaled: input")


def test_a_wrong_range(cnnc: CLI) -> None:
    refused = cnnc("fit", "good.cnn", "--params", "1M", "--vary", "input=9..3")
    assert_refused(refused, "E0542", "`input=9..3:1` is not a range", "NAME=LOW..HIGH")


def test_a_wrong_budget(cnnc: CLI) -> None:
    assert_refused(cnnc("fit", "good.cnn", "--peak", "many"), "E0543", "`many` is not a budget", "--peak 256K")


def test_an_impossible_budget(cnnc: CLI) -> None:
    refused = cnnc("fit", "good.cnn", "--params", "60", "--vary", "input=8..9")
    assert_refused(refused, "E0544", "input=8: 120 parameters, 100.0 % more than 60")


def test_no_budget(cnnc: CLI) -> None:
    assert_refused(cnnc("fit", "good.cnn"), "E0545", "no budget is given", "--macs 300M")


def on_image(*more: str) -> tuple[str, ...]:
    """`cnnc run` of good.cnn on a small picture."""
    from PIL import Image

    Image.new("RGB", (12, 9), (200, 100, 50)).save("a.png")
    return ("run", "good.cnn", "--input", "a.png", *more)


def test_a_network_that_takes_no_image(cnnc: CLI) -> None:
    refused = cnnc("run", "-e", "input 2x8x8 -> relu", "--input", "a.png")
    assert_refused(refused, "E0550", "its input is 2×8×8", "--shape")


def test_an_image_that_cannot_be_read(cnnc: CLI) -> None:
    write_weights()
    weights = ("--weights", "w.safetensors")
    assert_refused(cnnc("run", "good.cnn", "--input", "no.png", *weights), "E0551", "no.png", "no such file")
    assert_refused(cnnc("run", "good.cnn", "--input", "good.cnn", *weights), "E0551", "good.cnn", "it is not an image")


def test_results_that_cannot_be_written(cnnc: CLI) -> None:
    assert_refused(cnnc(*on_image("-o", "out.gif")), "E0552", "out.gif", ".npy or .png")


def test_a_wrong_normalisation(cnnc: CLI) -> None:
    assert_refused(cnnc(*on_image("--std", "1,2")), "E0553", "`1,2`", "3 channels")


def test_labels_that_do_not_fit(cnnc: CLI) -> None:
    write_weights()
    Path("labels.txt").write_text("cat\ndog\n", encoding="utf-8")
    text = GOOD.replace("relu", "relu -> gap")
    Path("good.cnn").write_text(text, encoding="utf-8")
    refused = cnnc(*on_image("--weights", "w.safetensors", "--labels", "labels.txt"))
    assert_refused(refused, "E0554", "labels.txt", "it has 2 lines, output 4 classes")


def test_random_weights(cnnc: CLI) -> None:
    status, message = cnnc(*on_image("--seed", "5"))
    assert status == 0 and message.startswith("warning[W0610]: the weights are random") and "seed 5" in message


def test_a_recipe_without_what_is_asked_for() -> None:
    with pytest.raises(CnncError) as raised:
        api.compile(GOOD).loss()
    assert raised.value.code == "E0358" and "train { loss = cross_entropy }" in str(raised.value)
    with pytest.raises(CnncError) as raised:
        api.compile(f"{GOOD} train {{ loss = mse }}").optimizer([])
    assert raised.value.code == "E0358" and "has no optimizer" in str(raised.value)


def test_a_schedule_in_steps_without_their_number() -> None:
    net = api.compile(f"{GOOD} train {{ optimizer = adam, schedule = onecycle(max_lr=0.1) }}")
    with pytest.raises(CnncError) as raised:
        net.schedule(net.optimizer(net.to_torch()))
    assert raised.value.code == "E0359" and "steps_per_epoch" in str(raised.value)


@pytest.mark.parametrize(
    ("schedule", "reason"),
    [
        ("warmup(500, by=step) -> cosine", "it needs at least 501 steps, the run has 100"),
        ("multistep((20, 100), by=step)", "it needs at least 101 steps, the run has 100"),
        ("cosine(30, by=step)", "it ends after step 30 of 100"),
    ],
)
def test_a_schedule_that_does_not_fit(schedule: str, reason: str) -> None:
    net = api.compile(f"{GOOD} train {{ optimizer = adam, schedule = {schedule} }}")
    with pytest.raises(CnncError) as raised:
        net.schedule(net.optimizer(net.to_torch()), steps_per_epoch=10)
    assert raised.value.code == "E0361" and reason in str(raised.value)


@pytest.mark.parametrize(
    "layer",
    ["conv3(4, p=same_upper, s=2)", "maxpool3(s=2, p=same_upper)", "maxpool(2) as t -> unpool(t)", "pad(hin - 6)"],
)
def test_a_shared_layer_that_is_not_one_module(layer: str) -> None:
    """One module would have the padding or arguments of its first use everywhere. ONNX has them at each use."""
    text = f"shared s = {layer} -> relu\ninput 4x8x8 -> s -> resize(size=SIZE) -> s"
    for size in ("(8, 8)", "(7, 7)"):
        net = api.compile(text.replace("SIZE", size))
        net.to_onnx()
        if size == "(8, 8)":
            net.torch_source()
            continue
        with pytest.raises(CnncError) as raised:
            net.torch_source()
        (found,) = raised.value.diagnostics
        assert found.code == "E0365" and found.span is not None and found.span.line == 2 and found.span.column > 40


def test_a_module_without_parameters() -> None:
    net = api.compile("input 1x8x8 -> relu -> maxpool2 train { loss = mse, optimizer = adam(decay=weights) }")
    with pytest.raises(CnncError) as raised:
        net.optimizer(net.to_torch())
    assert raised.value.code == "E0573" and "this module has no parameters" in str(raised.value)


def test_a_network_that_no_script_can_train() -> None:
    pair = (
        "shared f = flatten -> fc(4) input a: 1x8x8, b: 1x8x8 output x = a -> f, y = b -> f, z = a -> flatten -> fc(2) "
    )
    for text, reason in (
        ("input 1x8x8 -> flatten -> relu train { loss = mse, optimizer = adam }", "it has no parameters"),
        (pair + "train { loss = contrastive(x, y) + cross_entropy(z), optimizer = adam }", "stands beside another"),
    ):
        with pytest.raises(CnncError) as raised:
            api.compile(text).train_source()
        assert raised.value.code == "E0362" and reason in str(raised.value)


def test_a_wrong_argument() -> None:
    """`tests/test_public.py` tries every argument of every function."""
    with pytest.raises(CnncError) as raised:
        api.compile(GOOD).report(batch=0.5)  # type: ignore[arg-type]
    assert raised.value.code == "E0585" and raised.value.exit_code == 2
    assert "`batch` of `Net.report` cannot be 0.5" in str(raised.value)
    assert raised.value.help == "give a number or a capital letter"


def test_data_that_is_not_there(cnnc: CLI) -> None:
    text = "input 1x8x8 -> flatten -> fc(3) train { loss = cross_entropy, optimizer = adam }"
    refused = cnnc("train", "-e", text, "--data", "nowhere")
    assert_refused(refused, "E0590", "`nowhere`", "no such file or folder", "digits, synthetic")
    assert not Path("runs").exists()


def test_training_into_a_file(cnnc: CLI) -> None:
    text = "input 1x8x8 -> flatten -> fc(3) train { loss = cross_entropy, optimizer = adam }"
    assert_refused(cnnc("train", "-e", text, "--data", "synthetic", "--out", "good.cnn"), "E0503", "good.cnn")


def test_machines_without_an_address(cnnc: CLI) -> None:
    assert_refused(cnnc("train", "good.cnn", "--data", "digits", "--nodes", "2"), "E0591", "no --rendezvous")


def test_watching_no_file(cnnc: CLI) -> None:
    assert_refused(cnnc("analyze", "-e", GOOD, "--watch"), "E0560", "no file to watch")


TWO = "input a: 3x8x8\ninput b: 3x8x8\noutput y = a + b -> relu"
ANALYZE, ONNX = ("analyze", "good.cnn"), ("compile", "good.cnn")


@pytest.mark.parametrize(
    ("argv", "option", "other"),
    [
        ((*ANALYZE, "--explain", "--format", "json"), "--format", "--explain"),
        ((*ANALYZE, "--explain", "--by", "layer"), "--by", "--explain"),
        ((*ANALYZE, "--explain", "--device", "h100"), "--device", "--explain"),
        ((*ANALYZE, "--explain", "--convention", "thop"), "--convention", "--explain"),
        ((*ANALYZE, "--explain", "--dtype", "fp16"), "--dtype", "--explain"),
        ((*ANALYZE, "--print-ir", "--explain"), "--explain", "--print-ir"),
        ((*ANALYZE, "--print-ir", "--format", "table"), "--format", "--print-ir"),
        ((*ANALYZE, "--print-ir", "--batch", "2"), "--batch", "--print-ir"),
        ((*ANALYZE, "--format", "html", "--by", "block"), "--by", "--format html"),
        ((*ONNX, "--batch", "4"), "--batch", "PyTorch source"),
        ((*ONNX, "-o", "out.py", "--seed", "0"), "--seed", "PyTorch source"),
        ((*ONNX, "--to", "torch", "--opset", "20"), "--opset", "PyTorch source"),
        ((*ONNX, "--inference"), "--inference", "PyTorch source"),
        ((*ONNX, "--data", "digits"), "--data", "PyTorch source"),
        ((*ONNX, "--to", "train", "--weights", "w.pth"), "--weights", "a training script"),
        (("advise", "good.cnn", "--apply", "1", "--format", "json"), "--format", "--apply"),
        (("advise", "good.cnn", "--apply", "1", "--verify"), "--verify", "--apply"),
        (("run", "good.cnn", "--input", "a.png", "--no-normalize", "--std", "1"), "--std", "--no-normalize"),
        (("run", "good.cnn", "--input", "a.png", "--top", "5"), "--top", "outputs that are not one number"),
        (("run", "good.cnn", "--input", "a.png", "--labels", "l.txt"), "--labels", "outputs that are not one number"),
        (("run", "good.cnn", "--input", "a.png", "--force"), "--force", "standard output"),
        ((*ANALYZE, "--force"), "--force", "standard output"),
        ((*ANALYZE, "-o", "-", "--force"), "--force", "standard output"),
        ((*ONNX, "-o", "-", "--force"), "--force", "standard output"),
        (("draw", "good.cnn", "-o", "-", "--force"), "--force", "standard output"),
        (("advise", "good.cnn", "--force"), "--force", "standard output"),
        (("weights", "good.cnn", "--from", "w.pth", "--force"), "--force", "standard output"),
        (("sweep", "space.toml", "--force"), "--force", "standard output"),
        (("sweep", "space.toml", "--cluster", "tcp://127.0.0.1:1", "--workers", "1"), "--workers", "--cluster"),
        (("fit", "good.cnn", "--params", "1M", "--dtype", "fp32"), "--dtype", "no --peak"),
    ],
)
def test_an_option_without_effect(cnnc: CLI, argv: tuple[str, ...], option: str, other: str) -> None:
    """Refused where it would be ignored, also with the value that is its default."""
    assert_refused(cnnc(*argv), "E0580", f"`{option}` has no effect with {other}", "leave one of the two out")
    assert [path.name for path in Path().iterdir()] == ["good.cnn"]


def test_options_that_have_an_effect(cnnc: CLI) -> None:
    """The neighbours of those that are refused."""
    assert cnnc(*ANALYZE, "--explain", "--batch", "2") == (0, "")
    assert cnnc(*ANALYZE, "--format", "html", "--device", "h100", "--dtype", "fp16") == (0, "")
    assert cnnc(*ONNX, "-o", "net.onnx", "--seed", "0", "--batch", "2", "--inference") == (0, "")


@pytest.mark.parametrize(
    ("argv", "which"),
    [
        (("analyze", "-e", "relu", "--input", "3x8x8", "--input", "3x9x9"), "the input"),
        (("analyze", "-e", TWO, "--input", "a=3x8x8", "--input", "b=3", "--input", "a=3x9x9"), "the input `a`"),
        (("analyze", "-e", TWO, "--input", "3x8x8", "--input", "a=3x9x9"), "the input `a`"),
        (("analyze", "-e", TWO, "--input", "a=3x8x8", "--input", "3x9x9"), "the input"),
        (("check", "good.cnn", "--input", "3x8x8", "--input", "3x9x9"), "the input"),
        (("diff", "good.cnn", "good.cnn", "--b-input", "3x8x8", "--b-input", "3x9x9"), "the input"),
        (("run", "good.cnn", "--input", "a.png", "--shape", "3x8x8", "--shape", "3x9x9"), "the input"),
        (("fit", "good.cnn", "--params", "1M", "--input", "3x8x8", "--input", "3x9x9"), "the input"),
    ],
)
def test_two_shapes_for_an_input(cnnc: CLI, argv: tuple[str, ...], which: str) -> None:
    assert_refused(cnnc(*argv), "E0581", f"{which} is given two shapes", "3x8x8 and ", "3x9x9", "NAME=SHAPE")


def test_two_values_of_a_build_parameter(cnnc: CLI) -> None:
    net = ("analyze", "-e", "net n(c)\n" + GOOD.replace("3x3(4)", "3x3(c)"))
    assert_refused(cnnc(*net, "-D", "c=4", "-D", "c=5"), "E0586", "`c` is given two values", "once")
    assert_refused(cnnc(*net, "-D", "c="), "E0506", "`c=` is not a parameter value")
    assert cnnc(*net, "-D", "c=4") == (0, "")


def test_names_too_long_for_a_model(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each layer's path counts, repeats and blocks expanded; shared layers have short ones."""
    monkeypatch.setattr("cnnc.backends.onnx.MOST_NAMES", 40)
    text = "block u = relu -> (tanh -> bn) * 2\ninput 3x8x8 -> {} -> relu"
    assert cnnc("compile", "-e", text.format("relu"), "-o", "x.onnx") == (0, "")
    assert_refused(
        cnnc("compile", "-e", text.format("u -> u"), "-o", "y.onnx"), "E0523", "characters in all, at most 40"
    )
    assert not Path("y.onnx").exists()
    net = api.compile(text.format("u -> u"))
    assert ir.path_length(net.graph) == sum(len(path) for path, _, _ in ir.expand(net.graph.root))


def test_weights_larger_than_the_disk(cnnc: CLI) -> None:
    """Of more elements than NumPy can address, and of less than that: known before anything is drawn."""
    for channels in ("9223372036854775807", "2000000000 * 1000000"):
        text = f"input 3x1x1 -> conv1x1({channels})"
        assert_refused(cnnc("compile", "-e", text, "-o", "x.onnx"), "E0547", "GiB", "fewer channels")
    assert [path.name for path in Path().iterdir()] == ["good.cnn"]


def test_weights_larger_than_a_message(cnnc: CLI) -> None:
    result = cnnc("compile", "--to", "onnx", "-e", "input 30000 -> fc(30000)", "-o", "-")
    assert_refused(result, "E0546", "3.4 GiB", "-o net.onnx")


def test_weights_larger_than_memory(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a machine with a hundred bytes."""
    monkeypatch.setattr("cnnc.compiler.verify.memory", lambda: 100)
    assert_refused(cnnc("compile", "-e", "input 30 -> fc(30)", "-o", "x.onnx"), "E0522", "GiB", "fewer channels")
    assert [path.name for path in Path().iterdir()] == ["good.cnn"]


def test_a_machine_that_is_not_there(cnnc: CLI) -> None:
    for given in (("--node-rank", "1"), ("--nodes", "2", "--node-rank", "2", "--rendezvous", "host:1")):
        assert_refused(cnnc("train", "good.cnn", "--data", "digits", *given), "E0521", "counted from 0")


def test_a_program_too_deep_to_be_followed(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    """Definitions within definitions, which no bracket or block limit counts; and what goes wrong later on."""
    monkeypatch.setattr("cnnc.compiler.pipeline.MAX_FRAMES", 2000)
    chain = ", ".join(f"x{i} = x{i + 1} + 1" for i in range(2000))
    text = f"block b = conv1x1(x0) where {chain}, x2000 = 1\ninput 3x8x8 -> b"
    (found,) = api.check(text)
    assert found.code == "E0364" and found.span is not None and found.span.line == 2
    monkeypatch.setattr(api.Net, "report", lambda *_, **__: (_ for _ in ()).throw(RecursionError()))
    assert_refused(cnnc("analyze", "good.cnn"), "E0364", "too deep to be followed", status=1)


def test_what_the_command_line_does_not_know_is_shown_safely(capsys: pytest.CaptureFixture[str]) -> None:
    for argv in (["analyze", "a", "\x1b[31m" + "b" * 5000], ["layers", "--\x1b[31m"], ["\x1b[31m"]):
        with pytest.raises(SystemExit):
            run(argv)
        said = capsys.readouterr().err
        assert "\x1b[" not in said and max(map(len, said.split("\n"))) < 400


def test_a_fault(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault inside cnnc is admitted, with status 3 and no traceback."""

    def broken(*args: object) -> None:
        raise AssertionError("something impossible")

    monkeypatch.delenv("CNNC_TRACEBACK", raising=False)
    monkeypatch.setattr(api, "compile_source", broken)
    result = cnnc("analyze", "good.cnn")
    assert_refused(result, "E0901", "AssertionError: something impossible", "please report it", status=3)
    assert "Traceback" not in result[1]


def test_exit_status_of_a_wrong_network(cnnc: CLI) -> None:
    """A wrong network ends with 1, on every command that compiles one, and nothing is written."""
    for command in (("analyze",), ("compile",), ("compile", "--to", "onnx")):
        assert_refused(cnnc(*command, "-e", "input 3x8x8 -> rellu"), "E0301", "<command line>:1:16", status=1)
    Path("bad.cnn").write_text("input 3x8x8 -> rellu", encoding="utf-8")
    assert_refused(cnnc("check", "good.cnn", "bad.cnn"), "E0301", "bad.cnn:1:16", status=1)
    assert sorted(p.name for p in Path().iterdir()) == ["bad.cnn", "good.cnn"]


def test_spaces_and_their_sweeps(cnnc: CLI) -> None:
    """`tests/test_sweep.py` has many more."""
    Path("space.toml").write_text('network = "good.cnn"\n', encoding="utf-8")
    Path("wrong.toml").write_text("network = good.cnn\n", encoding="utf-8")
    Path("out.csv.sweep").write_bytes(b"something else")
    assert_refused(cnnc("sweep", "space.toml", "--set", "batch=[]"), "E0592", "`batch` of space.toml", "is empty")
    assert_refused(cnnc("sweep", "wrong.toml"), "E0593", "wrong.toml:1:11", "invalid value")
    assert_refused(cnnc("sweep", "space.toml", "-o", "out.csv"), "E0594", "out.csv.sweep", "--restart")
    assert_refused(cnnc("sweep", "space.toml", "--set", "input=[8x8]"), "E0592", "`input` of space.toml")
    assert_refused(cnnc("sweep", "space.toml", "--set", "input=8"), "E0592", "`input` of space.toml")
    result = cnnc("sweep", "space.toml", "--set", "input=3x1x1")
    assert_refused(result, "E0595", "of 1 points of good.cnn", "conv3x3", status=1)
    assert_refused(cnnc("sweep", "space.toml", "--cluster", "nowhere"), "E0596", "nowhere", "dask scheduler")
    assert_refused(cnnc("sweep", "space.toml", "--workers", "some"), "E0598", "`some`", "--workers all")


def test_a_worker_that_fails(cnnc: CLI, monkeypatch: pytest.MonkeyPatch) -> None:
    from contextlib import contextmanager

    from cnnc.compiler.sweep import engines, run

    class Broken:
        def gather(self, futures: Any) -> None:
            raise MemoryError("no room")

    @contextmanager
    def engine(*_: Any) -> Any:
        yield lambda todo: engines.results_of(Broken(), set())

    monkeypatch.setattr(run, "open_engine", engine)
    Path("space.toml").write_text('network = "good.cnn"\n', encoding="utf-8")
    assert_refused(cnnc("sweep", "space.toml", "-o", "out.csv"), "E0597", "MemoryError: no room", "--workers 1")


def test_a_sweep_that_is_under_way(cnnc: CLI) -> None:
    from cnnc.compiler.sweep.journal import Journal

    Path("space.toml").write_text('network = "good.cnn"\n', encoding="utf-8")
    journal = Journal(Path("out.csv.sweep"), {"version": "0"}, 1)
    assert_refused(cnnc("sweep", "space.toml", "-o", "out.csv"), "E0599", "another sweep is writing out.csv.sweep")
    journal.close()
