"""Where a tool's figure for torchvision's model is not its own rule for each layer, why, and by how much.

The amount is computed from the layers of the program, so that nothing else can hide in it.
"""

from collections.abc import Callable
from math import prod
from typing import NamedTuple

import cnnc
from cnnc.compiler.conventions import CONVENTIONS, PTFLOPS, Convention, cost_of
from cnnc.compiler.ir import Apply
from cnnc.compiler.report import Row

Amount = Callable[[cnnc.Net], int]


class Difference(NamedTuple):
    """reason: in words. amount: the tool's figure minus that of its convention, from the layers."""

    reason: str
    amount: Amount


def steps(count: Callable[[Apply], int]) -> Amount:
    """Minus the sum of something over the layers that run in inference."""
    return lambda net: -cost_of(net.graph, Convention("", "", "", count))


def rows(count: Callable[[Row], int], chosen: Callable[[Row], bool]) -> Amount:
    """Minus the sum of something over the layers of some names."""
    return lambda net: -sum(row.times * count(row) for row in net.layers if chosen(row))


def both(*amounts: Amount) -> Amount:
    return lambda net: sum(amount(net) for amount in amounts)


def unseen(op: str, convention: str) -> Amount:
    """All that a convention charges for a kind of layer, without its products."""
    count = CONVENTIONS[convention].count
    return steps(lambda step: count(step) if step.op.name == op else 0)


def once(op: str) -> Amount:
    """One of the two operations per input that ptflops charges for modules of a kind."""
    return steps(lambda step: prod(step.in_shapes[0]) if step.op.name == op else 0)


def _inputs(row: Row) -> int:
    return prod(row.inputs[0])


def _last_relu(net: cnnc.Net) -> int:
    return -_inputs([row for row in net.layers if row.op == "relu"][-1])


def _subclassed(row: Row) -> bool:
    """The normalisations of ConvNeXt on channels-first maps; those within its blocks see channels last."""
    return row.op == "ln" and not row.scope.startswith("stage")


def _channels_last(row: Row) -> bool:
    """The linear layers of ConvNeXt's blocks, which its program writes as convolutions of 1x1."""
    return row.op == "conv" and row.scope.startswith("stage")


def _per_position(row: Row) -> int:
    """What a convolution costs in torchinfo beyond what a linear layer of the same weights costs."""
    return CONVENTIONS["torchinfo"].count(row.step) - row.params // row.times


BLOCK_MAXPOOL = rows(_inputs, lambda row: row.op == "maxpool" and row.scope.startswith("mixed"))

FUNCTION = "ptflops charges a module and the function that it calls; torchvision calls only the function for "
NO_MODULE = "thop looks at modules only; torchvision calls a function for "
MEAN = "torchvision writes global pooling as `x.mean([2, 3])`, in which the tool sees no pooling"

DIFFERENCES: dict[tuple[str, str], Difference] = {
    ("densenet121", "ptflops"): Difference(
        f"{FUNCTION}the last ReLU and global pooling, so each counts once", both(_last_relu, once("gap"))
    ),
    ("densenet121", "thop"): Difference(f"{NO_MODULE}global pooling", unseen("gap", "thop")),
    ("googlenet", "ptflops"): Difference(f"{FUNCTION}every ReLU, so each counts once", once("relu")),
    ("inception_v3", "ptflops"): Difference(
        f"{FUNCTION}every ReLU, average pooling and the max pooling within blocks, so each counts once",
        both(once("relu"), once("avgpool"), BLOCK_MAXPOOL),
    ),
    ("inception_v3", "thop"): Difference(f"{NO_MODULE}average pooling", unseen("avgpool", "thop")),
    ("mobilenet_v2", "ptflops"): Difference(f"{FUNCTION}global pooling, so it counts once", once("gap")),
    ("mobilenet_v2", "thop"): Difference(f"{NO_MODULE}global pooling", unseen("gap", "thop")),
    **{
        (network, tool): Difference(MEAN, unseen("gap", tool))
        for network in ("shufflenet_v2_x1_0", "mnasnet1_0")
        for tool in ("fvcore", "ptflops", "thop")
    },
    ("convnext_tiny", "ptflops"): Difference(
        "ptflops looks modules up by exact type and misses `LayerNorm2d`, a subclass of `nn.LayerNorm`",
        rows(lambda row: PTFLOPS["ln"](row.step.attrs, row.inputs[0], row.output), _subclassed),
    ),
    ("convnext_tiny", "thop"): Difference(
        "thop looks modules up by exact type and misses `LayerNorm2d`, a subclass of `nn.LayerNorm`",
        rows(lambda row: CONVENTIONS["thop"].count(row.step), _subclassed),
    ),
    ("convnext_tiny", "torchinfo"): Difference(
        "torchvision's blocks use `nn.Linear` on channels-last maps, for which torchinfo counts the parameters once "
        "instead of at each position; the program writes 1×1 convolutions",
        rows(_per_position, _channels_last),
    ),
}
"""By network and tool; everything else is equal."""


def explained(network: str, tool: str, net: cnnc.Net) -> int:
    """By how much a tool's figure is expected to be larger than cnnc's in its convention."""
    difference = DIFFERENCES.get((network, tool))
    return difference.amount(net) if difference else 0
