"""Every command in odd places: locales without UTF-8, streams that are closed or full, folders that are gone.

The status is the command's own, nothing escapes as a fault or a traceback, and what is written is what it is elsewhere
but for the characters that an encoding has not.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cnnc.compiler.commands import COMMANDS
from cnnc.compiler.streams import GLYPHS, PLAIN, open_streams

TEXT = "conv3x3(8, p=1) -> bn -> relu"
LIGHT = {
    "analyze": ["-e", TEXT, "--input", "3×8×8", "--explain"],
    "advise": ["-e", "conv5x5(8, p=2) -> relu -> relu", "--input", "3x8x8"],
    "check": ["NET"],
    "compile": ["-e", TEXT, "--input", "3x8x8", "-o", "-"],
    "completion": ["bash"],
    "diff": ["NET", "NET"],
    "draw": ["-e", TEXT, "--input", "3x8x8", "--to", "dot", "-o", "-"],
    "explain": ["E0201"],
    "fit": ["NET", "--params", "1K", "--vary", "w"],
    "fmt": ["NET", "--check"],
    "layers": [],
}
"""Uses of the commands that load no large library; NET is a file by its whole path."""
REFUSED = {
    "new": ["nothing/in/here"],
    "run": ["NET", "--input", "no.png"],
    "sweep": ["no.toml"],
    "train": ["NET", "--data", "no"],
    "verify": ["no.cnn"],
    "weights": ["NET", "--from", "no.pth"],
}
"""The others, with a file that is not there."""

ENVIRONMENTS: dict[str, dict[str, str]] = {
    "C, ascii": {"LC_ALL": "C", "PYTHONIOENCODING": "ascii"},
    "POSIX, no UTF-8": {"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    "latin-1": {"PYTHONIOENCODING": "latin-1"},
    "cp1252, strict": {"PYTHONIOENCODING": "cp1252:strict"},
    "utf-16": {"PYTHONIOENCODING": "utf-16"},
    "a locale that is none": {"LC_ALL": "xx_YY.nothing", "LANG": "nonsense", "TZ": "Mars/Olympus"},
    "odd terminals": {"TERM": "dumb", "COLUMNS": "1", "LINES": "nonsense"},
    "nonsense as columns": {"TERM": "", "COLUMNS": "many", "HOME": ""},
}
ASCII = {"C, ascii", "POSIX, no UTF-8"}


@pytest.fixture(scope="module")
def net(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A program whose name is not ASCII, with a comment that is not."""
    path = tmp_path_factory.mktemp("nets") / "netz-ü.cnn"
    path.write_text("# größer\nnet n(w=8)\ninput 3×8×8 -> conv3x3(w, p=1) -> bn -> relu\n", encoding="utf-8")
    return path


def command(name: str, net: Path) -> list[str]:
    given = LIGHT.get(name, REFUSED.get(name, []))
    return [sys.executable, "-m", "cnnc", name, *(str(net) if part == "NET" else part for part in given)]


def environment(changes: dict[str, str]) -> dict[str, str]:
    """The test's own without what it says of locales and terminals."""
    odd = ("LC_", "LANG", "PYTHONUTF8", "PYTHONIOENCODING", "COLUMNS", "LINES", "TERM")
    return {**{k: v for k, v in os.environ.items() if not k.startswith(odd)}, **changes}


def told(name: str, net: Path, changes: dict[str, str], **how: object) -> tuple[int, bytes, bytes]:
    """Exit status, stdout and stderr of a command in an environment."""
    settings: dict[str, object] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    done = subprocess.run(command(name, net), env=environment(changes), timeout=120, **{**settings, **how})  # type: ignore[call-overload]
    return done.returncode, done.stdout or b"", done.stderr or b""


def test_every_command_is_here() -> None:
    assert set(COMMANDS) == LIGHT.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", sorted(LIGHT.keys() | REFUSED.keys()))
@pytest.mark.parametrize("where", ["C, ascii", "POSIX, no UTF-8"])
def test_commands_without_utf8(net: Path, name: str, where: str) -> None:
    status, out, err = told(name, net, ENVIRONMENTS[where])
    assert status == (0 if name in LIGHT else 2), err
    assert b"E0901" not in err and b"Traceback" not in err
    if name not in ("compile", "draw", "completion"):  # files, which are UTF-8 everywhere
        assert out.isascii() and err.isascii()


@pytest.mark.parametrize("where", sorted(ENVIRONMENTS.keys() - ASCII))
def test_other_environments(net: Path, where: str) -> None:
    for name in ("layers", "explain", "analyze"):
        status, out, err = told(name, net, ENVIRONMENTS[where])
        assert (status, err) == (0, b"") and out, name


def test_figures_are_the_same_in_ascii(net: Path) -> None:
    """Each sign of a formula is written with ASCII, each number stays."""
    utf8 = told("analyze", net, {"PYTHONIOENCODING": "utf-8"})[1].decode()
    ascii = told("analyze", net, ENVIRONMENTS["C, ascii"])[1].decode()
    assert "×" in utf8 and "\\x" not in ascii and "\\u" not in ascii
    assert "".join(GLYPHS.get(c, c) for c in utf8) == ascii


