"""Samples of PyTorch's operator database (OpInfo) for the layers and operators of convolutional networks."""

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import torch
from foreign_program import Program, Skip
from foreign_torch import WINDOWS
from foreign_torch_norms import NORMS
from foreign_torch_shapes import SHAPES

TRANSLATORS = WINDOWS | NORMS | SHAPES
LOSSES = ("cross_entropy", "_loss", "nll", "bce", "binary_cross_entropy")


def chosen(name: str) -> bool:
    """All of torch.nn.functional, and what else the language has an equal of."""
    return name.startswith("nn.functional.") or name in TRANSLATORS


def samples(seed: int) -> Iterator[tuple[str, Callable[[], Program]]]:
    """Every sample of every chosen entry with its translation; those that PyTorch must refuse as well."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from torch.testing._internal.common_methods_invocations import op_db

        for entry in op_db:
            if chosen(entry.name):
                yield from _of(entry, seed)


def _of(entry: Any, seed: int) -> Iterator[tuple[str, Callable[[], Program]]]:
    name = f"{entry.name}.{entry.variant_test_name}" if entry.variant_test_name else entry.name
    torch.manual_seed(seed)
    if torch.float32 not in entry.dtypes:
        yield name, _unavailable
        return
    for i, sample in enumerate(entry.sample_inputs("cpu", torch.float32, requires_grad=False)):
        yield f"{name} {i}", partial(_accepted, entry, sample)
    if entry.error_inputs_func is not None:
        for i, error in enumerate(entry.error_inputs("cpu")):
            yield f"{name} error {i}", partial(_refused, entry, error)


def _unavailable() -> Program:
    raise Skip("an operator that does not take single precision")


def _translator(entry: Any) -> Callable[[Any, Any], Program]:
    found = TRANSLATORS.get(entry.name)
    if found is not None:
        return found
    if any(word in entry.name for word in LOSSES):
        raise Skip("a loss, which is no layer")
    raise Skip(f"{entry.name.removeprefix('nn.functional.')} is not in the language")


def _accepted(entry: Any, sample: Any) -> Program:
    translate = _translator(entry)
    with torch.no_grad():
        return translate(sample, entry.op(sample.input, *sample.args, **sample.kwargs))


def _refused(entry: Any, error: Any) -> Program:
    translate = _translator(entry)
    sample = error.sample_input
    try:
        with torch.no_grad():
            entry.op(sample.input, *sample.args, **sample.kwargs)
    except Exception:  # each entry names its own types
        return translate(sample, None)
    raise Skip("an error sample that PyTorch accepts on this machine")
