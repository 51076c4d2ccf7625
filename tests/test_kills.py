"""Killed while they write: a small part of what trust/kills.py and trust/checkpoints.py try, and that they can fail."""

import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import checkpoints
import kills
import pytest
from kills import Bench, Kill
from outputs import OUTPUTS

pytestmark = pytest.mark.trust

QUICK = tuple(o for o in OUTPUTS if o.name not in ("large ONNX", "mask", "sweep as Parquet"))
OF = {output.name: output for output in OUTPUTS}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    kills.load()
    return Bench(tmp_path_factory.mktemp("kills"), QUICK)


def faults(bench: Bench, planned: Iterator[Kill]) -> list[str]:
    return [f"{kill}: {fault}" for kill in planned for fault in bench.run(kill)]


def test_at_steps_of_the_writing_code(bench: Bench) -> None:
    planned = random.Random(0).sample(list(kills.systematic(bench)), 40)
    assert {kill.signal for kill in planned} == set(kills.SIGNALS) and {kill.named for kill in planned} == {True, False}
    assert len({kill.output for kill in planned}) > 6
    assert faults(bench, iter(planned)) == []


def test_at_random_moments(bench: Bench) -> None:
    assert faults(bench, kills.at_random(bench, 12, seed=1)) == []


def test_writing_in_place_is_found_out(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The checks see a writer that writes over its target, and one that leaves its temporary file."""

    def in_place(path: Any, data: bytes) -> None:
        with open(path, "wb", buffering=0) as file:  # noqa: PTH123
            file.write(data[:10])
            signal.raise_signal(signal.SIGTERM)
            file.write(data[10:])

    def litter(path: Any, data: bytes) -> None:
        Path(f"{path}.tmp").write_bytes(data)
        signal.raise_signal(signal.SIGTERM)

    kill = Kill(OF["PyTorch source"], signal.SIGTERM)
    for writer, told in ((in_place, "neither the old file nor the new one"), (litter, "net.py.tmp is left behind")):
        monkeypatch.setattr("cnnc.compiler.writing.write_file", writer)
        assert any(told in fault for fault in bench.run(kill))


@pytest.mark.training
def test_training_runs(tmp_path: Path) -> None:
    checkpoints.load()
    run = checkpoints.Run(tmp_path)
    assert [f"{kill}: {fault}" for kill in checkpoints.kills(6, seed=1) for fault in run.faults(kill)] == []
