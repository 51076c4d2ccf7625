"""Every command as its users meet it: help, a good run, a wrong one, a pipe, and a reader that goes away."""

import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import cnnc as api
import pytest
from cnnc.backends.weights import draw
from cnnc.compiler.commands import COMMANDS
from conftest import ROOT
from PIL import Image
from safetensors.numpy import save_file
from test_cli import cnnc

NET = "net tiny(width=4)\ninput 3x8x8 -> conv3x3(width) -> bn -> relu -> gap -> fc(2)\n"
TAUGHT = """net taught
input 1x8x8 -> flatten -> fc(10)
train { loss = cross_entropy, optimizer = adam, epochs = 1 }
"""
SPACE = 'network = "tiny.cnn"\nparams.width = [2, 4, 8]\n'
BAD = "input 3x8x8->rellu\n"
PAGES = ROOT / "docs" / "commands"


class Case(NamedTuple):
    """How a command is used. `tiny.cnn` is a network, `bad.cnn` a wrong one."""

    good: tuple[str, ...]
    """Arguments of a run that succeeds."""
    shows: str
    """A part of its output."""
    wrong: tuple[str, ...]
    code: str
    """What the wrong run is refused with: a diagnostic's code, or a part of argparse's sentence."""
    status: int
    piped: tuple[str, ...]
    """Arguments of a run in a pipe; `-` reads a program from standard input."""
    printed: str


