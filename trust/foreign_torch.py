"""PyTorch's own test samples (OpInfo) as programs: convolutions and pooling."""

from typing import Any

import numpy as np
import torch
from foreign_program import Array, Program, Skip, batched, call, chained, each, one_hot_kernels
from foreign_sample import Translator, array, bound, result, with_weights


def convolution(rank: int) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input weight bias=None stride=1 padding=0 dilation=1 groups=1")
        if a.bias is not None and a.bias.dtype != a.weight.dtype:
            raise Skip("weights of several types")
        x, weights = array(a.input), with_weights(a)
        w = weights["op.weight"]
        x, expected = batched(x, result(made), rank)
        padding = {"same": "same_upper", "valid": "valid"}.get(a.padding) if isinstance(a.padding, str) else None
        if padding == "same_upper" and any(s != 1 for s in each(a.stride, rank)):
            raise Skip("padding='same' with a stride, which in the language is TensorFlow's")
        chain = call(
            "conv", w.shape[0], w.shape[2:], s=each(a.stride, rank), p=padding or each(a.padding, rank),
            d=each(a.dilation, rank), g=a.groups, bias=a.bias is not None,
        )  # fmt: skip
        return chained(x, f"{chain} as op", expected, weights, wrong=made is None)

    return translate


def transposed(rank: int) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input weight bias=None stride=1 padding=0 output_padding=0 groups=1 dilation=1")
        weights = with_weights(a)
        w = weights["op.weight"]
        x, expected = batched(array(a.input), result(made), rank)
        chain = call(
            "deconv", w.shape[1] * a.groups, w.shape[2:], s=each(a.stride, rank), p=each(a.padding, rank),
            op=each(a.output_padding, rank), d=each(a.dilation, rank), g=a.groups, bias=a.bias is not None,
        )  # fmt: skip
        return chained(x, f"{chain} as op", expected, weights, wrong=made is None)

    return translate


def adaptive(layer: str, rank: int) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input output_size return_indices=False")
        size = a.output_size
        x, expected = batched(array(a.input), result(made), rank)
        sizes = (size,) * rank if size is None or isinstance(size, int) else tuple(size)
        sizes = tuple(n if s is None else s for s, n in zip(sizes, x.shape[2:], strict=True)) if sizes else ()
        return chained(x, call(layer, sizes), expected, wrong=made is None)

    return translate


def max_pool(rank: int) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input kernel_size stride=None padding=0 dilation=1 ceil_mode=False return_indices=False")
        x, expected = batched(array(a.input), result(made), rank)
        chain = call(
            "maxpool", each(a.kernel_size, rank), s=None if a.stride is None else each(a.stride, rank),
            p=each(a.padding, rank), d=each(a.dilation, rank), ceil=a.ceil_mode,
        )  # fmt: skip
        return chained(x, chain, expected, wrong=made is None)

    return translate


def avg_pool(rank: int) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        names = "input kernel_size stride=None padding=0 ceil_mode=False count_include_pad=True divisor_override=None"
        a = bound(sample, names)
        x, expected = batched(array(a.input), result(made), rank)
        k, p = each(a.kernel_size, rank), each(a.padding, rank)
        s = each(a.stride, rank) if a.stride not in (None, ()) else None
        if a.divisor_override is None:
            chain = call("avgpool", k, s=s, p=p, ceil=a.ceil_mode, count_pad=a.count_include_pad)
        elif a.ceil_mode or not a.divisor_override:
            raise Skip("the argument divisor_override, rounded up or 0")
        else:  # a sum is power pooling of exponent 1
            total = call("lppool", k, norm=1, s=s)
            chain = f"{call('pad', p)} -> {total} -> {call('scale', 1 / a.divisor_override, learn=False)}"
        return chained(x, chain, expected, wrong=made is None)

    return translate


def max_unpool(rank: int) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input indices kernel_size stride=None padding=0 output_size=None")
        values, expected = batched(array(a.input), result(made), rank)
        if expected is None:
            raise Skip("indices that no pooling gives")
        indices = a.indices.reshape(values.shape)
        stride = a.kernel_size if a.stride is None else a.stride
        return unpooling(values, indices, expected, *(each(v, rank) for v in (a.kernel_size, stride, a.padding)))

    return translate


def unpooling(values: Array, indices: torch.Tensor, expected: Array, k: Any, s: Any, p: Any) -> Program:
    """The indices of unpooling come from a pooling in the language: of a map made to give just these."""
    rank = len(k)
    pool = getattr(torch.nn.functional, f"max_pool{rank}d")
    source = torch.full(expected.shape, float(values.min()) - 1)
    flat = source.reshape(*source.shape[:2], -1)
    places = indices.reshape(*flat.shape[:2], -1)
    flat.scatter_(2, places, torch.from_numpy(values.copy()).reshape(places.shape))
    for ceil in (False, True):
        try:
            pooled, found = pool(source, k, s, p, ceil_mode=ceil, return_indices=True)
        except RuntimeError:  # no window fits
            continue
        if found.shape == indices.shape and torch.equal(found, indices) and np.array_equal(pooled.numpy(), values):
            chain = f"{call('maxpool', k, s=s, p=p, ceil=ceil)} as pool -> unpool(pool)"
            return chained(source.numpy(), chain, expected)
    raise Skip("indices that no pooling gives")


def unfold(sample: Any, made: Any) -> Program:
    """The columns of windows are what a convolution by kernels with a single 1 gives."""
    a = bound(sample, "input kernel_size dilation=1 padding=0 stride=1")
    x, expected = batched(array(a.input), result(made), 2)
    k = each(a.kernel_size, 2)
    kernels = one_hot_kernels(x.shape[1], k)
    chain = call(
        "conv", kernels.shape[0], k, s=each(a.stride, 2), p=each(a.padding, 2), d=each(a.dilation, 2), bias=False
    )
    assert expected is not None
    return chained(x, f"{chain} as op -> {call('reshape', expected.shape[1:])}", expected, {"op.weight": kernels})


WINDOWS: dict[str, Translator] = {
    **{f"nn.functional.conv{n}d": convolution(n) for n in (1, 2, 3)},
    **{f"nn.functional.conv_transpose{n}d": transposed(n) for n in (1, 2, 3)},
    **{f"nn.functional.adaptive_avg_pool{n}d": adaptive("adaptive_avgpool", n) for n in (1, 2, 3)},
    **{f"nn.functional.adaptive_max_pool{n}d": adaptive("adaptive_maxpool", n) for n in (1, 2, 3)},
    **{f"nn.functional.max_pool{n}d": max_pool(n) for n in (1, 2, 3)},
    **{f"nn.functional.avg_pool{n}d": avg_pool(n) for n in (1, 2, 3)},
    **{f"nn.functional.max_unpool{n}d": max_unpool(n) for n in (1, 2, 3)},
    "nn.functional.unfold": unfold,
}
