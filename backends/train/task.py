"""What kind of samples a network is trained on, which decides where they can come from and how results are judged."""

from typing import NamedTuple

from ...compiler.diagnostics import usage
from ...compiler.ir import Graph, known
from ...compiler.recipe.recipe import Recipe, Target, Term


class Task(NamedTuple):
    """The samples of a recipe.

    kind     labelled (one image and its class), dense (one image and a mask), tuples (images drawn by class for the
             inputs) or plain (anything, from arrays)
    inputs, shapes   names and shapes of the network's inputs
    outputs  names of its outputs, without those that exist in training only
    wants    each target by its name
    classes  how many classes a label has
    """

    kind: str
    inputs: tuple[str, ...]
    shapes: tuple[tuple[int, ...], ...]
    outputs: tuple[str, ...]
    wants: dict[str, Target]
    classes: int

    @property
    def tuples(self) -> bool:
        return self.kind == "tuples"

    @property
    def samples(self) -> str:
        """The kind of samples that data sources give: images are drawn for tuples by their class."""
        return "labelled" if self.tuples else self.kind

    def key(self, target: str) -> str:
        """What samples call a target: one by itself is the label."""
        return "label" if len(self.wants) == 1 else target

    def is_input(self, want: Target) -> bool:
        """Whether a target is the image itself, as for an autoencoder."""
        return self.kind == "labelled" and tuple(want.shape) == self.shapes[0]


def task_of(graph: Graph, recipe: Recipe) -> Task:
    """The task of a network. Raises UsageError (E0362) for losses that no samples fit."""
    inputs = tuple(terminal.name for terminal in graph.inputs)
    shapes = tuple(tuple(known(terminal.value)) for terminal in graph.inputs)
    outputs = tuple(terminal.name for terminal in graph.outputs)
    wants = {term.target: term.wants for term in recipe.terms if term.target is not None and term.wants is not None}
    kind = _kind(recipe.terms, shapes, list(wants.values()))
    if kind == "tuples" and (len(recipe.terms) > 1 or len(set(shapes)) > 1):
        reason = "a loss of embeddings stands beside another, or its inputs differ in shape"
        raise usage("E0362", reason=reason, way="train on that loss alone, with inputs of one shape")
    return Task(kind, inputs, shapes, outputs, wants, _classes(kind, shapes, list(wants.values())))


def _kind(terms: tuple[Term, ...], shapes: tuple[tuple[int, ...], ...], wants: list[Target]) -> str:
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


def is_mask(target: Target) -> bool:
    """Whether a target has a class or a flag for each position of a map."""
    flags = target.kind == "binary" and len(target.shape) == 3 and target.shape[1:] != (1, 1)
    return flags or (target.kind == "index" and len(target.shape) == 2)


def of_label(target: Target) -> bool:
    """Whether a target follows from the class of a sample."""
    return (target.kind == "index" and not target.shape) or (target.kind != "index" and is_vector(target.shape))


def is_vector(shape: tuple[int, ...]) -> bool:
    return all(extent == 1 for extent in shape[1:])


def _classes(kind: str, shapes: tuple[tuple[int, ...], ...], wants: list[Target]) -> int:
    """How many classes labels or masks have; embeddings are learned for any number."""
    found = [2]
    for target in wants:
        if kind == "labelled" and tuple(target.shape) == shapes[0]:
            continue
        if target.kind == "index":
            found.append(target.classes)
        elif target.shape:
            found.append(max(2, target.shape[0]))
    return 10 if kind == "tuples" or (len(found) == 1 and kind == "labelled") else max(found)
