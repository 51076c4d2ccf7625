"""Sweeps that are disturbed: killed workers, killed and interrupted runs, full disks, journals of something else."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import cnnc
import psutil
import pytest
from cnnc.compiler.diagnostics import CnncError
from cnnc.compiler.sweep.job import CHUNK, identity, make_job
from cnnc.compiler.sweep.journal import Journal
from cnnc.compiler.sweep.space import make_space
from test_cli import cnnc as command

NET = "net n(width=4, depth=1)\ninput 3x8x8 -> (conv3x3(width, p=1) -> bn -> relu) * depth -> gap -> fc(2)\n"
SPACE = """network = "n.cnn"
batch = [1, 2]
device = "h100"
[params]
width = {from = 1, to = 36, step = 1}
depth = {from = 0, to = 9, step = 1}
[limits]
macs = "600K"
"""

KILLED = """
import os, signal, sys
import cnnc

def progress(done, count):
    if done >= 3 * {chunk}:
        os.kill(os.getpid(), signal.SIGKILL)

if __name__ == "__main__":
    cnnc.sweep("space.toml", sys.argv[1], workers=int(sys.argv[2]), progress=progress)
"""

INTERRUPTED = """
import os, signal, sys
from cnnc.compiler.cli import run
from cnnc.compiler.sweep import progress

class Interrupting(progress.Progress):
    def __call__(self, done, count):
        super().__call__(done, count)
        if done >= 3 * {chunk}:
            os.killpg(0, signal.SIGINT)  # as a terminal does it: to workers too

if __name__ == "__main__":
    progress.Progress = Interrupting
    sys.exit(run(["sweep", "space.toml", *sys.argv[1:]]))
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder with a space, and what an undisturbed run makes of it in wanted.csv."""
    for name, text in (("n.cnn", NET), ("space.toml", SPACE), ("killed.py", KILLED), ("interrupted.py", INTERRUPTED)):
        (tmp_path / name).write_text(text.replace("{chunk}", str(CHUNK)), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert cnnc.sweep("space.toml", "wanted.csv").points == 720
    return tmp_path


def script(*args: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([sys.executable, *args], capture_output=True, text=True, start_new_session=True, timeout=120)


def is_wanted(path: str) -> bool:
    return Path(path).read_bytes() == Path("wanted.csv").read_bytes()


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.glob("out.*"))


@pytest.mark.parametrize("ending", [".csv", ".parquet"])
def test_workers_give_the_same_file(folder: Path, ending: str) -> None:
    """Byte for byte, the tally too, however many processes and in whatever order the chunks come."""
    one, two = cnnc.sweep("space.toml", f"one{ending}"), cnnc.sweep("space.toml", f"two{ending}", workers=2)
    assert Path(f"one{ending}").read_bytes() == Path(f"two{ending}").read_bytes()
    assert one.tally.to_dict() == two.tally.to_dict() and list(one.front()) == list(two.front())


def test_a_killed_worker(folder: Path) -> None:
    """Its chunks are evaluated by others, none is lost and none comes twice."""
    told: list[int] = []
    killed: list[int] = []

    def progress(done: int, count: int) -> None:
        told.append(done)
        if done and not killed:
            children = [p for p in psutil.Process().children() if p.status() != psutil.STATUS_ZOMBIE]
            worker = next(p for p in children if "spawn_main" in " ".join(p.cmdline()))
            killed.append(worker.pid)
            worker.kill()

    found = cnnc.sweep("space.toml", "out.csv", workers=2, progress=progress)
    assert killed and len(told) > 12 and told == sorted(set(told)), "it was killed in the middle"
    assert found.points == 720 and is_wanted("out.csv") and left(folder) == ["out.csv"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_killed_run_goes_on(folder: Path, workers: str) -> None:
    """After SIGKILL the same call takes up what is on disk, and ends with the file of an undisturbed run."""
    assert script("killed.py", "out.csv", workers).returncode == -signal.SIGKILL
    assert "out.csv" not in left(folder) and "out.csv.sweep" in left(folder)
    told: list[int] = []
    cnnc.sweep("space.toml", "out.csv", progress=lambda done, count: told.append(done))
    assert told[0] >= 3 * CHUNK and len(told) == (720 - told[0] + CHUNK - 1) // CHUNK + 1
    assert is_wanted("out.csv") and left(folder) == ["out.csv"]


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c(folder: Path, workers: str) -> None:
    """Status 130, one line that says how to go on, no process left, and the same command does go on."""
    result = script("interrupted.py", "-o", "out.csv", "--workers", workers)
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr.startswith("interrupted after ") and result.stderr.count("\n") == 1
    assert left(folder) == ["out.csv.sweep"]
    assert command("sweep", "space.toml", "-o", "out.csv").returncode == 0 and is_wanted("out.csv")


@pytest.mark.parametrize(
    ("number", "status", "delay"), [(signal.SIGINT, 130, 0.0), (signal.SIGINT, 130, 0.5), (signal.SIGTERM, 143, 0.2)]
)
def test_a_signal_while_workers_start(folder: Path, number: int, status: int, delay: float) -> None:
    """To all processes, as a terminal sends it, from the first moment that there is one: no traceback of any of them,
    and none is left."""
    command = [sys.executable, "-m", "cnnc", "sweep", "space.toml", "-o", "out.csv", "--workers", "2"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True, process_group=0)
    main = psutil.Process(process.pid)
    deadline = time.monotonic() + 60
    while not main.children() and time.monotonic() < deadline:
        time.sleep(0.002)
    time.sleep(delay)
    children = main.children(recursive=True)
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (status, "") and "Traceback" not in err and err.count("\n") <= 1, err
    psutil.wait_procs(children, timeout=20)
    assert not [child for child in children if child.is_running()]
    assert {"out.csv"}.isdisjoint(left(folder))


def begin(name: str = "out.csv") -> None:
    """Leave an unfinished sweep."""
    assert script("killed.py", name, "1").returncode == -signal.SIGKILL


@pytest.mark.parametrize("changed", ["the space", "the program", "the version"])
def test_an_unfinished_sweep_of_something_else(folder: Path, changed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is refused with what differs, and --restart begins anew."""
    begin()
    if changed == "the space":
        Path("space.toml").write_text(SPACE.replace("600K", "2M"), encoding="utf-8")
    elif changed == "the program":
        Path("n.cnn").write_text(NET.replace("bn ->", "ln ->"), encoding="utf-8")
    else:
        monkeypatch.setattr(cnnc, "__version__", "9.9")
    with pytest.raises(CnncError) as caught:
        cnnc.sweep("space.toml", "out.csv")
    assert caught.value.code == "E0594" and "--restart" in str(caught.value)
    assert {"the space": "another space", "the program": "another program", "the version": "another version of cnnc"}[
        changed
    ] in str(caught.value)
    assert "out.csv.sweep" in left(folder)
    assert cnnc.sweep("space.toml", "out.csv", restart=True).points == 720 and left(folder) == ["out.csv"]


