"""Files that are no files, deep and wide programs, huge figures: a clear answer in bounded time and memory."""

import json
import os
from pathlib import Path
from typing import Any

import cnnc
import pytest
from cnnc.compiler.cli import run
from cnnc.compiler.elaborate import suggestions
from cnnc.compiler.limits import MAX_ERRORS
from cnnc.compiler.render import render_text
from workers import run_cases

NAME = "n" * 127
LONG = "n" * 10_000
WIDE = {
    "brackets": f"input 3x8x8 -> {'(' * 1000}relu{')' * 1000}",
    "combinators": f"input 3x8x8 -> {'res(' * 1000}relu{')' * 1000}",
    "concatenation": f"input 3x8x8 -> [{', '.join(['relu'] * 10_000)}]",
    "sum": f"input 3x8x8 -> ({' + '.join(['relu'] * 10_000)})",
    "outputs": f"input x: 3x8x8\noutput {', '.join(f'y{i} = x -> relu' for i in range(200))}",
    "where names": f"block b = x0 where {', '.join(f'x{i} = x{i + 1}' for i in range(2000))}, x2000 = relu\n"
    "input 3x8x8 -> b",
    "named block": f"block {NAME} = conv1x1(4)\ninput 3x8x8 -> {NAME} -> {NAME}",
    "named net": f"net {NAME}({NAME}a=3)\ninput 3x8x8 -> conv1x1({NAME}a)",
    "label": f"input 3x8x8 -> conv1x1(4) as {NAME}",
}
REFUSED = {
    "blocks": ("block d(n) = relu -> (d(n - 1) if n > 0)\ninput 3x8x8 -> d(30000)", "E0403"),
    "brackets": (f"input 3x8x8 -> {'(' * 2000}relu{')' * 2000}", "E0402"),
    "unlike layers": ("input 3x8x8 -> for i in range(90000) { relu -> conv1x1(i + 1) -> relu -> tanh }", "E0404"),
    "unknown name": (f"input 3x8x8 -> {LONG}", "E0409"),
    "unknown argument": (f"input 3x8x8 -> conv3x3(4, {LONG}=3)", "E0409"),
    "long line": (f"input 3x8x8 -> {'relu -> ' * 1250}rellu", "E0301"),
}
STRICT = cnnc.Limits(max_layers=300_000)


TORCH = 4 * 2**30
"""Address space for commands that import PyTorch, most of which it never touches."""


def bounded(work: Any, case: Any, memory: int = 512 * 2**20) -> Any:
    """What some work gives in a process of its own, within a minute and 512 MiB unless said otherwise."""
    (outcome,) = run_cases(work, [case], processes=1, deadline=60, memory=memory)
    assert not outcome.failure
    return outcome.value


def everything(text: str) -> list[str]:
    """All forms that need no large package; what one refuses is its code."""
    net = cnnc.compile(text)
    forms = (net.report, lambda: json.dumps(net.to_dict()), net.torch_source, lambda: net.draw("mermaid"), net.to_html)
    found = []
    for form in forms:
        try:
            found.append("made" if form() else "nothing")
        except cnnc.UsageError as error:
            found.append(error.code)
    return found


@pytest.mark.parametrize("kind", WIDE)
def test_deep_and_wide_programs(kind: str) -> None:
    """Reported, written as JSON and PyTorch source; drawings and pages may say that it is too much."""
    assert cnnc.check(WIDE[kind]) == []
    report, data, source, drawing, page = bounded(everything, WIDE[kind])
    assert (report, data, source) == ("made", "made", "made")
    assert drawing in ("made", "E0570") and page in ("made", "E0571", "E0570")


MODELS = {
    f"input 3x8x8 -> [{', '.join(['relu'] * 1000)}]": ["output"],
    f"input 3x8x8 -> ({' + '.join(['relu'] * 1000)})": ["output"],
    f"input x: 3x8x8\noutput {', '.join(f'y{i} = x -> relu' for i in range(500))}": [f"y{i}" for i in range(500)],
}


@pytest.mark.parametrize("text", MODELS, ids=["concatenation", "sum", "outputs"])
def test_wide_programs_as_models(text: str) -> None:
    """ONNX Runtime takes the models, and finds every output under its name."""

    def names(text: str) -> list[str]:
        import onnxruntime

        model = cnnc.compile(text).to_onnx(batch=1).SerializeToString()
        return [output.name for output in onnxruntime.InferenceSession(model).get_outputs()]

    assert bounded(names, text, TORCH) == MODELS[text]


@pytest.mark.parametrize("kind", REFUSED)
def test_too_deep_and_mistaken(kind: str) -> None:
    text, code = REFUSED[kind]
    found = bounded(lambda text: cnnc.check(text, limits=STRICT), text)
    assert found[0].code == code
    assert max(len(line) for d in found for line in render_text(d).split("\n")) < 600


