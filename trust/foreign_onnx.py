"""The node tests of ONNX, each with its translation."""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from foreign_node import Node
from foreign_onnx_norms import NORMS
from foreign_onnx_shapes import SHAPES
from foreign_onnx_windows import WINDOWS
from foreign_program import Program, Skip

RULES = WINDOWS | NORMS | SHAPES


def nodes() -> Iterator[tuple[str, Callable[[], Program]]]:
    """Every test with its translation."""
    from onnx.backend.test.case.node import collect_testcases

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        tests = collect_testcases(None)
    for test in tests:
        yield test.name, partial(_translate, test)


def _translate(test: Any) -> Program:
    found = test.model.graph.node
    if len(found) != 1:
        raise Skip("the expansion of a function into several nodes")
    if found[0].op_type not in RULES:
        raise Skip("an operator that the language has no equal of")
    return RULES[found[0].op_type](Node(test))
