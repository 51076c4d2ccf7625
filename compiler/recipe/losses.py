"""Losses: what each is computed from, which target it takes, and which outputs it fits."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, NamedTuple

from ..diagnostics import Reject
from ..ops.base import NoParams, Shape, Tokens
from ..ops.entry import Entry
from ..ops.kinds import Flag, Integer, Number, Optional
from .recipe import Target

Fit = Callable[[Any, Shape], Target | None]
"""`(arguments, shape of the output)` to the target; raises Reject where the output does not fit."""


class Loss(Entry):
    """One loss.

    operands   how many outputs it is computed from: 1, or the embeddings of several inputs
    fit        what its target is for an output's shape; raises Reject E0356
    formula    what it computes, the mean over samples (and positions, and classes where it says so)
    source     where the formula is from
    after      layers that the output should come from (`last`) or should not (`never`), as W0611 says
    """

    def __init__(
        self,
        name: str,
        signature: type[Any],
        doc: str,
        fit: Fit,
        *,
        formula: str,
        source: str,
        known_as: Sequence[str] = (),
        operands: int = 1,
        last: tuple[str, ...] = (),
        never: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, signature, doc, known_as)
        self.fit, self.operands = fit, operands
        self.formula, self.source = formula, source
        self.last, self.never = last, never


LOSSES: dict[str, Loss] = {}


def _add(*args: Any, **rest: Any) -> None:
    loss = Loss(*args, **rest)
    LOSSES[loss.name] = loss


# What fits


def vector(shape: Shape) -> int:
    """The number of scores of a vector, 0 for what is none. C×1×1 is a vector, as it is for `fc`."""
    if isinstance(shape, Tokens) or any(extent != 1 for extent in shape[1:]):
        return 0
    return shape[0]


def _scores(a: Any, shape: Shape) -> Target:
    """A class for each sample or, with `dense`, for each position."""
    if getattr(a, "dense", False):
        if isinstance(shape, Tokens) or len(shape) < 2:
            raise Reject("E0356", need="a map of class scores, C×H×W", way="leave out `dense` for one class per sample")
        return Target("index", tuple(shape[1:]), _choice(shape[0]))
    if not vector(shape):
        way = "end the network in `gap -> fc(classes)`, or write `dense=true` for a class at each position"
        raise Reject("E0356", need="a vector of class scores", way=way)
    return Target("index", (), _choice(shape[0]))


def _choice(classes: int) -> int:
    if classes < 2:
        raise Reject("E0356", need="scores of at least two classes", way="bce_logits is the loss of a single score")
    return classes


def _margin(a: Any, shape: Shape) -> Target:
    """Class scores, or one score whose sign decides."""
    if not vector(shape):
        raise Reject("E0356", need="a vector of class scores", way="end the network in `gap -> fc(classes)`")
    return Target("index", (), max(2, shape[0]))


def _probability(a: Any, shape: Shape) -> Target:
    return Target("binary", tuple(shape))


def _like_output(a: Any, shape: Shape) -> Target:
    return Target("real", tuple(shape))


def _embedding(a: Any, shape: Shape) -> None:
    if not vector(shape):
        raise Reject(
            "E0356", need="embeddings, which are vectors", way="end each branch in `gap -> fc(n)` or `flatten`"
        )


def _pair(a: Any, shape: Shape) -> Target:
    _embedding(a, shape)
    return Target("same")


# Signatures

DENSE = Flag("a class at each position of a C×H×W map, not one for the sample", False)
IGNORE = Integer(
    "a target that is left out of loss and metrics, such as the border in a segmentation", -100, least=-(2**31)
)
SMOOTHING = Number("share of the target that is spread evenly over all classes", 0.0, low=0.0, high=1.0)


class CrossEntropy(NamedTuple):
    label_smoothing: Annotated[float, SMOOTHING]
    dense: Annotated[bool, DENSE]
    ignore: Annotated[int, IGNORE]


class Nll(NamedTuple):
    dense: Annotated[bool, DENSE]
    ignore: Annotated[int, IGNORE]


class BceLogits(NamedTuple):
    pos_weight: Annotated[float | None, Optional(Number("weight of the targets that are 1", low=0.0), "1")]


class SmoothL1(NamedTuple):
    beta: Annotated[float, Number("difference below which it is quadratic", 1.0, low=0.0)]


class Huber(NamedTuple):
    delta: Annotated[float, Number("difference below which it is quadratic", 1.0, low=0.0, open_low=True)]


class Margin(NamedTuple):
    margin: Annotated[float, Number("how far apart scores or distances should be", 1.0, low=0.0, open_low=True)]


class Quadruplet(NamedTuple):
    margin: Annotated[float, Number("margin between positive and negative pairs", 1.0, low=0.0, open_low=True)]
    margin2: Annotated[float, Number("margin to pairs of two other classes", 0.5, low=0.0, open_low=True)]


_add(
    "cross_entropy",
    CrossEntropy,
    "Cross-entropy of class scores (logits) and a class number.",
    _scores,
    known_as=(
        "CrossEntropyLoss",
        "CategoricalCrossentropy",
        "SparseCategoricalCrossentropy",
        "SoftmaxCrossEntropy",
        "ce",
    ),
    formula="mean over samples (and positions) of −Σ_c q_c·log softmax(y)_c, q = (1 − ε)·onehot(t) + ε/C",
    source="Szegedy et al. 2016 for the smoothing ε",
    never=("softmax", "logsoftmax", "sigmoid"),
)
_add(
    "nll",
    Nll,
    "Negative log likelihood of log-probabilities and a class number.",
    _scores,
    known_as=("NLLLoss", "NegativeLogLikelihood"),
    formula="mean over samples (and positions) of −y_t",
    source="the negative logarithm of the likelihood",
    last=("logsoftmax",),
)
_add(
    "bce",
    NoParams,
    "Binary cross-entropy of probabilities and targets from 0 to 1.",
    _probability,
    known_as=("BCELoss", "BinaryCrossentropy"),
    formula="mean over all elements of −(t·log y + (1 − t)·log(1 − y)), logarithms held at −100 and above",
    source="the negative log likelihood of Bernoulli variables",
    last=("sigmoid", "hardsigmoid", "softmax"),
)
_add(
    "bce_logits",
    BceLogits,
    "Binary cross-entropy of logits: sigmoid and bce in one, without overflow.",
    _probability,
    known_as=(
        "BCEWithLogitsLoss",
        "BinaryCrossEntropyWithLogits",
        "SigmoidCrossEntropy",
        "SigmoidCrossEntropyWithLogits",
    ),
    formula="mean over all elements of −(w·t·log σ(y) + (1 − t)·log(1 − σ(y)))",
    source="the negative log likelihood of Bernoulli variables",
    never=("sigmoid", "hardsigmoid", "softmax", "logsoftmax", "logsigmoid"),
)
_add(
    "l1",
    NoParams,
    "Mean absolute error.",
    _like_output,
    known_as=("L1Loss", "MeanAbsoluteError", "mae"),
    formula="mean over all elements of |y − t|",
    source="least absolute deviations",
)
_add(
    "mse",
    NoParams,
    "Mean squared error.",
    _like_output,
    known_as=("MSELoss", "MeanSquaredError", "l2", "L2Loss"),
    formula="mean over all elements of (y − t)²",
    source="least squares",
)
_add(
    "smooth_l1",
    SmoothL1,
    "Absolute error, quadratic near zero.",
    _like_output,
    known_as=("SmoothL1Loss",),
    formula="mean over all elements of d²/(2β) where d = |y − t| < β, else d − β/2",
    source="Girshick 2015, Fast R-CNN",
)
_add(
    "huber",
    Huber,
    "Squared error, linear far from zero.",
    _like_output,
    known_as=("HuberLoss",),
    formula="mean over all elements of d²/2 where d = |y − t| < δ, else δ·(d − δ/2)",
    source="Huber 1964",
)
_add(
    "hinge",
    Margin,
    "Hinge loss of class scores, or of one score whose sign decides between classes 0 and 1.",
    _margin,
    known_as=("MultiMarginLoss", "CategoricalHinge", "HingeLoss"),
    formula="mean over samples of Σ_{c≠t} max(0, m − y_t + y_c) / C; of one score, max(0, m − s·y) with s = 2t − 1",
    source="Weston and Watkins 1999, divided by the number of classes as in PyTorch; Cortes and Vapnik 1995",
)
_add(
    "triplet",
    Margin,
    "Triplet loss of an anchor, a positive and a negative embedding.",
    _embedding,
    operands=3,
    known_as=("TripletMarginLoss", "TripletLoss", "TripletSemiHardLoss"),
    formula="mean over samples of max(0, ‖a − p‖ − ‖a − n‖ + m), ‖x‖ the Euclidean norm of x + 1e-6",
    source="Balntas et al. 2016; FaceNet (Schroff et al. 2015) squares the distances",
)
_add(
    "contrastive",
    Margin,
    "Contrastive loss of two embeddings: pairs of a class are drawn together, others pushed apart.",
    _pair,
    operands=2,
    known_as=("ContrastiveLoss",),
    formula="mean over samples of t·d²/2 + (1 − t)·max(0, m − d)²/2, d = ‖a − b + 1e-6‖, t = 1 for pairs of a class",
    source="Hadsell, Chopra and LeCun 2006, whose Y is 1 − t",
)
_add(
    "quadruplet",
    Quadruplet,
    "Quadruplet loss of an anchor, a positive and two negatives of two other classes.",
    _embedding,
    operands=4,
    known_as=("QuadrupletLoss",),
    formula="mean over samples of max(0, ‖a − p‖² − ‖a − n‖² + m) + max(0, ‖a − p‖² − ‖q − n‖² + m₂)",
    source="Chen et al. 2017",
)
