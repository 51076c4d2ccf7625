"""ONNX of older opsets: what is spelled out where an operator is younger, and what is refused."""

import cnnc
import numpy as np
import pytest
from support import ONNX_TOLERANCE, check_onnx, difference, inputs_for, run_onnx, run_torch


@pytest.mark.parametrize("approx", ["none", "tanh"])
@pytest.mark.parametrize("opset", [18, 20])
def test_gelu(approx: str, opset: int) -> None:
    net = cnnc.compile(f"gelu(approx={approx})", input=(3, 4, 4))
    model = net.to_onnx(opset=opset)
    assert ("Gelu" in {node.op_type for node in model.graph.node}) == (opset >= 20)
    check_onnx(model)
    (x,) = inputs_for(net)
    (got,), (want,) = run_onnx(model, [x]), run_torch(net.to_torch(), [x])
    assert difference(np.asarray(got), want) < ONNX_TOLERANCE


def test_an_operator_that_is_younger() -> None:
    with pytest.raises(cnnc.CnncError) as raised:
        cnnc.compile("deformconv3x3(4)", input=(3, 8, 8)).to_onnx(opset=18)
    assert raised.value.code == "E0512" and "from opset 19 on" in str(raised.value)
