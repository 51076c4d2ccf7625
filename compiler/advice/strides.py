"""Strides and pooling before a convolution instead of behind it: fewer positions, another function."""

from collections.abc import Iterator

from .. import syntax as ast
from .edits import put_before, removed_link, with_argument, without_argument
from .program import ACTIVATIONS, NORMS, Program, Site
from .proposal import Proposal

POOLS = frozenset({"maxpool", "avgpool", "blurpool", "lppool"})


def earlier_pools(program: Program) -> Iterator[Proposal]:
    """A pooling in front of the convolution whose results it pools."""
    for pool in program.sites:
        if pool.op.name not in POOLS or any(len(p.step.outputs) > 1 for p in program.places(pool)):
            continue
        conv = _convolution_before(program, pool)
        if (
            conv is None
            or not program.matters(conv)
            or not _keeps_extents(program, conv)
            or not _may_shrink(program, conv)
        ):
            continue
        assert pool.chain is not None
        yield Proposal(
            "earlier-pool",
            f"{pool.op.name} before the convolution instead of behind it",
            "the convolution works on fewer positions, and what it sees grows with the stride",
            pool.node.pos,
            (put_before(conv.node, program.of(pool.node)), *removed_link(program.text, pool.chain, pool.position)),
        )


def _convolution_before(program: Program, site: Site) -> Site | None:
    """The convolution whose results reach a layer through nothing but normalisation and activation."""
    before, last = program.linked(site, -1), site
    while before is not None and program.follows(before, last):
        if before.op.name == "conv":
            return before
        if before.op.name not in NORMS | ACTIVATIONS:
            return None
        last, before = before, program.linked(before, -1)
    return None


def _keeps_extents(program: Program, site: Site) -> bool:
    return all(p.step.in_shapes[0][1:] == p.step.out_shape[1:] for p in program.places(site))


def _may_shrink(program: Program, conv: Site) -> bool:
    """Whether what a convolution reads is neither the network's input nor smaller than what came before it already."""
    for number in conv.places:
        index = program.flat.source(number)
        while index is not None and program.flat.places[index].op in NORMS | ACTIVATIONS:
            index = program.flat.source(index)
        if index is None:
            return False
        step = program.flat.places[index].step
        if step.in_shapes[0][1:] != step.out_shape[1:]:
            return False
    return True


def earlier_strides(program: Program) -> Iterator[Proposal]:
    """A stride in the convolution before, if its kernel is large enough to look at every position."""
    for second in program.sites:
        written = second.arguments().get("s")
        if second.op.name not in ("conv", "dwconv") or written is None or not isinstance(second.node, ast.Call):
            continue
        first = _convolution_before(program, second)
        if (
            first is None
            or not program.matters(first, second)
            or "s" in first.arguments()
            or not _sees_all(program, first, second)
        ):
            continue
        moved = with_argument(first.node, "s", program.of(written.value))
        yield Proposal(
            "earlier-stride",
            "the stride in the convolution before",
            "both convolutions work on fewer positions, and what the second one sees grows with the stride",
            second.node.pos,
            (moved, *without_argument(program.text, second.node, written)),
        )


def _sees_all(program: Program, first: Site, second: Site) -> bool:
    """Whether the first kernel covers the second one's strides, and there is a stride at all."""
    strides = [s for a in program.attrs(second) for s in a.s]
    kernels = [k for a in program.attrs(first) for k in a.k]
    still = all(s == 1 for a in program.attrs(first) for s in a.s)
    return still and max(strides) > 1 and min(kernels) >= max(strides)
