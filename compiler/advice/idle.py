"""Layers that do nothing, or whose result nobody needs: without them the function is the same."""

from collections.abc import Iterator
from typing import Any

from .. import syntax as ast
from .edits import Edit, removed_link, removed_links, removed_term
from .flat import Place
from .program import Program, Site
from .proposal import Proposal

NOT_NEGATIVE = frozenset({"relu", "relu6", "sigmoid", "hardsigmoid", "softmax", "abs"})


def _is_identity(name: str, a: Any, x: tuple[int, ...], out: tuple[int, ...]) -> bool:
    """Whether a layer with these arguments gives back what it gets, in training too."""
    if name in ("dropout", "dropout2d", "droppath"):
        return bool(a.p == 0)
    if name == "scale":
        return a.init == 1 and not a.learn
    if name in ("maxpool", "avgpool"):
        return all(k == s == 1 for k, s in zip(a.k, a.s, strict=True)) and not any(map(any, a.p))
    if name in ("pad", "crop", "upsample", "reshape"):
        return x == out
    return name == "shuffle" and (a.g == 1 or a.g == x[0])


def idle_layers(program: Program) -> Iterator[Proposal]:
    """Layers that give back what they get."""
    for site in program.sites:
        steps = [place.step for place in program.places(site)]
        idle = all(_is_identity(site.op.name, s.attrs, s.in_shapes[0], s.out_shape) for s in steps)
        if idle or _is_repeated(program, site):
            yield Proposal(
                "idle-layer",
                "leave out a layer that does nothing",
                "it gives back what it gets" if idle else "what it gets is never negative",
                site.node.pos,
                tuple(_without(program, site)),
                exact=True,
            )


def _is_repeated(program: Program, site: Site) -> bool:
    """Whether this is a ReLU on what is not negative."""
    sources = [program.flat.source(i) for i in site.places]
    return site.op.name == "relu" and all(i is not None and _not_negative(program.flat.places[i]) for i in sources)


def _not_negative(place: Place) -> bool:
    """Whether a layer gives nothing below 0. Beyond its threshold softplus gives its input, which may be below one."""
    return place.op in NOT_NEGATIVE or (place.op == "softplus" and place.step.attrs.threshold >= 0)


def _without(program: Program, site: Site) -> list[Edit]:
    """A link of a chain less, or `id` where something must stand."""
    if site.chain is not None:
        return removed_link(program.text, site.chain, site.position)
    return [Edit(*site.node.pos, "id")]


# Branches that are always zero


def zero_branches(program: Program) -> Iterator[Proposal]:
    """Terms of a sum that a factor of 0 takes out of it."""
    for site in program.sites:
        if site.op.name != "scale" or any(a.init != 0 or a.learn for a in program.attrs(site)):
            continue
        readers = [r for i in site.places for r in program.flat.places[i].readers]
        if not all(r >= 0 and _adds(program.flat.places[r]) for r in readers):
            continue
        edits = _zero_term(program, site)
        if edits:
            yield Proposal(
                "zero-branch",
                "leave out a branch that is always zero",
                "it is multiplied by 0 and added",
                site.node.pos,
                tuple(edits),
                exact=True,
            )


def _adds(place: Place) -> bool:
    """Whether a layer adds or subtracts tensors none of which has to stretch."""
    return place.op in ("add", "sub") and all(shape == place.step.out_shape for shape in place.step.in_shapes)


def _zero_term(program: Program, site: Site) -> list[Edit]:
    """The edits that remove the term of the nearest sum, or the `res` whose layers are all zero."""
    for depth in range(len(site.parents) - 1, -1, -1):
        parent = site.parents[depth]
        inner = site.parents[depth + 1] if depth + 1 < len(site.parents) else site.node
        if isinstance(parent, ast.Binary) and parent.level == "sum":
            index = next(i for i, term in enumerate(parent.terms) if term is inner)
            if index == 0 and parent.ops[0] != "+":
                return []
            return removed_term(program.text, parent.terms, index)
        if isinstance(parent, ast.Call) and isinstance(parent.func, ast.Name) and parent.func.id == "res":
            skipped = any(program.flat.places[i].skip for i in program.inside(parent))
            return [] if skipped else [Edit(*parent.pos, "id")]
        if not isinstance(parent, ast.Chain | ast.Group | ast.Argument):
            return []
        if isinstance(parent, ast.Chain) and parent.links[-1] is not inner:
            return []
    return []


# Layers that nothing reads


def unread_layers(program: Program) -> Iterator[Proposal]:
    """Links of chains and named tensors that no output depends on."""
    needed = program.flat.needed()
    unread = {i for i in range(len(program.flat.places)) if i not in needed}
    if not unread:
        return
    for node, edits in _removable(program, unread):
        yield Proposal(
            "unread-layer",
            "leave out layers that no output depends on",
            "their results are read by nothing that leads to an output",
            node.pos,
            tuple(edits),
            exact=True,
        )


def _removable(program: Program, unread: set[int]) -> Iterator[tuple[Any, list[Edit]]]:
    """The outermost parts of the text that make nothing but unread layers."""
    done: list[ast.Pos] = []

    def is_unread(node: Any) -> bool:
        numbers = program.inside(node)
        apart = not any(start <= node.pos[0] and node.pos[1] <= end for start, end in done)
        return bool(numbers) and unread.issuperset(numbers) and apart

    for item in program.tree.items:
        if isinstance(item, ast.Binding) and is_unread(item):
            done.append(item.pos)
            yield item, [Edit(*item.pos, "")]
    for chain in [n for n in _nodes(program.tree) if isinstance(n, ast.Chain)]:
        kept = [not is_unread(link) for link in chain.links]
        if all(kept) or not any(kept):
            continue
        for index, link in enumerate(chain.links):
            if not kept[index] and (index == 0 or kept[index - 1]):
                stop = next((i for i in range(index, len(kept)) if kept[i]), len(kept))
                done += [unread.pos for unread in chain.links[index:stop]]
                yield link, removed_links(program.text, chain, index, stop)


def _nodes(tree: Any) -> Iterator[Any]:
    """All parts of the tree, outer ones first."""
    stack = [tree]
    while stack:
        node = stack.pop()
        if hasattr(node, "_fields"):
            yield node
        stack += [item for item in reversed(node) if isinstance(item, tuple)]
