"""Many threads compile, analyze and emit at once with the results of one, and nothing global changes."""

import gc
import importlib
import locale
import os
import pkgutil
import random
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FunctionType, ModuleType
from typing import Any

import cnnc
import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parent.parent
THREADS = 8
TEMPLATE = """net n(c=4, n=2)
block unit(c) = res(conv3x3(c, p=1) -> bn -> relu, proj=conv1x1(c))
input 3x8x8 -> unit(c) -> unit(c) * n -> gap -> fc(10)"""
PROGRAMS = (
    "input 3x16x16 -> cbr(8) -> maxpool2 -> se(2) -> gap -> fc(3)",
    "input 3xHxW -> conv3x3(4, s=2) -> [id, relu]",
    "input 3x8x8 -> rellu -> conv9x9(4)",
    "input 3x8x8 -> (conv3x3(4) + id)",
    "block d(n) = conv1x1(3) -> (d(n - 1) if n > 0 else relu)\ninput 3x4x4 -> d(150)",
    "input 3x8x8 -> (((",
    "shared s = conv1x1(3)\ninput a: 3x4x4, b: 3x4x4\noutput y = a -> s, z = b -> s",
    "input 3x8x8 -> bottleneck(4, s=2) -> inverted_residual(8) -> flatten -> fc(2)\n"
    "train { loss = cross_entropy, optimizer = adam, epochs = 1 }",
)


@pytest.fixture(autouse=True)
def switching() -> Iterator[None]:
    """Threads that change places a thousand times as often as usual."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


def everything(text: str) -> Any:
    """All that can be had of a program, or its mistakes."""
    try:
        net = cnnc.compile(text)
    except cnnc.NetworkError as error:
        return str(error)
    results: list[Any] = [net.report(), net.ir(), str(net.constraints), net.draw("dot")]
    if not net.symbols:
        results += [net.torch_source(), net.to_onnx(seed=1).SerializeToString(deterministic=True), str(net.training)]
        results += [net.explain(), str(net.to_dict(device="h100"))]
    return results


def together(work: Callable[[Any], Any], cases: list[Any]) -> list[Any]:
    with ThreadPoolExecutor(THREADS) as pool:
        return list(pool.map(work, cases))


def test_programs_of_all_kinds() -> None:
    wanted = [everything(text) for text in PROGRAMS]
    assert sum(isinstance(result, str) for result in wanted) == 3
    for seed in range(2):
        order = list(range(len(PROGRAMS))) * 2
        random.Random(seed).shuffle(order)
        assert together(lambda i: everything(PROGRAMS[i]), order) == [wanted[i] for i in order]


def test_one_template_for_all() -> None:
    """Threads share its tree, its plans and the block instances that it keeps."""
    points = [{"c": c, "n": n} for c in (2, 3, 4, 6) for n in (1, 2, 5)] * 5

    def figures(template: cnnc.Template, point: dict[str, int]) -> Any:
        net = template.compile(params=point)
        return net.params, net.macs, net.totals, net.ir()

    wanted = [figures(cnnc.Template(TEMPLATE), point) for point in points]
    for _ in range(2):
        template = cnnc.Template(TEMPLATE)
        assert together(lambda point, shared=template: figures(shared, point), points) == wanted


def test_one_network_for_all() -> None:
    """Figures that are computed when they are first asked for."""
    net = cnnc.load(ROOT / "examples/resnet18.cnn")
    wanted = [cnnc.load(ROOT / "examples/resnet18.cnn").totals, net.to_dict(), net.torch_source(), net.training]
    for _ in range(3):
        fresh = cnnc.load(ROOT / "examples/resnet18.cnn")
        asked: list[Callable[[], Any]] = [
            lambda fresh=fresh: fresh.totals, lambda fresh=fresh: fresh.to_dict(),
            lambda fresh=fresh: fresh.torch_source(), lambda fresh=fresh: fresh.training,
        ]  # fmt: skip
        assert together(lambda ask: ask(), asked * 4) == wanted * 4


def test_fit_and_modules(tmp_path: Path) -> None:
    (tmp_path / "n.cnn").write_text(TEMPLATE.replace("c=4", "width=4").replace("unit(c) ", "unit(width) "))
    text = TEMPLATE.replace("c=4", "width=4").replace("-> unit(c) -> unit(c)", "-> unit(width) -> unit(width)")
    (tmp_path / "n.cnn").write_text(text)

    def fit(params: int) -> Any:
        found = cnnc.fit(str(tmp_path / "n.cnn"), params=params)
        return found.values, found.cost

    budgets = [2_000, 5_000, 9_000]
    assert together(fit, budgets * 2) == [fit(n) for n in budgets] * 2
    net = cnnc.compile(PROGRAMS[0])
    weights = together(lambda seed: float(next(net.to_torch(seed=seed).parameters()).detach().sum()), [0, 1] * 4)
    assert weights[:2] * 4 == weights


FIRST = """
import sys
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
sys.setswitchinterval(1e-6)
barrier = Barrier(8)
texts = {texts!r}
def work(i):
    barrier.wait()
    import cnnc
    try:
        net = cnnc.compile(texts[i % len(texts)])
        return (net.report() + net.ir() + net.draw("dot") + (net.torch_source() if not net.symbols else ""))
    except cnnc.NetworkError as error:
        return str(error)
