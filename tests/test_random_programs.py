"""Random valid programs agree in every backend, and the oracle that says so finds mistakes in each of its parts."""

import ast
from pathlib import Path

import cnnc
import pytest
from cnnc.backends import numpy as reference
from cnnc.backends.onnx import ops as onnx_lower
from cnnc.backends.torch.ops import base as torch_lower
from cnnc.compiler import explain, report, table
from cnnc.compiler.ops import REGISTRY
from cnnc.compiler.ops.base import Work
from conftest import ROOT
from generate import Program, program
from generate.coverage import all_features, features
from oracle import Disagreement, judge
from programs import failure_of, outcomes, section
from shrink import shrunk

pytestmark = pytest.mark.trust

KEPT = sorted((ROOT / "tests/kept").glob("*.cnn"))
SEEDS = range(1_000_000, 1_000_300)


def test_random_programs() -> None:
    """Several hundred; few are set apart, and every layer, rule and token of the language is met."""
    results = list(outcomes(SEEDS, processes=2))
    assert not [(r.seed, r.failure, r.detail) for r in results if r.failure], section(results, 0)
    assert sum(bool(r.apart) for r in results) <= len(results) // 50
    used = frozenset().union(*(r.used for r in results))
    missing = {name for name in all_features() - used if name.split()[0] in ("layer", "rule", "token", "function")}
    assert not missing
    assert len([name for name in used if name.startswith("argument")]) > 0.9 * len(
        [name for name in all_features() if name.startswith("argument")]
    )


def test_a_seed_gives_one_program() -> None:
    assert [program(seed) for seed in range(5)] == [program(seed) for seed in range(5)]
    assert len({program(seed).text for seed in range(20)}) == 20


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_kept(path: Path) -> None:
    """Small programs that once failed."""
    judge(read(path))


def read(path: Path) -> Program:
    """A kept program; what it is compiled with may stand in a comment at its beginning."""
    text = path.read_text(encoding="utf-8")
    request = ast.literal_eval(text.splitlines()[0][2:]) if text.startswith("# {") else {}
    return Program(text, **request)


# The oracle is no use if it cannot find what is wrong.

WITH_RELU = Program("input 3x6x6 -> conv3(4) -> relu -> bn")


@pytest.mark.parametrize(
    ("table", "kind"),
    [
        (torch_lower.LOWERINGS, "PyTorch in double precision disagrees"),
        (onnx_lower.LOWERINGS, "onnx disagrees"),
        (reference.LOWERINGS, "PyTorch in double precision disagrees"),
    ],
)
def test_a_wrong_lowering_is_found(table: dict, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(table, "relu", table["tanh"])
    with pytest.raises(Disagreement, match=kind):
        judge(WITH_RELU)


def test_wrong_work_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["conv"], "work", lambda a, x, out: Work(mac=1))
    with pytest.raises(Disagreement, match="multiply-accumulates"):
        judge(WITH_RELU)


def test_a_wrong_shape_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(REGISTRY["gap"], "shape", lambda a, x: (x[0], 2, 2))
    with pytest.raises(Disagreement, match="the reference gives another shape"):
        judge(Program("input 3x6x6 -> gap"))


def test_a_command_that_faults_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(explain, "_field_lines", broken)
    assert failure_of(WITH_RELU, 0) == "InternalError"


def test_sums_that_differ_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of layers and totals, and of groups and layers."""
    plain = report.group_dict
    monkeypatch.setattr(report, "group_dict", lambda group, s: {**plain(group, s), "macs": 1})
    with pytest.raises(Disagreement, match="groups do not add up to the layers"):
        judge(WITH_RELU, 1)
    monkeypatch.undo()
    layer = report.layer_dict
    monkeypatch.setattr(report, "layer_dict", lambda row, s: {**layer(row, s), "other_ops": 0})
    with pytest.raises(Disagreement, match="layers do not add up to the total"):
        judge(WITH_RELU, 1)


def test_a_table_that_lacks_a_line_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = table.Table
    monkeypatch.setattr(table, "Table", lambda *cells: plain(*cells[:3], cells[3][1:], *cells[4:]))
    with pytest.raises(Disagreement, match="CSV does not add up"):
        judge(WITH_RELU, 1)


def test_a_constant_map_is_not_excused() -> None:
    """Only what random rounding explains is set apart: here a mistake of one part in a thousand would not be."""
    assert judge(Program("input 3x6x6 -> instnorm -> conv3(4)")).apart == ""


def test_rounding_is_set_apart() -> None:
    """A branch normalises what is left when equal numbers are subtracted: no library can be right there."""
    text = "input 3x6x6 -> conv1(2) as t -> [id, (tanh + t) - t - tanh -> instnorm(eps=1e-9)]"
    assert judge(Program(text)).apart == "rounding"


def test_what_is_zero_but_for_rounding_is_set_apart() -> None:
    assert judge(Program("input 8 -> sigmoid -> tanh -> ln(affine=false) -> cmean")).apart == "rounding"


def test_failures_are_shrunk(monkeypatch: pytest.MonkeyPatch) -> None:
    """What has nothing to do with a failure goes."""
    monkeypatch.setitem(onnx_lower.LOWERINGS, "relu", onnx_lower.LOWERINGS["tanh"])
    large = Program(
        "net n(a=3)\nblock unit(c) = conv3(c, p=1) -> bn -> tanh\n"
        "input 3x6x6 -> unit(a) -> relu -> [id, unit(2)] -> gap -> fc(4)"
    )
    kind = failure_of(large, 0)
    small = shrunk(large, lambda p: failure_of(p, 0) == kind)
    assert kind == "onnx disagrees"
    assert "relu" in small.text and len(small.text) < 40


def test_features_are_told_apart() -> None:
    """What a text uses is read off its syntax, with the arguments that a suffix and positions give."""
    found = features("input 3x6x6 -> conv3(4, 2) -> relu # end")
    assert {"layer conv", "argument conv.c", "argument conv.k", "argument conv.s", "layer relu", "rule input"} <= found
    assert "comments" in found and "argument conv.p" not in found and "rule loop" not in found
    assert cnnc.check("input 3x6x6 -> conv3(4, 2) -> relu # end") == []
