"""Pools that round their output up: extents as in PyTorch for all small sizes, values alike in every backend."""

from collections.abc import Iterator
from itertools import product

import cnnc
import pytest
import torch
from cnnc.compiler.diagnostics import Reject
from cnnc.compiler.ops.windows import window_extent
from torch.nn import functional

SIZES = [
    (k, s, p, d, ceil)
    for k, s, d, ceil in product(range(1, 6), range(1, 6), (1, 2, 3), (False, True))
    for p in range(k // 2 + 1)
]


def of_pytorch(extent: int, k: int, s: int, p: int, d: int, ceil: bool) -> int | None:
    """The extent after PyTorch's own pooling; None where it refuses."""
    try:
        return int(functional.max_pool1d(torch.zeros(1, 1, extent), k, s, p, d, ceil).shape[-1])
    except RuntimeError:
        return None


@pytest.mark.parametrize("extents", [range(1, 17), range(17, 33), range(33, 49), range(49, 65)])
def test_extents_are_those_of_pytorch(extents: range) -> None:
    for extent in extents:
        for k, s, p, d, ceil in SIZES:
            try:
                found: int | None = window_extent(extent, k, s, (p, p), d, ceil)
            except Reject:
                found = None
            assert found == of_pytorch(extent, k, s, p, d, ceil), (extent, k, s, p, d, ceil)


def pools(extent: int) -> Iterator[str]:
    """Every pooling of windows up to 5 that fits an extent."""
    for k, s, p, d, ceil in SIZES:
        if not ceil or d > extent or of_pytorch(extent, k, s, p, d, ceil) is None:
            continue  # a dilation beyond the extent may step over all of it (E0226)
        yield f"maxpool{k}(s={s}, p={p}, d={d}, ceil=true)"
        if d == 1:
            yield f"avgpool{k}(s={s}, p={p}, ceil=true)"
            yield f"avgpool{k}(s={s}, p={p}, ceil=true, count_pad=false)"
        if d == 1 and p == 0:
            yield f"lppool{k}(s={s}, ceil=true)"


@pytest.mark.parametrize("extent", [1, 2, 3, 4, 5, 6, 9, 13, 64])
def test_values_in_every_backend(extent: int) -> None:
    """All of them on one input, as outputs of one network."""
    outputs = ", ".join(f"o{i} = x -> {pool}" for i, pool in enumerate(pools(extent)))
    net = cnnc.compile(f"input x: 2x{extent}\noutput {outputs}")
    for comparison in net.verify(batch=1):
        assert comparison.ok, comparison


@pytest.mark.parametrize("kind", ["maxpool", "avgpool", "lppool"])
@pytest.mark.parametrize("shape", ["3x1x64", "3x64x1", "2x1x1x5", "1x1", "2x1x3x1"])
def test_a_window_larger_than_the_input(kind: str, shape: str) -> None:
    """Rounded up, one window that reaches beyond the input is there; without rounding it is refused."""
    if kind == "lppool" and shape.count("x") == 3:  # PyTorch refuses it in volumes
        with pytest.raises(cnnc.NetworkError, match="E0201"):
            cnnc.compile(f"{kind}2(ceil=true)", input=shape)
        return
    net = cnnc.compile(f"{kind}2(ceil=true)", input=shape)
    extents = [int(n) for n in shape.split("x")]
    assert net.output_shape == (1, extents[0], *(-(-n // 2) for n in extents[1:]))
    assert all(comparison.ok for comparison in net.verify(batch=1))
    with pytest.raises(cnnc.NetworkError, match="E0201"):
        cnnc.compile(f"{kind}2", input=shape)


def test_unpooling_after_it() -> None:
    net = cnnc.compile("maxpool2(ceil=true) as p -> unpool(p)", input="3x1x7")
    assert net.output_shape == (1, 3, 1, 7) and all(comparison.ok for comparison in net.verify(batch=1))


def test_symbolic_extents() -> None:
    net = cnnc.compile("maxpool2(ceil=true)", input="3x1xW")
    for width in range(1, 9):
        assert net.at(W=width).output_shape == (1, 3, 1, -(-width // 2))
