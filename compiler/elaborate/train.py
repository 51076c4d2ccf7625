"""A `train` section to a recipe: every option is checked against the network and against the others."""

from collections.abc import Callable
from typing import Any

from .. import syntax as ast
from ..diagnostics import Diagnostic, Label, Reject
from ..ir import Terminal
from ..ops.initial import Initial
from ..ops.kinds import Kind
from ..recipe.optimizers import OPTIMIZERS
from ..recipe.options import AUGMENTS, CLIPS, OPTIONS, PLAIN
from ..recipe.recipe import Chosen, Recipe, Term
from ..recipe.samples import augment_misfit, mixes
from .choices import Reader, bare_name, called, closest
from .evaluate import Evaluator
from .initials import initials_of
from .losses import LossReader
from .schedules import ScheduleReader
from .scope import UNKNOWN, Env, Problem


class Section(Reader):
    """Reads one `train` section. Mistakes go to the evaluator's sink, option by option.

    resized: whether an input has another shape than the program declares; then a loss that fits the declared one alone
    is left out with a remark, since convolutions may well be run at other sizes than they are trained at.
    initials: what `init` says, for the whole network.
    """

    def __init__(
        self, evaluator: Evaluator, env: Env, inputs: list[Terminal], losses: LossReader, resized: bool
    ) -> None:
        super().__init__(evaluator, env)
        self.inputs, self.losses, self.resized = inputs, losses, resized
        self.given: dict[str, ast.Expr] = {}
        self.found: dict[str, Any] = {}
        self.initials: dict[str, Initial] = {}

    def recipe(self, item: ast.Train) -> Recipe:
        """What the section says, as far as it could be read."""
        self.collect(item)
        readers: dict[str, Callable[[ast.Expr], None]] = {
            "loss": self.loss, "optimizer": self.optimizer, "schedule": self.schedule, "clip": self.clip,
            "augment": self.augment, "init": self.init,
        }  # fmt: skip
        for name, node in self.given.items():
            self.attempt(readers[name] if name in readers else lambda node, name=name: self.plain(name, node), node)
        for check in (self.join_optimizer, self.join_loss, self.check_schedule, self.check_augment):
            self.attempt(check)
        return Recipe(**{name: self.found[name] for name in Recipe._fields if name in self.found})

    def attempt(self, read: Callable[..., None], *nodes: ast.Expr) -> None:
        try:
            read(*nodes)
        except Problem as problem:
            self.evaluator.report(problem)

    def collect(self, item: ast.Train) -> None:
        places: dict[str, ast.Name] = {}
        for define in item.options:
            name = define.name.id
            if name not in OPTIONS:
                self.evaluator.report(self.problem("E0350", define.name, name=name, see=closest(name, OPTIONS)))
            elif name in self.given:
                labels = (Label(self.env.span(places[name]), "declared here before"),)
                way = "remove one of the two"
                self.evaluator.report(Problem("E0312", self.env.span(define.name), labels, name=name, help=way))
            else:
                self.given[name], places[name] = define.value, define.name

    def clash(self, name: str, what: str, way: str, entry: str = "") -> Problem:
        """A contradiction at an option, or at the entry of that name in it."""
        node = ast.bare(self.given[name])
        items = node.items if isinstance(node, (ast.Listing, ast.Tuple)) else ()
        place = next((item for item in items if entry and called(item) == entry), self.given[name])
        return self.problem("E0354", place, what=what, way=way)

    # Options by themselves

    def loss(self, node: ast.Expr) -> None:
        try:
            terms = self.losses.read(node)
        except Problem as problem:
            if problem.code != "E0356" or not self.resized:
                raise
            self.evaluator.sink.add(Diagnostic("W0613", problem.facts, problem.span))
            return
        if terms is not None:
            self.found["terms"] = terms

    def optimizer(self, node: ast.Expr) -> None:
        self.keep("optimizer", self.chosen(OPTIMIZERS, "optimizer", node))

    def schedule(self, node: ast.Expr) -> None:
        self.found["schedule"], self.found["by"] = ScheduleReader(self.evaluator, self.env).read(node)

    def clip(self, node: ast.Expr) -> None:
        if called(node) in CLIPS:
            self.keep("clip", self.chosen(CLIPS, "way to clip", node))
            return
        limit = self.read(CLIPS["norm"].params["limit"], "clip", node)
        self.keep("clip", UNKNOWN if limit is UNKNOWN else Chosen("norm", (("limit", limit),)))

    def augment(self, node: ast.Expr) -> None:
        node = ast.bare(node)
        items = node.items if isinstance(node, (ast.Listing, ast.Tuple)) else (node,)
        chosen = tuple(self.chosen(AUGMENTS, "augmentation", item) for item in items)
        self.keep("augment", UNKNOWN if UNKNOWN in chosen else chosen)

    def init(self, node: ast.Expr) -> None:
        item = ast.Set(node.pos, ast.Name(node.pos, "init"), (ast.Argument(node.pos, None, node),))
        self.initials = initials_of(self.evaluator, item, self.env)

    def plain(self, name: str, node: ast.Expr) -> None:
        if name == "batch" and bare_name(node) == "full":
            self.found[name] = None
        else:
            self.keep(name, self.read(PLAIN[name], name, node))

    def read(self, kind: Kind, name: str, node: ast.Expr) -> Any:
        """A value checked by its kind, or UNKNOWN after an earlier mistake."""
        word = bare_name(node)
        value = word if word and kind.words else self.evaluator.evaluate(node, self.env)
        if value is UNKNOWN:
            return UNKNOWN
        try:
            return kind.read(value, 0)
        except Reject as reject:
            facts = {"name": name, "layer": "train", "see": kind.doc, **reject.facts}
            raise self.problem(reject.code, node, **facts) from None

    def keep(self, name: str, value: Any) -> None:
        if value is not UNKNOWN:
            self.found[name] = value

    # What options say of one another

    def join_optimizer(self) -> None:
        """`weight_decay` becomes the optimizer's; gd implies the whole training set."""
        if "weight_decay" in self.found and "optimizer" not in self.given:
            raise self.clash("weight_decay", "there is no optimizer to use it", "add `optimizer = sgd(…)`")
        if "optimizer" not in self.found:
            return
        optimizer: Chosen = self.found["optimizer"]
        if "weight_decay" in self.found:
            node = ast.bare(self.given["optimizer"])
            if isinstance(node, ast.Call) and any(argument.name == "weight_decay" for argument in node.args):
                raise self.clash("weight_decay", "the optimizer has a weight_decay of its own", "give it once")
            self.found["optimizer"] = optimizer.but(weight_decay=self.found["weight_decay"])
        if optimizer.of("nesterov") and (not optimizer.of("momentum") or optimizer.of("dampening")):
            way = "write `sgd(momentum=0.9, nesterov=true)`"
            raise self.clash("optimizer", "nesterov needs momentum without dampening", way)
        if optimizer.name == "gd":
            if self.found.get("batch") is not None:
                raise self.clash("batch", "gd takes the whole training set in one step", "use sgd, or `batch = full`")
            self.found["batch"] = None

    def join_loss(self) -> None:
        """`label_smoothing` becomes that of every cross_entropy that has none of its own."""
        for name in ("l1", "label_smoothing"):
            if self.found.get(name) and "loss" not in self.given:
                raise self.clash(name, "there is no loss that it belongs to", "add `loss = …`")
        if "label_smoothing" not in self.found or "terms" not in self.found:
            return
        terms: tuple[Term, ...] = self.found["terms"]
        if not any(term.loss.name == "cross_entropy" for term in terms):
            raise self.clash("label_smoothing", "no term of the loss is a cross_entropy", "leave it out")
        self.found["terms"] = tuple(_smoothed(term, self.found["label_smoothing"]) for term in terms)

    def check_schedule(self) -> None:
        """Phases in epochs fit the run; steps are counted when the training set is there. A momentum can be moved."""
        optimizer: Chosen | None = self.found.get("optimizer")
        moved = any(phase.of("momentum") for phase in self.found.get("schedule", ()))
        if moved and optimizer and optimizer.of("momentum") is None and optimizer.of("beta1") is None:
            what = f"onecycle moves the momentum, and `{optimizer.name}` has none"
            raise self.clash("schedule", what, "leave out `momentum=true`, or use sgd or adam")
        failed = "epochs" in self.given and "epochs" not in self.found
        if self.found.get("schedule") and self.found["by"] == "epoch" and not failed:
            epochs = self.found.get("epochs", Recipe().epochs)
            reader = ScheduleReader(self.evaluator, self.env)
            reader.check_length(self.found["schedule"], self.given["schedule"], epochs)

    def check_augment(self) -> None:
        """Augmentations are of images, and right for their targets; see `augment_misfit`."""
        names = [chosen.name for chosen in self.found.get("augment", ())]
        shapes = [t.value.shape for t in self.inputs if t.value.shape is not None]
        if names and any(len(shape) != 3 for shape in shapes):
            raise self.clash("augment", "augmentations are for images, C×H×W", "leave it out")
        coloured = [name for name in names if AUGMENTS[name].colours]
        if coloured and any(shape[0] not in (1, 3) for shape in shapes):
            raise self.clash("augment", f"`{coloured[0]}` is for images of 1 or 3 channels", "leave it out")
        if len(mixes(self.found.get("augment", ()))) > 1:
            raise self.clash("augment", "a batch is mixed in one way", "keep mixup or cutmix")
        terms: tuple[Term, ...] = self.found.get("terms", ())
        misfit = augment_misfit(self.found["augment"], shapes, terms) if names and terms else None
        if misfit:
            entry, what, way = misfit
            raise self.clash("augment", f"`{entry}` {what}", way, entry)


def _smoothed(term: Term, share: float) -> Term:
    if term.loss.name != "cross_entropy" or term.loss.of("label_smoothing"):
        return term
    return term._replace(loss=term.loss.but(label_smoothing=share))