def test_the_same_space_elsewhere_goes_on(folder: Path) -> None:
    """Where a space and its program lie, and how it is laid out, makes no difference."""
    begin()
    (folder / "sub").mkdir()
    for name in ("n.cnn", "space.toml"):
        Path(name).rename(folder / "sub" / name)
    path = folder / "sub" / "space.toml"
    path.write_text("# a remark\n" + SPACE.replace('"600K"', "600000"), encoding="utf-8")
    told: list[int] = []
    cnnc.sweep(path, "out.csv", progress=lambda done, count: told.append(done))
    assert told[0] >= 3 * CHUNK and is_wanted("out.csv")


def test_what_is_no_journal(folder: Path) -> None:
    Path("out.csv.sweep").write_bytes(b"not a database, but something else that is longer than a header" * 9)
    result = command("sweep", "space.toml", "-o", "out.csv")
    assert result.returncode == 2 and result.stderr.startswith("error[E0594]") and "--restart" in result.stderr
    assert command("sweep", "space.toml", "-o", "out.csv", "--restart").returncode == 0 and is_wanted("out.csv")


def test_two_at_once(folder: Path) -> None:
    """A journal in use is refused, with --restart too, and is unharmed."""
    job = make_job(make_space({"network": "n.cnn"}, "space.toml"), "space.toml", cnnc.Limits())
    journal = Journal(Path("out.csv.sweep"), identity(job), 1)
    for more in ((), ("--restart",)):
        result = command("sweep", "space.toml", "-o", "out.csv", *more)
        assert result.returncode == 2 and result.stderr.startswith("error[E0599]"), result.stderr
    journal.remove()
    assert left(folder) == []


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[1]), int(sys.argv[1])))
from cnnc.compiler.cli import run
sys.exit(run(["sweep", "space.toml", "-o", "out.csv"]))
"""


@pytest.mark.parametrize("room", [20_000, 60_000])
def test_a_full_disk(folder: Path, room: int) -> None:
    """Told, be it the journal or the result that does not fit; never a part of a result; it goes on later."""
    Path("full.py").write_text(FULL, encoding="utf-8")
    result = script("full.py", str(room))
    assert result.returncode == 2 and result.stderr.startswith("error[E0503]"), result.stderr
    assert "out.csv" not in left(folder) and not list(folder.glob(".out*"))
    assert cnnc.sweep("space.toml", "out.csv").points == 720 and is_wanted("out.csv")


def test_an_old_result_stays_until_the_new_one_is_whole(folder: Path) -> None:
    Path("out.csv").write_text("old", encoding="utf-8")
    begin()
    assert Path("out.csv").read_text(encoding="utf-8") == "old"
    cnnc.sweep("space.toml", "out.csv")
    assert is_wanted("out.csv")


def test_memory_does_not_grow_with_the_points(folder: Path) -> None:
    """Fifty times as many points take hardly more memory: rows and points are never held together."""
    import tracemalloc

    text = "network = 'n.cnn'\nbatch = {from = 1, to = %d, step = 1}\n[front]\nminimise = ['macs']\n"
    peaks = []
    for count in (200, 10_000):
        Path("space.toml").write_text(text % count, encoding="utf-8")
        tracemalloc.start()
        found = cnnc.sweep("space.toml", f"{count}.csv")
        assert found.kept == count and sum(1 for _ in found.rows()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    values = 10_000 * 100  # the batch sizes themselves: a number, and a place in a tuple and in a set of texts
    assert peaks[1] < peaks[0] + 3 * values


def test_a_worker_that_cannot_go_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error in a worker ends the sweep with its words; the journal stays."""
    from cnnc.compiler.sweep import engines

    monkeypatch.setattr(engines, "pack", lambda job: b"no job")
    with pytest.raises(CnncError) as caught:
        cnnc.sweep("space.toml", "out.csv", workers=2)
    assert caught.value.code == "E0597" and "Unpickling" in str(caught.value)
    assert left(folder) == ["out.csv.sweep"]


