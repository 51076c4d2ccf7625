"""Options and helpers that all tests share."""

import os
import signal
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cnnc.compiler.ops import REGISTRY

os.environ["CNNC_CHECK_IR"] = "1"  # every compilation in the tests verifies its graph

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted((ROOT / "examples").glob("*.cnn"))


def pytest_configure() -> None:
    """A shell has its background jobs ignore Ctrl-C; tests send it to commands, which would then ignore it, too."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the golden files instead of comparing")


@pytest.fixture
def update_golden(request: pytest.FixtureRequest) -> bool:
    return bool(request.config.getoption("--update-golden"))


@pytest.fixture(params=EXAMPLES, ids=lambda path: path.stem)
def example(request: pytest.FixtureRequest) -> Path:
    """Every network of examples/, one after another."""
    path: Path = request.param
    return path


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How many samples of layers ran in every backend."""
    passed = [r.nodeid for r in terminalreporter.stats.get("passed", ()) if "::test_sample[" in r.nodeid]
    ranks = [nodeid.rpartition(" @ ")[2].count("x") for nodeid in passed]
    if ranks:
        spread = ", ".join(f"{ranks.count(n)} in {n}-D" for n in sorted(set(ranks)))
        backends = "PyTorch, ONNX Runtime and NumPy"
        terminalreporter.write_line(f"{len(REGISTRY)} ops: {len(ranks)} samples passed in {backends} ({spread})")


def bytes_of(work: Callable[[], object]) -> int:
    """How many bytes some work takes, those that it gives back at once among them: what a copy inside one call costs.

    Whenever a function is called or left, the most that Python held since then is compared with what it held then.
    """
    total = last = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal total, last
        now, peak = tracemalloc.get_traced_memory()
        total += max(0, peak - last)
        last = now
        tracemalloc.reset_peak()

    before = sys.getprofile()
    tracemalloc.start()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
        tracemalloc.stop()
    return total


def calls_of(work: Callable[[], object]) -> int:
    """How many functions, Python's own among them, some work calls: growth measured without a clock."""
    calls = 0

    def count(frame: Any, event: str, argument: Any) -> None:
        nonlocal calls
        calls += event in ("call", "c_call")

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(before)
    return calls
