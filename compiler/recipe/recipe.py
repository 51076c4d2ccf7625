"""What a `train` section says, checked: plain data that backends lower."""

from typing import Any, NamedTuple


class Chosen(NamedTuple):
    """An entry by its name, with its arguments in the order of its signature."""

    name: str
    args: tuple[tuple[str, Any], ...] = ()

    def of(self, name: str) -> Any:
        """The argument of that name, None where the entry has no such parameter."""
        return dict(self.args).get(name)

    def but(self, **changes: Any) -> "Chosen":
        """The same with other arguments."""
        return Chosen(self.name, tuple({**dict(self.args), **changes}.items()))


class Target(NamedTuple):
    """What a loss compares an output with.

    kind: index (a class number), binary (0 or 1, or a probability), real, or same (whether two inputs belong together).
    shape: without the batch; `classes` bounds an index.
    """

    kind: str
    shape: tuple[int, ...] = ()
    classes: int = 0


class Term(NamedTuple):
    """One summand of the loss.

    outputs: what it is computed from, by name. inputs: for a loss of embeddings, the input that each output shows.
    target: what its target is called, None for a loss without one.
    """

    loss: Chosen
    weight: float
    outputs: tuple[str, ...]
    inputs: tuple[str, ...] = ()
    target: str | None = None
    wants: Target | None = None


class Recipe(NamedTuple):
    """A whole `train` section; what it leaves out has the default here.

    schedule: phases, one after the other; `by` says whether they count epochs or optimizer steps.
    batch: samples of one step over all processes, None for the whole training set.
    """

    terms: tuple[Term, ...] = ()
    optimizer: Chosen | None = None
    schedule: tuple[Chosen, ...] = ()
    by: str = "epoch"
    l1: float = 0.0
    batch: int | None = 32
    epochs: int = 10
    clip: Chosen | None = None
    ema: float | None = None
    augment: tuple[Chosen, ...] = ()
    precision: str = "fp32"
    seed: int = 0


def plain(value: Any) -> Any:
    """A recipe, or a part of it, as nested tuples, which print as a literal."""
    return tuple(map(plain, value)) if isinstance(value, tuple) else value


def recipe_of(value: Any) -> Recipe:
    """The recipe that `plain` made nested tuples of."""
    recipe = Recipe(*value)
    return recipe._replace(
        terms=tuple(_term(term) for term in recipe.terms),
        optimizer=_chosen(recipe.optimizer),
        schedule=tuple(Chosen(*phase) for phase in recipe.schedule),
        clip=_chosen(recipe.clip),
        augment=tuple(Chosen(*choice) for choice in recipe.augment),
    )


def _chosen(value: Any) -> Chosen | None:
    return None if value is None else Chosen(*value)


def _term(value: Any) -> Term:
    term = Term(*value)
    return term._replace(loss=Chosen(*term.loss), wants=None if term.wants is None else Target(*term.wants))
