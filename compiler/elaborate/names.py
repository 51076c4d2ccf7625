"""Names: what they stand for in an environment, tables of the built-in ones, and reports of what they do not."""

from functools import lru_cache
from typing import Any

from .. import syntax as ast
from ..diagnostics import Diagnostic, Sink, show
from ..ir import Value
from ..limits import Limits
from ..ops import NAMES
from ..ops.base import Tokens, channels_of
from ..ops.composite import COMPOSITES
from ..ops.initial import METHODS
from ..source import Source, Span
from ..symbolic import Sym
from . import arithmetic
from .budget import Budget
from .plans import Plans
from .scope import ABSENT, UNKNOWN, Branches, Combinator, Env, Fatal, Layer, Lazy, Problem, Ref, TensorChain

COMBINATORS = {
    c.name: c
    for c in (
        Combinator("id", "The input itself.", ("Identity", "NoOp", "Passthrough", "Skip")),
        Combinator(
            "res",
            "res(f, proj=g): f plus the input; where their shapes differ, f plus g.",
            ("Residual", "Shortcut", "SkipConnection"),
        ),
        Combinator(
            "split",
            "split([f, g], sizes): shares the channels out among the branches, concatenates their outputs.",
            ("Chunk", "TensorSplit"),
        ),
    )
}
BUILTINS = {name: Ref(target, name) for table in (COMBINATORS, COMPOSITES, NAMES) for name, target in table.items()}
EXTENTS = {"cin": 0, "din": -3, "hin": -2, "win": -1}


def _words() -> frozenset[str]:
    """Every word that some argument accepts, such as `same` or `reflect`."""
    entries: tuple[Any, ...] = (*NAMES.values(), *COMPOSITES.values(), *METHODS.values())
    kinds = [kind for entry in entries for kind in entry.params.values()]
    return frozenset(word for kind in kinds for word in kind.words)


WORDS = _words()
LAYERISH = (Layer, Ref, Branches)


@lru_cache(4096)
def split_suffix(name: str) -> tuple[str, tuple[int, ...] | None]:
    """`conv3x3` as (`conv`, (3, 3)); a name without a kernel suffix as it is."""
    end = len(name)
    while end and (name[end - 1].isdigit() or (name[end - 1] == "x" and end < len(name) and name[end].isdigit())):
        end -= 1
    while end < len(name) and name[end] == "x":
        end += 1
    stem, suffix = name[:end], name[end:]
    if not stem or not suffix or len(suffix) > 40:
        return name, None
    return stem, tuple(int(part) for part in suffix.split("x"))


CONVERTIBLE = {n for n, op in NAMES.items() if op.suffix} | {n for n, c in COMPOSITES.items() if c.suffix}
"""Layers that take a kernel suffix."""


FLOWS = (ast.Input, ast.Flow, ast.Output, ast.Aux, ast.Binding)
"""The items of a file that name tensors."""


class IsTensor(Exception):
    """Raised instead of building a tensor, where an operand is only looked at."""


