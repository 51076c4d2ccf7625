"""Expressions to values: numbers are computed, layer expressions become values that are applied later."""

import math
from collections.abc import Callable
from typing import Any

from .. import syntax as ast
from ..diagnostics import Reject
from ..ir import Value
from ..limits import MAX_NUMBER_BITS
from ..ops.kinds import describe
from ..symbolic import Sym
from . import arithmetic
from .lists import Lists
from .names import IsTensor, is_layer, is_number, is_operand
from .scope import ABSENT, UNKNOWN, Branches, Env, Layer, Problem, Ref


class Evaluator(Lists):
    """Computes values of expressions in environments. Applying layers is the subclass's work."""

    def evaluate(self, node: ast.Expr, env: Env) -> Any:
        self.budget.spent += 1
        if self.budget.spent > self.budget.allowed:
            self.spend(0, node, env)
        return EVALUATE[type(node)](self, node, env)

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
        if isinstance(result, Sym):
            self.spend(arithmetic.weight(result), node, env)
        if isinstance(result, int) and result.bit_length() > MAX_NUMBER_BITS:
            raise self.problem("E0406", node, env, bits=MAX_NUMBER_BITS)
        if isinstance(result, complex) or (isinstance(result, float) and not math.isfinite(result)):
            raise self.problem("E0316", node, env, reason="the result is not a real number")
        return self.bounded_list(result, node, env) if isinstance(result, tuple) else result

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
        self.spend(min(self.budget.size(left), self.budget.size(right)), node, env)
        self.spend(arithmetic.weight(left) + arithmetic.weight(right), node, env)
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
        return self.problem("E0314", node.func, env, what=describe(target), **self.way_from_word(target, env))

    def way_from_word(self, value: Any, env: Env) -> dict[str, Any]:
        """A better help where a word of some argument, such as `linear`, stands for a layer."""
        return {"help": self.did_you_mean(value, env)} if isinstance(value, str) and value else {}

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
        values = [self.entries(v, env) if isinstance(v, Branches) else v for v in values]
        self.spend(sum(map(self.budget.size, values)) + arithmetic.comparisons(name, values), node, env)
        limit = self.limits.max_list
        return self.arithmetic(lambda: arithmetic.call_function(name, values, limit), node, env)

    def chain(self, node: ast.Chain, env: Env) -> Any:
        head = self.evaluate(node.links[0], env)
        if isinstance(head, Value):
            if self.looking:
                raise IsTensor
            return self.apply_chain_to(head, node.links[1:], node, env)
        if head is UNKNOWN:
            if not self.looking:
                self.look_through(node.links[1:], env)
            return UNKNOWN
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
