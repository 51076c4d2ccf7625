"""What a training run promises: figures that it reaches, exact resume, equal results on two processes, safe files."""

import csv
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT

TRAIN = ROOT / "examples" / "train"
EXECUTABLE = str(Path(sys.executable).with_name("cnnc"))
RESTLESS = """
net restless
input 1x8x8 -> conv3x3(8) -> bn -> relu -> dropout(0.5) -> flatten -> fc(10)
train {
    loss = cross_entropy
    optimizer = adam(lr=0.01)
    schedule = warmup(5, by=step) -> cosine
    augment = [shift(0.2), mixup]
    clip = 1.0
    ema = 0.9
    epochs = 3
}
"""
"""Everything in it is random or has a state: dropout, augmentation, mixing, statistics, averages, a schedule."""

pytestmark = pytest.mark.training

PLAIN = """
set conv(p=same)
input 1x8x8 -> conv3x3(16) -> relu -> maxpool2 -> conv3x3(32) -> relu -> maxpool2 -> flatten -> fc(64) -> relu -> fc(10)
train { loss = cross_entropy, optimizer = %s, batch = 64 }
"""
ALONE = {**os.environ, "OMP_NUM_THREADS": "1"}
"""One thread for each run, since several tests run at once."""

Text = subprocess.CompletedProcess[str]


def train(cwd: Path, *args: str, preexec_fn: Callable[[], None] | None = None) -> Text:
    command = [EXECUTABLE, "train", *args]
    return subprocess.run(
        command, cwd=cwd, env=ALONE, capture_output=True, text=True, timeout=300, preexec_fn=preexec_fn
    )


def column(path: Path, name: str = "loss") -> list[str]:
    with path.open() as file:
        return [row[name] for row in csv.DictReader(file)]


def last_metric(result: Text, name: str) -> float:
    """A metric of the last epoch."""
    assert result.returncode == 0, result.stderr
    line = [line for line in result.stdout.splitlines() if line.startswith("epoch")][-1]
    return float(line.partition(f"{name} ")[2].partition(",")[0])


# Figures that are reached


@pytest.mark.parametrize(
    ("name", "data", "metric", "least"),
    [
        ("digits", "digits", "accuracy", 0.98),
        ("siamese", "digits", "auc", 0.98),
        ("triplet", "digits", "auc", 0.98),
        ("multitask", "digits", "digit_accuracy", 0.97),
        ("shapes", "synthetic", "iou", 0.9),
    ],
)
def test_examples_learn(name: str, data: str, metric: str, least: float, tmp_path: Path) -> None:
    """On samples that were held out."""
    result = train(tmp_path, str(TRAIN / f"{name}.cnn"), "--data", data)
    assert last_metric(result, metric) > least
    assert (tmp_path / f"runs/{name}/model.pth").exists() and (tmp_path / f"runs/{name}/model.onnx").exists()


# Resume


def killed_at(cwd: Path, steps: int, *args: str) -> None:
    """Start a run and kill it, without notice, once its log has some steps that no checkpoint holds."""
    log = cwd / "killed" / "log.csv"
    command = [EXECUTABLE, "train", *args]
    process = subprocess.Popen(command, cwd=cwd, env=ALONE, start_new_session=True, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not log.exists() or len(log.read_text().splitlines()) <= steps:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_run_goes_on_exactly(tmp_path: Path) -> None:
    """Killed in the middle of an epoch and resumed, twice: losses and rates are those of a run that was not killed."""
    (tmp_path / "net.cnn").write_text(RESTLESS)
    args = ("net.cnn", "--data", "digits", "--save-every", "7", "--max-steps", "100")
    assert train(tmp_path, *args, "--out", "whole").returncode == 0
    killed_at(tmp_path, 20, *args, "--out", "killed")
    killed_at(tmp_path, 60, *args, "--out", "killed", "--resume")
    resumed = train(tmp_path, *args, "--out", "killed", "--resume")
    assert resumed.returncode == 0, resumed.stderr
    for name in ("step", "loss", "lr"):
        assert column(tmp_path / "killed/log.csv", name) == column(tmp_path / "whole/log.csv", name)
    assert len(column(tmp_path / "whole/log.csv")) == 100


@pytest.mark.parametrize("begun", [False, True])
@pytest.mark.parametrize(
    ("number", "all_of_them", "status"), [(signal.SIGTERM, False, 143), (signal.SIGINT, True, 130)]
)
def test_a_run_that_is_ended(tmp_path: Path, number: int, all_of_them: bool, status: int, begun: bool) -> None:
    """A supervisor ends the command alone, a terminal sends Ctrl-C to the script too: both end, and nothing is half
    written, while the script imports and while it trains."""
    text = f"{PLAIN % 'adam'}".replace("batch = 64", "batch = 64, epochs = 1000")
    command = [EXECUTABLE, "train", "-e", text, "--data", "digits", "--out", "out", "--save-every", "1"]
    process = subprocess.Popen(command, cwd=tmp_path, env=ALONE, process_group=0, stderr=subprocess.PIPE, text=True)
    wanted = tmp_path / "out" / ("checkpoint.pt" if begun else "train.py")
    deadline = time.monotonic() + 120
    while not wanted.exists():
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)
    time.sleep(0.3)
    (os.killpg if all_of_them else os.kill)(process.pid, number)
    _, err = process.communicate(timeout=60)
    assert process.returncode == status and "Traceback" not in err
    assert not begun or "interrupted; --resume goes on from the last checkpoint" in err
    with pytest.raises(ProcessLookupError):  # the script, which is of the same group
        os.killpg(process.pid, 0)
    assert not [path for path in (tmp_path / "out").iterdir() if path.name.startswith(".")]