def test_every_explanation_in_ascii(net: Path) -> None:
    """All signs of the layers' and codes' texts have a form in ASCII."""
    code = (
        "import cnnc.compiler.cli as cli, cnnc.compiler.streams as s, cnnc.compiler.catalogue as c; s.open_streams();"
    )
    code += " [cli.run(['explain', one]) for one in c.CATALOGUE]; cli.run(['layers'])"
    changes = environment({"LC_ALL": "C", "PYTHONIOENCODING": "ascii"})
    done = subprocess.run([sys.executable, "-c", code], env=changes, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    assert "2^63" in done.stdout and "\\u" not in done.stdout


def test_signs_in_ascii() -> None:
    open_streams()
    for text, plain in {"2⁶³": "2^63", "3×4": "3x4", "10⁻⁵": "10^-5", "⌊a⌋": "floor(a)", "β₁₂": "beta_12"}.items():
        assert text.encode("ascii", PLAIN) == plain.encode()
    assert "3×ᵀ".encode("latin-1", PLAIN) == b"3\xd7^T"
    assert "\udc80é".encode("ascii", PLAIN) == b"\\udc80\\xe9"


def test_messages_name_the_very_character(net: Path) -> None:
    """On stderr a character that cannot be shown is shown by its number, since a message may be about it."""
    text = ["-e", "conv1x1(3) × relu", "--input", "3x8x8"]
    for where in ASCII:
        done = subprocess.run(
            [sys.executable, "-m", "cnnc", "check", *text[1:2]],
            env=environment(ENVIRONMENTS[where]), capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 2  # such a file is not there
        done = subprocess.run(
            [sys.executable, "-m", "cnnc", "analyze", *text],
            env=environment(ENVIRONMENTS[where]), capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 1 and rb"`\xd7` (U+00D7" in done.stderr


@pytest.mark.parametrize("name", sorted(LIGHT.keys() | REFUSED.keys()))
def test_commands_in_a_folder_that_was_removed(net: Path, tmp_path: Path, name: str) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    line = ["sh", "-c", 'cd "$1" && rmdir "$1" && shift && exec "$@"', "sh", str(gone), *command(name, net)]
    done = subprocess.run(line, env=environment({}), capture_output=True, timeout=120)
    assert done.returncode == (0 if name in LIGHT else 2), done.stderr
    assert b"E0901" not in done.stderr and b"Traceback" not in done.stderr


@pytest.mark.parametrize("text", ['use "u.cnn"\ninput 3x8x8 -> u', "input 3x8x8 -> relu"])
def test_used_files_without_a_folder(tmp_path: Path, text: str) -> None:
    line = 'cd "$1" && rmdir "$1" && exec "$2" -m cnnc analyze -e "$3"'
    gone = tmp_path / "gone"
    gone.mkdir()
    done = subprocess.run(
        ["sh", "-c", line, "sh", str(gone), sys.executable, text], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == ("use" in text)
    assert ("there is no current folder to look in" in done.stderr) == ("use" in text)


@pytest.mark.parametrize("streams", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-", ">/dev/full", "2>/dev/full", "| true"])
def test_commands_without_streams(net: Path, tmp_path: Path, streams: str) -> None:
    for name in ("analyze", "layers", "check", "verify"):
        line = ["sh", "-c", f'"$@" {streams}', "sh", *command(name, net)]
        done = subprocess.run(line, env=environment({}), cwd=tmp_path, capture_output=True, timeout=120)
        full = streams == ">/dev/full" and name != "verify"
        wanted = 0 if "|" in streams else 2 if full or name in REFUSED else 0
        assert done.returncode == wanted, (name, done.stderr)
        assert b"E0901" not in done.stderr and b"Traceback" not in done.stderr and b"Exception" not in done.stderr


def test_folders_of_every_kind(net: Path, tmp_path: Path) -> None:
    """The root, one that may not be written to, and no HOME; a file whose name is not UTF-8."""
    odd = os.fsencode(tmp_path) + b"/odd-\xff.cnn"
    Path(os.fsdecode(odd)).write_bytes(net.read_bytes())
    for folder in ("/", "/proc"):
        assert told("analyze", net, {}, cwd=folder)[0] == 0
        status, _, err = told("fmt", net, {}, cwd=folder)
        assert status == 0, err
    changes = environment({})
    changes.pop("HOME", None)
    for where in ({}, ENVIRONMENTS["C, ascii"], ENVIRONMENTS["POSIX, no UTF-8"]):
        for words in (
            [b"analyze", odd],
            [b"check", odd],
            [b"compile", odd, b"-o", b"-"],
            [b"analyze", odd, b"--format", b"json"],
        ):
            done = subprocess.run(
                [os.fsencode(sys.executable), b"-m", b"cnnc", *words],
                env={**changes, **where}, capture_output=True, timeout=60,
            )  # fmt: skip
            assert (done.returncode, done.stderr) == (0, b""), words


def test_used_files_by_names_that_are_not_ascii(tmp_path: Path) -> None:
    """A program names them in UTF-8, whatever the locale says."""
    (tmp_path / "größe.cnn").write_text("block u = relu", encoding="utf-8")
    (tmp_path / "main.cnn").write_text('use "größe.cnn"\ninput 3x8x8 -> u', encoding="utf-8")
    for where in ({}, *map(ENVIRONMENTS.get, sorted(ASCII))):
        done = subprocess.run(
            [sys.executable, "-m", "cnnc", "check", "main.cnn"],
            env=environment(where or {}), cwd=tmp_path, capture_output=True, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
