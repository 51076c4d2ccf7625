"""Links made of links: sums, concatenations, repeats, loops, conditionals, blocks, and chains of all these."""

from collections.abc import Callable

from cnnc.compiler.ops.base import Tokens

from .draft import Draft, Piece, Scope, Shape
from .links import adapted, keeping, layer, prelude, same
from .numbers import condition_on, number

Form = Callable[[Draft, Shape, Scope, int], Piece | None]


def chain(draft: Draft, shape: Shape, scope: Scope, depth: int, most: int = 3) -> Piece:
    """A chain of up to that many drawn links; `depth` is how many levels of links within links it may have."""
    whole = Piece((), shape)
    for _ in range(draft.random.randint(1, most)):
        new = link(draft, whole.shape, scope, depth)
        text = new.text
        if draft.chance(0.15):
            text, name = labelled(draft, new)
            scope.taps[name] = new.shape
            new = Piece((text,), new.shape)
        whole = Piece((*whole.links, *new.links), new.shape, new.plain and not whole.links)
    return whole


def labelled(draft: Draft, piece: Piece) -> tuple[str, str]:
    """The piece with a label, and that."""
    name = draft.name("t")
    return f"{piece.text if len(piece.links) == 1 else piece.operand} as {name}", name


def link(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece:
    """A layer or a form, whatever fits; in the end one that always does."""
    for _ in range(5):
        if depth == 0 or draft.chance(0.5):
            found = layer(draft, shape, scope)
        else:
            form = draft.random.choices(list(FORMS), list(FORMS.values()))[0]
            found = form(draft, shape, scope, depth - 1)
        if found:
            return found
    return Piece((keeping(draft),), shape, plain=True)


def checked(draft: Draft, text: str, shape: Shape, scope: Scope, plain: bool = False) -> Piece | None:
    return draft.fits((text,), shape, scope, plain)


def combined(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A sum, difference, product or quotient of two or three operands."""
    first = chain(draft, shape, scope, depth, 2)
    second = matching(draft, first, shape, scope, depth)
    if second is None:
        return None
    sign = draft.random.choice("++-**/")
    if sign == "/":  # by what stays away from zero
        second = Piece((*second.links, "tanh", "sigmoid"), second.shape)
    text = f"{first.operand} {sign} {second.operand}"
    if draft.chance(0.3):
        condition = condition_on(draft.chance(0.5), scope, draft.random)
        third = draft.random.choice((keeping(draft), f"({keeping(draft)} if {condition})"))
        text = f"{text} {draft.random.choice('+-*')} ({first.text} -> {third})"
    return checked(draft, f"({text})", shape, scope, plain=True)


def matching(draft: Draft, first: Piece, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A second operand: the input itself, a gate, a label, or another chain brought to the first one's shape."""
    chance = draft.random.random()
    if chance < 0.25 and same(first.shape, shape):
        return Piece(("id",), shape, plain=True)
    if chance < 0.45 and len(first.shape) > 1 and not isinstance(first.shape, Tokens):
        return Piece((*first.links, "gap", "sigmoid"), first.shape)
    taps = sorted(scope.taps)
    if chance < 0.6 and taps:
        name = draft.random.choice(taps)
        if same(scope.taps[name], first.shape):
            return Piece((name,), first.shape, plain=True)
        tail = adapted(draft, Piece((), scope.taps[name]), first.shape, scope.taps[name], scope)
        return Piece((name, *tail.links), first.shape) if tail else None
    return adapted(draft, chain(draft, shape, scope, depth, 2), first.shape, shape, scope)


def listed(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """Branches whose outputs are concatenated, some of them conditional or a label."""
    if isinstance(shape, Tokens):
        return None
    first = chain(draft, shape, scope, depth, 2)
    branches = [first.text]
    for _ in range(draft.random.randint(1, 2)):
        next_one = matching(draft, first, shape, scope, depth)
        if next_one and draft.chance(0.2):
            branches.append(f"({next_one.text} if {condition_on(draft.chance(0.5), scope, draft.random)})")
        elif next_one:
            branches.append(next_one.text)
    comma = "," if draft.chance(0.1) else ""
    return checked(draft, f"[{', '.join(branches)}{comma}]", shape, scope, plain=True)


def comprehended(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """One branch for each entry of a list."""
    name = draft.name("i")
    values = draft.random.sample(range(1, 6), draft.random.randint(1, 3))
    channels = number(draft.random.randint(1, 4), scope.inner(**{name: values[0]}), draft.random, 0.7)
    bodies = [f"conv({channels}, {name}, p=same_upper)", f"conv(2, 1) -> {keeping(draft)}",
              f"dwconv({name}, p=same_upper)", f"fc({channels})", f"fc({name})", f"conv1({name}) -> relu"]  # fmt: skip
    text = f"[{draft.random.choice(bodies)} for {name} in {shown(draft, values)}]"
    return checked(draft, text, shape, scope, plain=True)


def shown(draft: Draft, values: list[int]) -> str:
    """A list of numbers."""
    if values == list(range(1, len(values) + 1)) and draft.chance(0.5):
        return f"range(1, {len(values) + 1})"
    inside = ", ".join(map(str, values))
    return draft.random.choice((f"[{inside}]", f"({inside},)"))


def divided(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """`split`: each branch gets channels of its own."""
    if isinstance(shape, Tokens) or shape[0] < 2:
        return None
    cut = draft.random.randint(1, shape[0] - 1)
    if shape[0] % 2 == 0 and draft.chance(0.4):
        cut = shape[0] // 2
    sizes = (cut, shape[0] - cut)
    inner = scope.inner()
    branches: list[Piece] = []
    for size in sizes:
        start = (size, *shape[1:])
        piece = chain(draft, start, inner, depth, 2)
        if branches and piece.shape[1:] != branches[0].shape[1:]:
            target = (piece.shape[0], *branches[0].shape[1:])
            found = adapted(draft, piece, target, start, inner)
            if found is None:
                return None
            piece = found
        branches.append(piece)
    shares = "" if sizes[0] == sizes[1] and draft.chance(0.6) else f", ({sizes[0]}, {sizes[1]})"
    return checked(draft, f"split([{branches[0].text}, {branches[1].text}]{shares})", shape, scope, plain=True)


def residual(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    body = chain(draft, shape, scope, depth, 2)
    if same(body.shape, shape):
        return checked(draft, f"res({body.text})", shape, scope, plain=True)
    skip = adapted(draft, Piece((), shape), body.shape, shape, scope)
    return skip and checked(draft, f"res({body.text}, proj={skip.text})", shape, scope, plain=True)


def repeated(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    body = chain(draft, shape, scope.inner(), depth, 2)
    count = number(draft.random.choice((0, 1, 2, 2, 3)), scope, draft.random, 0.3)
    count = count if count.isalnum() else f"({count})"
    return checked(draft, f"{body.operand} * {count}", shape, scope)


def looped(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """`for`, with one variable or two."""
    names = [draft.name("i") for _ in range(draft.random.randint(1, 2))]
    rounds = [[draft.random.randint(1, 4) for _ in names] for _ in range(draft.random.randint(1, 3))]
    inner = scope.inner(**dict(zip(names, rounds[0], strict=True)))
    label = ""
    if draft.chance(0.3):  # a label that every pass sets anew
        label = draft.name("t")
        inner.taps[label] = shape
    body = chain(draft, shape, inner, depth, 2)
    links, start = body.links, ""
    if label:
        links, start = (*links, f"{keeping(draft)} as {label}"), f"id as {label} -> "
    if len(names) == 1:
        items = shown(draft, [values[0] for values in rounds])
    else:
        items = f"[{', '.join(f'({a}, {b})' for a, b in rounds)}]"
    text = f"{start}for {', '.join(names)} in {items} {{ {' -> '.join(links)} }}"
    return checked(draft, f"({text})" if start else text, shape, scope)


def conditional(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """Of two chains the one that is taken fits; the other is drawn for the same input and never built."""
    taken, other = chain(draft, shape, scope.inner(), depth, 2), chain(draft, shape, scope.inner(), 0, 2)
    truth = draft.chance(0.5)
    condition = condition_on(truth, scope, draft.random)
    if draft.chance(0.4):
        return checked(draft, f"({taken.text} if {condition})", shape, scope, plain=True)
    first, second = (taken, other) if truth else (other, taken)
    return checked(draft, f"({first.text} if {condition} else {second.text})", shape, scope, plain=True)


def grouped(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    return checked(draft, f"({chain(draft, shape, scope, depth, 3).text})", shape, scope, plain=True)


def from_prelude(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    return prelude(draft, shape, scope)


def tapped(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A label read beside the flow."""
    if not scope.taps:
        return None
    name = draft.random.choice(sorted(scope.taps))
    there = scope.taps[name]
    if same(there, shape):
        return checked(draft, draft.random.choice((f"(id + {name})", f"(id * {name})", f"[id, {name}]")), shape, scope)
    tail = adapted(draft, Piece((), there), shape, there, scope)
    return tail and checked(draft, f"(id - ({name} -> {tail.text}))", shape, scope, plain=True)


def given_layer(draft: Draft, shape: Shape, scope: Scope, depth: int) -> Piece | None:
    """A layer that the block calls by a name of its own, perhaps with a kernel suffix and arguments from here."""
    if not scope.layers:
        return None
    return checked(draft, draft.random.choice(sorted(scope.layers)), shape, scope, plain=True)


FORMS: dict[Form, float] = {
    combined: 2, listed: 2, comprehended: 1, divided: 1, residual: 1, repeated: 1.5, looped: 1.5, conditional: 1,
    grouped: 0.5, from_prelude: 3, tapped: 1.5, given_layer: 1,
}  # fmt: skip
"""The forms with how often each is drawn beside the others; `blocks` adds those that declare something."""
