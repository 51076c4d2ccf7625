"""Disks, pipes and streams that take no more: one message, the right status, and the old file as it was."""

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import kills
import pytest
from children import Child
from kills import files, prepare
from outputs import OUTPUTS, Output, make_folder

EXECUTABLE = Path(sys.executable).with_name("cnnc")
EXTRA = (
    Output("verify", ("verify", "net.cnn"), "", None),
    Output("difference", ("diff", "net.cnn", "idle.cnn"), "", None),
    Output("table", ("analyze", "net.cnn"), "", None),
    Output("source to stdout", ("compile", "net.cnn", "-o", "-"), "", None),
    Output("model to stdout", ("compile", "net.cnn", "--to", "onnx", "-o", "-"), "", None),
    Output("check", ("check", "net.cnn"), "", None),
)
"""Commands that write to stdout alone."""


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kills.load()
    folder = tmp_path_factory.mktemp("start")
    make_folder(folder)
    return folder


@pytest.fixture
def folder(start: Path, tmp_path: Path) -> Path:
    shutil.copytree(start, tmp_path / "work")
    return tmp_path / "work"


def with_old(output: Output, folder: Path) -> dict[str, bytes]:
    """What the folder has once the target is there."""
    if output.old is not None:
        (folder / output.target).write_bytes(output.old)
    return files(folder)


def unfinished(output: Output, found: dict[str, bytes]) -> dict[str, bytes]:
    """Files without the work of a sweep that the next run takes up."""
    return {n: data for n, data in found.items() if not any(Path(n).match(p) for p in output.kept)}


@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_a_limit_on_the_size_of_files(output: Output, folder: Path) -> None:
    """Five bytes, then the system says that the file is too large."""
    before = with_old(output, folder)

    def limit() -> None:
        prepare(output)
        resource.setrlimit(resource.RLIMIT_FSIZE, (5, 5))

    ended = Child(output.argv, folder, limit).wait()
    assert (ended.status, ended.out.count("wrote")) == (2, 0), ended.err
    assert ended.err.count("error[") == ended.err.count("error[E0503]") == 1 and "Traceback" not in ended.err
    assert unfinished(output, files(folder)) == before


@pytest.fixture
def disk(folder: Path) -> Iterator[Path]:
    """A file system of 64 KiB in the folder, that is full."""
    there = folder / "disk"
    there.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", there], capture_output=True).returncode:
        pytest.skip("no file system can be mounted here; the limit on the size of files stands in for it")
    yield there
    subprocess.run(["umount", "-l", there], check=True)


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            pass


def on_disk(output: Output) -> tuple[str, ...]:
    """The command with its target on the disk."""
    names = {output.target, output.target.removesuffix(".cnn")}
    return tuple(f"disk/{word}" if word in names else word for word in output.argv)


@pytest.mark.parametrize("output", OUTPUTS, ids=str)
def test_a_full_disk(output: Output, folder: Path, disk: Path) -> None:
    with_old(output, disk)
    fill(disk)
    before = files(disk)
    ended = Child(on_disk(output), folder, lambda: prepare(output)).wait()
    assert (ended.status, ended.err.count("error[E0503]")) == (2, 1), ended.err
    assert ended.err.count("error[") == 1 and "Traceback" not in ended.err
    assert unfinished(output, files(disk)) == before


def test_a_full_folder_of_temporary_files(folder: Path, disk: Path) -> None:
    """`verify` gives ONNX Runtime a file."""
    fill(disk)
    before = files(disk)

    def elsewhere() -> None:
        import tempfile

        tempfile.tempdir = str(disk)

    ended = Child(("verify", "net.cnn"), folder, elsewhere).wait()
    assert (ended.status, ended.out) == (2, "") and "error[E0503]" in ended.err and "No space left" in ended.err
    assert files(disk) == before


def lead(number: int, path: str) -> None:
    """Have one of the standard streams lead to a file."""
    handle = os.open(path, os.O_WRONLY)
    os.dup2(handle, number)
    os.close(handle)


@pytest.mark.parametrize("output", [*OUTPUTS, *EXTRA], ids=str)
def test_a_full_stdout(output: Output, folder: Path) -> None:
    """The file, where there is one, is the old one or the new one all the same."""
    with_old(output, folder)
    ended = Child(output.argv, folder, lambda: lead(1, "/dev/full")).wait()
    assert ended.status == 2 and "cannot write standard output" in ended.err and "No space left" in ended.err
    assert ended.err.count("error[") == 1 and "Traceback" not in ended.err
    assert not [name for name in files(folder) if name.startswith(".")]


@pytest.mark.parametrize("output", [*OUTPUTS, *EXTRA], ids=str)
def test_a_stdout_that_nobody_reads(output: Output, folder: Path) -> None:
    """As `cnnc … | head` closes it: no word, status 0, and what is written to a file is there."""
    with_old(output, folder)

    def unread() -> None:
        mine, theirs = os.pipe()
        os.dup2(theirs, 1)
        os.close(mine)
        os.close(theirs)

    ended = Child(output.argv, folder, unread).wait()
    assert ended.status == 0 and "Traceback" not in ended.err and "error[" not in ended.err
    assert not output.target or files(folder)[output.target] not in (output.old, b"")


@pytest.mark.parametrize("output", [*OUTPUTS, *EXTRA], ids=str)
def test_a_full_stderr(output: Output, folder: Path) -> None:
    """Nothing can be said there, so the status says it."""
    with_old(output, folder)
    ended = Child(output.argv, folder, lambda: lead(2, "/dev/full")).wait()
    assert ended.status in (0, 2), "no fault of cnnc"
    assert not output.target or files(folder)[output.target] not in (output.old, b"")


@pytest.mark.parametrize("streams", [">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", ["compile net.cnn -o x.py", "compile -e wrong -o x.py", "analyze net.cnn"])
def test_closed_streams(command: str, streams: str, folder: Path) -> None:
    """No file that is opened takes the place of a closed stream, so that nothing strange is written into it."""
    ended = subprocess.run(f"{EXECUTABLE} {command} {streams}", shell=True, cwd=folder, capture_output=True, text=True)
    assert ended.returncode == (1 if "wrong" in command else 0) and "Traceback" not in ended.stderr
    if "x.py" in command and "wrong" not in command:
        assert (folder / "x.py").read_text(encoding="utf-8").startswith('"""taught, generated by cnnc."""')
