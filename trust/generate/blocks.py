"""Forms that declare something: blocks with parameters and `where`, shared layers; and uses of what is declared."""

from cnnc.compiler.ops.base import Tokens

from .draft import BlockNote, Draft, Piece, Scope, Shape
from .forms import FORMS, chain, checked
from .links import ACTIVATIONS, adapted, keeping, same
from .numbers import condition_on, number

EXTENTS = {1: ("win",), 2: ("hin", "win"), 3: ("din", "hin", "win")}


def extents(shape: Shape) -> dict[str, int]:
    """The names of a block's input channels and extents with their values."""
    if isinstance(shape, Tokens):
        return {"cin": shape[1]}
    return {"cin": shape[0], **dict(zip(EXTENTS.get(len(shape) - 1, ()), shape[1:], strict=True))}


def new_block(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A block written for inputs like this one, and its use."""
    inner = Scope({**draft.globals, **extents(shape)})
    params: list[tuple[str, str, bool, str]] = []
    arguments: list[str] = []
    for _ in range(draft.random.randint(0, 3)):
        if draft.chance(0.3):
            name, layer = draft.name("f"), draft.random.choice(ACTIVATIONS)
            params.append((name, "layer", draft.chance(0.5), layer))
            inner.layers[name] = layer
        else:
            name, n = draft.name("n"), draft.random.randint(1, 6)
            default = number(n, inner, draft.random, 0.4)
            params.append((name, "number", draft.chance(0.5), default))
            inner.numbers[name] = n
    wheres = clauses(draft, shape, inner, depth)
    body = chain(draft, shape, inner, depth, 3)
    body = around_shared(draft, body, wheres, shape, inner)
    name = draft.name("b")
    written = ", ".join(f"{p}={default}" if has_default else p for p, _, has_default, default in params)
    for p, kind, has_default, default in params:
        if not has_default:
            value = default if kind == "layer" else str(inner.numbers[p])
            arguments.append(draft.random.choice((f"{p}={value}", value)) if not any("=" in a for a in arguments)
                             else f"{p}={value}")  # fmt: skip
    if any(has_default for _, _, has_default, _ in params):  # positions would be off
        arguments = [f"{p}={default if kind == 'layer' else inner.numbers[p]}"
                     for p, kind, has_default, default in params if not has_default]  # fmt: skip
    heading = f"block {name}({written})" if params or draft.chance(0.2) else f"block {name}"
    draft.declared[name] = f"{heading} = {body.text}{where(draft, wheres)}"
    use = f"{name}({', '.join(arguments)})" if arguments else name
    found = checked(draft, use, shape, scope, plain=True)
    if found is None:
        del draft.declared[name]
        return None
    draft.blocks[name] = BlockNote(tuple((p, kind, has_default) for p, kind, has_default, _ in params))
    return found


Clause = tuple[str, str]
"""The text of a definition, and the name of the layer that it shares if it does."""


def clauses(draft: Draft, shape: Shape, inner: Scope, depth: int) -> list[Clause]:
    """Definitions of a `where`: numbers, layers, and a shared layer; the scope knows them from here on."""
    found: list[Clause] = []
    if not draft.chance(0.4):
        return found
    if draft.chance(0.6):
        n, name = draft.random.randint(1, 6), draft.name("n")
        found.append((f"{name} = {number(n, inner, draft.random, 0.8)}", ""))
        inner.numbers[name] = n
    if draft.chance(0.6):
        name = draft.name("f")
        layer = chain(draft, shape, Scope(draft.globals), 0, 2).text
        found.append((f"{name} = {layer}", ""))
        inner.layers[name] = layer
    if draft.chance(0.4):
        name = draft.name("s")
        body = chain(draft, shape, Scope(draft.globals), 0, 2)
        back = adapted(draft, body, shape, shape, Scope(draft.globals))
        if back:
            found.append((f"shared {name} = {back.text}", name))
    return found


def around_shared(draft: Draft, body: Piece, wheres: list[Clause], shape: Shape, inner: Scope) -> Piece:
    """The body behind the layer that the block shares, used in sequence and in operands."""
    name = next((name for _, name in wheres if name), "")
    if not name:
        return body
    first = draft.random.choice((f"{name} -> {name}", f"({name} + (relu -> {name}))", f"{name} -> tanh -> {name}"))
    return Piece((first, *body.links), body.shape)


def where(draft: Draft, wheres: list[Clause]) -> str:
    return f" where {', '.join(text for text, _ in wheres)}" if wheres else ""


def old_block(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A further use of a block, with other arguments."""
    if not draft.blocks:
        return None
    for name in draft.random.sample(sorted(draft.blocks), min(3, len(draft.blocks))):
        arguments = []
        for param, kind, has_default in draft.blocks[name].params:
            if has_default and draft.chance(0.5):
                continue
            layer = draft.random.choice(ACTIVATIONS)
            value = layer if kind == "layer" else number(draft.random.randint(1, 6), scope, draft.random)
            arguments.append(f"{param}={value}")
        draft.random.shuffle(arguments)
        found = checked(draft, f"{name}({', '.join(arguments)})" if arguments else name, shape, scope, plain=True)
        if found:
            return found
    return None


def passing(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A block that applies the layers it is given, and its use with a chain, or with a layer that gets a suffix."""
    block, f, n = draft.name("b"), draft.name("f"), draft.name("n")
    if draft.chance(0.5):
        argument = chain(draft, shape, Scope(scope.numbers), 0, 2)
        back = adapted(draft, argument, shape, shape, Scope(scope.numbers))
        if back is None:
            return None
        text, use = f"block {block}({f}) = {f} -> {keeping(draft)} -> {f}", f"{block}({back.text})"
    else:
        layer = draft.random.choice(("conv", "sepconv", "wsconv"))
        text = f"block {block}({f}, {n}, k=3) = {f}1({n}) -> {f}({n}, k, p=same_upper)"
        use = f"{block}{draft.random.choice(('', '3', '1', '2'))}({layer}, {draft.random.randint(1, 4)})"
    draft.declared[block] = text
    found = checked(draft, use, shape, scope, plain=True)
    if found is None:
        del draft.declared[block]
    return found


def recursive(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A block that uses itself until its parameter has counted down."""
    block, n = draft.name("b"), draft.name("n")
    body = chain(draft, shape, Scope({**draft.globals, **extents(shape)}), 0, 1)
    draft.declared[block] = f"block {block}({n}) = {body.text} -> ({block}({n} - 1) if {n} > 1)"
    found = checked(draft, f"{block}({draft.random.randint(1, 3)})", shape, scope, plain=True)
    if found is None:
        del draft.declared[block]
    return found


def shared(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A shared layer of the file, declared here or before, used once or more."""
    known = [name for name, s in draft.shared.items() if len(s) == len(shape)]
    if known and draft.chance(0.5):
        return checked(draft, draft.random.choice(known), shape, scope, plain=True)
    inner = Scope(draft.globals)
    body = chain(draft, shape, inner, min(depth, 1), 2)
    back = adapted(draft, body, shape, shape, inner)
    name = draft.name("s")
    draft.declared[name] = f"shared {name} = {(back or body).text}"
    uses = draft.random.choice((name, f"{name} -> {name}", f"({name} + id)", f"{name} * 2")) if back else name
    found = checked(draft, uses, shape, scope) or checked(draft, name, shape, scope)
    if found is None:
        del draft.declared[name]
        return None
    draft.shared[name] = shape
    return found


def from_file(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A block of the file beside the program, where a `use` line brought it in."""
    if not any(line.startswith("use") for line in draft.head):
        return None
    uses = ("unit", "unit(2)", "twin", "pool", "gated(2)")
    return checked(draft, draft.random.choice(uses), shape, scope, plain=True)


def by_condition(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A block whose body depends on a number that its use gives."""
    block, n = draft.name("b"), draft.name("n")
    value = draft.random.randint(1, 4)
    inner = Scope({**draft.globals, **extents(shape), n: value})
    first, second = chain(draft, shape, inner, 0, 2), chain(draft, shape, inner, 0, 2)
    condition = condition_on(draft.chance(0.5), Scope({n: value}), draft.random)
    draft.declared[block] = f"block {block}({n}) = ({first.text} if {condition} else {second.text})"
    found = checked(draft, f"{block}({value})", shape, scope, plain=True)
    if found is None:
        del draft.declared[block]
        return None
    draft.blocks[block] = BlockNote(((n, "number", False),))
    return found


FORMS.update({new_block: 3, old_block: 2, passing: 1, recursive: 0.5, shared: 1, from_file: 2, by_condition: 0.5})

__all__ = ["extents", "same"]
