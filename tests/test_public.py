"""Every public function and method with wrong arguments: refused with a CnncError that is no InternalError."""

import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import cnnc
import numpy as np
import pytest
import torch
from cnnc.compiler import net as api
from cnnc.compiler.cli import run
from cnnc.compiler.diagnostics import show
from cnnc.compiler.ops import REGISTRY
from cnnc.compiler.public import fault, theirs
from hostile_values import HOSTILE, Evil, looped

TEXT = """net n(c=4, width=1.0)
input 3x8x8 -> conv3x3(c, p=1) -> bn -> relu -> gap -> fc(c)
train { loss = cross_entropy, optimizer = adam, epochs = 1 }"""
SPACE = {"network": "n.cnn", "params": {"c": [2, 3]}}


class Target(NamedTuple):
    """A function of the API, and for each of its arguments a good value."""

    function: Callable[..., Any]
    good: dict[str, Any]


@pytest.fixture(scope="module")
def targets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Target]:
    folder = tmp_path_factory.mktemp("public")
    (folder / "n.cnn").write_text(TEXT, encoding="utf-8")
    file = str(folder / "n.cnn")
    net = cnnc.compile(TEXT)
    template = cnnc.Template(TEXT)
    sized = cnnc.compile("input 3xHxW -> relu")
    device = {"device": "h100", "batch": 1, "dtype": "fp32"}
    report = {"batch": 1, "dtype": "fp32", "convention": "torch", "device": None}
    program = {"input": (3, 9, 9), "params": {"c": 2}, "limits": cnnc.Limits()}
    space = {**SPACE, "network": file}
    swept = cnnc.sweep(space)
    fitted = cnnc.fit(file, params=1000, vary="c")
    weights = {name: array.numpy() for name, array in net.to_torch().state_dict().items()}
    torch.save(net.to_torch().state_dict(), folder / "w.pth")
    made: list[tuple[Callable[..., Any], dict[str, Any]]] = [
        (cnnc.compile, {"text": TEXT, "name": "n", **program}),
        (cnnc.load, {"path": file, **program}),
        (cnnc.check, {"text": TEXT, "name": "n", "input": (3, 9, 9), "params": {}}),
        (
            cnnc.fit,
            {"path": file, "params": 1000, "macs": None, "peak": 1 << 20, "vary": "c=1..9", "input": (3, 9, 9)}
            | {"define": {}, "dtype": "fp16", "limits": None},
        ),
        (
            cnnc.sweep,
            {"space": space, "out": str(folder / "out.csv"), "workers": 1, "cluster": None, "restart": True}
            | {"changes": ["batch=2"], "limits": None, "progress": None},
        ),
        (cnnc.Template, {"text": TEXT, "name": "n", "limits": None}),
        (cnnc.Template.load, {"path": file, "limits": None}),
        (template.compile, {"input": (3, 9, 9), "params": {"c": 2}}),
        (net.cost, {"convention": "thop"}),
        (net.report, {"by": "op", "form": "csv", **report}),
        (net.explain, {"batch": 2}),
        (net.draw, {"form": "dot", "depth": 1, "compact": True}),
        (net.table, {"by": "op", "folded": True, **report}),
        (net.settings, report),
        (net.on_device, {"device": "h100"}),
        (net.roofline, device),
        (net.to_dict, {"by": "op", **report}),
        (net.diff, {"other": net, "by": "op", "convention": "torch"}),
        (net.to_html, {"path": str(folder / "a.html"), **report}),
        (net.to_torch, {"seed": 1, "weights": None}),
        (net.to_torch, {"weights": {**weights}}),
        (net.train_source, {"data": "synthetic"}),
        (net.optimizer, {"params": net.to_torch()}),
        (net.schedule, {"optimizer": torch.optim.SGD(net.to_torch().parameters(), 0.1), "steps_per_epoch": 3}),
        (net.import_weights, {"path": str(folder / "w.pth"), "order": "name", "accept_order": True, "partial": False}),
        (
            net.to_onnx,
            {"path": str(folder / "a.onnx"), "batch": 2, "seed": 0, "weights": None, "opset": 20, "inference": True},
        ),
        (net.verify, {"backends": ("torch",), "seed": 0, "batch": 1, "on": "cpu"}),
        (sized.at, {"H": 8, "W": 9}),
        (cnnc.Net, {"graph": net.graph, "diagnostics": []}),
        (net.training.saved_bytes, {"batch": 2, "dtype": "fp16"}),
        (swept.plot, {"path": str(folder / "a.svg")}),
        (net.ir, {}),
        (net.torch_source, {}),
        (net.loss, {}),
        (net.needs_numbers, {}),
        (swept.rows, {}),
        (swept.front, {}),
        (fitted.to_dict, {}),
    ]
    return {f"{function.__qualname__} {place}": Target(function, good) for place, (function, good) in enumerate(made)}


INTERNAL = {"Template.build", "Sweep.stored_rows", "Sweep.write", "Sweep.noted"}
"""Methods for other parts of the compiler, whose arguments are those parts' own types."""


def test_every_function_and_method_is_tried(targets: dict[str, Target]) -> None:
    """The table above has every public callable of what `cnnc` exports, bar records and exceptions."""
    tried = {target.function.__qualname__ for target in targets.values()}
    for name in cnnc.__all__:
        value = getattr(cnnc, name)
        if not isinstance(value, type):
            assert value.__qualname__ in tried
        elif value in (cnnc.Net, cnnc.Template, cnnc.Sweep, cnnc.Fit):
            methods = {f"{name}.{m}" for m in vars(value) if not m.startswith("_") and callable(getattr(value, m))}
            assert methods - INTERNAL <= tried, methods - INTERNAL - tried
        else:
            assert issubclass(value, (cnnc.CnncError, tuple)), name