def test_a_cluster(folder: Path) -> None:
    """A scheduler by its address, with workers that know nothing of this folder."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        found = cnnc.sweep("space.toml", "out.csv", cluster=cluster.scheduler_address)
    assert found.points == 720 and is_wanted("out.csv")


def test_a_cluster_that_is_not_there() -> None:
    from cnnc.compiler.sweep import engines

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engines, "PATIENCE", 1)
        with pytest.raises(CnncError) as caught, engines.connected("tcp://127.0.0.1:1"):
            pass
    assert caught.value.code == "E0596" and "127.0.0.1:1" in str(caught.value)


def test_missing_packages(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one process and as CSV nothing of the extra is needed; what needs it says how to get it."""
    real = __import__("importlib.util").util.find_spec

    def find_spec(name: str, *rest: Any) -> Any:
        return None if name in ("pyarrow", "matplotlib") else real(name, *rest)

    monkeypatch.setattr("cnnc.backends.find_spec", find_spec)
    monkeypatch.setitem(sys.modules, "distributed", None)
    for path, workers in (("out.parquet", 1), ("out.csv", 2)):
        with pytest.raises(CnncError) as caught:
            cnnc.sweep("space.toml", path, workers=workers)
        assert caught.value.code == "E0507" and "pip install 'cnnc[sweep]'" in str(caught.value)
    with pytest.raises(CnncError) as caught:
        cnnc.sweep("space.toml", "out.csv").plot("out.svg")
    assert caught.value.code == "E0507" and is_wanted("out.csv")


def test_progress_without_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from cnnc.compiler.sweep import progress

    monkeypatch.setattr(progress, "EVERY", -1.0)
    with progress.Progress() as bar:
        bar(0, 2000)
        bar(1000, 2000)
    line = capsys.readouterr().err.splitlines()[-1]
    assert line.startswith("1,000 of 2,000 points, ") and line.endswith(" left")


def test_progress_and_table_on_a_terminal(folder: Path) -> None:
    """A bar on stderr while it runs, and a table with colours."""
    import pty

    reader, writer = pty.openpty()
    program = [str(Path(sys.executable).with_name("cnnc")), "sweep", "space.toml"]
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120"}
    environment.pop("NO_COLOR", None)
    with subprocess.Popen(program, stdout=writer, stderr=writer, env=environment) as process:
        os.close(writer)
        seen = b""
        while True:
            try:
                data = os.read(reader, 4096)
            except OSError:
                break
            if not data:
                break
            seen += data
    os.close(reader)
    assert process.returncode == 0
    assert b"720" in seen and b"points," in seen and b"a second" in seen and b"\x1b[" in seen
    assert b"Pareto front" in seen
