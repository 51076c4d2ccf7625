"""The loss of a `train` section: a weighted sum of terms, each computed from outputs."""

from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from .. import syntax as ast
from ..diagnostics import Diagnostic, Reject
from ..ir import Apply, Call, Terminal, Value
from ..ops.kinds import LARGEST, SMALLEST, describe
from ..recipe.fit import check_target, target_of
from ..recipe.losses import LOSSES, Loss
from ..recipe.recipe import Target, Term
from .choices import Reader, bare_name, called, chosen_here
from .evaluate import Evaluator
from .scope import UNKNOWN, Env

T = TypeVar("T")

MOST = 500
"""Terms of a loss. A fact of Python, which reads them as one nested expression in the training script."""

Weighted = tuple[float, ast.Expr, int | None]
"""A factor, a use of a loss, and which output it is for where the losses are listed by outputs."""


class LossReader(Reader):
    """Reads a loss against the outputs of a network."""

    def __init__(self, evaluator: Evaluator, env: Env, outputs: list[Terminal], aux: list[Terminal]) -> None:
        super().__init__(evaluator, env)
        self.outputs, self.aux = outputs, aux
        self.by_name = {terminal.name: terminal.value for terminal in (*outputs, *aux)}

    def read(self, node: ast.Expr) -> tuple[Term, ...] | None:
        """The terms of a weighted sum, or of a list with one loss for each output; None after an earlier mistake."""
        node = ast.bare(node)
        if not isinstance(node, ast.Listing):
            found = self.terms(node, 1.0)
        elif len(node.items) != len(self.outputs):
            what = f"{len(node.items)} losses are listed for {len(self.outputs)} outputs"
            raise self.problem("E0352", node, what=what, way="list one for each output, in their order")
        else:
            found = [(w, use, i) for i, item in enumerate(node.items) for w, use, _ in self.terms(item, 1.0)]
        if len(found) > MOST:
            raise self.not_a_sum(node, f"it has {len(found):,} terms, more than {MOST}")
        terms = [self.term(*weighted) for weighted in found]
        if None in terms:
            return None
        known = tuple(term for term in terms if term is not None)
        for i, (_, use, _) in enumerate(found):
            self.checked(use, partial(check_target, known[: i + 1]))
        read = {name for term in known for name in term.outputs}
        unread = [f"`{name}`" for name in self.by_name if name not in read]
        if unread:
            outputs = f"outputs {', '.join(unread)} are" if len(unread) > 1 else f"output {unread[0]} is"
            self.evaluator.sink.add(Diagnostic("W0611", {"outputs": outputs}, self.env.span(node)))
        return known

    # The sum

    def terms(self, node: ast.Expr, factor: float) -> list[Weighted]:
        """The uses of losses in an expression, with the factors before them."""
        node = ast.bare(node)
        if isinstance(node, ast.Binary) and node.level == "sum":
            if "-" in node.ops:
                raise self.not_a_sum(node, "a loss is subtracted")
            return [weighted for term in node.terms for weighted in self.terms(term, factor)]
        if isinstance(node, ast.Binary) and node.level == "product":
            return self.product(node, factor)
        name = called(node)
        if name not in LOSSES:
            if not name:
                raise self.not_a_sum(node, "this is not a loss")
            raise self.problem("E0351", node, what="loss", see=chosen_here(name, LOSSES))
        return [(factor, node, None)]

    def product(self, node: ast.Binary, factor: float) -> list[Weighted]:
        """Numbers times one sum of losses."""
        inner: ast.Expr | None = None
        for op, term in zip(("*", *node.ops), node.terms, strict=True):
            if self.holds_loss(term):
                if inner is not None or op != "*":
                    raise self.not_a_sum(node, "losses are multiplied or divided")
                inner = term
                continue
            value = self.evaluator.evaluate(term, self.env)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or op not in ("*", "/"):
                raise self.not_a_sum(term, f"{describe(value)} is not a weight")
            if value < 0 or (op == "/" and value == 0):
                raise self.not_a_sum(term, "a weight is negative, or a divisor 0")
            factor = factor * value if op == "*" else factor / value
        if inner is None:
            raise self.not_a_sum(node, "this is a number")
        if factor > LARGEST or 0 < factor < SMALLEST:
            reason = f"single precision cannot hold the weight {factor:g}, only 0 and {SMALLEST:.4g} to {LARGEST:.4g}"
            raise self.not_a_sum(node, reason)
        return self.terms(inner, factor)

    def holds_loss(self, node: ast.Expr) -> bool:
        """Whether a factor is a loss or a sum of losses; a number of the file may have a loss's name."""
        node = ast.bare(node)
        if isinstance(node, ast.Binary) and node.level in ("sum", "product"):
            return any(self.holds_loss(term) for term in node.terms)
        name = called(node)
        bound = isinstance(node, ast.Name) and self.env.find(name) is not None
        return name in LOSSES and not bound

    def not_a_sum(self, node: Any, what: str) -> Exception:
        return self.problem("E0352", node, what=what, way="write `cross_entropy(y) + 0.4 * mse(z)`")

    # One term

    def term(self, weight: float, node: ast.Expr, output: int | None) -> Term | None:
        """One loss with its outputs, its target and its settings. Raises Problem."""
        loss = LOSSES[called(node)]
        args = node.args if isinstance(node, ast.Call) else ()
        names = self.operands(loss, node, [a for a in args if a.name is None], output)
        settings = tuple(a for a in args if a.name not in (None, "target"))
        chosen = self.bound(loss, ast.Call(node.pos, ast.Name(node.pos, loss.name), settings))
        if chosen is UNKNOWN:
            return None
        targets = [a for a in args if a.name == "target"]
        if targets and loss.operands > 1:
            what = f"`{loss.name}` compares its outputs with one another"
            raise self.problem("E0353", targets[0], what=what, way="leave `target` out")
        for surplus in targets[1:]:
            raise self.problem("E0306", surplus, name="target", layer=loss.name)
        wants = self.fitted(loss, loss.signature(*(value for _, value in chosen.args)), names, node)
        inputs = self.shown(names, node) if loss.operands > 1 else ()
        target = self.target(targets, names) if loss.operands == 1 else None
        return Term(chosen, weight, names, inputs, target, wants)

    def operands(self, loss: Loss, node: ast.Expr, given: list[ast.Argument], output: int | None) -> tuple[str, ...]:
        """The outputs that a loss reads: those it names, or all of the network's where their number is right."""
        if not given:
            names = [t.name for t in (self.outputs if output is None else self.outputs[output : output + 1])]
        else:
            names = [bare_name(argument.value) for argument in given]
            for name, argument in zip(names, given, strict=True):
                if name not in self.by_name:
                    known = ", ".join(f"`{n}`" for n in self.by_name)
                    what = (
                        f"`{name}` is not an output" if name else "outputs are given by name, settings as `name=value`"
                    )
                    raise self.problem("E0353", argument, what=what, way=f"there is {known}; `aux name = …` adds one")
        if len(names) != loss.operands:
            wanted = f"`{loss.name}` is computed from {loss.operands} output{'s' if loss.operands > 1 else ''}"
            way = f"name them: {loss.name}({', '.join(f'y{i + 1}' for i in range(loss.operands))}, …)"
            raise self.problem("E0353", node, what=f"{wanted}, here from {len(names)}", way=way)
        return tuple(names)

    def fitted(self, loss: Loss, args: Any, names: tuple[str, ...], node: ast.Expr) -> Target | None:
        """The target that fits the outputs; raises Problem E0356 where they do not fit the loss."""
        shapes = {name: self.by_name[name].shape for name in names}
        wants = self.checked(node, partial(target_of, loss, args, shapes))
        for name in names:
            self.remark(loss, name, node)
        return wants

    def checked(self, node: ast.Expr, check: Callable[[], T]) -> T:
        """What a check gives; its Reject becomes a Problem at the use of a loss."""
        try:
            return check()
        except Reject as reject:
            raise self.problem(reject.code, node, **reject.facts) from None

    def remark(self, loss: Loss, name: str, node: ast.Expr) -> None:
        """Warn where the last layer does not go with the loss, such as softmax before cross_entropy."""
        last = last_op(self.by_name[name])
        if last in loss.never:
            way = "leave that layer out: the loss has it built in"
        elif loss.last and last not in loss.last:
            way = f"it expects an output of {' or '.join(loss.last)}"
        else:
            return
        self.evaluator.sink.add(Diagnostic("W0612", {"loss": loss.name, "last": last, "way": way}, self.env.span(node)))

    def target(self, given: list[ast.Argument], names: tuple[str, ...]) -> str:
        """What the target is called: what the program says, or the output; heads that only train share the first's."""
        if given:
            name = bare_name(given[0].value)
            if not name:
                raise self.problem("E0353", given[0], what="a target is a name", way=f"`target={names[0]}`")
            return name
        main = [terminal.name for terminal in self.outputs]
        return names[0] if names[0] in main else main[0]

    def shown(self, names: tuple[str, ...], node: ast.Expr) -> tuple[str, ...]:
        """The one input behind each embedding, by which samples are drawn. Raises Problem E0357."""
        found = []
        for name in names:
            inputs = roots(self.by_name[name])
            known = [t.name for t in getattr(self.evaluator, "inputs", []) if any(t.value is value for value in inputs)]
            if len(known) != 1 or known[0] in found:
                what = f"`{name}` comes from {', '.join(f'`{k}`' for k in known) or 'no input'}"
                raise self.problem("E0357", node, what=what)
            found += known
        return tuple(found)


def roots(value: Value) -> list[Value]:
    """The tensors that a tensor is made from and that no step makes."""
    found: list[Value] = []
    seen: set[int] = set()
    stack = [value]
    while stack:
        item = stack.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if item.maker is None:
            found.append(item)
        else:
            stack += item.maker.inputs
    return found


def last_op(value: Value) -> str:
    """The name of the layer that a tensor comes from, inside of blocks and before changes of shape alone."""
    while value.maker is not None:
        maker = value.maker
        if isinstance(maker, Call):
            value = maker.region.outputs[maker.outputs.index(value)]
        elif isinstance(maker, Apply) and maker.op.name in ("flatten", "reshape"):
            value = maker.inputs[0]
        else:
            return maker.op.name if isinstance(maker, Apply) else ""
    return ""
