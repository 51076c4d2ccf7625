"""Operator cases of PyTorch and ONNX as programs: cnnc gives the same results and refuses what they refuse."""

import cnnc
import foreign
import numpy as np
import pytest
from foreign_program import Program, Skip, call, chained, check

pytestmark = pytest.mark.trust


@pytest.fixture(scope="module")
def torch_cases() -> list[foreign.Case]:
    return list(foreign.torch_cases(seed=0))


@pytest.fixture(scope="module")
def onnx_cases() -> list[foreign.Case]:
    return list(foreign.onnx_cases())


def test_samples_of_pytorch(torch_cases: list[foreign.Case]) -> None:
    """An even draw of them; `trust/foreign.py` runs all."""
    assert foreign.failures(foreign.some(torch_cases, 300, seed=0), processes=1) == []


def test_refusals_of_pytorch(torch_cases: list[foreign.Case]) -> None:
    refused = [case for case in torch_cases if case.program and (case.program.wrong or case.program.rule)]
    assert len(refused) > 60
    assert foreign.failures(refused, processes=1) == []


def test_nodes_of_onnx(onnx_cases: list[foreign.Case]) -> None:
    assert foreign.failures(onnx_cases, processes=1) == []


def test_every_case_has_a_program_or_a_reason(torch_cases: list[foreign.Case], onnx_cases: list[foreign.Case]) -> None:
    assert all((case.program is None) != (case.reason == "") for case in (*torch_cases, *onnx_cases))
    assert sum(case.program is not None for case in torch_cases) >= 4380
    assert sum(case.program is not None for case in onnx_cases) >= 306
    page = foreign.report([*torch_cases, *onnx_cases], [], seed=0)
    assert f"| ONNX node tests | {len(onnx_cases)} |" in page
    assert "| training mode |" in page


X = np.linspace(-1, 1, 32, dtype=np.float32).reshape(2, 4, 4)
RIGHT = chained(X, "lrelu(0.1)", np.where(X > 0, X, 0.1 * X))


@pytest.mark.parametrize(
    ("program", "said"),
    [
        (RIGHT._replace(expected=(RIGHT.expected[0] + np.float32(1e-3),)), "PyTorch differs"),
        (RIGHT._replace(expected=(RIGHT.expected[0][:, :3],)), "infers"),
        (RIGHT._replace(wrong=True), "accepts"),
        (RIGHT._replace(rule="none", code="E0305"), "does not refuse"),
        (RIGHT._replace(text="input x0: 4x4 output y0 = x0 -> conv3(4, s=0)"), "refuses with E0305"),
        (RIGHT._replace(text="input x0: 4x4 output y0 = x0 -> conv3(4, s=0)", rule="none", code="E0201"), "E0305"),
    ],
)
def test_disagreement_is_noticed(program: Program, said: str) -> None:
    assert check(RIGHT) == ""
    assert said in check(program)


def test_wrong_weights_are_refused() -> None:
    weights = {"op.weight": np.zeros((3, 1, 3), np.float32), "op.bias": np.zeros(3, np.float32)}
    assert check(chained(X, f"{call('conv', 3, (3,))} as op", None, weights, wrong=True)) == ""


def test_what_the_language_has_not_is_skipped() -> None:
    with pytest.raises(Skip, match="more axes"):
        chained(np.zeros((1, 1, 1, 1, 1, 1)), "relu", None)
    assert cnnc.check("softshrink", input="3x4x4")[0].code == "E0301"
