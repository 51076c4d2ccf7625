"""What the parts of the training script leave open: the lines that depend on the network and its recipe."""

from math import prod

from ...compiler.ir import Graph, expand
from ...compiler.recipe.options import AUGMENTS
from ...compiler.recipe.recipe import Chosen, Recipe, Target
from ...compiler.recipe.samples import ignored, is_vector, mixes
from .. import torch as model
from .parts import Holes, part
from .schedules import check_lines
from .task import Task
from .text import BOUND


def strings(names: tuple[str, ...]) -> str:
    """A list of strings as source."""
    return "[" + ", ".join(f'"{name}"' for name in names) + "]"


def holes(graph: Graph, recipe: Recipe, task: Task) -> Holes:
    """All of it."""
    values: Holes = {
        "NAME": graph.name,
        "MODEL": model.net_class(graph, BOUND),
        "CLASSES": str(task.classes),
        "WRAP": "Tuples" if task.tuples else "Samples",
        "IMAGE_SHAPES": "SHAPES[:1]" if task.tuples else "SHAPES",
    }
    values |= array_holes(task, recipe)
    values |= count_holes(task, recipe)
    values |= class_holes(task, recipe)
    values |= tuple_holes(task, recipe)
    values |= model_holes(graph, recipe, task)
    values |= schedule_holes(recipe)
    values |= state_holes(recipe)
    values["EVALUATE"] = part("evaluate_pairs" if task.tuples else "evaluate", values).split("\n")
    return values


def array_holes(task: Task, recipe: Recipe) -> Holes:
    """By which names arrays are found, and what is asked of them."""
    wants = array_wants(task)
    others = ("y", "labels", "target", *(name for name in task.wants if name != "label")) if len(wants) == 1 else ()
    inputs = ("images",) if task.tuples else task.inputs
    alike = tuple(name for name in ("x", "images", "image", "data") if name not in inputs)
    checks = [] if task.kind == "dense" else [line for name in wants for line in array_check(task, recipe, name)]
    return {
        "NAMES": ", ".join((*inputs, *wants)),
        "INPUT_NAMES": strings(inputs),
        "OTHER_INPUTS": strings(alike if len(inputs) == 1 else ()),
        "TARGET_NAMES": strings(tuple(wants)),
        "OTHER_TARGETS": strings(others),
        "OWN_TARGETS": [line for name in own_names(task) for line in own_target(task, recipe, name)],
        "CHECK_ARRAYS": checks,
        "TOLD_NAMES": strings(inputs) if task.tuples else "INPUTS",
    }


def array_wants(task: Task) -> dict[str, Target]:
    """The targets that arrays must have, by their keys: all but the image itself."""
    if task.tuples:
        return {"label": Target("index", (), 2**31)}
    return {task.key(name): want for name, want in task.wants.items() if not task.is_input(want)}


def array_check(task: Task, recipe: Recipe, key: str) -> list[str]:
    """The check of an array of targets."""
    want, place = array_wants(task)[key], f'targets["{key}"]'
    given = f'path, "{key}", {place}'
    if want.kind == "index":
        shape = f", {want.shape}" if want.shape else ""
        name = next((name for name in task.wants if task.key(name) == key), key)
        spared = ignored(recipe, name)
        return [
            f"{place} = class_numbers({given}, {want.classes}{shape}{'' if spared is None else f', ignored={spared}'})"
        ]
    most = ", 1" if want.kind == "binary" else ""
    if is_vector(want.shape) and want.shape[0] > 1:
        return [
            f"if {place}.size == len({place}):",
            f"    {place} = class_numbers({given}, {want.shape[0]})",
            "else:",
            f"    {place} = numbers({given}, {want.shape}{most})",
        ]
    return [f"{place} = numbers({given}, {want.shape}{most})"]


def own_names(task: Task) -> list[str]:
    """The targets that are the image itself, unless arrays say otherwise."""
    return [name for name, want in task.wants.items() if task.is_input(want)]


def own_target(task: Task, recipe: Recipe, name: str) -> list[str]:
    """The lines that look for an array of images to reach, where a target is otherwise the input itself."""
    want = task.wants[name]
    names = (name, *(other for other in ("target", "y") if len(task.wants) == 1 and other != name))
    moving = [choice.name for choice in recipe.augment if AUGMENTS[choice.name].moves]
    stop = f'raise SystemExit(f"{{path}}: `{moving[0]}` would move the images and not {{other}}")' if moving else ""
    lines = [
        f"for other in {strings(names)}:  # images to reach; without them it is the input itself",
        "    array = found.get(other + ending)",
        f'    if array is not None and (other == "{name}" or array.size == len(array) * {prod(want.shape)}):',
    ]
    if moving:
        return [*lines, f"        {stop}"]
    most = ", 1" if want.kind == "binary" else ""
    return [*lines, f'        targets["{name}"] = numbers(path, other, array, {want.shape}{most})', "        break"]


