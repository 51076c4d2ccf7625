"""Arithmetic of windows against windows that are laid down one by one, for all small arguments."""

from itertools import count, product, takewhile
from math import ceil, floor
from typing import NamedTuple

import cnnc
import pytest
import torch
from cnnc.compiler.diagnostics import Reject
from cnnc.compiler.ops.pool import adaptive_bins, bins_total
from cnnc.compiler.ops.windows import reach, resolve_padding, window_extent

EXTENTS, KERNELS, STRIDES, DILATIONS, SIDES = range(1, 7), range(1, 5), range(1, 5), range(1, 4), range(3)


def starts(extent: int, k: int, s: int, pad: tuple[int, int], d: int, up: bool) -> list[int]:
    """Where windows start, counted from the first padding: each lies inside, or with `up` one that started a stride
    earlier would not reach the end, and it starts before the padding after the input."""
    padded, cover = extent + sum(pad), d * (k - 1) + 1
    if up:
        return list(takewhile(lambda t: t - s + cover < padded and t < extent + pad[0], count(0, s)))
    return list(takewhile(lambda t: t + cover <= padded, count(0, s)))


@pytest.mark.parametrize("up", [False, True])
def test_extents(up: bool) -> None:
    for extent, k, s, d, before, after in product(EXTENTS, KERNELS, STRIDES, DILATIONS, SIDES, SIDES):
        wanted = starts(extent, k, s, (before, after), d, up)
        if not wanted:
            with pytest.raises(Reject) as caught:
                window_extent(extent, k, s, (before, after), d, up)
            facts = caught.value.facts
            assert facts["have"] == extent + before + after and facts["cover"] == d * (k - 1) + 1
            continue
        assert window_extent(extent, k, s, (before, after), d, up) == len(wanted)


def test_same() -> None:
    """The extent stays at stride 1, with as much on both sides; an even window cannot."""
    for extent, k, d in product(EXTENTS, KERNELS, DILATIONS):
        fits = [p for p in range(20) if extent + 2 * p - d * (k - 1) == extent]
        if not fits:
            with pytest.raises(Reject, match="E0205"):
                resolve_padding("same", (1, extent), (k,), (1,), (d,))
            continue
        assert resolve_padding("same", (1, extent), (k,), (1,), (d,)) == ((fits[0], fits[0]),)


def test_same_upper() -> None:
    """The least padding with which there is a window for every stride begun; an odd element goes to the end."""
    for extent, k, s, d in product(range(1, 12), KERNELS, STRIDES, DILATIONS):
        wanted = ceil(extent / s)
        least = next(n for n in count() if len(starts(extent, k, s, (n, 0), d, False)) >= wanted)
        assert resolve_padding("same_upper", (1, extent), (k,), (s,), (d,)) == ((floor(least / 2), ceil(least / 2)),)


class Window(NamedTuple):
    k: tuple[int, ...]
    s: tuple[int, ...]
    p: tuple[tuple[int, int], ...]
    d: tuple[int, ...]
    ceil: bool


@pytest.mark.parametrize("up", [False, True])
def test_reach(up: bool) -> None:
    """Without rounding, padding stays; with it, it ends where the last window does, or the input if that is later."""
    for extent, k, s, d, before, after in product(EXTENTS, KERNELS, STRIDES, DILATIONS, SIDES, SIDES):
        places = starts(extent, k, s, (before, after), d, up)
        if not places:
            continue
        a = Window((k,), (s,), ((before, after),), (d,), up)
        end = places[-1] + d * (k - 1) + 1 - before - extent
        assert reach((1, extent), (1, len(places)), a) == ((before, max(end, 0) if up else after),)


@pytest.mark.parametrize("up", [False, True])
def test_dilated_maxima_of_nothing_are_refused(up: bool) -> None:
    """E0226 says that some window has no element on the input, and is said where that is so."""
    for extent, k, s, d in product(range(1, 4), KERNELS, range(1, 4), range(1, 6)):
        for p in range((d * (k - 1) + 1) // 2 + 1):
            windows = starts(extent, k, s, (p, p), d, up)
            if extent + 2 * p < d * (k - 1) + 1:
                continue
            met = all(any(0 <= t + d * i - p < extent for i in range(k)) for t in windows)
            use = f"maxpool({k}, s={s}, p={p}, d={d}, ceil={str(up).lower()})"
            assert [e.code for e in cnnc.check(use, input=(1, extent))] == ([] if met else ["E0226"]), (use, extent)


def test_bins() -> None:
    for extent, n in product(range(1, 14), range(1, 14)):
        bins = [(floor(i * extent / n), ceil((i + 1) * extent / n)) for i in range(n)]
        assert adaptive_bins(extent, n) == bins
        assert bins_total(extent, n) == sum(last - first for first, last in bins)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
@pytest.mark.parametrize("layer", ["pad(({sides},), mode={mode})", "conv1(1, p=({sides},), pad_mode={mode})"])
def test_padding_modes_reach_as_far_as_in_pytorch(layer: str, mode: str) -> None:
    for extent, before, after in product(range(1, 5), range(6), range(6)):
        use = layer.format(sides=(before, after), mode=mode)
        try:
            torch.nn.functional.pad(torch.zeros(1, 1, extent), (before, after), mode)
            wanted = []
        except RuntimeError:
            wanted = ["E0216"]
        assert [e.code for e in cnnc.check(use, input=(1, extent))] == wanted, (use, extent)


def test_blur_reflects_as_far_as_there_is_input() -> None:
    """A filter of k reaches k // 2 beyond the end, and reflection needs one element more than that."""
    for extent, k in product(range(1, 6), range(1, 10)):
        said = [e.code for e in cnnc.check(f"blurpool{k}", input=(1, extent))]
        assert said == ([] if k // 2 <= extent - 1 else ["E0216"]), (extent, k)
