"""Convolutions in cheaper forms, which compute another function: the network is trained anew."""

from collections.abc import Iterator
from typing import Any

from .. import syntax as ast
from ..ir import known
from .program import Program, Site, as_chain, call, kernel_name
from .proposal import Proposal

FEWEST = 16
"""Channels below which a convolution is left as it is: there is little to save, and little to choose from."""
GROUPS = (8, 4, 2)
WORDS = ("same", "same_upper", "valid")
"""Paddings that fit every kernel."""


def _convolutions(program: Program) -> Iterator[tuple[Site, int, int]]:
    """Plain convolutions with the same kernel along all axes, with that kernel and the number of axes."""
    for site in program.sites:
        if site.op.name != "conv":
            continue
        attrs = program.attrs(site)
        kernels = {k for a in attrs for k in a.k}
        ranks = {len(a.k) for a in attrs}
        plain = all(a.g == 1 and a.reparam == "none" for a in attrs)
        if plain and program.matters(site) and len(kernels) == len(ranks) == 1 and "c" in site.arguments():
            yield site, kernels.pop(), ranks.pop()


def _channels(program: Program, site: Site) -> list[tuple[int, int, int]]:
    """Input and output channels of every layer, and its multiply-accumulates."""
    return [
        (p.step.in_shapes[0][0], p.step.out_shape[0],
         p.step.op.work(p.step.attrs, p.step.in_shapes[0], p.step.out_shape).mac) for p in program.places(site)
    ]  # fmt: skip


def _mostly_wide(program: Program, site: Site) -> bool:
    """Whether most of the work is done where there are enough channels."""
    channels = _channels(program, site)
    wide = sum(macs for cin, cout, macs in channels if min(cin, cout) >= FEWEST)
    return 10 * wide >= 9 * sum(macs for *_, macs in channels)


# Several small kernels for a large one


def small_kernels(program: Program) -> Iterator[Proposal]:
    """5x5 as two 3x3, 7x7 as three; a stride goes into the last of them, or into the first."""
    for site, k, rank in _convolutions(program):
        count = {5: 2, 7: 3}.get(k, 0)
        attrs = program.attrs(site)
        if not count or any(d != 1 for a in attrs for d in a.d):
            continue
        middle = _middle(program, site, count)
        strides = {s for a in attrs for s in a.s}
        if middle is None or (strides != {1} and "s" not in site.arguments()):
            continue
        size, small = "x".join([str(k)] * rank), "x".join(["3"] * rank)
        word = {2: "two", 3: "three"}[count]
        title = f"{word} {small} convolutions for a {size} one"
        last, first = _shared_padding(program, site, count), _padding_behind_stride(program, site, count)
        if last is not None:
            yield Proposal(
                "small-kernels",
                title if strides == {1} else f"{title}, the stride in the last",
                f"{word} in a row see as far as {size}, with fewer weights and more activations",
                site.node.pos,
                (as_chain(site, _stack(program, site, rank, last, middle, count - 1)),),
            )
        if first is not None and strides != {1}:
            field = "x".join([str(3 + 2 * (count - 1) * max(strides))] * rank)
            seen = f"they see {field}" if len(strides) == 1 else "they see further"
            yield Proposal(
                "small-kernels",
                f"{title}, the stride in the first",
                f"those behind the first work on fewer positions; together {seen} instead of {size}",
                site.node.pos,
                (as_chain(site, _stack(program, site, rank, first, middle, 0)),),
            )


def _middle(program: Program, site: Site, count: int) -> str | None:
    """Channels between the small kernels: those of the output if that saves, else those of the input if it does."""
    channels = [(cin, cout) for cin, cout, _ in _channels(program, site)]
    k = 2 * count + 1
    if all(k * k * cin > 9 * cin + 9 * (count - 1) * cout for cin, cout in channels):
        return program.written(site)["c"]
    inputs = {cin for cin, _ in channels}
    if len(inputs) == 1 and all(cin >= FEWEST and 4 * cin >= cout for cin, cout in channels):
        return str(inputs.pop())
    return None


