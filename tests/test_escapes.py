"""What a project brings along does not lead out of it: trust/escapes.py, and what it cannot time."""

import os
from pathlib import Path
from typing import Any

import escapes
import pytest
from cnnc.compiler import files
from cnnc.compiler.cli import run
from cnnc.compiler.diagnostics import UsageError
from ways import PLANTS, World, hard_link, link, linked_folder


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path)
    monkeypatch.chdir(world.project)
    return world


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
def test_no_way_leads_out(plant: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", os.environ["HOME"])  # one of the ways changes it
    assert [fault for door in escapes.DOORS for fault in escapes.escape(door, plant)] == []


def test_weights_with_code() -> None:
    assert list(escapes.pickles()) == []


@pytest.mark.parametrize("before", ["os.stat", "os.open"])
def test_a_link_that_is_swapped_before_it_is_opened(world: World, before: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file inside passes the first look; what is opened is the one outside, and the second look tells."""
    path, real = world.project / "swapped.cnn", getattr(os, before.removeprefix("os."))
    path.write_text("block mine = relu", encoding="utf-8")
    swapped: list[bool] = []

    def swapping(name: Any, *args: Any, **more: Any) -> Any:
        if str(name) == str(path) and not swapped:
            swapped.append(True)
            path.unlink()
            path.symlink_to(world.secret("secret.cnn"))
        return real(name, *args, **more)

    monkeypatch.setattr(before, swapping)
    with pytest.raises(UsageError) as caught:
        files.open_file(str(path), str(world.project))
    assert swapped and caught.value.code == "E0520"


def test_where_the_system_does_not_name_open_files(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without /proc the path is resolved, and must lead to the file that is open."""

    def missing(path: Any) -> str:
        raise FileNotFoundError(path)

    monkeypatch.setattr("cnnc.compiler.files.os.readlink", missing)
    with files.open_file(str(world.project / "net.cnn"), str(world.project)) as file:
        assert file.read().startswith(b"input")


def test_a_pipe_is_refused_at_once(world: World) -> None:
    """Also where it takes a file's place between the look and the opening."""
    os.mkfifo("pipe")
    with pytest.raises(UsageError, match="cannot read"):
        files.open_file("pipe")
    for option in (("--weights", "pipe"), ("--labels", "pipe")):
        assert run(["run", "net.cnn", "--input", "pipe", *option]) == 2


def test_a_file_that_is_brought_in_may_come_from_elsewhere(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    """`weights --from` reads what is named outside; what is named inside must not lead out."""
    assert run(["weights", "net.cnn", "--from", str(world.secret("w.safetensors"))]) == 0
    for plant in (link, linked_folder, hard_link):
        assert run(["weights", "net.cnn", "--from", plant(world, "w.safetensors")]) == 2
        assert "E0520" in capsys.readouterr().err
    assert run(["weights", "net.cnn", "--from", "lib/w.safetensors", "--allow-outside"]) == 0


def test_the_journal_of_a_sweep_is_no_link(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    Path("s.toml").write_text('network = "net.cnn"\n', encoding="utf-8")
    for ending in ("", "-wal", "-shm", "-journal"):
        journal = Path(f"out.csv.sweep{ending}")
        journal.symlink_to(world.outside / "made")
        assert run(["sweep", "s.toml", "-o", "out.csv"]) == 2
        assert "it is a symbolic link" in capsys.readouterr().err and not (world.outside / "made").exists()
        journal.unlink()
    assert run(["sweep", "s.toml", "-o", "out.csv"]) == 0