def test_many_set_lines_take_no_square_of_their_number() -> None:
    text = "set conv(p=same)\n" * 12_000 + "input 3x8x8 -> conv3x3(4)"
    assert bounded(lambda text: cnnc.compile(text).params, text) == 112


def test_names_are_suggested_for_no_more_mistakes_than_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    """To look through all names for each of thousands takes minutes."""
    asked: list[str] = []
    monkeypatch.setattr(suggestions, "suggestion", lambda name, *_: asked.append(name) or "")
    found = cnnc.check("input 3x8x8 -> " + " -> ".join(f"rellu{i}" for i in range(300)))
    assert len(found) == len(asked) == MAX_ERRORS


def test_shared_layers_within_each_other_count_as_blocks() -> None:
    chain = "".join(f"shared b{i} = b{i - 1} -> relu\n" for i in range(60, 0, -1))
    text = f"{chain}shared b0 = conv1x1(3)\ninput 3x8x8 -> b60"
    assert cnnc.check(text) == []
    (found,) = cnnc.check(text, limits=cnnc.Limits(max_calls=50))
    assert found.code == "E0403"


def test_figures_beyond_64_bits_are_exact() -> None:
    """In Python, in the table, in JSON, CSV and Markdown, and on the page, where JavaScript would round."""
    net = cnnc.compile("conv1x1(3000000000, bias=false) -> conv1x1(3000000001, bias=false)", input=(7, 11, 13))
    params = 7 * 3_000_000_000 + 3_000_000_000 * 3_000_000_001
    assert params > 2**63 - 2**60 and net.params == params
    assert net.macs == params * 11 * 13 > 2**63
    data = json.loads(json.dumps(net.to_dict(batch=10**9)))
    assert data["totals"]["macs"] == net.macs * 10**9 and data["totals"]["weight_bytes"] == 4 * params
    assert f"{params:,}" in net.report()
    assert f"{params:,}" in net.report(form="md")
    assert str(3_000_000_000 * 3_000_000_001) in net.report(form="csv")
    digits = json.loads(net.to_html().partition('id="data">')[2].partition("</script>")[0])["exact"]
    assert str(params) in digits and str(net.macs) in digits


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Holds a program, an image, and a pipe, a folder and a large file under every ending."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    Path("good.cnn").write_text("input 3x32x32 -> conv3x3(4) -> gap", encoding="utf-8")
    Image.new("RGB", (40, 40)).save("a.png")
    for ending in ("cnn", "toml", "txt", "png", "pth", "safetensors"):
        os.mkfifo(f"pipe.{ending}")
        Path(f"folder.{ending}").mkdir()
        with Path(f"large.{ending}").open("wb") as file:
            file.truncate(100 * 2**20)  # zeros, which take no room
    return tmp_path


COMMANDS = {
    "cnn": ("check", "{}"),
    "toml": ("sweep", "{}"),
    "txt": ("run", "good.cnn", "--input", "a.png", "--labels", "{}"),
    "png": ("run", "good.cnn", "--input", "{}"),
    "pth": ("weights", "good.cnn", "--from", "{}"),
    "safetensors": ("weights", "good.cnn", "--from", "{}"),
}
"""A command that reads a file with the ending."""


@pytest.mark.parametrize("ending", COMMANDS)
def test_what_is_no_file_is_refused(folder: Path, capsys: pytest.CaptureFixture[str], ending: str) -> None:
    """Pipes without a writer, folders, devices, files without an end and large ones of zeros: an error, and no wait."""
    odd = [f"pipe.{ending}", f"folder.{ending}", f"large.{ending}", f"missing.{ending}", "/dev/zero", "/dev/full"]
    for path in (*odd, "/dev/stdin"):
        status = bounded(lambda path: run([part.format(path) for part in COMMANDS[ending]]), path, TORCH)
        assert status in (1, 2), path


def test_a_pipe_as_devices_and_as_used_blocks(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["analyze", "good.cnn", "--device", "pipe.toml"]) == 2
    assert "it is not a regular file" in capsys.readouterr().err
    assert run(["check", "folder.cnn"]) == 2
    (found,) = [d for d in cnnc.check('use "/proc/kmsg"\ninput 3x8x8 -> relu') if d.is_error]
    assert found.code == "E0341"


def test_large_weights_that_are_zeros(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """PyTorch would advise to run the code that such a file may hold."""
    assert run(["weights", "good.cnn", "--from", "large.pth"]) == 2
    told = capsys.readouterr().err
    assert "E0509" in told and "weights_only" not in told