def class_holes(task: Task, recipe: Recipe) -> Holes:
    """Checks that labels and masks have classes that the network knows, or that the loss leaves out."""
    values: Holes = {"CHECK": [], "CHECK_MASK": [], "IGNORED_DOC": "", "KEEP_IGNORED": []}
    values["LEAST_CLASSES"] = str(least_classes(task))
    if task.kind == "labelled" and least_classes(task):
        values["CHECK"] = ["for samples in (train, test):", "    check_classes(samples)"]
        spared = {ignored(recipe, name) for name, want in task.wants.items() if not task.is_input(want)}
        if len(spared) == 1 and None not in spared:
            values["IGNORED_DOC"] = "; what the loss leaves out is no class"
            values["KEEP_IGNORED"] = [f"wrong = wrong[wrong != {spared.pop()}]"]
    if task.kind == "dense":
        spare = ignored(recipe, next(iter(task.wants)))
        values["CHECK_MASK"] = [
            f"found = mask[mask != {spare}]" if spare is not None else "found = mask",
            f"if ((found < 0) | (found >= {task.classes})).any():",
            "    wrong = found.min() if found.min() < 0 else found.max()",
            f'    raise BadData(f"a mask has a class {{wrong}}, the network tells {task.classes} apart")',
        ]
    return values


def least_classes(task: Task) -> int:
    """How many classes the labels of images may have, 0 where no target is made of them."""
    counts = [
        want.classes if want.kind == "index" else max(2, want.shape[0])
        for want in task.wants.values()
        if not task.is_input(want) and (want.kind != "real" or want.shape[0] > 1)  # a single number is any number
    ]
    return min(counts, default=0)


ROLES = {
    "triplet": "an anchor, another image of its class, one of another class",
    "contrastive": "pairs, about half of them of one class",
    "quadruplet": "an anchor, another image of its class, two of two other classes",
}
DRAWS = {
    "triplet": ["places = [i, another(own), draw.choice(self.members[others[0]])]"],
    "contrastive": [
        "same = bool(draw.integers(2))",
        "places = [i, another(own) if same else draw.choice(self.members[others[0]])]",
    ],
    "quadruplet": ["places = [i, another(own), *(draw.choice(self.members[c]) for c in others[:2])]"],
}


def tuple_holes(task: Task, recipe: Recipe) -> Holes:
    """How samples are drawn for a loss of embeddings."""
    if not task.tuples:
        return {}
    term = recipe.terms[0]
    order = [term.inputs.index(name) for name in task.inputs]
    return {
        "ROLES": ROLES[term.loss.name],
        "LEAST": "3" if term.loss.name == "quadruplet" else "2",
        "DRAW": DRAWS[term.loss.name],
        "PLACES": "places" if order == sorted(order) else f"[places[j] for j in {order}]",
        "SAME": "torch.tensor(float(same))" if term.loss.name == "contrastive" else "torch.tensor(0)",
    }


def model_holes(graph: Graph, recipe: Recipe, task: Task) -> Holes:
    """How the model is called, trained and evaluated."""
    many = len(task.inputs) > 1
    call = "model(*x)" if many else "model(x)"
    batchnorm = any(step.op.name == "bn" for _, _, step in expand(graph.root))
    sync = [
        'if self.fabric.world_size > 1 and self.fabric.device.type == "cuda":',
        "    self.module = nn.SyncBatchNorm.convert_sync_batchnorm(self.module)",
    ]
    share = [
        "if self.fabric.world_size > 1:  # each process has running statistics of its own share",
        "    for buffer in model.buffers():",
        "        torch.distributed.broadcast(buffer, 0)",
    ]
    whole = mixes(recipe.augment)
    each = any(not AUGMENTS[choice.name].batch for choice in recipe.augment)
    return {
        "X": "x" if many else "x[0]",
        "CALL": f"self.{call}",
        "EVAL": call,  # in full precision, whatever the steps of training are in
        "EVALUATED": "self.module" if recipe.ema is None else "self.average.module",
        "LAST_BATCH": LAST_BATCH[batchnorm],
        "HAS_LAST": "(rest >= 2 * self.world if self.shuffle else rest > 0)" if batchnorm else "(rest > 0)",
        "SYNC": sync if batchnorm else [],
        "SHARE_STATISTICS": share if batchnorm else [],
        "AUGMENT": augment_lines(task, recipe) if each else [],
        "FIT_MASK": ['found["label"] = fit_mask(found["label"])'] if task.kind == "dense" else [],
        "PLACE": ["epoch, i = place" if each else "_, i = place"],
        "MIX": ["x, t = MIX(x, t)"] if whole else [],
        "PENALTY": penalty_lines(recipe),
        "CLIP": clip_lines(recipe.clip),
        "STRATEGY": strategy(graph, recipe),
    }


