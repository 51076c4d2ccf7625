"""Single links: layers, blocks of the prelude, and what brings one shape to another."""

from functools import cache
from math import prod
from typing import Any

from cnnc.compiler import syntax as ast
from cnnc.compiler.elaborate.modules import prelude_block, prelude_names
from cnnc.compiler.ops import kinds
from cnnc.compiler.ops.base import Tokens
from cnnc.compiler.reference import entries

from .arguments import layer_text, spread
from .draft import Draft, Piece, Scope, Shape
from .numbers import number

KEEPING = ("relu", "tanh", "sigmoid", "lrelu", "softsign", "silu", "celu", "hardtanh", "bn", "scale", "abs")
"""Layers that take any shape and keep it."""
ACTIVATIONS = ("relu", "tanh", "silu", "lrelu(0.2)", "id", "hardswish", "elu", "prelu", "(relu -> tanh)")
NORMS = ("bn", "id", "ln", "gn(1)", "instnorm(affine=true)", "bn(affine=false)", "scale")
REDRAWS = 5
"""How often other arguments are tried before another layer is."""


@cache
def layers() -> dict[str, Any]:
    return entries()


@cache
def layers_of_rank(rank: int, tokens: bool) -> tuple[str, ...]:
    """The layers that may take such inputs, those of few ranks more often. Which take tokens the compiler says."""
    fitting = [(name, entry) for name, entry in layers().items() if tokens or rank in entry.ranks]
    return tuple(name for name, entry in fitting for _ in range(4 // len(entry.ranks)))


def keeping(draft: Draft) -> str:
    return draft.random.choice(KEEPING)


def layer(draft: Draft, shape: Shape, scope: Scope) -> Piece | None:
    """One layer with drawn arguments; before one that reads a label, a link that sets it."""
    entry = layers()[draft.random.choice(layers_of_rank(len(shape) - 1, isinstance(shape, Tokens)))]
    for _ in range(REDRAWS):
        before, inner = prepared(draft, entry, shape, scope)
        here = draft.shape_of(" -> ".join(before), shape, scope) if before else shape
        if here is None:
            continue
        links = (*before, layer_text(entry, draft.random, here, inner))
        found = draft.fits(links, shape, scope, plain=not before)
        if found:
            if before:
                scope.taps.update({name: s for name, s in inner.taps.items() if name[0] == "t"})
            return found
    return None


def prepared(draft: Draft, entry: Any, shape: Shape, scope: Scope) -> tuple[tuple[str, ...], Scope]:
    """Links that set the label which a layer reads, and the scope that knows it."""
    reads = [kind.kind if isinstance(kind, kinds.Optional) else kind for kind in entry.params.values()]
    if any(isinstance(kind, kinds.PoolTap) for kind in reads):
        inner, name = scope.inner(), draft.name("p")
        inner.taps[name] = shape
        pool = layer_text(layers()["maxpool"], draft.random, shape, scope)
        return (f"{pool} as {name}", *[keeping(draft)] * draft.random.randint(0, 1)), inner
    if any(isinstance(kind, kinds.Tensor) for kind in reads) and draft.chance(0.7):
        inner, name = scope.inner(), draft.name("t")
        inner.taps[name] = shape
        middle = f"fc({draft.random.randint(1, 5)})" if len(shape) == 1 else keeping(draft)
        return (f"{keeping(draft)} as {name}", middle), inner
    return (), scope


def prelude(draft: Draft, shape: Shape, scope: Scope) -> Piece | None:
    """A block of the prelude."""
    if isinstance(shape, Tokens):
        return None
    name = draft.random.choice(sorted(prelude_names()))
    block = prelude_block(name)
    for _ in range(REDRAWS):
        values, suffix = {}, ""
        for param in block.params:
            if param.default is None or draft.chance(0.35):
                values[param.name] = prelude_value(draft, param, shape, scope)
        if values.get("k", "").isdigit() and draft.chance(0.5):
            suffix = values.pop("k")
        order = [param.name for param in block.params if not (suffix and param.name == "k")]
        given = spread(values, order, draft.random)
        found = draft.fits((f"{name}{suffix}({given})" if given else f"{name}{suffix}",), shape, scope, plain=True)
        if found:
            return found
    return None


def prelude_value(draft: Draft, param: ast.Param, shape: Shape, scope: Scope) -> str:
    random = draft.random
    channels = shape[0]
    fixed = {
        "act": ACTIVATIONS,
        "gate": ("sigmoid", "hardsigmoid", "tanh"),
        "norm": NORMS,
        "p": ("same", "same_upper", "1", "0", "valid"),
        "rates": ("(1, 2)", "(2,)", "[1, 3]", "(1, 2, 3)"),
        "k": ("1", "3", "5"),
        "dk": ("1", "3"),
        "s": ("1", "2"),
        "d": ("1", "2"),
        "g": ("1", "2", "1"),
        "e": ("1", "2"),
        "t": ("1", "2", "1.5"),
    }.get(param.name)
    if fixed:
        return random.choice(fixed)
    return number(random.choice((1, 2, 4, 4, 8, channels)), scope, random)


def adapted(draft: Draft, piece: Piece, target: Shape, start: Shape, scope: Scope) -> Piece | None:
    """The piece with links behind it that lead to the target shape, or None."""
    if same(piece.shape, target):
        return piece
    for links in ways(draft, piece.shape, target):
        found = draft.fits((*piece.links, *links), start, scope)
        if found and same(found.shape, target):
            return found
    return None


def ways(draft: Draft, shape: Shape, target: Shape) -> list[tuple[str, ...]]:
    """Links that may lead from a shape to another."""
    if isinstance(shape, Tokens):
        if isinstance(target, Tokens) and shape[0] == target[0]:
            return [(f"fc({target[1]})",)]
        return ways(draft, (prod(shape),), target) and [
            ("flatten", *links) for links in ways(draft, (prod(shape),), target)
        ]
    if isinstance(target, Tokens):
        return [(*links, "tokens") for links in ways(draft, shape, (target[1], target[0]))]
    if prod(target) > 300:
        dense: list[tuple[str, ...]] = []
    else:
        form = ", ".join(map(str, target))
        dense = [("flatten", f"fc({prod(target)})", f"reshape(({form},))")]
    if len(target) == 1:
        return [("flatten", f"fc({target[0]})")] if len(shape) > 1 else [(f"fc({target[0]})",)]
    if len(shape) != len(target):
        return dense
    extents = ", ".join(map(str, target[1:]))
    moves = [f"adaptive_avgpool(({extents},))", f"upsample(size=({extents},))", f"adaptive_maxpool(({extents},))"]
    draft.random.shuffle(moves)
    links = (moves[0],) if shape[1:] != target[1:] else ()
    mix = (f"conv1({target[0]})",) if shape[0] != target[0] else ()
    return [(*links, *mix), (moves[0], f"conv({target[0]}, 1, s=1, p=0)"), *dense]


def same(a: Shape, b: Shape) -> bool:
    """Whether the shapes are equal, and both of maps or both of tokens."""
    return isinstance(a, Tokens) == isinstance(b, Tokens) and tuple(a) == tuple(b)
