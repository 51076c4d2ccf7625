"""Linear layers that can be had for less, the function staying the same: merged, reordered, without a bias."""

from collections.abc import Iterator
from math import prod
from typing import Any

from .edits import Edit, put_before, put_behind, removed_link, with_argument
from .program import Program, Site
from .proposal import Carried, Fix, Proposal

MONOTONE = frozenset({"relu", "relu6", "tanh", "sigmoid", "hardsigmoid", "softplus", "softsign"})
"""Activations that never fall, so that the largest value is the largest one's value."""
MEANS = frozenset({"avgpool", "gap", "adaptive_avgpool"})


# A bias that normalisation takes off again


def biases_before_norms(program: Program) -> Iterator[Proposal]:
    """A bias before normalisation of each channel is subtracted again with the mean."""
    for site in program.sites:
        biased = all(getattr(a, "bias", False) for a in program.attrs(site))
        if site.op.name in ("conv", "dwconv", "deconv", "fc") and biased and _is_normalised(program, site):
            yield Proposal(
                "bias-before-norm",
                "leave out a bias that normalisation takes off again",
                "the mean that is subtracted moves by as much as the bias adds",
                site.node.pos,
                (with_argument(site.node, "bias", "false"),),
                exact=True,
                fix=_without_bias(site.node.pos),
            )


def _is_normalised(program: Program, site: Site) -> bool:
    """Whether each result goes to batch normalisation with statistics of its own, or to instance normalisation."""
    readers = [program.flat.only_reader(i) for i in site.places]
    places = [program.flat.places[i] for i in readers if i is not None]
    fits = all(p.op == "instnorm" or (p.op == "bn" and program.paths[p.path] == 1) for p in places)
    return len(places) == len(readers) and fits and program.own_weights(site)


def _without_bias(pos: tuple[int, int]) -> Fix:
    def fix(carried: Carried) -> None:
        for number in carried.layers(pos):
            reader = carried.flat.only_reader(number)
            if reader is not None and carried.flat.places[reader].op == "bn":
                carried.put(reader, "running_mean", carried.of(reader, "running_mean") - carried.of(number, "bias"))

    return fix


# Two linear layers in a row


def merged_layers(program: Program) -> Iterator[Proposal]:
    """Two convolutions, or two linear layers, with nothing between them are one."""
    for first in program.sites:
        second = program.linked(first)
        if second is None or second.op is not first.op or first.op.name not in ("conv", "fc"):
            continue
        if not program.follows(first, second) or not (program.own_weights(first) and program.own_weights(second)):
            continue
        edits = _merge(program, first, second)
        if edits is not None:
            what = "convolutions" if first.op.name == "conv" else "linear layers"
            yield Proposal(
                "merge-linear",
                f"merge two {what} that have nothing between them",
                "two linear layers in a row compute what one does, with the product of their weights",
                first.node.pos,
                tuple(edits),
                exact=True,
                fix=_merged(first.node.pos, second.node.pos, _is_point(program, second)),
            )


def _merge(program: Program, first: Site, second: Site) -> list[Edit] | None:
    """The edits that leave one of two layers; None where their arguments do not allow it."""
    assert first.chain is not None
    pairs = list(zip(program.attrs(first), program.attrs(second), strict=True))
    if not all(_plain(a) and _plain(b) for a, b in pairs):
        return None
    biases = {(a.bias, b.bias) for a, b in pairs}
    if len(biases) != 1:
        return None
    ((bias, other),) = biases
    if _is_point(program, second):
        kept, gone, has, needs = first, second, bias, other
        channels = program.written(second).get("c" if first.op.name == "conv" else "n")
        if channels is None:
            return None
        edits = [_channels(first, channels)]
    elif _is_point(program, first) and not (bias and any(_pads_zeros(b) for _, b in pairs)):
        kept, gone, has, needs, edits = second, first, other, bias, []
    else:
        return None
    if needs and not has:
        edits.append(with_argument(kept.node, "bias", "true"))
    return [*edits, *removed_link(program.text, first.chain, gone.position)]


def _channels(site: Site, text: str) -> Edit:
    name = "c" if site.op.name == "conv" else "n"
    written = site.arguments().get(name)
    return Edit(*written.value.pos, text) if written else with_argument(site.node, name, text)


def _plain(a: Any) -> bool:
    """A layer whose weight is stored as it is, for all channels together."""
    return getattr(a, "g", 1) == 1 and a.reparam == "none"


def _pads_zeros(a: Any) -> bool:
    """Whether zeros stand beside the input, which a bias before would change."""
    return a.pad_mode == "zeros" and any(map(any, a.p))


def _is_point(program: Program, site: Site) -> bool:
    """Whether a layer looks at one position for each of its own."""
    if site.op.name == "fc":
        return True
    return all(prod(a.k) == 1 and prod(a.s) == 1 and not any(map(any, a.p)) for a in program.attrs(site))


