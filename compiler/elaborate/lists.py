"""Tuples, lists and their entries, and what makes two values interchangeable."""

from collections.abc import Iterator
from typing import Any

from .. import syntax as ast
from ..ir import Value
from ..ops.kinds import describe
from ..symbolic import Sym
from .names import IsTensor, Names, is_layer
from .scope import ABSENT, UNKNOWN, Branches, Env, Layer, Ref, Sentinel, TensorChain

STEPS_A_TURN = 4
"""What one turn of a loop counts: its environment is what takes most memory."""


class Lists(Names):
    """Values with entries."""

    def dims(self, node: ast.Dims, env: Env) -> Any:
        if not all(isinstance(part, int) for part in node.parts):
            raise self.problem("E0330", node, env)
        return node.parts

    def tuple_(self, node: ast.Tuple, env: Env) -> Any:
        return self.data([self.evaluate(item, env) for item in node.items], node, env)

    def data(self, items: list[Any], node: ast.Expr, env: Env) -> Any:
        """A tuple; UNKNOWN where an entry is, so that nothing is said of what it is used for."""
        if any(item is UNKNOWN for item in items):
            return UNKNOWN
        return self.bounded_list(tuple([item for item in items if item is not ABSENT]), node, env)

    def listing(self, node: ast.Listing, env: Env) -> Any:
        """A tuple of data, or at the first layer or tensor a list of branches, whose entries are read when built."""
        items: list[Any] = []
        for item in node.items:
            value = self.look(item, env)
            if is_layer(value) or isinstance(value, Value):
                return Branches(node, [Layer(item, env) for item in node.items], [*items, value])
            items.append(value)
        return self.data(items, node, env)

    def list_of(self, node: ast.Expr, items: list[Any], env: Env) -> Any:
        if any(is_layer(item) or isinstance(item, Value) for item in items):
            return Branches(node, items)
        return self.data(items, node, env)

    def bounded_list(self, values: tuple[Any, ...], node: ast.Expr, env: Env) -> Any:
        """A list of data that was made; its entries, with those of the lists in it, are counted and limited."""
        size = self.budget.size(values)
        if size > self.limits.max_list:
            raise self.problem("E0405", node, env, length=size, most=self.limits.max_list)
        self.spend(len(values), node, env)
        return values

    def comprehension(self, node: ast.Comprehension, env: Env) -> Any:
        items = []
        for inner in self.iterations(node, env):
            value = self.evaluate(node.body, inner)
            items.append(Layer(node.body, inner) if is_layer(value) and not isinstance(value, Ref) else value)
        return self.list_of(node, items, env)

    def iterations(self, node: ast.Comprehension | ast.Loop, env: Env) -> Iterator[Env]:
        """One environment for each entry of the list that a loop runs over, made when its turn comes."""
        values = self.evaluate(node.items, env)
        if values is UNKNOWN:
            inner = Env(env.source, env, env.scope, object())
            inner.names.update(dict.fromkeys((name.id for name in node.names), UNKNOWN))
            yield inner
            return
        if isinstance(values, Branches):
            values = tuple(map(self.settled, self.entries(values, env)))
        if not isinstance(values, tuple):
            raise self.problem("E0327", node.items, env, op="for", got=describe(values), expected="a list")
        for value in values:
            yield self.iteration(node, env, value)

    def iteration(self, node: ast.Comprehension | ast.Loop, env: Env, value: Any) -> Env:
        self.spend(STEPS_A_TURN, node, env)
        names = [name.id for name in node.names]
        values = (value,) if len(names) == 1 else value
        if not isinstance(values, tuple) or len(values) != len(names):
            count = len(values) if isinstance(values, tuple) else 1
            raise self.problem("E0320", node.items, env, names=len(names), values=count)
        key = self.key_of("loop", node.pos, env.key, *map(self.fingerprint, values))
        inner = Env(env.source, env, env.scope, key)
        inner.names.update(zip(names, values, strict=True))
        return inner

    def entries(self, branches: Branches, env: Env) -> tuple[Any, ...]:
        """The entries of a list of branches, as values. None is built."""
        self.spend(len(branches.items), branches.node, env)
        unseen = branches.items[len(branches.looked) :]
        values = [self.look(item.node, item.env) if isinstance(item, Layer) else item for item in unseen]
        pairs = zip(branches.items, branches.looked + values, strict=True)
        return tuple(
            v if isinstance(v, TensorChain | Ref) or not is_layer(v) else i for i, v in pairs if v is not ABSENT
        )

    def settled(self, entry: Any) -> Any:
        """An entry of a list of branches that is taken: the tensor, where it is a chain that makes one."""
        if not isinstance(entry, TensorChain):
            return entry
        if self.looking:
            raise IsTensor
        return self.evaluate(entry.node, entry.env)

    def index(self, node: ast.Index, env: Env) -> Any:
        base, at = self.evaluate(node.base, env), self.evaluate(node.place, env)
        if base is UNKNOWN or at is UNKNOWN:
            return UNKNOWN
        items = self.entries(base, env) if isinstance(base, Branches) else base
        if not isinstance(items, tuple):
            raise self.problem("E0327", node.base, env, op="[…]", got=describe(base), expected="a list")
        if isinstance(at, bool) or not isinstance(at, int):
            raise self.problem("E0327", node.place, env, op="[…]", got=describe(at), expected="a whole number")
        if not -len(items) <= at < len(items):
            raise self.problem("E0319", node.place, env, index=at, length=len(items))
        return self.settled(items[at])

    # What makes two values interchangeable

    def key_of(self, *parts: Any) -> Any:
        """A small number equal for equal parts; None (never equal) if a part cannot be compared."""
        if any(part is None for part in parts):
            return None
        return self._keys.setdefault(parts, len(self._keys) + 1)

    def fingerprint(self, value: Any) -> Any:
        """Equal for values that mean the same wherever they are used; None where that cannot be known."""
        if isinstance(value, (bool, int, float, str, Sym)):
            return (type(value).__name__, value)
        if isinstance(value, tuple):
            parts = tuple(map(self.fingerprint, value))
            return None if None in parts else self.key_of("tuple", *parts)
        if isinstance(value, Ref):
            return self.key_of("ref", id(value.target), value.name)
        if isinstance(value, Layer):
            return self.key_of("layer", id(value.node), value.env.key)
        if isinstance(value, Branches):
            return self.key_of("branches", *map(self.fingerprint, value.items))
        return (value.description,) if isinstance(value, Sentinel) else None
