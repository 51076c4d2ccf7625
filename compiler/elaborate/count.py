"""How many layers a program expands to, by multiplication and before anything is built.

The count is a lower bound: what depends on shapes counts as little as it can. It refuses expansion bombs at once,
where building would take long; what it lets through is counted exactly as it is built.
"""

from collections.abc import Iterable
from typing import Any

from .. import syntax as ast
from ..ops import Op
from ..ops.composite import Composite
from .bind import bind_block
from .evaluate import Evaluator
from .scope import UNKNOWN, BlockDecl, Branches, Env, Fatal, Layer, Lazy, Problem, Ref, Scope, SharedDecl

MAX_VISITS = 20_000  # expressions looked at; beyond that the count so far stands


class _EnoughError(Exception):
    """The budget of visits is spent."""


class Counter:
    """Counts the layers of expressions without shapes."""

    def __init__(self, evaluator: Evaluator) -> None:
        self.evaluator = evaluator
        self.memo: dict[Any, int] = {}
        self.kept: list[Layer] = []  # so that the identities in keys of `memo` stay theirs
        self.active: set[Any] = set()
        self.visits = 0

    def at_least(self, node: ast.Expr, env: Env) -> int:
        """A lower bound of the layers that an expression builds."""
        try:
            return self.count(node, env)
        except _EnoughError:
            return 0

    def count(self, node: ast.Expr, env: Env) -> int:
        self.visits += 1
        if self.visits > MAX_VISITS:
            raise _EnoughError
        core = ast.bare(node)
        match core:
            case ast.Chain():
                return self.count_all(core.links, env)
            case ast.As():
                return self.count(core.body, env)
            case ast.Choice():
                return self.count_choice(core, env)
            case ast.Loop() | ast.Comprehension():
                return self.count_loop(core, env)
            case ast.Listing():
                return self.count_all(core.items, env)
            case ast.Binary():
                return self.count_binary(core, env)
            case ast.Name():
                return self.count_value(self.value(core, env), core, env)
            case ast.Call():
                return self.count_value(self.value(core.func, env), core, env)
            case _:
                return 0

    def count_all(self, nodes: Iterable[ast.Expr], env: Env) -> int:
        """The sum, by a loop: sum() of a generator would take C stack for every level of nesting."""
        total = 0
        for node in nodes:
            total += self.count(node, env)
        return total

    def value(self, node: ast.Expr, env: Env) -> Any:
        """The value of an expression; UNKNOWN where it has a mistake, which is reported when it is built."""
        try:
            return self.evaluator.evaluate(node, env)
        except Fatal:
            raise
        except Problem:
            return UNKNOWN

    def count_choice(self, node: ast.Choice, env: Env) -> int:
        test = self.value(node.test, env)
        if isinstance(test, bool):
            taken = node.body if test else node.other
            return 0 if taken is None else self.count(taken, env)
        return 0 if node.other is None else min(self.count(node.body, env), self.count(node.other, env))

    def count_loop(self, node: ast.Loop | ast.Comprehension, env: Env) -> int:
        items = self.value(node.items, env)
        length = len(items.items) if isinstance(items, Branches) else len(items) if isinstance(items, tuple) else 0
        inner = Env(env.source, env, env.scope, None)
        inner.names.update(dict.fromkeys((name.id for name in node.names), UNKNOWN))
        return length * self.count(node.body, inner) if length else 0

    def count_binary(self, node: ast.Binary, env: Env) -> int:
        if node.level not in ("sum", "product"):
            return 0
        if len(node.terms) == 2 and node.ops == ("*",):
            times = self.value(node.terms[1], env)
            if type(times) is int:
                return max(times, 0) * self.count(node.terms[0], env)
            if times is UNKNOWN:
                return 0
        return self.count_all(node.terms, env) + len(node.terms) - 1

    def count_value(self, value: Any, node: ast.Expr, env: Env) -> int:
        """The layers of what a name stands for."""
        if isinstance(value, Layer):
            return self.count_layer(value)
        if isinstance(value, Branches):
            total = 0
            for item in value.items:
                total += self.count_value(item, node, env)
            return total
        if not isinstance(value, Ref):
            return 0
        if isinstance(value.target, (Op, Composite)):
            return 1
        if isinstance(value.target, BlockDecl):
            return self.count_block(value, value.target, node, env)
        if isinstance(value.target, SharedDecl):
            return self.count_layer(Layer(value.target.node.body, value.target.env))
        return self.count_all([a.value for a in node.args[:1]], env) if isinstance(node, ast.Call) else 0

    def count_layer(self, layer: Layer) -> int:
        """The layers of an expression that a name stands for; none within itself, which is refused when it is built."""
        key = ("layer", id(layer.node), id(layer.env))
        if key in self.memo:
            return self.memo[key]
        if key in self.active:
            return 0
        self.active.add(key)
        try:
            total = self.count(layer.node, layer.env)
        finally:
            self.active.discard(key)
        self.memo[key] = total
        self.kept.append(layer)
        return total

    def count_block(self, ref: Ref, decl: BlockDecl, node: ast.Expr, env: Env) -> int:
        inner = Env(decl.env.source, decl.env, Scope(None, decl.settings, None, decl.name), None)
        try:
            values = bind_block(self.evaluator, ref, node, env, inner)
            self.evaluator.spend(sum(map(self.evaluator.budget.size, values)), node, env)
        except Fatal:
            raise
        except Problem:
            return 0
        key = self.evaluator.key_of("count", id(decl), decl.env.key, *map(self.evaluator.fingerprint, values))
        if key is not None and key in self.memo:
            return self.memo[key]
        if key in self.active or (key is None and len(self.active) > 100):
            return 0
        inner.key = key
        inner.names.update((c.name.id, Lazy(c)) for c in decl.node.where if isinstance(c, ast.Define))
        mark = key if key is not None else object()
        self.active.add(mark)
        try:
            total = self.count(decl.node.body, inner) or 1  # an empty instance is gone through as well
        finally:
            self.active.discard(mark)
        if key is not None:
            self.memo[key] = total
        return total
