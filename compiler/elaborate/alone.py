"""Expressions that are made of tensors alone, such as `a + b` or `[a, b -> relu]`: nothing has to flow into them."""

from collections.abc import Iterator
from typing import Any

from .. import syntax as ast
from ..ir import Value
from .names import Names, is_number
from .scope import UNKNOWN, Branches, Env, Layer, Problem, TensorChain


def alone(evaluator: Names, value: Any) -> list[ast.Expr]:
    """The sums and lists of a layer expression that is one of tensors alone; empty where something must flow in."""
    inner: list[ast.Expr] = []
    leaves = list(_leaves(evaluator, value, inner))
    return inner if inner and leaves and all(leaves) else []


def _leaves(evaluator: Names, value: Any, inner: list[ast.Expr]) -> Iterator[bool]:
    """For each operand that something could flow into, whether it is a tensor. Operators on the way are collected."""
    if isinstance(value, Branches):
        inner.append(value.node)
        for item in value.items:
            yield from _leaves(evaluator, item, inner)
    elif isinstance(value, Layer):
        yield from _operands(evaluator, value.node, value.env, inner)
    elif not is_number(value):
        yield value is UNKNOWN or isinstance(value, Value)


def _operands(evaluator: Names, node: ast.Expr, env: Env, inner: list[ast.Expr]) -> Iterator[bool]:
    core = ast.bare(node)
    if isinstance(core, (ast.Chain, ast.As)):
        yield from _operands(evaluator, core.links[0] if isinstance(core, ast.Chain) else core.body, env, inner)
    elif isinstance(core, (ast.Binary, ast.Listing)) and getattr(core, "level", "sum") in ("sum", "product"):
        inner.append(core)
        for item in core.terms if isinstance(core, ast.Binary) else core.items:
            yield from _operands(evaluator, item, env, inner)
    elif isinstance(core, ast.Name):
        yield from _leaves(evaluator, _named(evaluator, core, env), inner)
    elif not isinstance(core, (ast.Number, ast.Bool)):
        yield False


def _named(evaluator: Names, node: ast.Name, env: Env) -> Any:
    """The value of a name; UNKNOWN for one that stands for nothing, which is said when it is built."""
    try:
        value = evaluator.look(node, env)
    except Problem:
        return UNKNOWN
    return UNKNOWN if isinstance(value, TensorChain) else value
