"""Expressions to values: numbers are computed, layer expressions become values that are applied later."""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from .. import syntax as ast
from ..diagnostics import Diagnostic, Reject, Sink, show
from ..ir import Value
from ..limits import MAX_ERRORS, MAX_NUMBER_BITS, Limits
from ..ops import NAMES
from ..ops.base import Tokens
from ..ops.composite import COMPOSITES
from ..ops.initial import METHODS
from ..ops.kinds import Word, describe
from ..source import Span
from ..symbolic import Sym
from . import arithmetic
from .plans import Plans
from .scope import ABSENT, UNKNOWN, Branches, Combinator, Env, Fatal, Layer, Lazy, Problem, Ref, Scope, TensorChain

COMBINATORS = {
    c.name: c
    for c in (
        Combinator("id", "The input itself."),
        Combinator("res", "res(f, proj=g): f plus the input; where their shapes differ, f plus g."),
        Combinator(
            "split", "split([f, g], sizes): shares the channels out among the branches, concatenates their outputs."
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


class IsTensor(Exception):
    """Raised instead of building a tensor, where an operand is only looked at."""


class Evaluator:
    """Computes values of expressions in environments. Applying layers is the subclass's work."""

    def __init__(self, sink: Sink, limits: Limits, plans: Plans) -> None:
        self.sink = sink
        self.limits = limits
        self.plans = plans
        self.tree = ast.File((0, 0), ())  # the program's, where there is one
        self.names_missing = False  # after a `use` that failed, unknown names may have been its blocks
        self.trail: list[tuple[str, Span]] = []  # the uses of blocks that are being followed
        self.looking = False  # at what an operand is, which is evaluated again to be combined: nothing may be built
        self._keys: dict[tuple[Any, ...], int] = {}
        self._suffixed: dict[str, Ref | None] = {}

    def evaluate(self, node: ast.Expr, env: Env) -> Any:
        """The value: a number, bool, word, tuple, layer, tensor, ABSENT or UNKNOWN. Raises Problem."""
        return EVALUATE[type(node)](self, node, env)

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

    def problem(self, code: str, node: Any, env: Env, **facts: Any) -> Problem:
        return Problem(code, env.span(node), **facts)

    def report(self, problem: Problem) -> None:
        """Enter a mistake into the sink, with the uses of blocks that lead to it, innermost first."""
        labels, notes = tuple(problem.labels), (*problem.notes, *(_used(*use) for use in reversed(self.trail[-3:])))
        self.sink.add(Diagnostic(problem.code, problem.facts, problem.span, labels, notes))

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
        if self.names_missing:
            return UNKNOWN
        raise self.problem("E0301", node, env, name=name, help=self.did_you_mean(name, env))

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
        if not isinstance(value, Lazy):
            return value
        if value.busy:
            raise self.problem("E0328", value.node.name, home, name=name)
        value.busy = True
        try:
            home.names[name] = result = self.evaluate(value.node.value, home)
        finally:
            value.busy = False
        return result

    def extent(self, node: ast.Name, env: Env) -> Any:
        """`cin`, `hin`, `win`, `din`: an extent of the enclosing block's input."""
        source = env.scope.input
        if source is None or source.shape is None:
            return UNKNOWN
        index = EXTENTS[node.id]
        rank = len(source.shape) - 1
        if isinstance(source.shape, Tokens):
            rank, index = 0, index or -1
            if node.id == "cin":
                return source.shape[index]
        if index and -index > rank:
            raise self.problem("E0217", node, env, name=node.id, shape=source.shape)
        return source.shape[index]

    def did_you_mean(self, name: str, env: Env) -> str:
        """The way out for an unknown name, where it will be shown."""
        if len(self.sink.found) >= MAX_ERRORS:
            return ""
        from .suggestions import suggestion  # only mistakes need it

        return suggestion(name, env, self.tree, env.source)

    # Plain data

    def dims(self, node: ast.Dims, env: Env) -> Any:
        if not all(isinstance(part, int) for part in node.parts):
            raise self.problem("E0330", node, env)
        return node.parts

    def tuple_(self, node: ast.Tuple, env: Env) -> Any:
        return tuple(self.evaluate(item, env) for item in node.items)

    def listing(self, node: ast.Listing, env: Env) -> Any:
        """A tuple of data, or at the first layer or tensor a list of branches, whose entries are read when built."""
        items: list[Any] = []
        for item in node.items:
            value = self.look(item, env)
            if is_layer(value) or isinstance(value, Value):
                return Branches(node, [Layer(item, env) for item in node.items], [*items, value])
            items.append(value)
        return tuple(item for item in items if item is not ABSENT)

    def list_of(self, node: ast.Expr, items: list[Any]) -> Any:
        if any(is_layer(item) or isinstance(item, Value) for item in items):
            return Branches(node, items)
        return tuple(item for item in items if item is not ABSENT)

    def comprehension(self, node: ast.Comprehension, env: Env) -> Any:
        items = []
        for inner in self.iterations(node, env):
            value = self.evaluate(node.body, inner)
            items.append(Layer(node.body, inner) if is_layer(value) and not isinstance(value, Ref) else value)
        return self.list_of(node, items)

    def iterations(self, node: ast.Comprehension | ast.Loop, env: Env) -> list[Env]:
        """One environment for each entry of the list that a loop runs over."""
        values = self.evaluate(node.items, env)
        if values is UNKNOWN:
            inner = Env(env.source, env, env.scope, object())
            inner.names.update(dict.fromkeys((name.id for name in node.names), UNKNOWN))
            return [inner]
        if isinstance(values, Branches):
            values = tuple(map(self.settled, self.entries(values)))
        if not isinstance(values, tuple):
            raise self.problem("E0327", node.items, env, op="for", got=describe(values), expected="a list")
        return [self.iteration(node, env, value) for value in values]

    def iteration(self, node: ast.Comprehension | ast.Loop, env: Env, value: Any) -> Env:
        names = [name.id for name in node.names]
        values = (value,) if len(names) == 1 else value
        if not isinstance(values, tuple) or len(values) != len(names):
            count = len(values) if isinstance(values, tuple) else 1
            raise self.problem("E0320", node.items, env, names=len(names), values=count)
        key = self.key_of("loop", node.pos, env.key, *map(self.fingerprint, values))
        inner = Env(env.source, env, env.scope, key)
        inner.names.update(zip(names, values, strict=True))
        return inner

    def entries(self, branches: Branches) -> tuple[Any, ...]:
        """The entries of a list of branches, as values. None is built."""
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
        items = self.entries(base) if isinstance(base, Branches) else base
        if not isinstance(items, tuple):
            raise self.problem("E0327", node.base, env, op="[…]", got=describe(base), expected="a list")
        if isinstance(at, bool) or not isinstance(at, int):
            raise self.problem("E0327", node.place, env, op="[…]", got=describe(at), expected="a whole number")
        if not -len(items) <= at < len(items):
            raise self.problem("E0319", node.place, env, index=at, length=len(items))
        return self.settled(items[at])

    # Operators

    def unary(self, node: ast.Unary, env: Env) -> Any:
        value = self.evaluate(node.body, env)
        if value is UNKNOWN:
            return UNKNOWN
        if node.op == "not":
            return not self.truth(value, node.body, env)
        if not is_number(value):
            raise self.problem("E0327", node.body, env, op="-", got=describe(value), expected="a number")
        return -value

    def truth(self, value: Any, node: ast.Expr, env: Env) -> bool:
        if not isinstance(value, bool):
            raise self.problem("E0326", node, env, got=describe(value))
        return value

    def binary(self, node: ast.Binary, env: Env) -> Any:
        if node.level in ("and", "or"):
            return self.logic(node, env)
        values = []
        for term in node.terms:
            value = self.look(term, env)
            if node.level in ("sum", "product") and is_operand(value):
                return Layer(node, env)  # the other terms are read when they are built
            values.append(value)
        if any(v is UNKNOWN for v in values):
            return UNKNOWN
        if node.level == "comparison":
            return self.compare(node, values, env)
        result = values[0]
        for i, (op, value) in enumerate(zip(node.ops, values[1:], strict=True)):
            result = self.operate(op, result, value, node.terms[i : i + 2], env)
        return result

    def operate(self, op: str, left: Any, right: Any, terms: tuple[ast.Expr, ...], env: Env) -> Any:
        node = terms[1]
        if op == "+" and isinstance(left, tuple) and isinstance(right, tuple):
            return self.bounded_list(left + right, node, env)
        for value, term in zip((left, right), terms, strict=True):
            if not is_number(value):
                raise self.problem("E0327", term, env, op=op, got=describe(value), expected="numbers")
        return self.arithmetic(lambda: arithmetic.operate(op, left, right), node, env)

    def arithmetic(self, compute: Callable[[], Any], node: ast.Expr, env: Env) -> Any:
        """The result of a computation on numbers, its mistakes as diagnostics, its size bounded."""
        try:
            result = compute()
        except ZeroDivisionError:
            raise self.problem("E0316", node, env, reason="division by zero") from None
        except (OverflowError, ValueError, TypeError) as error:
            raise self.problem("E0316", node, env, reason=str(error)) from None
        except Reject as reject:
            raise self.problem(reject.code, node, env, **reject.facts) from None
        if isinstance(result, int) and result.bit_length() > MAX_NUMBER_BITS:
            raise self.problem("E0406", node, env, bits=MAX_NUMBER_BITS)
        if isinstance(result, complex) or (isinstance(result, float) and not math.isfinite(result)):
            raise self.problem("E0316", node, env, reason="the result is not a real number")
        return self.bounded_list(result, node, env) if isinstance(result, tuple) else result

    def bounded_list(self, values: Any, node: ast.Expr, env: Env) -> Any:
        if len(values) > self.limits.max_list:
            raise self.problem("E0405", node, env, length=len(values), most=self.limits.max_list)
        return values

    def compare(self, node: ast.Binary, values: list[Any], env: Env) -> bool:
        for i, (op, left, right) in enumerate(zip(node.ops, values, values[1:], strict=False)):
            if op not in ("==", "!=") and not (is_number(left) and is_number(right)):
                wrong = i + 1 if is_number(left) else i
                got = describe(values[wrong])
                raise self.problem("E0327", node.terms[wrong], env, op=op, got=got, expected="numbers")
            left, right = (v.name if isinstance(v, Ref) else v for v in (left, right))
            if not self.holds(op, left, right, node.terms[i + 1], env):
                return False
        return True

    def holds(self, op: str, left: Any, right: Any, node: ast.Expr, env: Env) -> bool:
        """Whether a comparison holds. Raises Problem (E0342) where that depends on the size of a symbolic extent."""
        if not any(isinstance(value, (Sym, tuple)) for value in (left, right)):
            return arithmetic.COMPARISONS[op](left, right)
        verdict = arithmetic.compare_symbolic(op, left, right)
        if verdict is None:
            raise self.problem("E0342", node, env, left=str(left), op=op, right=str(right))
        return verdict

    def logic(self, node: ast.Binary, env: Env) -> Any:
        stop = node.level == "or"
        for term in node.terms:
            value = self.evaluate(term, env)
            if value is UNKNOWN:
                return UNKNOWN
            if self.truth(value, term, env) == stop:
                return stop
        return not stop

    def choice(self, node: ast.Choice, env: Env) -> Any:
        taken = self.taken(node, env)
        return taken if taken is ABSENT or taken is UNKNOWN else self.evaluate(taken, env)

    def taken(self, node: ast.Choice, env: Env) -> Any:
        """The branch of a conditional that is built: an expression, ABSENT, or UNKNOWN."""
        test = self.evaluate(node.test, env)
        if test is UNKNOWN:
            return UNKNOWN
        if self.truth(test, node.test, env):
            return node.body
        return ABSENT if node.other is None else node.other

    # Calls, chains and the rest

    def call(self, node: ast.Call, env: Env) -> Any:
        func = ast.bare(node.func)
        if isinstance(func, ast.Name) and func.id in arithmetic.FUNCTIONS and env.find(func.id) is None:
            return self.function(node, func.id, env)
        target = self.evaluate(func, env)
        if target is UNKNOWN:
            return UNKNOWN
        if not isinstance(target, Ref):
            raise self.not_callable(target, node, env)
        return Layer(node, env)

    def not_callable(self, target: Any, node: ast.Call, env: Env) -> Problem:
        if is_layer(target):
            return self.problem("E0324", node.func, env)
        return self.problem("E0314", node.func, env, what=describe(target))

    def function(self, node: ast.Call, name: str, env: Env) -> Any:
        for argument in node.args:
            if argument.name is not None:
                raise self.problem(
                    "E0302",
                    argument,
                    env,
                    name=argument.name,
                    layer=name,
                    see=f"`{name}` takes its arguments by position",
                )
        values = [self.evaluate(argument.value, env) for argument in node.args]
        if any(value is UNKNOWN for value in values):
            return UNKNOWN
        values = [self.entries(v) if isinstance(v, Branches) else v for v in values]
        limit = self.limits.max_list
        return self.arithmetic(lambda: arithmetic.call_function(name, values, limit), node, env)

    def chain(self, node: ast.Chain, env: Env) -> Any:
        head = self.evaluate(node.links[0], env)
        if isinstance(head, Value):
            if self.looking:
                raise IsTensor
            return self.apply_chain_to(head, node.links[1:], node, env)
        return Layer(node, env)

    def as_(self, node: ast.As, env: Env) -> Any:
        value = self.evaluate(node.body, env)
        if isinstance(value, Value):
            env.scope.taps[node.name.id] = value
            return value
        return Layer(node, env)

    def group(self, node: ast.Group, env: Env) -> Any:
        value = self.evaluate(node.body, env)
        return Layer(node, env) if isinstance(value, Layer) else value

    def loop(self, node: ast.Loop, env: Env) -> Any:
        return Layer(node, env)

    def constant(self, node: Any, env: Env) -> Any:
        return node.value

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
        return ("absent",) if value is ABSENT else None


def is_layer(value: Any) -> bool:
    return isinstance(value, LAYERISH)


def is_operand(value: Any) -> bool:
    """Whether a term makes a sum or product one of layers."""
    return is_layer(value) or isinstance(value, Value) or value is ABSENT


def is_number(value: Any) -> bool:
    return isinstance(value, (int, float, Sym)) and not isinstance(value, bool)


EVALUATE: dict[type, Callable[[Any, Any, Env], Any]] = {
    ast.Name: Evaluator.name,
    ast.Number: Evaluator.constant,
    ast.Bool: Evaluator.constant,
    ast.String: Evaluator.constant,
    ast.Dims: Evaluator.dims,
    ast.Group: Evaluator.group,
    ast.Tuple: Evaluator.tuple_,
    ast.Listing: Evaluator.listing,
    ast.Comprehension: Evaluator.comprehension,
    ast.Loop: Evaluator.loop,
    ast.Call: Evaluator.call,
    ast.Index: Evaluator.index,
    ast.Unary: Evaluator.unary,
    ast.Binary: Evaluator.binary,
    ast.Choice: Evaluator.choice,
    ast.As: Evaluator.as_,
    ast.Chain: Evaluator.chain,
}

__all__ = ["COMBINATORS", "Evaluator", "Fatal", "Scope", "Word", "is_layer", "is_number", "split_suffix"]


def _used(name: str, span: Span) -> str:
    return f"in `{show(name)}`, used at {show(span.source.name)}:{span.line}:{span.column}"