def _shared_padding(program: Program, site: Site, count: int) -> list[str | None] | None:
    """The padding of each of the small kernels, None where none is written: together that of the large one."""
    written = program.written(site).get("p")
    if (written or program.setting("p")) in (None, *WORDS):
        return [written] * count
    amounts = {side for a in program.attrs(site) for pair in a.p for side in pair}
    if len(amounts) != 1 or max(amounts) > count:
        return None
    (amount,) = amounts
    return ["1" if i < amount else "0" for i in range(count)]


def _padding_behind_stride(program: Program, site: Site, count: int) -> list[str | None] | None:
    """The padding of each of the small kernels where the first has the stride, and the others keep its extents."""
    written = program.written(site).get("p")
    if (written or program.setting("p")) in ("same", "same_upper"):
        return [written] * count
    amounts = {side for a in program.attrs(site) for pair in a.p for side in pair}
    if len(amounts) != 1 or max(amounts) < count - 1:
        return None
    return [str(max(amounts) - (count - 1)), *["1"] * (count - 1)]


def _stack(program: Program, site: Site, rank: int, padding: list[str | None], middle: str, strided: int) -> list[str]:
    """The small kernels, all but the last with the normalisation and activation that follow the large one.

    strided: which of them has the stride.
    """
    written = program.written(site)
    between = [program.of(s.node) for s in program.finished(site)] or ["relu"]
    links: list[str] = []
    for i, amount in enumerate(padding):
        last = i == len(padding) - 1
        arguments = {"c": written["c"] if last else middle}
        if i == strided and "s" in written:
            arguments["s"] = written["s"]
        if amount is not None:
            arguments["p"] = amount
        arguments |= {n: written[n] for n in ("bias", "pad_mode") if n in written}
        links += [call(kernel_name("conv", 3, rank), arguments), *([] if last else between)]
    return links


# Channels apart from each other


def separable(program: Program) -> Iterator[Proposal]:
    """3x3 as depthwise 3x3 and 1x1."""
    for site, k, rank in _convolutions(program):
        if k != 3 or not _mostly_wide(program, site):
            continue
        written = program.written(site)
        depthwise: dict[str, str] = {n: written[n] for n in ("s", "p", "d", "pad_mode") if n in written}
        if program.setting("bias") != "false":
            depthwise["bias"] = "false"
        pointwise: dict[str, str] = {n: written[n] for n in ("c", "bias") if n in written}
        for name, value in (("p", "0"), ("s", "1")):
            if program.setting(name) not in (None, *WORDS):
                pointwise[name] = value
        links = [call(kernel_name("dwconv", 3, rank), depthwise), call(kernel_name("conv", 1, rank), pointwise)]
        yield Proposal(
            "separable",
            "a depthwise and a 1x1 convolution for a 3x3 one",
            "positions and channels are mixed one after the other, as in MobileNet and Xception",
            site.node.pos,
            (as_chain(site, links),),
        )


def grouped(program: Program) -> Iterator[Proposal]:
    """1x1 and 3x3 in groups, with a shuffle behind them."""
    for site, k, rank in _convolutions(program):
        groups = _groups(program, site)
        skips = any(place.skip for place in program.places(site))
        if k not in (1, 3) or groups is None or skips or rank != 2 or "g" in site.arguments():
            continue
        arguments = {**program.written(site), "g": str(groups)}
        func = site.node.func if isinstance(site.node, ast.Call) else site.node
        links = [call(program.of(func), arguments), f"shuffle({groups})"]
        yield Proposal(
            "grouped",
            f"a {k}x{k} convolution in {groups} groups, channels shuffled behind it",
            "groups do not see each other, the shuffle brings them together, as in ShuffleNet",
            site.node.pos,
            (as_chain(site, links),),
        )


def _groups(program: Program, site: Site) -> int | None:
    """The most groups that divide all channels and leave enough in each; none on a map of a single position."""
    channels = _channels(program, site)
    maps: Any = [known(p.step.outputs[0]) for p in program.places(site)]
    if all(all(extent == 1 for extent in shape[1:]) for shape in maps):
        return None
    for groups in GROUPS:
        if all(min(a, b) >= FEWEST * groups and a % groups == b % groups == 0 for a, b, _ in channels):
            return groups
    return None
