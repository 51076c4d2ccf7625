"""What kind of samples a network is trained on, and which augmentations are right for them."""

from collections.abc import Sequence

from .fit import target_name
from .options import AUGMENTS
from .recipe import Chosen, Recipe, Target, Term

KEPT = -100
"""The `ignore` of a loss that says nothing about it."""


def kind_of(terms: Sequence[Term], shapes: Sequence[tuple[int, ...]]) -> str:
    """The kind of samples for inputs of these shapes.

    tuples (images drawn by class for the inputs), dense (one image and a mask), labelled (one image and its class), or
    plain (anything else, from arrays).
    """
    wants = list(wants_of(terms).values())
    if any(term.inputs for term in terms):
        return "tuples"
    if len(shapes) > 1:
        return "plain"
    spatial = shapes[0][1:]
    if len(spatial) == 2 and all(is_mask(target) for target in wants) and len(wants) == 1:
        return "dense"
    labels = [target for target in wants if tuple(target.shape) != shapes[0]]
    if len(labels) > 1 and any(t.kind != "index" or t.classes != labels[0].classes for t in labels):
        return "plain"  # one class of a sample cannot be several targets
    return "labelled" if all(of_label(target) for target in labels) else "plain"


def wants_of(terms: Sequence[Term]) -> dict[str, Target]:
    """Each target by its name, but for those that are not drawn with the samples."""
    return {term.target: term.wants for term in terms if term.target is not None and term.wants is not None}


def is_mask(target: Target) -> bool:
    """Whether a target has a class or a flag for each position of a map."""
    flags = target.kind == "binary" and len(target.shape) == 3 and target.shape[1:] != (1, 1)
    return flags or (target.kind == "index" and len(target.shape) == 2)


def of_label(target: Target) -> bool:
    """Whether a target follows from the class of a sample."""
    return (target.kind == "index" and not target.shape) or (target.kind != "index" and is_vector(target.shape))


def is_vector(shape: tuple[int, ...]) -> bool:
    return all(extent == 1 for extent in shape[1:])


def mixes(augment: Sequence[Chosen]) -> list[str]:
    """The augmentations that mix the samples of a batch, and their classes with them."""
    return [choice.name for choice in augment if AUGMENTS[choice.name].batch]


def ignored(recipe: Recipe, target: str) -> int | None:
    """The value of a target that all losses leave out which read it; None where there is none."""
    found = {term.loss.of("ignore") for term in recipe.terms if target_name(term) == target}
    return found.pop() if len(found) == 1 and not mixes(recipe.augment) else None


def augment_misfit(
    augment: Sequence[Chosen], shapes: Sequence[tuple[int, ...]], terms: Sequence[Term]
) -> tuple[str, str, str] | None:
    """The augmentation that is wrong for these inputs and losses, what is wrong with it, and a way out.

    Mixing a batch needs one class for each sample, of which none is left out. What moves pixels has to move the target
    with them, which is done for a mask beside one image; a policy of operations takes images alone.
    """
    if any(term.wants is None and not term.inputs for term in terms):
        return None  # extents are symbols
    kind, wants = kind_of(terms, shapes), list(wants_of(terms).values())
    mixed = mixes(augment)
    if mixed and any(term.loss.name != "cross_entropy" or term.loss.of("dense") for term in terms):
        return mixed[0], "mixes the classes of cross_entropy alone", "leave it out"
    if mixed and (len(wants) != 1 or len(shapes) > 1):
        return mixed[0], "mixes images with one class each, for one input and one target", "leave it out"
    spared = [term.loss.of("ignore") for term in terms if term.loss.of("ignore") not in (None, KEPT)]
    if mixed and spared:
        return mixed[0], f"mixes all classes, and `ignore={spared[0]}` leaves some samples out", "keep one of them"
    policies = [choice.name for choice in augment if AUGMENTS[choice.name].policy]
    if policies and kind == "dense":
        return (
            policies[0],
            "is for images alone and would not move their masks",
            "use flip, crop, rotate, jitter, …",
        )
    moving = [choice.name for choice in augment if AUGMENTS[choice.name].moves]
    whole = [want for want in wants if not of_label(want) and (len(shapes) > 1 or tuple(want.shape) != shapes[0])]
    if moving and kind == "plain" and whole:
        return moving[0], "moves what an image shows, and not its target", "keep those that change colours or noise"
    return None
