"""`cnnc train` up to the script's process and after it: how it is started, what it is given, how it ends."""

import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from cnnc.compiler.cli import make_parser, run
from cnnc.compiler.commands import train
from cnnc.compiler.signals import ENDING

PROGRAM = "input 1x8x8 -> flatten -> fc(3) train { loss = cross_entropy, optimizer = adam }"
GIVEN = ["train", "-e", PROGRAM, "--data", "synthetic"]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[list[str], Any]]:
    """The commands that would have been run, and the environment of each, in an empty folder of four cores."""
    found: list[tuple[list[str], Any]] = []

    def finished(command: list[str], environment: dict[str, str] | None) -> int:
        found.append((command, environment))
        return 0

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(train, "finished", finished)
    monkeypatch.setattr(train.os, "cpu_count", lambda: 4)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    return found


def test_one_process(started: list[tuple[list[str], Any]], capsys: pytest.CaptureFixture[str]) -> None:
    assert run([*GIVEN, "--max-steps", "5"]) == 0
    (script,) = Path("runs").glob("*/train.py")
    options = ["--data=synthetic", f"--out={script.parent}", "--device=auto", "--workers=0", "--save-every=1000"]
    assert started == [([sys.executable, str(script), *options, "--max-steps=5"], None)]
    assert capsys.readouterr().out == f"wrote {script}\n"
    compile(script.read_text(encoding="utf-8"), str(script), "exec")


def test_several_processes_share_the_cores(started: list[tuple[list[str], Any]]) -> None:
    assert run([*GIVEN, "--processes", "2"]) == 0
    ((command, environment),) = started
    launcher = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--standalone"]
    assert command[:5] == launcher and command[5].endswith("train.py")
    assert environment["OMP_NUM_THREADS"] == "2"


@pytest.mark.parametrize(("rendezvous", "port"), [("10.0.0.1:1234", 1234), ("10.0.0.1", 29500)])
def test_several_machines(rendezvous: str, port: int) -> None:
    argv = [*GIVEN, "--nodes", "2", "--node-rank", "1", "--rendezvous", rendezvous]
    command = train.launcher(make_parser(argv).parse_args(argv))
    assert command[3:] == [
        "--nproc-per-node=1", "--nnodes=2", "--node-rank=1", "--master-addr=10.0.0.1", f"--master-port={port}",
    ]  # fmt: skip


def test_a_checkpoint_is_kept_until_it_is_asked_for(
    started: list[tuple[list[str], Any]], capsys: pytest.CaptureFixture[str]
) -> None:
    Path("out").mkdir()
    Path("out/checkpoint.pt").write_bytes(b"earlier")
    assert run([*GIVEN, "--out", "out"]) == 2
    assert "E0503" in (told := capsys.readouterr().err) and "--resume goes on from it" in told
    assert not started and not Path("out/train.py").exists()
    assert run([*GIVEN, "--out", "out", "--resume"]) == 0
    assert started[0][0][-1] == "--resume"


@pytest.mark.parametrize("workers", ["-1", "x", "٣"])
def test_a_wrong_number_of_workers(workers: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run([*GIVEN, f"--workers={workers}"])
    assert ended.value.code == 2 and "a whole number of at least 0 is needed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("code", "status"),
    [("", 0), ("raise SystemExit(1)", 1), ("import os; os.kill(os.getpid(), 15)", 128 + signal.SIGTERM)],
)
def test_the_status_of_the_script(code: str, status: int) -> None:
    assert train.finished([sys.executable, "-c", code], None) == status


def test_an_interrupt_is_handed_on_and_waited_for(tmp_path: Path) -> None:
    """The script is asked to end, finishes what it is at, and only then does the interrupt go its way."""
    ready, ended = tmp_path / "ready", tmp_path / "ended"
    code = (
        "import pathlib, signal, sys, time\n"
        "def end(number, frame):\n"
        f"    pathlib.Path({str(ended)!r}).write_text(str(number)); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        f"pathlib.Path({str(ready)!r}).touch()\n"
        "time.sleep(60)"
    )

    def interrupt(number: int, frame: FrameType | None) -> None:
        if ready.exists():
            signal.setitimer(signal.ITIMER_REAL, 0)
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 0.05, 0.05)
    began = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt):
            train.finished([sys.executable, "-c", code], None)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert ended.read_text() == str(int(signal.SIGTERM)) and time.monotonic() - began < 50


def test_the_script_hears_no_ctrl_c_and_nothing_is_held() -> None:
    """In the script's process, here in this one: it leaves SIGINT to its parent, and signals arrive again."""
    before, mask = signal.getsignal(signal.SIGINT), signal.pthread_sigmask(signal.SIG_BLOCK, ENDING)
    try:
        train.deaf()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
        assert not signal.pthread_sigmask(signal.SIG_BLOCK, ()) & set(ENDING)
    finally:
        signal.signal(signal.SIGINT, before)
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
