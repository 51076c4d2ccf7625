"""What kind of samples a network is trained on, which decides where they can come from and how results are judged."""

from typing import NamedTuple

from ...compiler.diagnostics import usage
from ...compiler.ir import Graph, known
from ...compiler.recipe.recipe import Recipe, Target
from ...compiler.recipe.samples import augment_misfit, kind_of, wants_of


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
        """What samples call a target: one by itself is the label, unless it is the image."""
        return "label" if len(self.wants) == 1 and not self.is_input(self.wants[target]) else target

    def is_input(self, want: Target) -> bool:
        """Whether a target is the image itself, as for an autoencoder."""
        return self.kind == "labelled" and tuple(want.shape) == self.shapes[0]


def task_of(graph: Graph, recipe: Recipe) -> Task:
    """The task of a network. Raises UsageError where no samples fit its losses (E0362) or augmentations (E0354)."""
    inputs = tuple(terminal.name for terminal in graph.inputs)
    shapes = tuple(tuple(known(terminal.value)) for terminal in graph.inputs)
    outputs = tuple(terminal.name for terminal in graph.outputs)
    wants = wants_of(recipe.terms)
    kind = kind_of(recipe.terms, shapes)
    if kind == "tuples" and (len(recipe.terms) > 1 or len(set(shapes)) > 1):
        reason = "a loss of embeddings stands beside another, or its inputs differ in shape"
        raise usage("E0362", reason=reason, way="train on that loss alone, with inputs of one shape")
    misfit = augment_misfit(recipe.augment, shapes, recipe.terms)
    if misfit:
        raise usage("E0354", what=f"`{misfit[0]}` {misfit[1]}", way=misfit[2])
    return Task(kind, inputs, shapes, outputs, wants, _classes(kind, shapes, list(wants.values())))


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