class Names:
    """What names stand for, and what all values are computed with. The rest is the subclasses' work."""

    def __init__(self, sink: Sink, limits: Limits, plans: Plans) -> None:
        self.sink = sink
        self.limits = limits
        self.budget = Budget(limits.max_work)
        self.plans = plans
        self.tree = ast.File((0, 0), ())  # the program's, where there is one
        self.trees: dict[Source, ast.File] = {}  # those of used files
        self.names_missing = False  # after a `use` that failed, unknown names may have been its blocks
        self.silenced: set[str] = set()  # names that an error was about, and that stand for nothing
        self.reading: list[tuple[Lazy, Env]] = []  # the `where` names that are being computed
        self.trail: list[tuple[str, Span]] = []  # the uses of blocks that are being followed
        self.looking = False  # at what an operand is, which is evaluated again to be combined: nothing may be built
        self._keys: dict[tuple[Any, ...], int] = {}
        self._suffixed: dict[str, Ref | None] = {}

    def evaluate(self, node: ast.Expr, env: Env) -> Any:
        """The value: a number, bool, word, tuple, layer, tensor, ABSENT or UNKNOWN. Raises Problem."""
        raise NotImplementedError

    def look(self, node: ast.Expr, env: Env) -> Any:
        """The value of an expression that is only looked at; it is evaluated again where it is built.

        A chain that begins with a tensor is a layer here, since nothing may be built twice.
        """
        before, self.looking = self.looking, True
        try:
            return self.evaluate(node, env)
        except IsTensor:
            return TensorChain(node, env)
        finally:
            self.looking = before

    def apply_chain_to(self, tensor: Value, links: tuple[ast.Expr, ...], node: ast.Expr, env: Env) -> Any:
        """The tensor that a chain makes from a tensor."""
        raise NotImplementedError

    def spend(self, steps: int, node: Any, env: Env) -> None:
        """Count steps of evaluation. Raises Fatal (E0407) where the program has taken all it may."""
        budget = self.budget
        budget.spent += steps
        if budget.spent > budget.allowed:
            raise Fatal("E0407", env.span(node), most=budget.most)

    def look_through(self, links: tuple[ast.Expr, ...], env: Env) -> None:
        """Report the mistakes of layers whose input is unknown."""
        raise NotImplementedError

    def problem(self, code: str, node: Any, env: Env, **facts: Any) -> Problem:
        """A mistake at a node. A fact that takes long to find is a function, called where the mistake is reported."""
        return Problem(code, env.span(node), **facts)

    def report(self, problem: Problem) -> None:
        """Enter a mistake into the sink, with the uses of blocks that lead to it, innermost first."""
        facts = {name: fact() if callable(fact) else fact for name, fact in problem.facts.items()}
        self.silenced |= problem.silences
        labels, notes = tuple(problem.labels), (*problem.notes, *(_used(*use) for use in reversed(self.trail[-3:])))
        self.sink.add(Diagnostic(problem.code, facts, problem.span, labels, notes))

    # Names

    def name(self, node: ast.Name, env: Env) -> Any:
        name = node.id
        home = env.find(name)
        if home is not None:
            return self.bound(home, name)
        if name in EXTENTS:
            return self.extent(node, env)
        target = self.builtin(name)
        if target is not None:
            return target
        stem, suffix = split_suffix(name)
        if suffix is not None:
            home = env.find(stem)
            if home is None:
                target = self.suffixed(name, stem, suffix)
                if target is not None:
                    return target
            else:
                target = self.bound(home, stem)
                if isinstance(target, Ref) and target.suffix is None:
                    return Ref(target.target, name, suffix)
        tap = env.find_tap(name)
        if tap is not None:
            return tap
        if name in WORDS:
            return name
        if name in arithmetic.FUNCTIONS:
            raise self.problem("E0314", node, env, what=f"the function `{name}`")
        if self.names_missing or name in self.silenced:
            return UNKNOWN
        self.check_flow_of_used(node, env)
        raise self.stray(node, env)

    def stray(self, node: ast.Name, env: Env) -> Problem:
        """The mistake of a name that stands for nothing."""
        return self.problem("E0301", node, env, name=node.id, help=lambda: self.did_you_mean(node.id, env))

    def check_flow_of_used(self, node: ast.Name, env: Env) -> None:
        """Say of a name in a used file that its flow or a build parameter's missing value is what it stands for."""
        source = env.file.source
        if source not in self.trees:
            return
        facts = {"name": node.id, "file": source.name}
        for item in self.trees[source].items:
            if isinstance(item, ast.Net) and any(param.name == node.id for param in item.params):
                raise self.problem("E0369", node, env, **facts)
            part = item.define.value if isinstance(item, ast.Binding) else item  # its own name is bound in the file
            if isinstance(item, FLOWS) and node.id in ast.bound_names(part):
                raise self.problem("E0368", node, env, **facts)

    def builtin(self, name: str) -> Ref | None:
        """A layer, a combinator, or a block of the prelude."""
        return BUILTINS.get(name) or self.prelude(name)

    def suffixed(self, name: str, stem: str, suffix: tuple[int, ...]) -> Ref | None:
        """A layer of ours or a block of the prelude with a kernel suffix."""
        if name not in self._suffixed:
            target = self.builtin(stem)
            self._suffixed[name] = None if target is None else Ref(target.target, name, suffix)
        return self._suffixed[name]

    def prelude(self, name: str) -> Ref | None:
        """The block of that name in the prelude, if there is one. A value alone has no prelude."""
        return None

    def bound(self, home: Env, name: str) -> Any:
        value = home.names[name]
        if isinstance(value, Problem):
            raise value
        if not isinstance(value, Lazy):
            return value
        if value.busy:
            raise self.circle(value)
        value.busy = True
        self.reading.append((value, home))
        try:
            home.names[name] = result = self.evaluate(value.node.value, home)
        finally:
            value.busy = False
            self.reading.pop()
        return result

    def circle(self, value: Lazy) -> Problem:
        """The mistake of `where` names that need each other, the last of which reads `value`."""
        from .circles import Step, circle, mention  # only mistakes need it

        start = next(i for i, (lazy, _) in enumerate(self.reading) if lazy is value)
        within = self.reading[start:]
        names = [lazy.node.name.id for lazy, _ in (*within[1:], within[0])]
        spans = [home.span(mention(name, lazy.node.value)) for name, (lazy, home) in zip(names, within, strict=True)]
        return circle([Step(lazy.node.name.id, span) for (lazy, _), span in zip(within, spans, strict=True)])

    def extent(self, node: ast.Name, env: Env) -> Any:
        """`cin`, `hin`, `win`, `din`: an extent of the enclosing block's input."""
        source = env.scope.input
        if source is None:
            raise self.problem("E0367", node, env, name=node.id)
        if source.shape is None:
            return UNKNOWN
        if node.id in self.silenced:
            return UNKNOWN
        index = EXTENTS[node.id]
        rank = len(source.shape) - 1
        if node.id == "cin":
            return channels_of(source.shape)
        if isinstance(source.shape, Tokens):
            rank = 0
        if index and -index > rank:
            raise self.problem("E0217", node, env, name=node.id, shape=source.shape)
        return source.shape[index]

    def did_you_mean(self, name: str, env: Env) -> str:
        """The way out for an unknown name, where it will be shown."""
        if self.sink.is_full:
            return ""
        from .suggestions import suggestion  # only mistakes need it

        return suggestion(name, env, self.trees.get(env.file.source, self.tree), env.source)


def is_layer(value: Any) -> bool:
    return isinstance(value, LAYERISH)


def is_operand(value: Any) -> bool:
    """Whether a term makes a sum or product one of layers."""
    return is_layer(value) or isinstance(value, Value) or value is ABSENT


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Sym)) and not isinstance(value, bool)


def _used(name: str, span: Span) -> str:
    return f"in `{show(name)}`, used at {show(span.source.name)}:{span.line}:{span.column}"