CASES = {
    "compile": Case(
        ("tiny.cnn", "-o", "out.py"), "wrote out.py: tiny, 130 parameters", ("bad.cnn", "-o", "out.onnx"), "E0301", 1,
        ("-", "-o", "-"), "class Tiny(nn.Module)",
    ),
    "analyze": Case(
        ("tiny.cnn", "--by", "op"), "parameters            130",
        ("tiny.cnn", "--device", "abacus", "-o", "out.txt"), "E0530", 2,
        ("-", "--device", "h100"), "MACs (torchvision)",
    ),
    "draw": Case(
        ("tiny.cnn", "-o", "out.svg"), "wrote out.svg: tiny", ("tiny.cnn", "-o", "out.jpeg"), "E0504", 2,
        ("-", "--to", "mermaid", "-o", "-"), "flowchart",
    ),
    "diff": Case(
        ("tiny.cnn", "tiny.cnn", "--b-define", "width=8"), "conv1", ("tiny.cnn", "bad.cnn"), "E0301", 1,
        ("-", "tiny.cnn"), "tiny",
    ),
    "advise": Case(
        ("tiny.cnn",), "keeps the function exactly", ("tiny.cnn", "--apply", "9", "-o", "out.cnn"), "E0572", 2,
        ("-", "--apply", "1"), "bias=false",
    ),
    "fit": Case(
        ("tiny.cnn", "--params", "1K"), "bound by        parameters", ("tiny.cnn", "--params", "many"), "E0543", 2,
        ("-", "--params", "1K"), "-D width=",
    ),
    "sweep": Case(
        ("space.toml", "-o", "out.csv"), "3 points (all of the grid), 3 kept",
        ("space.toml", "--set", "params.depth=3", "-o", "out.csv"), "E0592", 2,
        ("-", "--format", "json"), '"kept": 3',
    ),
    "check": Case(("tiny.cnn",), "tiny.cnn: ok", ("missing.cnn",), "E0501", 2, ("-",), "-: ok"),
    "verify": Case(("tiny.cnn",), "tiny", ("bad.cnn",), "E0301", 1, ("-", "--batch", "1"), "ok"),
    "run": Case(
        ("tiny.cnn", "--input", "a.png", "--weights", "w.safetensors", "--on", "numpy"), "a.png",
        ("tiny.cnn", "--input", "missing.png", "-o", "out.npy"), "E0551", 2,
        ("-", "--input", "a.png", "--weights", "w.safetensors", "--on", "numpy"), "a.png",
    ),
    "train": Case(
        ("taught.cnn", "--data", "digits", "--out", "out"), "wrote out/model.pth and model.onnx",
        ("taught.cnn", "--data", "nowhere"), "E0590", 2,
        ("-", "--data", "synthetic", "--max-steps", "1"), "wrote runs/taught/train.py",
    ),
    "weights": Case(
        ("tiny.cnn", "--from", "w.safetensors"), "conv1.weight",
        ("tiny.cnn", "--from", "missing.safetensors", "-o", "out.safetensors"), "E0501", 2,
        ("-", "--from", "w.safetensors"), "fc.weight",
    ),
    "fmt": Case(("bad.cnn",), "formatted bad.cnn", ("unfinished.cnn",), "E0109", 1, ("-",), "-> conv3x3(width)"),
    "new": Case(
        ("fresh",), "wrote fresh.cnn", ("out", "--template", "transformer"), "invalid choice", 2,
        ("other", "--template", "unet"), "wrote other.cnn",
    ),
    "layers": Case(("conv",), "positional order", ("convv",), "E0510", 2, (), "conv"),
    "explain": Case(("E0201",), "padded input", ("E9999",), "E0511", 2, ("E0501",), "does not exist"),
    "completion": Case(("bash",), "_shtab_cnnc", ("tcl",), "invalid choice", 2, ("zsh",), "#compdef cnnc"),
}  # fmt: skip


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Programs, a picture and weights."""
    for name, text in (("tiny", NET), ("taught", TAUGHT), ("bad", BAD), ("unfinished", "input 3x8x8 -> (")):
        (tmp_path / f"{name}.cnn").write_text(text, encoding="utf-8")
    (tmp_path / "space.toml").write_text(SPACE, encoding="utf-8")
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    save_file(draw(api.compile(NET).graph, seed=0), tmp_path / "w.safetensors")
    return tmp_path


def test_every_command_has_a_case() -> None:
    assert set(CASES) == set(COMMANDS)


def test_every_command_has_a_page() -> None:
    assert {page.stem for page in PAGES.iterdir()} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_help(name: str, tmp_path: Path) -> None:
    """With an example, and as its page in docs/commands has it, which `make commands` writes."""
    result = cnnc(name, "--help", cwd=tmp_path, COLUMNS="110", NO_COLOR="1")
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"usage: cnnc {name} ") and "\nexample:\n  " in result.stdout
    assert result.stdout.rstrip() in (PAGES / f"{name}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_good_run(name: str, folder: Path) -> None:
    result = cnnc(name, *CASES[name].good, cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert CASES[name].shows in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_run(name: str, folder: Path) -> None:
    """One message, the status that it calls for, nothing on stdout, and no file or change of one."""
    case, before = CASES[name], {path: path.read_bytes() for path in folder.iterdir()}
    result = cnnc(name, *case.wrong, cwd=folder)
    assert result.returncode == case.status, result.stderr
    assert case.code in result.stderr and result.stderr.count("error") == 1 and "Traceback" not in result.stderr
    assert result.stdout == ""
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


@pytest.mark.parametrize("name", COMMANDS)
def test_a_pipe(name: str, folder: Path) -> None:
    """The program comes from standard input, and what goes out is plain text, even where colours are promised."""
    result = cnnc(name, *CASES[name].piped, cwd=folder, stdin=program(name), FORCE_COLOR="1", TERM="xterm-256color")
    assert (result.returncode, result.stderr) == (0, "")
    assert CASES[name].printed in result.stdout and "\x1b" not in result.stdout


PROGRAMS = [name for name in COMMANDS if "-" in CASES[name].piped and name != "sweep"]
"""Commands that take a program; `sweep` takes a space, which names one."""


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_text_on_the_command_line(name: str, folder: Path) -> None:
    """The same as from standard input, but for what the program is called."""
    piped = CASES[name].piped
    at = piped.index("-")
    result = cnnc(name, *piped[:at], "-e", program(name), *piped[at + 1 :], cwd=folder)
    assert (result.returncode, result.stderr) == (0, "")
    assert CASES[name].printed.replace("-: ok", "<command line>: ok") in result.stdout


@pytest.mark.parametrize("name", PROGRAMS)
@pytest.mark.parametrize("form", ["-", "-e", "file"])
def test_a_program_without_a_network(name: str, form: str, folder: Path) -> None:
    """Every command but `fmt` says so, however it gets the program, and `check` of no other than an empty one."""
    piped = CASES[name].piped
    at = piped.index("-")
    for text in ("", " \n\t\n", "# nothing\n"):
        (folder / "empty.cnn").write_text(text, encoding="utf-8")
        given = {"-": ("-",), "-e": ("-e", text), "file": ("empty.cnn",)}[form]
        result = cnnc(name, *piped[:at], *given, *piped[at + 1 :], cwd=folder, stdin=text)
        if name == "fmt":
            assert (result.returncode, result.stderr) == (0, "")
        else:
            assert result.returncode == 1 and result.stderr.startswith("error[E0317]"), result.stderr


def test_several_programs(folder: Path) -> None:
    """Files and texts in the order in which they stand; standard input once."""
    mixed = ("-e", "input 3x8x8 -> nothere", "tiny.cnn", "-e", NET)
    result = cnnc("check", *mixed, cwd=folder)
    assert result.returncode == 1
    assert result.stdout.splitlines() == ["<command line>: 1 error", "tiny.cnn: ok", "<command line>: ok"]
    result = cnnc("fmt", "-e", "input 3x8x8->relu", "-e", "input 3x8x8->tanh", cwd=folder)
    assert result.stdout == "input 3x8x8 -> relu\ninput 3x8x8 -> tanh\n"
    assert cnnc("fmt", "--check", "-e", "relu->bn", cwd=folder).stdout == "would format <command line>\n"
    text = ("-e", "net other\ninput 3x8x8 -> relu")
    for order, heads in ((("tiny.cnn", *text), "A: tiny, B: other"), ((*text, "tiny.cnn"), "A: other, B: tiny")):
        result = cnnc("diff", *order, cwd=folder)
        assert result.returncode == 0 and result.stdout.startswith(heads), result.stdout
    for command in (("check", "-", "-"), ("check",), ("fmt",), ("diff", "tiny.cnn"), ("diff", "-e", NET)):
        result = cnnc(*command, cwd=folder)
        assert result.returncode == 2 and "error[E0501]" in result.stderr and "give a file" in result.stderr


def test_a_file_of_declarations_is_fine(folder: Path) -> None:
    for text in ("block f = relu", "set conv(p=same)", "net n(c=3)", 'use "other.cnn"', "shared f = conv1x1(3)"):
        (folder / "other.cnn").write_text("block other = relu", encoding="utf-8")
        (folder / "blocks.cnn").write_text(text, encoding="utf-8")
        assert cnnc("check", "blocks.cnn", cwd=folder).returncode == 0


def program(name: str) -> str:
    """What a command reads from a pipe."""
    return {"train": TAUGHT, "sweep": SPACE}.get(name, NET)


def with_stdout(to: int, name: str, folder: Path) -> tuple[int, str]:
    """The status and stderr of a command whose output goes to a file descriptor."""
    command = [str(Path(sys.executable).with_name("cnnc")), name, *CASES[name].piped]
    result = subprocess.run(
        command, stdout=to, stderr=subprocess.PIPE, input=program(name), text=True, cwd=folder, timeout=120
    )
    return result.returncode, result.stderr


@pytest.mark.parametrize("name", COMMANDS)
def test_a_reader_that_has_gone_away(name: str, folder: Path) -> None:
    """As behind `| head -1`: no message, and no failure."""
    reader, writer = os.pipe()
    os.close(reader)
    assert with_stdout(writer, name, folder) == (0, "")
    os.close(writer)


def test_a_full_stdout(folder: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        status, message = with_stdout(full.fileno(), "layers", folder)
    assert status == 2 and message.startswith("error[E0503]: cannot write standard output\n  No space left")


def test_closed_streams() -> None:
    """Results lead nowhere, and a program that cannot be read is an empty one."""
    command = f"{Path(sys.executable).with_name('cnnc')} analyze"
    run = [f"{command} {ROOT}/examples/lenet5.cnn >&-", f"{command} - <&-", f"{command} missing.cnn 2>&-"]
    results = [subprocess.run(["bash", "-c", line], capture_output=True, text=True) for line in run]
    assert [result.returncode for result in results] == [0, 1, 2]
    assert [result.stderr[:12] for result in results] == ["", "error[E0317]", ""]
