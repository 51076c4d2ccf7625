"""Losses as PyTorch expressions: the sum of each, and how many elements it is the sum over."""

from collections.abc import Callable

from ...compiler.recipe.recipe import Chosen, Term
from .text import call

HELPERS = {
    "hinge": """
def hinge(y, t, margin):
    \"\"\"max(0, margin - s * y) of single scores, s = 1 for class 1 and -1 for class 0, summed.\"\"\"
    return F.relu(margin - (2 * t - 1) * y.flatten()).sum()
""",
    "contrastive": """
def contrastive(a, b, same, margin):
    \"\"\"Contrastive loss (Hadsell et al. 2006), summed; `same` is 1 for pairs of one class, else 0.\"\"\"
    distance = F.pairwise_distance(a, b)
    return (same * distance**2 + (1 - same) * F.relu(margin - distance) ** 2).sum() / 2
""",
    "quadruplet": """
def quadruplet(a, p, n, q, margin, margin2):
    \"\"\"Quadruplet loss (Chen et al. 2017), summed: anchor, positive, negatives of two other classes.\"\"\"
    positive = (a - p).square().sum(1)
    first = F.relu(positive - (a - n).square().sum(1) + margin)
    second = F.relu(positive - (q - n).square().sum(1) + margin2)
    return (first + second).sum()
""",
}
"""Functions for what `torch.nn.functional` lacks."""

COUNTED = '''
def counted(y, t, ignore):
    """How many targets are not left out; shares of classes, which mixing makes, all count."""
    return y[:, 0].numel() if t.is_floating_point() else (t != ignore).sum()
'''

Lowering = Callable[[Chosen, list[str], str, bool], str]

SUMMED = {"reduction": ('"sum"', None)}
"""The argument by which PyTorch's losses are sums."""

IGNORED = -100
"""The target that PyTorch leaves out unless told otherwise."""


def _ignoring(function: str) -> Lowering:
    def lower(loss: Chosen, y: list[str], t: str, one: bool) -> str:
        smoothing, ignore = loss.of("label_smoothing") or 0.0, loss.of("ignore")
        return call(function, *y, t, label_smoothing=(smoothing, 0.0), ignore_index=(ignore, IGNORED), **SUMMED)

    return lower


def _hinge(loss: Chosen, y: list[str], t: str, one: bool) -> str:
    if one:
        return call("hinge", *y, t, repr(loss.of("margin")))
    return call("F.multi_margin_loss", *y, t, margin=(loss.of("margin"), 1.0), **SUMMED)


def _bce_logits(loss: Chosen, y: list[str], t: str, one: bool) -> str:
    weight = loss.of("pos_weight")
    given = {} if weight is None else {"pos_weight": (f"{y[0]}.new_tensor({weight!r})", None)}
    return call("F.binary_cross_entropy_with_logits", *y, t, **given, **SUMMED)


LOWERINGS: dict[str, Lowering] = {
    "cross_entropy": _ignoring("F.cross_entropy"),
    "nll": _ignoring("F.nll_loss"),
    "bce": lambda loss, y, t, one: call("F.binary_cross_entropy", *y, t, **SUMMED),
    "bce_logits": _bce_logits,
    "l1": lambda loss, y, t, one: call("F.l1_loss", *y, t, **SUMMED),
    "mse": lambda loss, y, t, one: call("F.mse_loss", *y, t, **SUMMED),
    "smooth_l1": lambda loss, y, t, one: call("F.smooth_l1_loss", *y, t, beta=(loss.of("beta"), 1.0), **SUMMED),
    "huber": lambda loss, y, t, one: call("F.huber_loss", *y, t, delta=(loss.of("delta"), 1.0), **SUMMED),
    "hinge": _hinge,
    "triplet": lambda loss, y, t, one: call("F.triplet_margin_loss", *y, margin=(loss.of("margin"), 1.0), **SUMMED),
    "contrastive": lambda loss, y, t, one: call("contrastive", *y, t, repr(loss.of("margin"))),
    "quadruplet": lambda loss, y, t, one: call("quadruplet", *y, repr(loss.of("margin")), repr(loss.of("margin2"))),
}


def expression(term: Term, outputs: list[str], target: str, shapes: list[tuple[int, ...]]) -> tuple[str, str]:
    """The sum of a term, without its weight, and the number of elements that count in it.

    outputs, target: expressions for its tensors; shapes: those of the outputs.
    """
    vectors = (term.wants is None or term.wants.kind in ("index", "same")) and not term.loss.of("dense")
    y = [
        f"{name}.flatten(1)" if vectors and len(shape) > 1 else name
        for name, shape in zip(outputs, shapes, strict=True)
    ]
    found = LOWERINGS[term.loss.name](term.loss, y, target, shapes[0][0] == 1)
    return found, _count(term, y[0], target)


def _count(term: Term, output: str, target: str) -> str:
    """Of how many elements a term is the mean: samples, or what is not left out, or all that an output has."""
    ignore = term.loss.of("ignore")
    if ignore is not None:
        return f"counted({output}, {target}, {ignore})"
    per_sample = term.wants is None or term.wants.kind in ("index", "same")
    return f"len({output})" if per_sample else f"{output}.numel()"


def helpers(terms: tuple[Term, ...], shapes: dict[str, tuple[int, ...]]) -> list[str]:
    """The helper functions that the terms need, as text."""
    names = [
        term.loss.name
        for term in terms
        if term.loss.name in HELPERS and (term.loss.name != "hinge" or shapes[term.outputs[0]][0] == 1)
    ]
    found = [HELPERS[name].strip() for name in dict.fromkeys(names)]
    return [*found, *([COUNTED.strip()] if any(term.loss.of("ignore") is not None for term in terms) else [])]
