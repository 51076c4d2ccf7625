"""Each op as PyTorch: the module that holds it, and the function that a `forward` may call instead."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from ....compiler.ir import Apply
from ....compiler.ops.base import Shape


class Arg(NamedTuple):
    """One argument of a constructor; `default` is PyTorch's own, at which it is not written."""

    name: str
    value: Any
    default: Any = None


class New(NamedTuple):
    """A constructor call."""

    callee: str
    args: tuple[Arg, ...] = ()


def literal(value: Any) -> str:
    """A value as source text, strings in the quotes that formatters prefer."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


class Function(NamedTuple):
    """A function call on the operand, with the text of its further arguments."""

    callee: str
    rest: tuple[str, ...] = ()


class Code(NamedTuple):
    """How one op is written.

    module: the constructor, for ops with state or settings, and for every op inside `nn.Sequential`.
    function: a function of the tensor for ops that need neither.
    template: an expression with `{x}` for the operand. infix: an operator between tensors; concat: the axis, counted
    with the batch, along which any number of them are joined.
    flatten: whether the operand is flattened first. helper: a class that the source must define.
    extra: the text of one more argument of the call.
    """

    module: New | None = None
    function: Function | None = None
    template: str | None = None
    infix: str | None = None
    concat: int = 0
    flatten: bool = False
    helper: str | None = None
    extra: str | None = None


class Context(NamedTuple):
    """What a lowering may use: whether the op may overwrite its operand, whether it must be a module, its use."""

    inplace: bool
    as_module: bool
    step: Apply


HELPERS: dict[str, str] = {}
"""Sources of small module classes that emitted source defines for what PyTorch has no module, by class name."""


def helper(source: str) -> None:
    """Register a class that lowerings may name as a helper; `{rank}` in its source stands for 1, 2 and 3."""
    for rank in "123" if "{rank}" in source else "1":
        text = source.replace("{rank}", rank)
        HELPERS[text[len("class ") : text.index("(")]] = text


def stateless(name: str, doc: str, expression: str) -> None:
    """Register a helper that only computes an expression of `x`."""
    helper(f'''class {name}(nn.Module):
    """{doc}"""

    def forward(self, x):
        return {expression}
''')


Lowering = Callable[[Any, Shape, Context], Code]
LOWERINGS: dict[str, Lowering] = {}


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Register a function `(attributes, input shape, context) -> Code` for ops."""

    def register(function: Lowering) -> Lowering:
        for name in names:
            LOWERINGS[name] = function
        return function

    return register


def lower(step: Apply, inplace: bool, as_module: bool) -> Code:
    """The code of one application."""
    return LOWERINGS[step.op.name](step.attrs, step.in_shapes[0], Context(inplace, as_module, step))


def compact(values: tuple[int, ...]) -> Any:
    """One number where all axes agree, as people write it."""
    return values[0] if len(set(values)) == 1 else values


def settings(**values: tuple[Any, Any]) -> tuple[Arg, ...]:
    """Keyword arguments with their defaults, from name=(value, default)."""
    return tuple(Arg(name, value, default) for name, (value, default) in values.items())


def outer_pad(pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Padding in `F.pad`'s order: last axis first, before and after."""
    return tuple(side for pair in reversed(pairs) for side in pair)
