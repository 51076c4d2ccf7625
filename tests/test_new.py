"""Beginning with cnnc: templates, shell completion, hooks for pre-commit, and analysis at every save."""

import os
import select
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import cnnc
import pytest
import yaml
from cnnc.compiler.commands import COMMANDS
from cnnc.compiler.format import format_source
from cnnc.compiler.limits import Limits
from cnnc.compiler.source import Source
from cnnc.grammar import TEMPLATES, template_text
from conftest import ROOT

CNNC = str(Path(sys.executable).with_name("cnnc"))


def run(*args: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run([CNNC, *args], capture_output=True, text=True, cwd=cwd, timeout=120)


# Templates


def test_every_template_is_listed() -> None:
    assert {p.stem for p in (ROOT / "grammar" / "templates").iterdir()} == set(TEMPLATES)


@pytest.mark.parametrize("name", TEMPLATES)
def test_template(name: str) -> None:
    """It compiles without a remark, in its canonical layout, and can be scaled."""
    text = template_text(name)
    net = cnnc.compile(text)
    assert net.name == name and not net.warnings and net.params > 50_000
    assert format_source(Source(text), Limits()) == text
    assert cnnc.compile(text, params={"width": 16 if name != "mobilenet" else 0.5}).params < net.params
    compile(net.torch_source(), name, "exec")


def test_the_residual_template_is_resnet18() -> None:
    assert cnnc.compile(template_text("resnet")).params == 11_689_512


@pytest.mark.parametrize("name", TEMPLATES)
def test_new(name: str, tmp_path: Path) -> None:
    result = run("new", "first", "--template", name, cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "") and result.stdout.startswith("wrote first.cnn")
    net = cnnc.load(tmp_path / "first.cnn")
    assert net.name == "first" and net.params == cnnc.compile(template_text(name)).params


@pytest.mark.parametrize(
    ("name", "file", "net"),
    [
        ("my-net.cnn", "my-net.cnn", "my_net"),
        ("block", "block.cnn", "block_net"),
        ("3d", "3d.cnn", "net_3d"),
        ("größe", "größe.cnn", "gr__e"),
    ],
)
def test_names(name: str, file: str, net: str, tmp_path: Path) -> None:
    assert run("new", name, cwd=tmp_path).returncode == 0
    assert cnnc.load(tmp_path / file).name == net


def test_new_writes_over_nothing(tmp_path: Path) -> None:
    (tmp_path / "old.cnn").write_text("mine")
    (tmp_path / "link.cnn").symlink_to("elsewhere.cnn")
    for name in ("old", "link", "no/such/folder", ""):
        result = run("new", name, cwd=tmp_path)
        if name:
            assert result.returncode == 2 and "E0503" in result.stderr and result.stdout == ""
    assert (tmp_path / "old.cnn").read_text() == "mine" and not (tmp_path / "elsewhere.cnn").exists()
    assert run("new", "x", "--template", "gan", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("command", ["new", "completion"])
def test_help(command: str) -> None:
    result = run(command, "--help")
    assert result.returncode == 0 and "example" in result.stdout


# Completion


@pytest.mark.parametrize(
    ("shell", "files"),
    [
        ("bash", "_shtab_cnnc_diff_pos_0_COMPGEN=_shtab_compgen_files"),
        (
            "zsh",
            '"*::program to rewrite\\; - and -e go to stdout:_files"',
        ),  # every file of several, not the first alone
        ("fish", "'_shtab_cnnc_using diff; and test $_shtab_cnnc_npos -ge 0' -ka \"(__fish_complete_path"),
    ],
)
def test_completion_names_commands_and_offers_files(shell: str, files: str) -> None:
    script = run("completion", shell)
    assert script.returncode == 0 and all(name in script.stdout for name in COMMANDS)
    assert files in script.stdout


def test_bash_reads_the_completion() -> None:
    checked = subprocess.run(["bash", "-n"], input=run("completion", "bash").stdout, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")


def complete(words: str, folder: Path) -> list[str]:
    """What bash offers for the last of the words."""
    (folder / "script").write_text(run("completion", "bash").stdout)
    given = words.split(" ")
    lines = [
        f"source {shlex.quote(str(folder / 'script'))}",
        f"COMP_WORDS=({' '.join(map(shlex.quote, given))}); COMP_CWORD={len(given) - 1}",
        f"COMP_LINE={shlex.quote(words)}; COMP_POINT={len(words)}",
        "$(complete -p cnnc | sed 's/.*-F \\([^ ]*\\).*/\\1/') cnnc \"${COMP_WORDS[COMP_CWORD]}\"",
        'printf "%s\\n" "${COMPREPLY[@]}"',
    ]
    result = subprocess.run(["bash", "-c", "\n".join(lines)], capture_output=True, text=True, cwd=folder)
    return [line.strip() for line in result.stdout.splitlines() if line.strip()]


def test_bash_completes_commands_options_and_files(tmp_path: Path) -> None:
    (tmp_path / "mine.cnn").write_text("relu")
    assert complete("cnnc ana", tmp_path) == ["analyze"]
    assert set(complete("cnnc ", tmp_path)) >= set(COMMANDS)
    assert complete("cnnc analyze --conv", tmp_path) == ["--convention"]
    assert complete("cnnc analyze --by bl", tmp_path) == ["block"]
    for command in ("analyze", "diff", "diff mine.cnn", "check mine.cnn", "analyze -o", "run net.cnn --input"):
        assert "mine.cnn" in complete(f"cnnc {command} mi", tmp_path), command


def test_an_unknown_shell() -> None:
    assert run("completion", "tcl").returncode == 2


# Hooks


def test_hooks_run_their_commands(tmp_path: Path) -> None:
    """What pre-commit would do: the entry's command, with the names of the files behind it."""
    hooks = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())}
    assert set(hooks) == {"cnnc-check", "cnnc-fmt"}
    (tmp_path / "good.cnn").write_text("input 3x8x8->relu")
    (tmp_path / "bad.cnn").write_text("input 3x8x8 -> rellu")
    for hook in hooks.values():
        assert hook["language"] == "python" and hook["name"] and hook["files"] == r"\.cnn$"
        assert shlex.split(hook["entry"])[0] == "cnnc"
    status = {}
    for name in ("good.cnn", "bad.cnn"):
        command = shlex.split(hooks["cnnc-check"]["entry"])[1:]
        status[name] = run(*command, name, cwd=tmp_path).returncode
    assert status == {"good.cnn": 0, "bad.cnn": 1}
    assert run(*shlex.split(hooks["cnnc-fmt"]["entry"])[1:], "good.cnn", cwd=tmp_path).returncode == 0
    assert (tmp_path / "good.cnn").read_text() == "input 3x8x8 -> relu\n"


# Watching


class Watched:
    """A running `cnnc analyze --watch`, its two outputs read as they come."""

    def __init__(self, process: subprocess.Popen[bytes], handle: int) -> None:
        self.process, self.handle, self.text = process, handle, ""

    def wait_for(self, text: str, seconds: float = 60) -> None:
        end = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < end, f"{text!r} is not in {self.text!r}"
            if select.select([self.handle], [], [], 0.2)[0]:
                self.text += os.read(self.handle, 65536).decode()
        self.text = ""

    def interrupt(self) -> int:
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(timeout=60)


@contextmanager
def watching(folder: Path, terminal: bool) -> Iterator[Watched]:
    import pty

    ours, theirs = pty.openpty() if terminal else os.pipe()
    command = [CNNC, "analyze", "net.cnn", "--watch"]
    process = subprocess.Popen(
        command, cwd=folder, stdout=theirs, stderr=theirs, env={**os.environ, "COLUMNS": "120"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # shells ignore it in the background
    )  # fmt: skip
    os.close(theirs)
    try:
        yield Watched(process, ours)
    finally:
        process.kill()
        process.wait()
        os.close(ours)


@pytest.mark.parametrize("terminal", [False, True], ids=["pipe", "terminal"])
def test_watch(tmp_path: Path, terminal: bool) -> None:
    """Shown at once, again after each save, through a broken one and a file that is away; Ctrl-C ends it."""
    path = tmp_path / "net.cnn"
    path.write_text("input 3x8x8 -> conv3x3(4)")
    with watching(tmp_path, terminal) as watched:
        watched.wait_for("1x4x6x6")
        path.write_text("input 3x8x8 -> rellu")
        watched.wait_for("E0301")
        path.write_text("input 3x9x9 -> conv3x3(5)")
        watched.wait_for("1x5x7x7")
        path.unlink()
        watched.wait_for("E0501")
        path.write_text("input 3x9x9 -> conv3x3(6)")
        watched.wait_for("1x6x7x7")
        assert watched.process.poll() is None
        assert watched.interrupt() == 130


def test_watch_follows_used_files(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text('use "parts.cnn"\ninput 3x8x8 -> part')
    (tmp_path / "parts.cnn").write_text("block part = conv3x3(4)")
    with watching(tmp_path, False) as watched:
        watched.wait_for("1x4x6x6")
        (tmp_path / "parts.cnn").write_text("block part = conv3x3(")
        watched.wait_for("error[")
        (tmp_path / "parts.cnn").write_text("block part = conv5x5(7)")
        watched.wait_for("1x7x4x4")


def test_watch_of_no_file(tmp_path: Path) -> None:
    assert "E0560" in run("analyze", "-e", "input 3 -> relu", "--watch").stderr
    missing = run("analyze", "missing.cnn", "--watch", cwd=tmp_path)
    assert missing.returncode == 2 and "E0501" in missing.stderr
    wrong = run("analyze", str(ROOT / "examples/lenet5.cnn"), "--watch", "--convention", "no")
    assert wrong.returncode == 2 and "E0517" in wrong.stderr
