"""Files that are not what they should be: each refused in one message, and nothing is written or overwritten."""

import errno
import io
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
import torch
from cnnc.compiler.cli import run
from PIL import Image

NET = "input 3x8x8 -> conv3x3(4, p=1) as c\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty file, a folder, noise, a picture, weights, and halves of both."""
    monkeypatch.chdir(tmp_path)
    noise = random.Random(0).randbytes(3000)
    (tmp_path / "folder").mkdir()
    (tmp_path / "net.cnn").write_text(NET, encoding="utf-8")
    (tmp_path / "v.cnn").write_text(NET.replace("as c", "as c -> gap -> flatten"), encoding="utf-8")
    for ending in ("cnn", "pth", "safetensors", "png"):
        (tmp_path / f"empty.{ending}").touch()
        (tmp_path / f"noise.{ending}").write_bytes(b"\xff" + noise)
    Image.new("RGB", (9, 7)).save(tmp_path / "a.png")
    weights = {"c.weight": np.ones((4, 3, 3, 3), np.float32), "c.bias": np.ones(4, np.float32)}
    safetensors.numpy.save_file(weights, tmp_path / "w.safetensors")
    torch.save({name: torch.from_numpy(array) for name, array in weights.items()}, tmp_path / "w.pth")
    torch.save(torch.nn.Linear(2, 2), tmp_path / "module.pth")
    for name in ("w.safetensors", "w.pth", "a.png"):
        whole = (tmp_path / name).read_bytes()
        (tmp_path / f"half-{name}").write_bytes(whole[: len(whole) // 2])
    return tmp_path


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


WEIGHTS, RUN = ("weights", "net.cnn", "--from"), ("run", "net.cnn", "--weights", "w.pth", "--input")
CLASSES = ("run", "v.cnn", "--weights", "w.pth", "--input", "a.png", "--labels")
REFUSED: list[tuple[tuple[str, ...], int, str, str]] = [
    (("diff", "net.cnn", "missing.cnn"), 2, "E0501", "No such file"),
    (("diff", "folder", "net.cnn"), 2, "E0501", "it is a folder"),
    (("diff", "net.cnn", "/dev/null"), 2, "E0501", "not a regular file"),
    (("diff", "net.cnn", "noise.cnn"), 1, "E0502", "not UTF-8"),
    (("diff", "empty.cnn", "net.cnn"), 1, "E0317", "the file is empty"),
    (("draw", "noise.cnn", "-o", "x.svg"), 1, "E0502", "not UTF-8"),
    (("draw", "empty.cnn"), 1, "E0317", "the file is empty"),
    (("draw", "net.cnn", "--to", "svg", "-o", "net.cnn"), 2, "E0503", "it is the program itself"),
    (("draw", "net.cnn", "--to", "svg", "-o", "folder"), 2, "E0503", "it is not a regular file"),
    (("draw", "net.cnn", "-o", "nowhere/x.svg"), 2, "E0503", "No such file"),
    (("draw", "net.cnn", "--to", "dot", "-o", "/dev/full"), 2, "E0503", "it is not a regular file"),
    (("draw", "net.cnn", "-o", ""), 2, "E0504", "unknown target"),
    (("analyze", "net.cnn", "-o", "net.cnn"), 2, "E0503", "it is the program itself"),
    (("analyze", "net.cnn", "-o", "folder/../net.cnn"), 2, "E0503", "it is the program itself"),
    (("compile", "net.cnn", "--to", "onnx", "-o", "net.cnn"), 2, "E0503", "it is the program itself"),
    (("compile", "net.cnn", "--to", "onnx", "--weights", "w.pth", "-o", "w.pth"), 2, "E0503", "it is the weights"),
    ((*WEIGHTS, "missing.pth"), 2, "E0501", "No such file"),
    ((*WEIGHTS, "folder"), 2, "E0501", "it is a folder"),
    ((*WEIGHTS, "empty.pth"), 2, "E0509", "it ends too early"),
    ((*WEIGHTS, "noise.pth"), 2, "E0509", "not a file of tensors"),
    ((*WEIGHTS, "half-w.pth"), 2, "E0509", "cannot read the weights"),
    ((*WEIGHTS, "module.pth"), 2, "E0509", "it holds torch.nn.modules.linear.Linear"),
    ((*WEIGHTS, "empty.safetensors"), 2, "E0509", "cannot read the weights"),
    ((*WEIGHTS, "noise.safetensors"), 2, "E0509", "cannot read the weights"),
    ((*WEIGHTS, "half-w.safetensors"), 2, "E0509", "cannot read the weights"),
    ((*WEIGHTS, "w.pth", "-o", "w.pth"), 2, "E0503", "it is the weights itself"),
    ((*WEIGHTS, "w.pth", "-o", "net.cnn"), 2, "E0503", "it is the program itself"),
    ((*RUN, "missing.png"), 2, "E0551", "no such file"),
    ((*RUN, ""), 2, "E0551", "no such file"),
    ((*RUN, "empty.png"), 2, "E0551", "it is not an image"),
    ((*RUN, "noise.png"), 2, "E0551", "it is not an image"),
    ((*RUN, "half-a.png"), 2, "E0551", "cannot read the image"),
    ((*RUN, "folder"), 2, "E0551", "no file with the ending of an image"),
    ((*RUN, "net.cnn"), 2, "E0551", "it is not an image"),
    ((*RUN, "a.png", "-o", "a.png"), 2, "E0503", "it is the image itself"),
    ((*RUN, "a.png", "-o", "folder"), 2, "E0552", "the ending must be"),
    ((*CLASSES, "noise.cnn"), 2, "E0501", "not UTF-8"),
    ((*CLASSES, "folder"), 2, "E0501", "it is a folder"),
    (("run", "noise.cnn", "--input", "a.png"), 1, "E0502", "not UTF-8"),
    (("run", "net.cnn", "--input", "a.png", "--weights", "noise.pth"), 2, "E0509", "not a file of tensors"),
    (("run", "-e", "input 3x8x8 -> gap", "--input", "a.png", "--weights", "w.pth"), 2, "E0508", "weights"),
    (("new", "net"), 2, "E0503", "it exists already"),
    (("new", "nowhere/x"), 2, "E0503", "No such file"),
    (("new", "folder/"), 2, "E0503", "give the network a name"),
    (("new", ""), 2, "E0503", "give the network a name"),
    (("new", ".."), 2, "E0503", "give the network a name"),
    (("new", ".cnn"), 2, "E0503", "give the network a name"),
    (("new", "a" * 300), 2, "E0503", "too long"),
    (("new", "a\0b"), 2, "E0503", "null"),
    (("fmt", "noise.cnn"), 1, "E0502", "not UTF-8"),
    (("check", "folder"), 2, "E0501", "it is a folder"),
    (
        ("advise", "-e", "input 3x8x8 -> bn -> bn", "--apply", "1", "-o", "folder"),
        2,
        "E0503",
        "it is not a regular file",
    ),
]


@pytest.mark.parametrize(("argv", "status", "code", "told"), REFUSED, ids=lambda v: str(v)[:60])
def test_refused(
    folder: Path, argv: tuple[str, ...], status: int, code: str, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    before = contents(folder)
    assert run(argv) == status
    out, err = capfd.readouterr()
    assert out == "" and err.count(f"error[{code}]") == err.count("error[") == 1
    assert told in err and "Traceback" not in err and "weights_only" not in err
    assert contents(folder) == before


def test_labels_of_an_empty_file_do_not_fit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*CLASSES, "empty.cnn"]) == 2
    assert "E0554" in capsys.readouterr().err


def test_a_name_with_a_blank_is_quoted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["new", "my net"]) == 0
    assert "`cnnc analyze 'my net.cnn'`" in capsys.readouterr().out and (folder / "my net.cnn").is_file()


class Full(io.FileIO):
    """A file on a disk that is full after the first byte."""

    def write(self, data: Any) -> int:
        super().write(bytes(data)[:1])
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("argv", [("new", "fresh"), ("draw", "net.cnn", "-o", "net.svg"), ("fmt", "ragged.cnn")])
def test_a_full_disk_leaves_no_part(
    folder: Path, argv: tuple[str, ...], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "ragged.cnn").write_text("input   3x8x8->relu", encoding="utf-8")
    before = contents(folder)
    real = io.open

    def opened(file: Any, mode: str = "r", *args: Any, **more: Any) -> Any:
        return Full(file, mode.replace("b", "")) if mode in ("xb", "wb") else real(file, mode, *args, **more)

    monkeypatch.setattr("io.open", opened)
    monkeypatch.setattr("os.fdopen", opened)
    assert run(argv) == 2
    assert "No space left" in capsys.readouterr().err and contents(folder) == before
