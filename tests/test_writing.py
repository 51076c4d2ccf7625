"""Where results go: permissions are kept, links are not followed, and inputs are never written over."""

import os
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import kills
import pytest
from children import Child
from cnnc.compiler.cli import run
from cnnc.compiler.diagnostics import UsageError
from cnnc.compiler.writing import create_file, replacing, write_file

NOBODY = 65534
ROOT_ONLY = pytest.mark.skipif(os.geteuid() != 0, reason="another user can be played only by root")


@pytest.fixture(params=["without a name", "with a hidden name"], autouse=True)
def unfinished(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How files are kept until they are finished."""
    if request.param == "with a hidden name":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return str(request.param)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("kept", [0o600, 0o640, 0o666, 0o755, 0o444])
def test_permissions_are_kept(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"old")
    path.chmod(kept)
    write_file(path, b"new")
    assert (path.read_bytes(), mode(path), names(tmp_path)) == (b"new", kept, ["a"])


@pytest.mark.parametrize("write", [write_file, create_file])
@pytest.mark.parametrize(("mask", "usual"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_new_file_has_what_the_mask_leaves(
    tmp_path: Path, write: Callable[[Path, bytes], None], mask: int, usual: int
) -> None:
    before = os.umask(mask)
    try:
        write(tmp_path / "a", b"new")
    finally:
        os.umask(before)
    assert (mode(tmp_path / "a"), names(tmp_path)) == (usual, ["a"])


def test_what_is_unfinished_is_hidden_or_has_no_name(tmp_path: Path, unfinished: str) -> None:
    with replacing(tmp_path / "a") as file:
        file.write(b"half")
        file.flush()
        found = names(tmp_path)
        assert found == [] if unfinished == "without a name" else found[0].startswith(".a.")
        assert not (tmp_path / "a").exists()
    assert names(tmp_path) == ["a"]


@pytest.mark.parametrize("to", ["victim", "nowhere", "folder", "loop"])
def test_links_are_refused(tmp_path: Path, to: str) -> None:
    """Dangling ones, too: what they name is not made."""
    (tmp_path / "victim").write_bytes(b"as it was")
    (tmp_path / "folder").mkdir()
    (tmp_path / "loop").symlink_to("loop")
    link = tmp_path / "link"
    link.symlink_to(to)
    before = names(tmp_path)
    for write in (write_file, create_file):
        with pytest.raises(UsageError):
            write(link, b"new")
    assert names(tmp_path) == before and (tmp_path / "victim").read_bytes() == b"as it was" and link.is_symlink()


@pytest.mark.parametrize("to", ["victim", "nowhere"])
def test_a_link_that_appears_while_a_file_is_written(tmp_path: Path, to: str) -> None:
    """It is replaced; what it leads to is not touched."""
    victim, path = tmp_path / "victim", tmp_path / "a"
    victim.write_bytes(b"as it was")
    with replacing(path) as file:
        file.write(b"new")
        path.symlink_to(to)
    assert not path.is_symlink() and path.read_bytes() == b"new" and names(tmp_path) == ["a", "victim"]
    assert victim.read_bytes() == b"as it was"


def test_a_new_program_never_replaces_what_appears_meanwhile(tmp_path: Path) -> None:
    path = tmp_path / "a"
    with pytest.raises(UsageError, match="cannot write"), replacing(path, fresh=True) as file:
        file.write(b"new")
        path.write_bytes(b"another's")
    assert path.read_bytes() == b"another's" and names(tmp_path) == ["a"]


def test_another_name_of_the_target_keeps_its_content(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    os.link(tmp_path / "a", tmp_path / "b")
    write_file(tmp_path / "a", b"new")
    assert ((tmp_path / "a").read_bytes(), (tmp_path / "b").read_bytes()) == (b"new", b"old")


def test_the_folder_is_synced_after_the_file_has_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In this order: the data, the name, the folder."""
    done: list[str] = []
    sync, rename, link = os.fsync, Path.replace, os.link

    def fsync(handle: int) -> None:
        done.append("folder" if stat.S_ISDIR(os.fstat(handle).st_mode) else "data")
        sync(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(Path, "replace", lambda self, to: done.append("name") or rename(self, to))
    monkeypatch.setattr(os, "link", lambda *a, **m: done.append("link") or link(*a, **m))
    write_file(tmp_path / "a", b"new")
    assert [step for step in done if step != "link"] == ["data", "name", "folder"]
    done.clear()
    create_file(tmp_path / "b", b"new")
    assert done == ["data", "link", "folder"]


# Inputs


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program that is also called hard.py, reached through a linked folder, too."""
    work = tmp_path / "work"
    work.mkdir()
    (work / "net.cnn").write_text("input 3x8x8 -> conv3x3(4)", encoding="utf-8")
    (work / "units.cnn").write_text("block unit = relu -> relu", encoding="utf-8")
    (work / "user.cnn").write_text('use "units.cnn"\ninput 3x8x8 -> unit', encoding="utf-8")
    (tmp_path / "link").symlink_to("work")
    os.link(work / "net.cnn", work / "hard.py")
    monkeypatch.chdir(work)
    return work


ALIASES = ("net.cnn", "./net.cnn", "../work/net.cnn", "../link/net.cnn", "hard.py", "../link/hard.py")
WRITERS = (
    ("compile", "net.cnn", "--to", "torch"), ("compile", "net.cnn", "--to", "onnx"), ("draw", "net.cnn", "--to", "svg"),
    ("analyze", "net.cnn", "--format", "json"), ("weights", "net.cnn", "--from", "units.cnn"),
)  # fmt: skip


@pytest.mark.parametrize("out", ALIASES)
@pytest.mark.parametrize("argv", WRITERS, ids=lambda argv: argv[0])
def test_no_input_is_written_over(folder: Path, argv: tuple[str, ...], out: str, capsys: Any) -> None:
    before = kills.files(folder)
    assert run([*argv, "-o", out]) == 2 and run([*argv, "-o", str(folder / out)]) == 2
    assert capsys.readouterr().err.count("it is the program itself") == 2 and kills.files(folder) == before


@pytest.mark.parametrize("argv", [("compile", "--to", "torch"), ("draw", "--to", "svg"), ("analyze",)])
@pytest.mark.parametrize("out", ["units.cnn", "../link/units.cnn"])
def test_no_used_file_is_written_over(folder: Path, argv: tuple[str, ...], out: str, capsys: Any) -> None:
    before = kills.files(folder)
    assert run([argv[0], "user.cnn", *argv[1:], "--force", "-o", out]) == 2
    assert "it is a file that the program uses" in capsys.readouterr().err and kills.files(folder) == before


# Folders that cannot be written to


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter, unlike those that pytest makes."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        (Path(name) / "net.cnn").write_text("input 3x8x8 -> conv3x3(4)", encoding="utf-8")
        (Path(name) / "net.py").write_bytes(b'"""net, generated by cnnc."""\n')
        yield Path(name)


@ROOT_ONLY
@pytest.mark.parametrize("target", ["net.py", "fresh.py"])
def test_a_folder_of_another_user(open_folder: Path, target: str) -> None:
    kills.load()
    before = kills.files(open_folder)
    ended = Child(("compile", "net.cnn", "-o", target), open_folder, lambda: os.setuid(NOBODY)).wait()
    assert ended.status == 2 and "error[E0503]" in ended.err and "Permission denied" in ended.err
    assert "Traceback" not in ended.err and kills.files(open_folder) == before


@ROOT_ONLY
def test_a_file_system_that_is_read_only(open_folder: Path, capsys: Any) -> None:
    disk = open_folder / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "none", disk], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        for command in (("compile", "net.cnn", "-o", str(disk / "x.py")), ("new", str(disk / "x"))):
            assert run([command[0], *(str(open_folder / w) if w == "net.cnn" else w for w in command[1:])]) == 2
            assert "Read-only file system" in capsys.readouterr().err
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


@pytest.mark.parametrize("fresh", [False, True])
def test_an_interrupt_while_the_hidden_name_is_removed(
    fresh: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may come before the name is gone, which is why removing is begun again."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    unlink, calls = Path.unlink, []

    def interrupted(path: Path, missing_ok: bool = False) -> None:
        calls.append(path)
        if len(calls) == 1:
            raise KeyboardInterrupt
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", interrupted)
    with pytest.raises(KeyboardInterrupt), replacing(tmp_path / "net.py", fresh=fresh) as file:
        file.write(b"whole")
    assert [path.name for path in tmp_path.iterdir()] == ["net.py"]
