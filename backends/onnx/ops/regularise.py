"""Regularisation as ONNX nodes."""

from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ..builder import Builder
from .base import lowers


@lowers("dropout")
def _dropout(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    if b.inference or a.p == 1:  # which ONNX Runtime refuses, and in inference does nothing either
        return xs[0]
    ratio = b.constant("ratio", np.array(a.p, np.float32))
    return b.node("Dropout", [xs[0], ratio], step.out_shape)


@lowers("dropout2d", "droppath")
def _nothing(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """ONNX has no such operator for training, and in inference they do nothing."""
    return xs[0]
