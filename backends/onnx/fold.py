"""Folding batch normalisation into the convolution or linear layer before it, for inference."""

from typing import Any

import numpy as np

from ...compiler.ir import Apply
from ..tensors import Tensor
from .builder import Builder


def fold_norm(b: Builder, a: Any, step: Apply, x: str) -> str | None:
    """The tensor that stands for the normalised one, or None where the layer before cannot take the fold.

    Before: conv(W, c) then γ(y − μ)/√(σ² + ε) + β. After: conv(W·γ/√(σ² + ε), (c − μ)·γ/√(σ² + ε) + β).
    The layer before must be a convolution or linear layer whose result nothing else reads.
    """
    maker = b.makers.get(x)
    source = step.inputs[0].maker
    if (
        not isinstance(source, Apply)
        or source.op.name not in ("conv", "dwconv", "fc")
        or b.uses[step.inputs[0]] != 1
        or maker is None
    ):
        return None
    weight = maker.input[1]
    bias_name = weight.removesuffix("weight") + "bias"
    if weight in b.folded:  # a further use of a shared layer, with the same normalisation behind it
        if len(maker.input) == 2:  # its bias came with the fold
            maker.input.append(bias_name)
        return x
    scale, shift = _affine(b, a, step.in_shapes[0][0])
    kernel = b.stored[weight]
    bias = b.stored[maker.input[2]] if len(maker.input) > 2 else None
    b.stored[weight] = kernel._replace(array=lambda: _scaled(kernel, scale), blocks=None)
    if bias is None:
        maker.input.append(bias_name)
    b.stored[maker.input[2]] = Tensor(scale.shape, np.dtype(np.float32), lambda: _shifted(bias, scale, shift))
    b.folded.add(weight)
    return x


def _scaled(kernel: Tensor, scale: Any) -> Any:
    return (kernel.array() * scale.reshape(-1, *(1,) * (len(kernel.shape) - 1))).astype(np.float32)


def _shifted(bias: Tensor | None, scale: Any, shift: Any) -> Any:
    return ((np.float32(0) if bias is None else bias.array()) * scale + shift).astype(np.float32)


def _affine(b: Builder, a: Any, channels: int) -> tuple[Any, Any]:
    """The normalisation as one scale and one shift per channel, computed in double precision."""
    arrays = {name: b.arrays[f"{b.path}.{name}"].astype(np.float64) for name in ("running_mean", "running_var")}
    gamma = b.arrays[f"{b.path}.weight"].astype(np.float64) if a.affine else np.ones(channels)
    beta = b.arrays[f"{b.path}.bias"].astype(np.float64) if a.affine else np.zeros(channels)
    scale = gamma / np.sqrt(arrays["running_var"] + a.eps)
    return scale, beta - arrays["running_mean"] * scale
