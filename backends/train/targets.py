"""Targets and metrics of the losses as source."""

from ...compiler.ir import Graph, known
from ...compiler.recipe.recipe import Recipe, Target, Term
from ...compiler.recipe.samples import is_mask, is_vector
from .task import Task

OVERLAP = '''
def overlap(found, wanted, classes, ignore):
    """Intersection and union of each class."""
    found, wanted = found[wanted != ignore], wanted[wanted != ignore]
    counts = [torch.bincount(part, minlength=classes) for part in (found[found == wanted], found, wanted)]
    both = torch.stack([counts[0], counts[1] + counts[2] - counts[0]]).double()
    if 0 <= ignore < classes:
        both[:, ignore] = 0  # no place is of that class, so it has no overlap to be measured
    return both
'''
SHARE = '''
def share(right):
    """How many are right, of how many."""
    return torch.stack([right.double().sum(), right.new_tensor(right.numel(), dtype=torch.double)])[:, None]
'''
ERROR = '''
def error(found, wanted):
    """The sum of absolute differences, of how many."""
    differences = (found - wanted).abs().double()
    return torch.stack([differences.sum(), differences.new_tensor(differences.numel())])[:, None]
'''
FLAGS = '''
def flags(found, wanted):
    """Intersection and union of what is found and wanted."""
    return torch.stack([(found & wanted).sum(), (found | wanted).sum()]).double()[:, None]
'''
ONE_HOT = '''
def one_hot(target, classes):
    """A class number as a vector with a 1 at its place; what is a vector stays one."""
    return F.one_hot(target.long(), classes).float() if target.ndim == 0 else target.float()
'''
AUC = '''
def auc(same, different):
    """Area under the ROC curve: how often a pair of one class is closer than a pair of two, ties counting half."""
    if not len(same) or not len(different):
        return math.nan
    different = different.double().sort().values
    closer = torch.searchsorted(different, same.double()), torch.searchsorted(different, same.double(), right=True)
    return 1 - (closer[0] + closer[1]).double().mean().item() / 2 / len(different)
'''


def target_lines(task: Task) -> list[str]:
    """The function `make_target`: what the loss compares with, from what the data says of a sample."""
    head = ["def make_target(image, found):", '    """What the loss compares with."""']
    made = {name: _target(task, name, want) for name, want in task.wants.items()}
    if len(made) == 1:
        return [*head, f"    return {next(iter(made.values()))}"]
    return [*head, "    return {", *(f'        "{name}": {text},' for name, text in made.items()), "    }"]


def _target(task: Task, name: str, want: Target) -> str:
    """A target in the shape and type that its loss takes; of labelled images, from the class or the image itself."""
    if task.is_input(want):
        return f'found["{name}"].float().reshape({want.shape}) if "{name}" in found else image'
    key = task.key(name)
    found = f'found["{key}"]' if key == "label" or task.kind == "plain" else f'found.get("{key}", found.get("label"))'
    if task.kind == "dense":
        return _mask(task, want, found)
    if want.kind == "index":
        return f"{found}.long()"
    if is_vector(want.shape) and want.shape[0] > 1:
        vector = f"one_hot({found}, {want.shape[0]})"
        return vector if len(want.shape) == 1 else f"{vector}.reshape({want.shape})"
    return f"{found}.float().reshape({want.shape})"


def _mask(task: Task, want: Target, found: str) -> str:
    size = want.shape if want.kind == "index" else want.shape[1:]
    if size != task.shapes[0][1:]:
        found = f'fit({found}[None].float(), {(1, *size)}, "nearest")[0]'
    if want.kind == "index":
        return f"{found}.long()"
    if want.shape[0] == 1:
        return f"({found} > 0).float()[None]"
    return f"F.one_hot({found}.long(), {want.shape[0]}).movedim(-1, 0).float()"


def metric_lines(graph: Graph, recipe: Recipe, task: Task) -> list[str]:
    """The function `measure`: for each metric a pair of sums whose quotient it is, and the helpers that it needs."""
    if task.tuples:
        return [*AUC.strip().split("\n"), "", "", *_distances(recipe.terms[0])]
    shapes = {t.name: tuple(known(t.value)) for t in graph.outputs}
    entries: dict[str, str] = {}
    for term in recipe.terms:
        if term.wants is not None and term.outputs[0] in shapes:
            name, text = _metric(term, shapes, len(shapes) == 1, len(task.wants) == 1)
            entries.setdefault(name, text)
    body = [f'        "{name}": {text},' for name, text in entries.items()]
    joined = "\n".join(body)
    helpers = [
        h
        for key, h in (("overlap(", OVERLAP), ("share(", SHARE), ("flags(", FLAGS), ("error(", ERROR))
        if key in joined
    ]
    lines = [line for helper in helpers for line in (*helper.strip().split("\n"), "", "")]
    head = ["def measure(y, t):", '    """Metrics of a batch, each a pair of sums whose quotient it is."""']
    return [*lines, *head, "    return {", *body, "    }"]


def _metric(term: Term, shapes: dict[str, tuple[int, ...]], one: bool, single: bool) -> tuple[str, str]:
    """The metric that goes with a loss: its name, and an expression for its two sums."""
    (name,), want = term.outputs, term.wants
    assert want is not None
    y, t = ("y" if one else f'y["{name}"]'), ("t" if single else f't["{term.target}"]')
    prefix = "" if one else f"{name}_"
    zero = 0.5 if term.loss.name == "bce" else 0
    if want.kind == "index" and want.shape:
        return f"{prefix}iou", f"overlap({y}.argmax(1), {t}, {want.classes}, {term.loss.of('ignore')})"
    if want.kind == "index":
        found = f"({y}.flatten() > 0)" if shapes[name][0] == 1 else f"{y}.flatten(1).argmax(1)"
        ignore = term.loss.of("ignore")
        return (
            f"{prefix}accuracy",
            f"share({found} == {t})" if ignore is None else f"share(({found} == {t})[{t} != {ignore}])",
        )
    if is_mask(want):
        return f"{prefix}iou", f"flags({y} > {zero}, {t} > 0.5)"
    if want.kind == "binary":
        return f"{prefix}accuracy", f"share(({y} > {zero}) == ({t} > 0.5))"
    return f"{prefix}error", f"error({y}, {t})"


def _distances(term: Term) -> list[str]:
    """The function `distances`, of pairs of one class and of pairs of two."""
    names = [f'y["{name}"].flatten(1)' for name in term.outputs]
    head = ["def distances(y, t):", '    """Distances of the pairs of one class, and of those of two."""']
    if term.loss.name == "contrastive":
        return [
            *head,
            f"    distance = F.pairwise_distance({', '.join(names)})",
            "    return distance[t > 0.5], distance[t < 0.5]",
        ]
    anchor, positive, negative = names[:3]
    return [
        *head,
        f"    anchor = {anchor}",
        f"    same = F.pairwise_distance(anchor, {positive})",
        f"    return same, F.pairwise_distance(anchor, {negative})",
    ]