def _merged(first: tuple[int, int], second: tuple[int, int], keeps_first: bool) -> Fix:
    def fix(carried: Carried) -> None:
        import numpy as np

        for one, two in zip(carried.layers(first), carried.layers(second), strict=True):
            a, b = carried.of(one, "weight"), carried.of(two, "weight")
            kept = one if keeps_first else two
            rank = max(a.ndim, b.ndim) - 2
            flat_a, flat_b = a.reshape(*a.shape[:2], -1), b.reshape(*b.shape[:2], -1)
            weight = np.einsum("omk,mij->oikj", flat_b, flat_a)
            shape = (b.shape[0], a.shape[1], *((a if keeps_first else b).shape[2:]))
            carried.put(kept, "weight", weight.reshape(shape if rank else shape[:2]))
            old_a, old_b = carried.of(one, "bias"), carried.of(two, "bias")
            if old_a is not None or old_b is not None:
                bias = 0.0 if old_b is None else old_b
                carried.put(kept, "bias", bias if old_a is None else bias + flat_b.sum(2) @ old_a)

    return fix


# Normalisation twice


def doubled_norms(program: Program) -> Iterator[Proposal]:
    """Batch normalisation of what is normalised already."""
    for first in program.sites:
        second = program.linked(first)
        if second is None or first.op.name != "bn" or second.op.name != "bn" or not program.follows(first, second):
            continue
        assert first.chain is not None
        learns_first, learns_second = (all(a.affine for a in program.attrs(s)) for s in (first, second))
        own = program.own_weights(first) and program.own_weights(second)
        if own and (learns_first or learns_second):
            gone = second if learns_first else first
            yield Proposal(
                "norm-twice",
                "leave out the second of two batch normalisations",
                "in inference both are a scale and a shift of each channel, and so are the two together",
                gone.node.pos,
                tuple(removed_link(program.text, first.chain, gone.position)),
                exact=True,
                fix=_one_norm(first.node.pos, second.node.pos, learns_first),
            )


def _one_norm(first: tuple[int, int], second: tuple[int, int], keeps_first: bool) -> Fix:
    def fix(carried: Carried) -> None:
        for one, two in zip(carried.layers(first), carried.layers(second), strict=True):
            (scale_a, shift_a), (scale_b, shift_b) = _affine(carried, one), _affine(carried, two)
            kept = one if keeps_first else two
            eps = carried.flat.places[kept].step.attrs.eps
            mean = carried.of(kept, "running_mean")
            carried.put(kept, "running_mean", 0.0 * mean)
            carried.put(kept, "running_var", 0.0 * mean + 1.0 - eps)
            carried.put(kept, "weight", scale_a * scale_b)
            carried.put(kept, "bias", shift_a * scale_b + shift_b)

    return fix


def _affine(carried: Carried, number: int) -> tuple[Any, Any]:
    """Batch normalisation in inference as a scale and a shift."""
    eps = carried.flat.places[number].step.attrs.eps
    scale = 1.0 / (carried.of(number, "running_var") + eps) ** 0.5
    shift = -carried.of(number, "running_mean") * scale
    weight, bias = carried.of(number, "weight"), carried.of(number, "bias")
    return (scale, shift) if weight is None else (scale * weight, shift * weight + bias)


# Another order


def reordered(program: Program) -> Iterator[Proposal]:
    """Layers that commute, the one that shrinks the map first."""
    for first in program.sites:
        second = program.linked(first)
        if second is None or not program.follows(first, second):
            continue
        assert first.chain is not None
        if first.op.name in MONOTONE and second.op.name == "maxpool" and _plain_pool(program, second):
            title = f"pool before {first.op.name} instead of behind it"
            why = f"{first.op.name} never falls, so it keeps which value of a window is the largest"
        elif first.op.name == "conv" and _is_point(program, first) and _is_mean(program, second):
            title = "take the mean before a 1x1 convolution instead of behind it"
            why = "the convolution is the same at every position, so the mean of its results is that of its inputs"
        elif first.op.name == "upsample" and second.op.name == "conv" and _is_point(program, second):
            title = "convolve 1x1 before upsampling instead of behind it"
            why = "interpolation weighs positions, the convolution channels, and neither sees the other"
            move = [put_behind(second.node, program.of(first.node))]
            edits = (*move, *removed_link(program.text, first.chain, first.position))
            yield Proposal("reorder", title, why, second.node.pos, edits, exact=True)
            continue
        else:
            continue
        move = [put_before(first.node, program.of(second.node))]
        edits = (*move, *removed_link(program.text, first.chain, second.position))
        yield Proposal(f"reorder-{first.op.name}", title, why, second.node.pos, edits, exact=True)


def _plain_pool(program: Program, site: Site) -> bool:
    """Whether nothing reads which positions a pooling chose."""
    return all(len(place.step.outputs) == 1 for place in program.places(site))


def _is_mean(program: Program, site: Site) -> bool:
    """Whether a pooling takes means of input positions only, so that a constant stays what it is."""
    plain = all(not any(map(any, getattr(a, "p", ()))) and not getattr(a, "ceil", False) for a in program.attrs(site))
    return site.op.name in MEANS and plain
