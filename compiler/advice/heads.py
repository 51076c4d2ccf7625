"""Heads of linear layers on a flattened map, which hold most parameters of older networks."""

from collections.abc import Iterator
from typing import Any

from .. import syntax as ast
from .edits import Edit, removed_links
from .program import ACTIVATIONS, NORMS, Program, Site
from .proposal import Proposal

POOLS = frozenset({"adaptive_avgpool", "avgpool", "adaptive_maxpool"})
BETWEEN = ACTIVATIONS | NORMS | {"dropout", "fc"}


def pooled_heads(program: Program) -> Iterator[Proposal]:
    """`flatten -> fc` as `gap -> fc`, with the hidden layers and without them."""
    for site in program.sites:
        chain = site.chain
        if site.op.name != "flatten" or chain is None or not _flattens_maps(program, site):
            continue
        before = program.linked(site, -1)
        pooled = before is not None and before.op.name in POOLS and program.follows(before, site)
        start = site.position - 1 if pooled else site.position
        linear = [number for i in site.places for number in _linear_behind(program, i)]
        if not linear:
            continue
        swap = [Edit(*chain.links[start].pos, "gap"), *removed_links(program.text, chain, start + 1, site.position + 1)]
        yield Proposal(
            "pooled-head",
            "global average pooling for flatten",
            "the linear layer reads a mean for each channel instead of every position",
            chain.links[start].pos,
            tuple(swap),
        )
        yield from _short_head(program, site, chain, start, linear)


def _flattens_maps(program: Program, site: Site) -> bool:
    shapes = [place.step.in_shapes[0] for place in program.places(site)]
    return all(len(shape) > 1 and any(extent > 1 for extent in shape[1:]) for shape in shapes)


def _linear_behind(program: Program, index: int) -> list[int]:
    """The linear layers that a flattened map goes through."""
    found = []
    following = program.flat.only_reader(index)
    while following is not None and program.flat.places[following].op in BETWEEN:
        if program.flat.places[following].op == "fc":
            found.append(following)
        following = program.flat.only_reader(following)
    return found


def _short_head(program: Program, site: Site, chain: ast.Chain, start: int, linear: list[int]) -> Iterator[Proposal]:
    """The last linear layer alone, on the means."""
    last = program.at.get(linear[-1])
    end = _link_that_ends_with(chain, last) if last is not None else None
    if last is None or end is None or len(linear) < 2 or len(last.places) != 1:
        return
    link = chain.links[end]
    label = f" as {link.name.id}" if isinstance(link, ast.As) else ""
    swap = [
        Edit(*chain.links[start].pos, "gap"),
        *removed_links(program.text, chain, start + 1, end),
        Edit(*link.pos, f"{program.of(last.node)}{label}"),
    ]
    yield Proposal(
        "short-head",
        "global average pooling and one linear layer for the whole head",
        "the last linear layer alone, on a mean for each channel, as in ResNet; behind a 1x1 convolution to as many "
        "channels the same pooling computes the same function, with as many weights and more operations",
        chain.links[start].pos,
        tuple(swap),
    )


def _link_that_ends_with(chain: ast.Chain, last: Site) -> int | None:
    """The link of a chain that is, or ends with, a layer."""
    for index, link in enumerate(chain.links):
        end: Any = link
        while isinstance(end, ast.As | ast.Group | ast.Chain):
            end = end.links[-1] if isinstance(end, ast.Chain) else end.body
        if end is last.node:
            return index
    return None
