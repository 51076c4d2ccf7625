"""The functions of a recipe as source: `loss_sums`, `mean_loss`, `make_optimizer`, `make_schedule`."""

from ...compiler.diagnostics import usage
from ...compiler.ir import Graph, known
from ...compiler.recipe.fit import target_name
from ...compiler.recipe.recipe import Recipe, Term
from . import losses, optimizers, schedules

WIDTH = 110
"""Columns that a line of a sum may take."""


def recipe_of(graph: Graph) -> Recipe:
    """The recipe of a network, an empty one if it has no `train` section."""
    return graph.recipe or Recipe()


def needs(graph: Graph, *options: str) -> Recipe:
    """The recipe, for a purpose that needs some options. Raises UsageError (E0358) where one is missing."""
    recipe = recipe_of(graph)
    for option in options:
        if not (recipe.terms if option == "loss" else getattr(recipe, option)):
            example = {"loss": "loss = cross_entropy", "optimizer": "optimizer = adam(lr=0.001)"}[option]
            raise usage("E0358", what=option, way=f"add `train {{ {example} }}` to the program")
    return recipe


def targets(recipe: Recipe) -> list[str]:
    """The names of the targets that the losses read, each once."""
    return list(dict.fromkeys(name for name in map(target_name, recipe.terms) if name is not None))


MEAN = '''
def mean_loss(sums, counts):
    """The loss: the mean of each term over what counts in it, 0 where nothing does."""
    return (sums / counts.clamp(min=1)).sum()
'''


def loss_lines(graph: Graph, recipe: Recipe) -> list[str]:
    """The functions `loss_sums` and `mean_loss`, and the helpers of the first.

    `loss_sums` takes what the module returns, a tensor or for several outputs a dictionary by name, and the targets,
    likewise one tensor or a dictionary. Terms of `aux` outputs are there in training alone.
    """
    shapes = {t.name: tuple(known(t.value)) for t in (*graph.outputs, *graph.aux)}
    parts = [line for text in losses.helpers(recipe.terms, shapes) for line in (*text.split("\n"), "", "")]
    aux = {t.name for t in graph.aux}
    one = len(graph.outputs) == 1 and not aux
    wanted = targets(recipe)

    def lines(term: Term) -> list[str]:
        outputs = ["y"] if one else [f'y["{name}"]' for name in term.outputs]
        target = f't["{target_name(term)}"]' if len(wanted) > 1 else "t"
        shown = [shapes[name] for name in term.outputs]
        found, count = losses.expression(term, outputs, target, shown)
        return _pair(found if term.weight == 1 else f"{term.weight!r} * {found}", count)

    main = [term for term in recipe.terms if not aux.intersection(term.outputs)]
    extra = [term for term in recipe.terms if aux.intersection(term.outputs)]
    parts += [f"def loss_sums(y, t{'' if wanted else '=None'}):", f'    """{_summary(recipe)}', "", *ABOUT, '    """']
    if extra and len(graph.outputs) == 1:
        parts.append(f'    y = y if isinstance(y, dict) else {{"{graph.outputs[0].name}": y}}')
    parts += _terms("terms = ", [line for term in main for line in lines(term)])
    if extra:
        guard = next(name for name in extra[0].outputs if name in aux)
        parts.append(f'    if "{guard}" in y:  # heads that exist in training only')
        parts += [f"    {line}" for line in _terms("terms += ", [line for term in extra for line in lines(term)])]
    first = f'y["{graph.outputs[0].name}"]' if extra and not main else ""
    if first:
        parts += ["    if not terms:", f"        terms = [({first}.new_zeros(()), len({first}))]"]
    return [*parts, *ENDING, "", "", *MEAN.strip().split("\n")]


ABOUT = ["    Each term summed over what it is the mean of, and the number of these elements."]

ENDING = [
    "    sums, counts = zip(*terms, strict=True)",
    "    return torch.stack(sums), torch.stack([torch.as_tensor(n, device=sums[0].device) for n in counts])",
]


def _pair(total: str, count: str) -> list[str]:
    """A sum and its count, in a line or where they are long in two."""
    line = f"({total}, {count}),"
    return [line] if len(line) <= WIDTH - 8 else ["(", f"    {total},", f"    {count},", "),"]


def _terms(head: str, pairs: list[str]) -> list[str]:
    """A list of terms, one by one; one by itself in a line."""
    if len(pairs) == 1 and len(pairs[0]) <= WIDTH - 20:
        return [f"    {head}[{pairs[0].removesuffix(',')}]"]
    return [f"    {head}[", *(f"        {line}" for line in pairs), "    ]"] if pairs else [f"    {head}[]"]


def _summary(recipe: Recipe) -> str:
    weights = ["" if term.weight == 1 else f"{term.weight:g} * " for term in recipe.terms]
    line = " + ".join(w + term.loss.name for w, term in zip(weights, recipe.terms, strict=True))
    return f"The loss: {line}." if len(line) < WIDTH - 20 else f"The loss: a weighted sum of {len(weights)} terms."


def _mean(recipe: Recipe) -> list[str]:
    """The function `compute_loss` of a batch by itself."""
    first, given = ("y, t", "y, t") if targets(recipe) else ("y, t=None", "y, t")
    return [
        f"def compute_loss({first}):",
        '    """The loss of a batch."""',
        f"    return mean_loss(*loss_sums({given}))",
    ]


def source(graph: Graph, option: str) -> str:
    """A module with the function for loss, optimizer or schedule. Raises UsageError (E0358)."""
    recipe = needs(graph, "loss" if option == "loss" else "optimizer")
    if option == "loss":
        lines = [*loss_lines(graph, recipe), "", "", *_mean(recipe)]
    elif option == "optimizer":
        assert recipe.optimizer is not None
        lines = optimizers.lines(graph, recipe.optimizer)
    else:
        lines = schedules.lines(recipe)
    body = "\n".join(lines)
    head = [f'"""Training of {graph.name}, generated by cnnc."""', ""]
    head += ["import torch"] if "torch." in body else []
    head += ["from torch.nn import functional as F"] if "F." in body else []
    head += ["from torch.optim import lr_scheduler"] if "lr_scheduler." in body else []
    constants = ["", f"EPOCHS = {recipe.epochs}"] if "EPOCHS" in body else []
    return "\n".join([*head, *constants, "", "", body, ""])