def refused(target: Target, **changes: Any) -> str:
    """The code that a call is refused with; empty where it is answered."""
    try:
        target.function(**{**target.good, **changes})
    except cnnc.CnncError as error:
        assert not isinstance(error, cnnc.InternalError), f"{error} from {error.__cause__!r}"
        assert error.code and str(error) and error.help, error.code
        return str(error.code)
    return ""


def test_good_values_are_taken(targets: dict[str, Target]) -> None:
    for target in targets.values():
        assert refused(target) == ""


def test_wrong_values_are_refused(targets: dict[str, Target], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Each argument of each function in turn."""
    monkeypatch.chdir(tmp_path)
    calls, codes, wrong = 0, set(), []
    for name, target in targets.items():
        for argument in target.good:
            for kind, make in HOSTILE.items():
                calls += 1
                try:
                    codes.add(refused(target, **{argument: make()}))
                except BaseException as error:
                    if argument == "progress" and kind in ("type", "function"):
                        continue  # callables, which raise on their own account
                    wrong.append(f"{name} {argument}={kind}: {type(error).__name__}: {str(error)[:300]}")
    assert not wrong, "\n".join(wrong)
    assert calls > 3000 and {"E0585", "E0505", "E0513", "E0517", "E0518", ""} <= codes


def test_evil_values_never_pass(targets: dict[str, Target]) -> None:
    """What no function can mean is refused by all."""
    for target in targets.values():
        for argument in target.good:
            assert refused(target, **{argument: Evil()}), f"{target.function.__qualname__} {argument}"


def test_signatures_stay_pythons(targets: dict[str, Target]) -> None:
    """An unknown argument is Python's TypeError, as for any function."""
    for target in targets.values():
        if target.function.__qualname__ == "Net.at":
            continue
        with pytest.raises(TypeError, match="argument"):
            target.function(**target.good, no_such_argument=1)
        assert "wrapper" not in str(inspect.signature(target.function))


def test_a_fault_is_called_one(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """An op whose rule fails: an InternalError with the exception as its cause, and status 3 from the command."""

    def broken(*_: object) -> Any:
        raise ZeroDivisionError("an impossible rule")

    monkeypatch.delenv("CNNC_TRACEBACK", raising=False)
    monkeypatch.setattr(REGISTRY["gelu"], "shape", broken)
    text = "input 3x8x8 -> gelu"
    for attempt in (lambda: cnnc.compile(text), lambda: cnnc.check(text), lambda: cnnc.Template(text).compile()):
        with pytest.raises(cnnc.InternalError) as caught:
            attempt()
        assert caught.value.code == "E0901" and "report" in caught.value.help
        assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert run(["analyze", "-e", text]) == 3
    told = capsys.readouterr().err
    assert told.startswith("error[E0901]") and "report" in told and "Traceback" not in told
    monkeypatch.setenv("CNNC_TRACEBACK", "1")
    with pytest.raises(cnnc.InternalError):
        run(["analyze", "-e", text])


@pytest.mark.parametrize("part", ["totals", "layers", "constraints", "training"])
def test_faults_in_figures(monkeypatch: pytest.MonkeyPatch, part: str) -> None:
    """Properties, which compute when they are first read, are no way around it."""

    def broken(*_: object) -> Any:
        raise KeyError("an impossible figure")

    home = {"totals": "summarize", "layers": "rows", "constraints": "constraints", "training": "training"}
    net = cnnc.compile(TEXT)
    monkeypatch.setattr(api, home[part], broken)
    with pytest.raises(cnnc.InternalError):
        getattr(net, part)


def test_exceptions_of_the_caller_stay_as_they_are(tmp_path: Path) -> None:
    """What a callback raises is no fault of cnnc."""
    (tmp_path / "n.cnn").write_text(TEXT, encoding="utf-8")

    def stop(done: int, count: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        cnnc.sweep({**SPACE, "network": str(tmp_path / "n.cnn")}, progress=stop)
    assert theirs(len)("ab") == 2


def test_numbers_of_numpy_are_numbers() -> None:
    """Where a number is meant, NumPy's are taken for what they are."""
    net = cnnc.compile(TEXT, input=np.array([3, 9, 9]), params={"c": np.int64(2), "width": np.float32(0.5)})
    assert net.input_shape == (1, 3, 9, 9) and net.layers[0].output == (2, 9, 9)
    assert type(net.input_shape[1]) is int
    assert net.report(batch=np.int32(2)) == net.report(batch=2)
    assert net.to_torch(weights=net.to_torch(seed=3).state_dict()).fc.bias.shape == (2,)


def test_fractions_are_no_extents() -> None:
    """Nothing is cut off silently."""
    with pytest.raises(cnnc.UsageError):
        cnnc.compile("relu", input=(3, 8.5, 8))  # type: ignore[arg-type]


def test_recursion_limit_is_no_trap() -> None:
    """A list that holds itself is refused at once, also where Python may recurse deeply."""
    before = sys.getrecursionlimit()
    sys.setrecursionlimit(300_000)
    try:
        with pytest.raises(cnnc.UsageError):
            cnnc.compile(TEXT, params={"c": looped()})
    finally:
        sys.setrecursionlimit(before)


def test_an_exception_that_cannot_be_shown() -> None:
    """The fault names its type, whatever its text does."""

    class Mute(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert fault(Mute()).diagnostics[0].facts == {"reason": "Mute: "}
    assert show(Mute()) == "an object of the type Mute"
