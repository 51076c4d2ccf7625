"""The training target: a script with the model, its data and the loop; losses, optimizers and schedules one by one."""

from typing import TYPE_CHECKING, Any

from ...compiler.diagnostics import usage
from ...compiler.ir import Graph
from ...compiler.public import told
from . import recipe
from .schedules import misfit
from .script import source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import torch


def _function(graph: Graph, option: str, name: str) -> Any:
    """A function of the recipe, made by running its source."""
    from ..torch.run import execute

    return execute(recipe.source(graph, option), f"{graph.name} {option}")[name]


def loss(graph: Graph) -> "Callable[..., torch.Tensor]":
    """The loss; see `Net.loss`."""
    compute: Callable[..., torch.Tensor] = _function(graph, "loss", "compute_loss")
    return compute


def optimizer(graph: Graph, params: "torch.nn.Module | Iterable[torch.nn.Parameter]") -> "torch.optim.Optimizer":
    """The optimizer of some parameters; see `Net.optimizer`."""
    import torch

    function = _function(graph, "optimizer", "make_optimizer")
    try:
        given = params.parameters() if isinstance(params, torch.nn.Module) else params
        made: torch.optim.Optimizer = function([_parameter(entry) for entry in given])
    except Exception:  # PyTorch refuses everything but tensors, in many words
        wanted = "a module or its parameters, at least one"
        raise usage("E0585", name="params", function="Net.optimizer", value=told(params), wanted=wanted) from None
    return made


def _parameter(entry: Any) -> Any:
    """A parameter of an iterable of them, or of `named_parameters()`; the first of an endless one of others ends it."""
    import torch

    entry = entry[1] if isinstance(entry, tuple) else entry
    if not isinstance(entry, (torch.Tensor, dict)):
        raise TypeError
    return entry


def schedule(graph: Graph, optimizer: "torch.optim.Optimizer", steps_per_epoch: int | None) -> Any:
    """The schedule of an optimizer; see `Net.schedule`."""
    import torch

    if not isinstance(optimizer, torch.optim.Optimizer):
        facts = {"name": "optimizer", "function": "Net.schedule", "value": told(optimizer)}
        raise usage("E0585", **facts, wanted="an optimizer of PyTorch")
    make = _function(graph, "schedule", "make_schedule")
    if recipe.recipe_of(graph).by != "step":
        return make(optimizer)
    if steps_per_epoch is None:
        raise usage("E0359")
    reason = misfit(recipe.recipe_of(graph), steps_per_epoch)
    if reason:
        raise usage("E0361", reason=reason)
    return make(optimizer, steps_per_epoch)


__all__ = ["loss", "optimizer", "schedule", "source"]