def test_a_run_killed_before_its_first_checkpoint_goes_on_exactly(tmp_path: Path) -> None:
    """It begins anew, and is the run that was not killed. Its first epoch has steps enough to be killed within."""
    (tmp_path / "net.cnn").write_text(RESTLESS.replace("epochs = 3", "batch = 2, epochs = 1"))
    args = ("net.cnn", "--data", "digits", "--max-steps", "600")
    assert train(tmp_path, *args, "--out", "whole").returncode == 0
    killed_at(tmp_path, 49, *args, "--out", "killed")
    assert not (tmp_path / "killed/checkpoint.pt").exists()
    resumed = train(tmp_path, *args, "--out", "killed", "--resume")
    assert resumed.returncode == 0 and "has no checkpoint to go on from" in resumed.stdout, resumed.stderr
    assert column(tmp_path / "killed/log.csv") == column(tmp_path / "whole/log.csv")


def test_processes_that_load_data_change_nothing(tmp_path: Path) -> None:
    (tmp_path / "net.cnn").write_text(RESTLESS)
    for count in ("0", "2"):
        run = train(tmp_path, "net.cnn", "--data", "digits", "--max-steps", "30", "--workers", count, "--out", count)
        assert run.returncode == 0, run.stderr
    assert column(tmp_path / "0/log.csv") == column(tmp_path / "2/log.csv")


# Several processes


@pytest.mark.parametrize("optimizer", ["sgd(lr=0.05, momentum=0.9)", "adam"])
def test_two_processes_equal_one(optimizer: str, tmp_path: Path) -> None:
    """Without batch norm and dropout, the losses of two processes are those of one with the same batches: more
    than 20, for the 23rd batch is the last of an epoch and not full."""
    args = ("-e", PLAIN % optimizer, "--data", "digits", "--max-steps", "24")
    for count in (1, 2):
        result = train(tmp_path, *args, "--out", f"of{count}", "--processes", str(count))
        assert result.returncode == 0, result.stderr
    one, two = (list(map(float, column(tmp_path / f"of{n}/log.csv"))) for n in (1, 2))
    assert len(one) == len(two) == 24
    assert max(abs(a - b) for a, b in zip(one, two, strict=True)) <= 1e-5


LEFT_OUT = """
input 3x8x8 -> conv3x3(8, p=1) -> relu as t -> conv1x1(3)
aux h = t -> conv1x1(3)
train {
    loss = cross_entropy(dense=true, ignore=255) + 0.5 * cross_entropy(h, dense=true, ignore=255, label_smoothing=0.1)
    optimizer = sgd(lr=0.1)
    schedule = plateau(patience=0, factor=0.5)
    batch = 7
    epochs = 3
    l1 = 0.001
}
"""


