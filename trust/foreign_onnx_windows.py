"""The node tests of ONNX as programs: convolutions and pooling."""

from typing import Any

import numpy as np
import torch
from foreign_node import Node, Rule
from foreign_program import Array, Program, Skip, call, chained, each, one_hot_kernels
from foreign_torch import unpooling


def sides(node: Node, rank: int) -> Any:
    """The attribute `pads`, begins then ends, as pairs; `auto_pad` where it names a rule of the language."""
    auto = node.attribute("auto_pad", "NOTSET")
    if auto == "SAME_UPPER":
        return "same_upper"
    if auto == "VALID":
        return "valid"
    pads = node.attribute("pads") or (0,) * 2 * rank
    return tuple(zip(pads[:rank], pads[rank:], strict=True))


def lower(node: Node, kernel: Any, strides: Any, dilations: Any) -> Any:
    """Padding of a window as pairs, with SAME_LOWER, which the language does not have, worked out."""
    extents = node.x.shape[2:]
    if node.attribute("auto_pad") != "SAME_LOWER":
        return sides(node, len(extents))
    pairs = []
    for n, k, s, d in zip(extents, kernel, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0)
        pairs.append((total - total // 2, total // 2))
    return tuple(pairs)


def conv(node: Node) -> Program:
    w, bias = node.inputs[1], node.input(2)
    rank = w.ndim - 2
    s, d = (node.attribute(name) or (1,) * rank for name in ("strides", "dilations"))
    p = lower(node, w.shape[2:], s, d)
    chain = call("conv", w.shape[0], w.shape[2:], s=s, p=p, d=d, g=node.attribute("group", 1), bias=bias is not None)
    weights = {"op.weight": w} | ({} if bias is None else {"op.bias": bias})
    return chained(node.x, f"{chain} as op", node.y, weights)


def transposed(node: Node) -> Program:
    """Padding that the sides share is the layer's; what else is taken off is a crop, and output padding adds."""
    w, bias = node.inputs[1], node.input(2)
    rank, g = w.ndim - 2, node.attribute("group", 1)
    s, d = (node.attribute(name) or (1,) * rank for name in ("strides", "dilations"))
    op = node.attribute("output_padding") or (0,) * rank
    axes = zip(node.x.shape[2:], w.shape[2:], s, d, strict=True)
    full = [(n - 1) * stride + dilation * (k - 1) + 1 for n, k, stride, dilation in axes]
    auto, asked = node.attribute("auto_pad", "NOTSET"), node.attribute("output_shape")
    if asked or auto.startswith("SAME"):
        wanted = asked or [n * stride for n, stride in zip(node.x.shape[2:], s, strict=True)]
        total = [f + o - n for f, o, n in zip(full, op, wanted, strict=True)]
        if any(t < 0 for t in total):
            op = tuple(max(-t, 0) + o for t, o in zip(total, op, strict=True))
            total = [max(t, 0) for t in total]
        # by the standard, the odd element goes to the end only for SAME_UPPER
        pairs = [(t // 2, t - t // 2) if auto == "SAME_UPPER" else (t - t // 2, t // 2) for t in total]
    else:
        pairs = sides(node, rank)
    common = tuple(min(pair) for pair in pairs)
    chain = (
        call("deconv", w.shape[1] * g, w.shape[2:], s=s, p=common, op=op, d=d, g=g, bias=bias is not None) + " as op"
    )
    rest = tuple((b - c, e - c) for (b, e), c in zip(pairs, common, strict=True))
    if any(map(any, rest)):
        chain += f" -> {call('crop', p=rest)}"
    weights = {"op.weight": w} | ({} if bias is None else {"op.bias": bias})
    return chained(node.x, chain, node.y, weights)


def pool(layer: str) -> Rule:
    def translate(node: Node) -> Program:
        k = node.attribute("kernel_shape")
        s, d = (node.attribute(name) or (1,) * len(k) for name in ("strides", "dilations"))
        if layer != "maxpool" and any(n != 1 for n in d):
            return dilated(node, layer, k, s, d)
        p, ceil = lower(node, k, s, d), bool(node.attribute("ceil_mode", 0))
        x = node.inputs[0].astype(np.float32) if layer == "maxpool" else node.x  # integers keep their order
        if layer == "lppool":
            padding = p
            if p == "same_upper":
                node.attributes["auto_pad"] = b"SAME_LOWER"
                padding = tuple((e, b) for b, e in lower(node, k, s, d))
            chain = f"abs -> {call('pad', padding)} -> {call('lppool', k, node.attribute('p', 2), s=s, ceil=ceil)}"
        elif layer == "maxpool":
            chain = call("maxpool", k, s=s, p=p, d=d, ceil=ceil)
        else:
            chain = call("avgpool", k, s=s, p=p, ceil=ceil, count_pad=bool(node.attribute("count_include_pad", 0)))
        rule, code = too_much_padding(p, k, d) if layer != "lppool" else ("", "")
        return chained(x, chain, node.y.astype(np.float64), rule=rule, code=code)

    return translate


def dilated(node: Node, layer: str, k: Any, s: Any, d: Any) -> Program:
    """A mean of dilated windows that all lie inside the input is a depthwise convolution by equal weights."""
    axes = zip(node.x.shape[2:], k, s, d, strict=True)
    inside = tuple((n - dd * (kk - 1) - 1) // ss + 1 for n, kk, ss, dd in axes) == node.y.shape[2:]
    if layer != "avgpool" or not inside or any(node.attribute("pads") or ()):
        raise Skip(f"dilated windows of {layer}, some of them not inside the input")
    weight = np.full((node.x.shape[1], 1, *k), 1 / np.prod(k), np.float32)
    return chained(node.x, f"{call('dwconv', k, s=s, d=d, bias=False)} as op", node.y, {"op.weight": weight})


def deformable(node: Node) -> Program:
    """The language makes offsets and mask by a convolution of its own; its weights are solved to give the case's."""
    w, offset, bias, mask = (node.input(i) for i in (1, 2, 3, 4))
    rank = w.ndim - 2
    s, d = (node.attribute(name) or (1,) * rank for name in ("strides", "dilations"))
    fields = offset if mask is None else np.concatenate([offset, _logits(mask)], axis=1)
    own, shift = _solved(node.x, fields, w.shape[2:], s, sides(node, rank), d)
    chain = call(
        "deformconv", w.shape[0], w.shape[2:], s=s, p=sides(node, rank), d=d, g=node.attribute("group", 1),
        bias=bias is not None, mask=mask is not None, offset_groups=node.attribute("offset_group", 1),
    )  # fmt: skip
    weights = {"op.weight": w, "op.offset.weight": own, "op.offset.bias": shift}
    return chained(node.x, f"{chain} as op", node.y, weights | ({} if bias is None else {"op.bias": bias}))


def _logits(mask: Array) -> Array:
    if not ((mask > 0) & (mask < 1)).all():
        raise Skip("a mask that no sigmoid gives")
    made: Array = np.log(mask / (1 - mask))
    return made


def _solved(x: Array, fields: Array, k: Any, s: Any, p: Any, d: Any) -> tuple[Array, Array]:
    """Weights and biases with which a convolution of x gives the fields."""
    if len(x) > 1 or len({before for before, _ in p}) > 1 or any(b != e for b, e in p):
        raise Skip("offsets that no convolution of the input gives")
    windows = torch.nn.functional.unfold(torch.tensor(x, dtype=torch.float64), k, d, p[0][0], s)[0].numpy()
    rows = np.concatenate([windows.T, np.ones((windows.shape[1], 1))], axis=1)
    columns = fields[0].reshape(fields.shape[1], -1).T
    found = np.linalg.lstsq(rows, columns, rcond=None)[0]
    if np.abs(rows @ found - columns).max() > 1e-6:
        raise Skip("offsets that no convolution of the input gives")
    return found[:-1].T.reshape(fields.shape[1], x.shape[1], *k), found[-1]


def too_much_padding(p: Any, k: Any, d: Any) -> tuple[str, str]:
    """Pools take at most half the window as padding, in the language as in PyTorch."""
    if isinstance(p, str):
        return "", ""
    over = any(max(pair) > (dd * (kk - 1) + 1) // 2 for pair, kk, dd in zip(p, k, d, strict=True))
    return ("padding of a pool over half its window is refused, as PyTorch does", "E0208") if over else ("", "")


def unpool(node: Node) -> Program:
    values, indices = node.x, torch.from_numpy(node.inputs[1].astype(np.int64))
    k = node.attribute("kernel_shape")
    s = node.attribute("strides") or (1,) * len(k)
    return unpooling(values, indices, node.y, k, s, each(0, len(k)))


def col2im(node: Node) -> Program:
    """Columns added into an image are what a transposed convolution by kernels with a single 1 gives."""
    image, kernel = (tuple(map(int, node.inputs[i])) for i in (1, 2))
    rank = len(image)
    s, d = (node.attribute(name) or (1,) * rank for name in ("strides", "dilations"))
    pairs = sides(node, rank)
    axes = list(zip(image, kernel, s, d, pairs, strict=True))
    grid = tuple((n + sum(p) - dd * (k - 1) - 1) // ss + 1 for n, k, ss, dd, p in axes)
    kernels = one_hot_kernels(node.y.shape[1], kernel)
    left = tuple(
        n + sum(p) - ((g - 1) * ss + dd * (k - 1) + 1) for g, (n, k, ss, dd, p) in zip(grid, axes, strict=True)
    )
    chain = call("deconv", node.y.shape[1], kernel, s=s, op=left, d=d, bias=False) + " as op"
    chain = f"{call('reshape', (node.x.shape[1], *grid))} -> {chain} -> {call('crop', p=pairs)}"
    return chained(node.x, chain, node.y, {"op.weight": kernels})


def simple(chain: str) -> Rule:
    return lambda node: chained(node.x, chain, node.y)


WINDOWS: dict[str, Rule] = {
    "Conv": conv,
    "ConvTranspose": transposed,
    "DeformConv": deformable,
    "MaxPool": pool("maxpool"),
    "AveragePool": pool("avgpool"),
    "LpPool": pool("lppool"),
    "MaxUnpool": unpool,
    "Col2Im": col2im,
    "GlobalAveragePool": simple("gap"),
    "GlobalMaxPool": simple("gmp"),
}
