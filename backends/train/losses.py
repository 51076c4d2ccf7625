"""Losses as PyTorch expressions."""

from collections.abc import Callable

from ...compiler.recipe.recipe import Chosen, Term
from .text import call

HELPERS = {
    "hinge": """
def hinge(y, t, margin):
    \"\"\"max(0, margin - s * y) of single scores, s = 1 for class 1 and -1 for class 0, averaged.\"\"\"
    return F.relu(margin - (2 * t - 1) * y.flatten()).mean()
""",
    "contrastive": """
def contrastive(a, b, same, margin):
    \"\"\"Contrastive loss (Hadsell et al. 2006) of pairs; `same` is 1 for pairs of one class, else 0.\"\"\"
    distance = F.pairwise_distance(a, b)
    return (same * distance**2 + (1 - same) * F.relu(margin - distance) ** 2).mean() / 2
""",
    "quadruplet": """
def quadruplet(a, p, n, q, margin, margin2):
    \"\"\"Quadruplet loss (Chen et al. 2017): anchor, positive, and negatives of two other classes.\"\"\"
    positive = (a - p).square().sum(1)
    first = F.relu(positive - (a - n).square().sum(1) + margin)
    second = F.relu(positive - (q - n).square().sum(1) + margin2)
    return (first + second).mean()
""",
}
"""Functions for what `torch.nn.functional` lacks."""

Lowering = Callable[[Chosen, list[str], str, bool], str]


def _cross_entropy(loss: Chosen, y: list[str], t: str, one: bool) -> str:
    smoothing, ignore = loss.of("label_smoothing"), loss.of("ignore")
    return call("F.cross_entropy", *y, t, label_smoothing=(smoothing, 0.0), ignore_index=(ignore, -100))


def _hinge(loss: Chosen, y: list[str], t: str, one: bool) -> str:
    if one:
        return call("hinge", *y, t, repr(loss.of("margin")))
    return call("F.multi_margin_loss", *y, t, margin=(loss.of("margin"), 1.0))


def _bce_logits(loss: Chosen, y: list[str], t: str, one: bool) -> str:
    weight = loss.of("pos_weight")
    given = {} if weight is None else {"pos_weight": (f"{y[0]}.new_tensor({weight!r})", None)}
    return call("F.binary_cross_entropy_with_logits", *y, t, **given)


LOWERINGS: dict[str, Lowering] = {
    "cross_entropy": _cross_entropy,
    "nll": lambda loss, y, t, one: call("F.nll_loss", *y, t, ignore_index=(loss.of("ignore"), -100)),
    "bce": lambda loss, y, t, one: call("F.binary_cross_entropy", *y, t),
    "bce_logits": _bce_logits,
    "l1": lambda loss, y, t, one: call("F.l1_loss", *y, t),
    "mse": lambda loss, y, t, one: call("F.mse_loss", *y, t),
    "smooth_l1": lambda loss, y, t, one: call("F.smooth_l1_loss", *y, t, beta=(loss.of("beta"), 1.0)),
    "huber": lambda loss, y, t, one: call("F.huber_loss", *y, t, delta=(loss.of("delta"), 1.0)),
    "hinge": _hinge,
    "triplet": lambda loss, y, t, one: call("F.triplet_margin_loss", *y, margin=(loss.of("margin"), 1.0)),
    "contrastive": lambda loss, y, t, one: call("contrastive", *y, t, repr(loss.of("margin"))),
    "quadruplet": lambda loss, y, t, one: call("quadruplet", *y, repr(loss.of("margin")), repr(loss.of("margin2"))),
}


def expression(term: Term, outputs: list[str], target: str, shapes: list[tuple[int, ...]]) -> str:
    """A term without its weight. outputs, target: expressions for its tensors; shapes: those of the outputs."""
    vectors = (term.wants is None or term.wants.kind in ("index", "same")) and not term.loss.of("dense")
    y = [
        f"{name}.flatten(1)" if vectors and len(shape) > 1 else name
        for name, shape in zip(outputs, shapes, strict=True)
    ]
    return LOWERINGS[term.loss.name](term.loss, y, target, shapes[0][0] == 1)


def helpers(terms: tuple[Term, ...], shapes: dict[str, tuple[int, ...]]) -> list[str]:
    """The helper functions that the terms need, as text."""
    names = [
        term.loss.name
        for term in terms
        if term.loss.name in HELPERS and (term.loss.name != "hinge" or shapes[term.outputs[0]][0] == 1)
    ]
    return [HELPERS[name].strip() for name in dict.fromkeys(names)]
