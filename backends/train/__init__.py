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


def optimizer(graph: Graph, params: "torch.nn.Module | Iterable[Any]") -> "torch.optim.Optimizer":
    """The optimizer of some parameters or groups of them; see `Net.optimizer`."""
    import torch

    function = _function(graph, "optimizer", "make_optimizer")
    if isinstance(params, torch.nn.Module) and next(params.parameters(), None) is None:
        raise usage("E0573", what="this module", way="its network needs a layer that has some, such as conv or fc")
    try:
        entries = [_entry(entry) for entry in (params.parameters() if isinstance(params, torch.nn.Module) else params)]
        if len({isinstance(entry, dict) for entry in entries}) != 1:  # none, or groups among parameters
            raise TypeError
        made: torch.optim.Optimizer = _made(function, entries, recipe.recipe_of(graph).optimizer)
    except Exception:  # PyTorch refuses everything but tensors, in many words
        wanted = "a module, its parameters or groups of them as PyTorch's optimizers take them, at least one"
        raise usage("E0585", name="params", function="Net.optimizer", value=told(params), wanted=wanted) from None
    return made


def _entry(entry: Any) -> Any:
    """A parameter or a group, or the parameter that has a name; the first of an endless iterable of others ends it."""
    import torch

    entry = entry[1] if isinstance(entry, tuple) else entry
    if not isinstance(entry, (torch.Tensor, dict)):
        raise TypeError
    return entry if isinstance(entry, torch.Tensor) else {**entry, "params": _members(entry["params"])}


def _members(given: Any) -> list[Any]:
    """The parameters of a group, of which PyTorch also takes one by itself, or with names."""
    import torch

    members = [given] if isinstance(given, torch.Tensor) else list(given)
    return [member[1] if isinstance(member, tuple) else member for member in members]


def _made(function: "Callable[..., Any]", entries: list[Any], chosen: Any) -> Any:
    """The optimizer of parameters, or of groups of them, whose options win.

    Where only weights decay, each group becomes two, of which that with biases and parameters of norms does not decay.
    """
    if chosen.of("decay") == "all" or not any(isinstance(entry, dict) for entry in entries):
        return function(entries)
    made = function([p for group in entries for p in group["params"]])
    weights = {id(p) for p in made.param_groups[0]["params"]}
    made.param_groups.clear()
    for group in entries:
        parts: tuple[list[Any], list[Any]] = ([], [])
        for p in group["params"]:
            parts[id(p) not in weights].append(p)
        for members, options in zip(parts, ({}, {"weight_decay": 0.0}), strict=True):
            if members:
                made.add_param_group({**group, **options, "params": members})
    return made


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
