"""Reductions over so many elements that a plain sum in single precision is not exact enough."""

from math import prod

import cnnc
import pytest
from cnnc.backends.onnx.ops.means import LONG, STAGE, stages


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("relu -> gn(1)", "512x3999"),
        ("relu -> gn(3, affine=false)", "3x2x60007"),
        ("relu -> instnorm", "1x700x700"),
        ("relu -> instnorm(affine=true)", "2x300007"),
        ("relu -> ln(axes=all)", "4x300x300"),
        ("relu -> ln(axes=all, affine=false)", "300007"),
        ("relu -> ln", "40000x2x2"),
        ("relu -> ln(affine=false)", "20011x3"),
        ("tokens -> ln", "20011x3"),
        ("relu -> gap", "2x500x500"),
        ("relu -> gap", "2x300007"),
        ("relu -> cmean", "40007x2x2"),
        ("relu -> l2norm", "40007x2x2"),
        ("relu -> grn", "2x400x400"),
    ],
)
def test_long_reductions_are_exact(text: str, shape: str) -> None:
    """ONNX Runtime alone is wrong by 1e-5 to 3e-4 in these."""
    for comparison in cnnc.compile(text, input=shape).verify(batch=1):
        assert comparison.difference < 2e-6, comparison


def test_usual_sizes_keep_their_operators() -> None:
    """What a runtime has a kernel for is left to it where its sums are short."""
    model = cnnc.compile("instnorm -> gn(2) -> ln -> l2norm -> gap", input="8x128x128").to_onnx()
    kinds = [node.op_type for node in model.graph.node]
    assert kinds.count("InstanceNormalization") == 1  # the other normalises over 65,536 elements
    assert {"LayerNormalization", "ReduceL2", "GlobalAveragePool"} <= set(kinds)


@pytest.mark.parametrize("extent", [LONG + 1, 20_011, 2**20, 512 * 3999, 20_000_003, 10**9 + 7])
def test_stages_are_short_and_cover_the_extent(extent: int) -> None:
    found = stages(extent)
    assert max(found) <= STAGE and extent <= prod(found) < 1.1 * extent