def schedule_holes(recipe: Recipe) -> Holes:
    """When the learning rate changes."""
    empty: list[str] = []
    if not recipe.schedule:
        return {"MAKE_SCHEDULE": empty, "STEP_EPOCH": empty, "STEP_STEP": empty}
    if recipe.by == "step":
        make = "self.schedule = make_schedule(self.optimizer, len(self.order))"
        lines = [*check_lines(recipe), make]
        return {"MAKE_SCHEDULE": lines, "STEP_EPOCH": empty, "STEP_STEP": ["self.schedule.step()"]}
    seen = 'result["loss"]' if recipe.schedule[0].name == "plateau" else ""
    make = "self.schedule = make_schedule(self.optimizer)"
    return {"MAKE_SCHEDULE": [make], "STEP_EPOCH": [f"self.schedule.step({seen})"], "STEP_STEP": empty}


def state_holes(recipe: Recipe) -> Holes:
    """What a checkpoint holds besides the model and the optimizer."""
    kept = ["schedule"] if recipe.schedule else []
    kept += ["average"] if recipe.ema is not None else []
    save = [f'"{name}": self.{name}.state_dict(),' for name in kept]
    restore = [f'self.{name}.load_state_dict(state["{name}"])' for name in kept]
    if recipe.precision == "fp16":
        save.append('"precision": self.fabric.strategy.precision.state_dict(),')
        restore.append('self.fabric.strategy.precision.load_state_dict(state["precision"])')
    average = "self.average = AveragedModel(self.module, multi_avg_fn=get_ema_multi_avg_fn(EMA), use_buffers=True)"
    return {
        "SAVE": save,
        "RESTORE": restore,
        "MAKE_AVERAGE": [average] if recipe.ema is not None else [],
        "STEP_AVERAGE": ["self.average.update_parameters(self.module)"] if recipe.ema is not None else [],
    }


def count_holes(task: Task, recipe: Recipe) -> Holes:
    """Where it is checked that a loss which leaves targets out has some left."""
    if not any(term.loss.of("ignore") is not None for term in recipe.terms):
        return {"CHECK_TRAIN_COUNTS": [], "CHECK_TEST_COUNTS": []}
    train = [
        "if self.order.start == 0:",
        '    check_counts(self.counts, f"epoch {self.epoch + 1}")',
    ]
    return {"CHECK_TRAIN_COUNTS": train, "CHECK_TEST_COUNTS": ['check_counts(counts, "the test samples")']}


LAST_BATCH = (
    "A process without a sample in the last batch gets one that does not count.",
    "In training, a last batch with fewer than two samples for each process is left out.",
)
"""What becomes of a last batch that is not full, without batch normalisation and with it."""


def augment_lines(task: Task, recipe: Recipe) -> list[str]:
    """Augmentation of one sample by random numbers of its own, the same for any number of workers."""
    apply = "images = [AUGMENT(image) for image in images]"
    if task.kind == "dense":
        apply = 'images[0], found["label"] = AUGMENT(images[0], tv_tensors.Mask(found["label"]))'
    coloured = [choice.name for choice in recipe.augment if AUGMENTS[choice.name].colours]
    wrong = f"`{'`, `'.join(coloured)}` changes images, whose values go from 0 to 1: give bytes (uint8)"
    check = [
        "    outside = any(image.min() < 0 or image.max() > 1 for image in images)",
        "    if outside and not all(images_of(self.samples)):",
        f'        raise BadData("{wrong}")',
    ]
    return [
        "if self.training:",
        *(check if coloured else []),
        "    with torch.random.fork_rng(devices=[]):",
        "        torch.default_generator.manual_seed(hash((SEED, epoch, i)))  # the same for any number of workers",
        f"        {apply}",
    ]


def penalty_lines(recipe: Recipe) -> list[str]:
    if not recipe.l1:
        return []
    decayed = 'self.optimizer.param_groups[0]["params"]'  # all, or the weights alone
    return [f"loss = loss + L1 * sum(p.abs().sum() for p in {decayed})"]


def clip_lines(clip: Chosen | None) -> list[str]:
    if clip is None:
        return []
    name = "max_norm" if clip.name == "norm" else "clip_val"
    rest = ", error_if_nonfinite=False" if clip.name == "norm" else ""  # the scaler of fp16 skips such steps
    return [f"self.fabric.clip_gradients(self.model, self.wrapped, {name}={clip.of('limit')!r}{rest})"]


def strategy(graph: Graph, recipe: Recipe) -> str:
    """How gradients are shared; outputs without a loss leave weights without gradients, which has to be said."""
    read = {name for term in recipe.terms for name in term.outputs}
    unused = any(terminal.name not in read for terminal in (*graph.outputs, *graph.aux))
    return "ddp_find_unused_parameters_true" if unused else "ddp"
