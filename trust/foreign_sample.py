"""Samples of PyTorch's operator database (OpInfo): their arguments, tensors and results."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from foreign_program import Array, Program, Skip

Translator = Callable[[Any, Any], Program]


def array(value: Any) -> Array:
    """A tensor as a NumPy array; only floating point in."""
    if not isinstance(value, torch.Tensor):
        raise Skip("an input that is no tensor")
    if not value.is_floating_point():
        raise Skip("an input of integers, booleans or complex numbers")
    kept = value.dtype if value.dtype == torch.float64 else torch.float32
    made: Array = value.detach().to(kept).numpy().copy()  # a later sample may write into the same tensor
    return made


def result(made: Any) -> Array | None:
    """The first tensor of a result; None where PyTorch refused the case."""
    first = made[0] if isinstance(made, (tuple, list)) else made
    return None if first is None else np.asarray(first.detach().double().numpy())


def bound(sample: Any, signature: str) -> SimpleNamespace:
    """A sample's arguments by name; `name=value` in the signature gives a default."""
    found: dict[str, Any] = {}
    names = []
    for word in signature.split():
        name, _, default = word.partition("=")
        names.append(name)
        if default:
            found[name] = None if default == "None" else eval(default)
    given = dict(zip(names, (sample.input, *sample.args), strict=False)) | sample.kwargs
    surplus = [name for name in given if name not in names] + (
        ["of its position"] if len(sample.args) >= len(names) else []
    )
    if surplus:
        raise Skip(f"the argument {surplus[0]}")
    return SimpleNamespace(**(found | given))


def with_weights(a: Any, names: Sequence[str] = ("weight", "bias")) -> dict[str, Array]:
    return {f"op.{name}": array(getattr(a, name)) for name in names if getattr(a, name) is not None}
