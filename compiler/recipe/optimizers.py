"""Optimizers, with PyTorch's defaults where it has the same parameter, but for the rate of SGD."""

from collections.abc import Sequence
from typing import Annotated, Any, NamedTuple

from ..ops.entry import Entry
from ..ops.kinds import Flag, Number, Word


class Optimizer(Entry):
    """One optimizer; `source` names the publication, `update` the step that it takes with gradient g."""

    def __init__(
        self, name: str, signature: type[Any], doc: str, *, update: str, source: str, known_as: Sequence[str] = ()
    ) -> None:
        super().__init__(name, signature, doc, known_as)
        self.update, self.source = update, source


def rate(default: float) -> Number:
    return Number("learning rate", default, low=0.0)


def below_one(doc: str, default: float) -> Number:
    return Number(doc, default, low=0.0, high=1.0, open_high=True)


DECAY = Number("L2 penalty: this times the weight is added to its gradient", 0.0, low=0.0)
DECOUPLED = Number("this times the learning rate times the weight is taken from it", 0.01, low=0.0)
REACH = Word(
    "what is decayed: all parameters, or only weights, not biases and those of norms", ("all", "weights"), "all"
)
EPS = Number("added to the denominator", 1e-8, low=0.0, open_low=True)


class Descent(NamedTuple):
    lr: Annotated[float, rate(0.01)]
    weight_decay: Annotated[float, DECAY]
    decay: Annotated[str, REACH]


class Sgd(NamedTuple):
    lr: Annotated[float, rate(0.01)]
    momentum: Annotated[float, below_one("share of the last step that is taken again", 0.0)]
    nesterov: Annotated[bool, Flag("look ahead along the last step", False)]
    dampening: Annotated[float, below_one("share of the gradient that is left out of the momentum", 0.0)]
    weight_decay: Annotated[float, DECAY]
    decay: Annotated[str, REACH]


class Momentum(NamedTuple):
    lr: Annotated[float, rate(0.01)]
    momentum: Annotated[float, below_one("share of the last step that is taken again", 0.9)]
    weight_decay: Annotated[float, DECAY]
    decay: Annotated[str, REACH]


class Adagrad(NamedTuple):
    lr: Annotated[float, rate(0.01)]
    lr_decay: Annotated[float, Number("step t has lr / (1 + (t − 1)·lr_decay)", 0.0, low=0.0)]
    eps: Annotated[float, Number("added to the denominator", 1e-10, low=0.0, open_low=True)]
    weight_decay: Annotated[float, DECAY]
    decay: Annotated[str, REACH]


class Adadelta(NamedTuple):
    lr: Annotated[float, rate(1.0)]
    rho: Annotated[float, below_one("how slowly squared gradients are forgotten", 0.9)]
    eps: Annotated[float, Number("added under the roots", 1e-6, low=0.0, open_low=True)]
    weight_decay: Annotated[float, DECAY]
    decay: Annotated[str, REACH]


class Rmsprop(NamedTuple):
    lr: Annotated[float, rate(0.01)]
    alpha: Annotated[float, below_one("how slowly squared gradients are forgotten", 0.99)]
    eps: Annotated[float, EPS]
    momentum: Annotated[float, below_one("share of the last step that is taken again", 0.0)]
    centered: Annotated[bool, Flag("divide by the standard deviation of gradients, not their root mean square", False)]
    weight_decay: Annotated[float, DECAY]
    decay: Annotated[str, REACH]


class Adam(NamedTuple):
    lr: Annotated[float, rate(0.001)]
    beta1: Annotated[float, below_one("how slowly gradients are forgotten", 0.9)]
    beta2: Annotated[float, below_one("how slowly squared gradients are forgotten", 0.999)]
    eps: Annotated[float, EPS]
    amsgrad: Annotated[bool, Flag("divide by the largest second moment so far", False)]
    weight_decay: Annotated[float, DECAY]
    decay: Annotated[str, REACH]


class AdamW(NamedTuple):
    lr: Annotated[float, rate(0.001)]
    beta1: Annotated[float, below_one("how slowly gradients are forgotten", 0.9)]
    beta2: Annotated[float, below_one("how slowly squared gradients are forgotten", 0.999)]
    eps: Annotated[float, EPS]
    amsgrad: Annotated[bool, Flag("divide by the largest second moment so far", False)]
    weight_decay: Annotated[float, DECOUPLED]
    decay: Annotated[str, REACH]


_ADAM = "m = β₁m + (1 − β₁)g; v = β₂v + (1 − β₂)g²; w −= lr·(m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε)"

OPTIMIZERS: dict[str, Optimizer] = {
    optimizer.name: optimizer
    for optimizer in (
        Optimizer(
            "gd",
            Descent,
            "Gradient descent on the whole training set: implies `batch = full`.",
            update="w −= lr·g",
            source="Cauchy 1847",
            known_as=("GradientDescent", "BatchGradientDescent"),
        ),
        Optimizer(
            "sgd",
            Sgd,
            "Stochastic gradient descent, with momentum on request.",
            update="v = μv + (1 − dampening)·g, the first v = g; w −= lr·v, or lr·(g + μv) with nesterov",
            source="Robbins and Monro 1951; Sutskever et al. 2013",
            known_as=("SGD", "StochasticGradientDescent"),
        ),
        Optimizer(
            "momentum",
            Momentum,
            "Gradient descent with momentum.",
            update="v = μv + g; w −= lr·v",
            source="Polyak 1964",
            known_as=("MomentumOptimizer", "HeavyBall"),
        ),
        Optimizer(
            "nag",
            Momentum,
            "Nesterov's accelerated gradient.",
            update="v = μv + g; w −= lr·(g + μv)",
            source="Nesterov 1983, as in Sutskever et al. 2013",
            known_as=("Nesterov", "NesterovMomentum", "NesterovAcceleratedGradient"),
        ),
        Optimizer(
            "adagrad",
            Adagrad,
            "Steps divided by the root of all squared gradients so far.",
            update="s += g²; w −= lr·g / (√s + ε)",
            source="Duchi, Hazan and Singer 2011",
            known_as=("Adagrad",),
        ),
        Optimizer(
            "adadelta",
            Adadelta,
            "Steps scaled by the ratio of recent steps to recent gradients.",
            update="s = ρs + (1 − ρ)g²; d = √(u + ε) / √(s + ε)·g; u = ρu + (1 − ρ)d²; w −= lr·d",
            source="Zeiler 2012",
            known_as=("Adadelta",),
        ),
        Optimizer(
            "rmsprop",
            Rmsprop,
            "Steps divided by the root mean square of recent gradients.",
            update="s = αs + (1 − α)g²; w −= lr·g / (√s + ε)",
            source="Tieleman and Hinton 2012, lecture 6.5; Graves 2013 for `centered`",
            known_as=("RMSprop",),
        ),
        Optimizer(
            "adam",
            Adam,
            "Adaptive moments.",
            update=_ADAM,
            source="Kingma and Ba 2015; Reddi et al. 2018 for amsgrad",
            known_as=("Adam",),
        ),
        Optimizer(
            "adamw",
            AdamW,
            "Adam with decay of the weights apart from the gradient.",
            update=f"w −= lr·λ·w; {_ADAM}",
            source="Loshchilov and Hutter 2019",
            known_as=("AdamW",),
        ),
    )
}