def test_processes_share_what_counts(tmp_path: Path) -> None:
    """Masks of which more or less is left out, some of them all; batches of 7, the last of 5, then with one sample for
    three processes. Losses, rates, which follow the test's loss, and metrics are those of one process."""
    (tmp_path / "net.cnn").write_text(LEFT_OUT)
    rng = np.random.default_rng(0)
    for count in (40, 36):
        masks = rng.integers(0, 3, (count + 11, 8, 8))
        for mask in masks:
            mask.flat[: rng.integers(0, 65)] = 255
        masks[: count // 3] = 255
        x = rng.integers(0, 256, (count + 11, 3, 8, 8), dtype=np.uint8)
        np.savez(tmp_path / "d.npz", x_train=x[:count], y_train=masks[:count], x_test=x[count:], y_test=masks[count:])
        told = []
        for n in (1, 2, 3):
            args = ("net.cnn", "--data", "d.npz", "--out", f"{count}_{n}", "--processes", str(n))
            result = train(tmp_path, *args)
            assert result.returncode == 0, result.stderr
            told.append([line for line in result.stdout.splitlines() if line.startswith("epoch")])
        assert len(told[0]) == 3 and told[0] == told[1] == told[2]
        for name in ("loss", "lr"):
            one, *others = (list(map(float, column(tmp_path / f"{count}_{n}/log.csv", name))) for n in (1, 2, 3))
            for other in others:
                assert one == pytest.approx(other, abs=1e-5) and len(one) == 18


def test_two_processes_finish(tmp_path: Path) -> None:
    """A whole run with batch norm and a last batch that is not full: one process alone writes the model and the log."""
    text = "input 1x8x8 -> conv3x3(4) -> bn -> relu -> gap -> fc(10) train { loss = cross_entropy, optimizer = sgd, "
    text += "batch = 500, epochs = 2 }"
    result = train(tmp_path, "-e", text, "--data", "digits", "--processes", "2", "--out", "out")
    assert result.returncode == 0, result.stderr
    assert result.stdout.count("wrote out/model.pth") == 1 and result.stdout.count("epoch 2/2") == 1
    assert column(tmp_path / "out/log.csv", "step") == ["1", "2", "3", "4", "5", "6"]
    assert sorted(path.name for path in (tmp_path / "out").glob("model.*")) == ["model.onnx", "model.pth"]


def test_a_batch_that_cannot_be_shared(tmp_path: Path) -> None:
    text = "input 1x8x8 -> flatten -> fc(10) train { loss = cross_entropy, optimizer = sgd, batch = 1 }"
    result = train(tmp_path, "-e", text, "--data", "digits", "--processes", "2")
    assert result.returncode == 1 and "1 samples cannot be shared by 2 processes" in result.stderr


# Files


def test_a_full_disk(tmp_path: Path) -> None:
    """A checkpoint that cannot be written whole: a clear error, status 1, and the one before it is as it was."""
    (tmp_path / "net.cnn").write_text(RESTLESS)
    args = ("net.cnn", "--data", "digits", "--out", "out", "--save-every", "7")
    assert train(tmp_path, *args, "--max-steps", "10").returncode == 0
    before = (tmp_path / "out/checkpoint.pt").read_bytes()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) // 2, len(before) // 2))

    result = train(tmp_path, *args, "--max-steps", "20", "--resume", preexec_fn=limit)
    assert result.returncode == 1
    assert "cannot write out/checkpoint.pt: File too large; the one before it is intact" in result.stderr
    assert "Traceback" not in result.stderr
    assert (tmp_path / "out/checkpoint.pt").read_bytes() == before
    assert not list((tmp_path / "out").glob("*.partial"))
    assert train(tmp_path, *args, "--max-steps", "20", "--resume").returncode == 0


def test_a_log_that_cannot_be_written(tmp_path: Path) -> None:
    """One line, no traceback, and nothing that is half written."""
    (tmp_path / "net.cnn").write_text(RESTLESS)
    args = ("net.cnn", "--data", "digits", "--out", "out", "--save-every", "7", "--max-steps", "20")
    (tmp_path / "out/log.csv").mkdir(parents=True)
    result = train(tmp_path, *args)
    assert result.returncode == 1 and "cannot write out/log.csv: Is a directory" in result.stderr
    assert "Traceback" not in result.stderr
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["log.csv", "train.py"]


def test_steps_that_end_before_a_checkpoint_is_due(tmp_path: Path) -> None:
    """The last of --max-steps leaves one; a run that has them all does no more, and one with more goes on exactly."""
    (tmp_path / "net.cnn").write_text(RESTLESS)
    args = ("net.cnn", "--data", "digits")
    assert train(tmp_path, *args, "--out", "whole", "--max-steps", "30").returncode == 0
    for more in (("--max-steps", "5"), ("--resume", "--max-steps", "5"), ("--resume", "--max-steps", "30")):
        result = train(tmp_path, *args, "--out", "parts", *more)
        assert result.returncode == 0, result.stderr
        assert (tmp_path / "parts/checkpoint.pt").exists()
        assert len(column(tmp_path / "parts/log.csv")) == int(more[-1])
    assert column(tmp_path / "parts/log.csv") == column(tmp_path / "whole/log.csv")