with ThreadPoolExecutor(8) as pool:
    found = list(pool.map(work, range(8)))
import cnnc, hashlib
again = []
for i in range(8):
    barrier = Barrier(1)
    again.append(work(i))
assert found == again
print(hashlib.sha256(repr(found).encode()).hexdigest())
"""


def test_first_use_in_a_fresh_process() -> None:
    """Parser, tables, prelude and lazily imported modules, all first used by eight threads at once."""
    texts = [text for text in PROGRAMS if "d(150)" not in text]
    command = [sys.executable, "-c", FIRST.format(texts=texts)]
    found = {subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(3)}
    assert len(found) == 1


# Global state


def settings() -> dict[str, Any]:
    """What a library must leave alone."""
    return {
        "gc": gc.isenabled(),
        "recursion": sys.getrecursionlimit(),
        "locale": locale.setlocale(locale.LC_ALL),
        "warnings": list(warnings.filters),
        "dtype": torch.get_default_dtype(),
        "torch rng": torch.get_rng_state().tolist(),
        "numpy rng": str(np.random.get_state()),
        "rng": random.getstate(),
        "threads": torch.get_num_threads(),
        "grad": torch.is_grad_enabled(),
        "deterministic": torch.are_deterministic_algorithms_enabled(),
        "folder": Path.cwd(),
        "environment": dict(os.environ),
        "hooks": (sys.excepthook, sys.displayhook, sys.gettrace(), sys.getprofile()),
        "digits": sys.get_int_max_str_digits(),
        "streams": (sys.stdout, sys.stderr, sys.stdin),
    }


CALLS: dict[str, Callable[[cnnc.Net], Any]] = {
    "report": lambda net: net.report(), "html": lambda net: net.to_html(), "onnx": lambda net: net.to_onnx(seed=1),
    "torch": lambda net: net.to_torch(seed=1), "train": lambda net: net.train_source(),
    "verify": lambda net: net.verify(), "loss": lambda net: net.loss(), "explain": lambda net: net.explain(),
    "svg": lambda net: net.draw(), "diff": lambda net: str(net.diff(net)), "training": lambda net: net.training,
    "error": lambda net: cnnc.check("input 3x8x8 -> rellu -> ((("), "deep": lambda net: everything(PROGRAMS[4]),
}  # fmt: skip


@pytest.mark.parametrize("name", CALLS)
def test_global_state_stays(name: str) -> None:
    """After a first call, which imports libraries, nothing of the process is another than before."""
    net = cnnc.compile(PROGRAMS[-1])
    CALLS[name](net)
    before = settings()
    CALLS[name](cnnc.compile(PROGRAMS[-1]))
    after = settings()
    assert {key for key in before if before[key] != after[key]} == set()


def modules() -> Iterator[ModuleType]:
    """Every module of the package but scripts."""
    for found in pkgutil.walk_packages(cnnc.__path__, "cnnc."):
        part = found.name.split(".")[1]
        if part in ("compiler", "backends", "grammar") and not found.name.endswith(".build"):
            yield importlib.import_module(found.name)


GROWS = {
    ("cnnc.compiler.parse", "_cached"): "the parser, made once; Lark keeps no state between texts",
    ("cnnc.compiler.pipeline", "_pauses"): "a counter under a lock",
    ("cnnc.compiler.pipeline", "_depth_users"): "a counter under a lock",
    ("cnnc.compiler.pipeline", "_depth_before"): "the limit that is put back, under the same lock",
}
"""Module-level names that calls change, and why that is harmless."""


def mutable() -> dict[tuple[str, str], str]:
    """Every module-level value that could change, with its content."""
    found = {}
    for module in modules():
        for name, value in vars(module).items():
            constant = isinstance(value, (ModuleType, type, FunctionType, str, int, float, tuple, frozenset))
            if not name.startswith("__") and not constant and getattr(value, "__module__", "") != "typing":
                found[module.__name__, name] = content(value)
    return found


def content(value: Any) -> str:
    if isinstance(value, dict):
        return f"{len(value)} {[*map(str, value)]}"
    return f"{len(value)} {value}" if isinstance(value, (list, set)) else f"{type(value)} {id(value)}"


def test_module_level_values_stay() -> None:
    """Tables of ops, lowerings and texts are filled on import and never again."""
    everything(PROGRAMS[0])
    cnnc.compile(PROGRAMS[-1]).to_torch()
    before = mutable()
    assert len(before) > 50
    for text in PROGRAMS:
        everything(text)
    for call in CALLS.values():
        call(cnnc.compile(PROGRAMS[-1]))
    after = mutable()
    assert {key for key in before if before[key] != after.get(key)} <= set(GROWS)
    assert after.keys() == before.keys()
