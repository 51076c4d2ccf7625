"""The same bytes whatever the environment: hash seed, locale, folder, time zone, threads, umask, home, terminal."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("determinism.py")
ODD = ("tr_TR.utf8", "de_DE.utf8", "ar_SA.utf8")
"""Locales in which `i` has another capital letter, numbers have commas, or other digits; where they are installed."""


def installed() -> str:
    """One of the odd locales, or C."""
    listed = subprocess.run(["locale", "-a"], capture_output=True, text=True, check=False).stdout.split()
    return next((name for name in ODD if name in listed), "C")


ENVIRONMENTS = {
    "bare": {"PYTHONHASHSEED": "1", "LC_ALL": "C", "TZ": "Pacific/Kiritimati", "TEST_UMASK": "077", "HOME": ""},
    "busy": {
        **{"PYTHONHASHSEED": "12345", "OMP_NUM_THREADS": "4", "TEST_THREADS": "4", "COLUMNS": "30", "LINES": "5"},
        **{"TERM": "xterm-256color", "SOURCE_DATE_EPOCH": "1", "TEST_UMASK": "000", "LC_ALL": installed()},
    },
}


def digests(folder: Path, **changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LC_", "LANG", "PYTHON", "CNNC"))}
    environment = {**kept, "PYTHONHASHSEED": "0", "LC_ALL": "C.UTF-8", "TZ": "UTC", "OMP_NUM_THREADS": "1", **changes}
    environment = {name: value for name, value in environment.items() if value}
    result = subprocess.run(
        [sys.executable, str(SCRIPT)], env=environment, cwd=folder, capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr[-3000:]
    found: dict[str, str] = json.loads(result.stdout)
    return found


@pytest.fixture(scope="module")
def usual(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return digests(tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_the_same_bytes(usual: dict[str, str], name: str, tmp_path: Path) -> None:
    found = digests(tmp_path, **ENVIRONMENTS[name])
    assert {key for key in usual if usual[key] != found.get(key)} == set()
    assert found.keys() == usual.keys()


def test_what_is_compared(usual: dict[str, str]) -> None:
    """Each kind of result is among them, and they are not all the same nothing."""
    kinds = {key.rpartition(" ")[2] for key in usual}
    wanted = {"torch", "train", "onnx", "html", "json", "svg", "dot", "mermaid", "csv", "md", "table", "ir", "explain"}
    assert wanted | {"fmt", "diagnostics", "net.onnx", "s.csv", "fit", "advise"} <= kinds
    assert any(kind.startswith("net.onnx.") and kind.endswith(".data") for kind in kinds)
    assert len(set(usual.values())) > 60
