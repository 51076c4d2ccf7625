"""Attention as ONNX nodes."""

from math import prod
from typing import Any

import numpy as np

from ....compiler.ir import Apply
from ....compiler.ops.attention import attended
from ....compiler.ops.base import Shape, Tokens
from ..builder import Builder
from .base import lowers
from .linear import token_linear


@lowers("tokens")
def _tokens(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    return _turned(b, xs[0], step.in_shapes[0], "")


def _rows(b: Builder, x: str, shape: Shape, part: str) -> str:
    """Maps as C×P."""
    flat = (shape[0], prod(shape[1:]))
    return b.node("Reshape", [x, b.ints(f"{part}.shape", [-1, *flat])], flat, part)


def _turned(b: Builder, x: str, shape: Shape, part: str) -> str:
    """Maps as P×C."""
    rows = _rows(b, x, shape, f"{part}.rows" if part else "rows")
    return b.node("Transpose", [rows], (prod(shape[1:]), shape[0]), part, perm=[0, 2, 1])


def _maps(b: Builder, x: str, shape: Shape, part: str) -> str:
    """P×C as maps again."""
    prefix = f"{part}." if part else ""
    rows = b.node("Transpose", [x], (shape[0], prod(shape[1:])), f"{prefix}columns", perm=[0, 2, 1])
    return b.node("Reshape", [rows, b.ints(f"{prefix}maps", [-1, *shape])], shape, part)


@lowers("mhsa")
def _mhsa(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """softmax(q·kᵀ/√d)·v for each head of d channels, between the two projections."""
    x = step.in_shapes[0]
    (length, c), on_maps = attended(x), not isinstance(x, Tokens)
    tokens = _turned(b, xs[0], x, "tokens") if on_maps else xs[0]
    all_ = token_linear(b, tokens, (length, 3 * c), "in_proj_weight", "in_proj_bias" if a.bias else "", "projected")
    size = c // a.heads
    split = (length, 3, a.heads, size)
    parts = b.node("Reshape", [all_, b.ints("split", [-1, *split])], split, "parts")
    turned = b.raw_node("Transpose", [parts], (3, b.batch, a.heads, length, size), "turned", perm=[2, 0, 3, 1, 4])
    query, key, value = (_pick(b, turned, i, (a.heads, length, size)) for i in range(3))
    query = b.node("Mul", [query, b.constant("factor", np.array(size**-0.5, np.float32))], (a.heads, length, size), "q")
    across = b.node("Transpose", [key], (a.heads, size, length), "k", perm=[0, 1, 3, 2])
    scores = b.node("MatMul", [query, across], (a.heads, length, length), "scores")
    shares = b.node("Softmax", [scores], (a.heads, length, length), "shares", axis=-1)
    heads = b.node("MatMul", [shares, value], (a.heads, length, size), "heads")
    back = b.node("Transpose", [heads], (length, a.heads, size), "back", perm=[0, 2, 1, 3])
    joined = b.node("Reshape", [back, b.ints("joined.shape", [-1, length, c])], (length, c), "joined")
    bias = "out_proj.bias" if a.bias else ""
    y = token_linear(b, joined, (length, c), "out_proj.weight", bias, "out_proj" if on_maps else "")
    return _maps(b, y, x, "") if on_maps else y


def _pick(b: Builder, x: str, i: int, shape: Shape) -> str:
    return b.node("Gather", [x, b.constant(f"part{i}", np.array(i, np.int64))], shape, f"pick{i}", axis=0)


@lowers("nonlocal")
def _nonlocal(b: Builder, a: Any, step: Apply, xs: list[str]) -> str:
    """x plus the projection of softmax(θᵀ·φ)·gᵀ, all positions in rows."""
    x = step.in_shapes[0]
    inner = (a.m, *x[1:])
    pooled = (a.m, *(n // a.sub for n in x[1:]))

    def project(name: str, source: str, shape: Shape) -> str:
        inputs = [source, b.weight(f"{name}.weight"), *([b.weight(f"{name}.bias")] if a.bias else [])]
        return b.node("Conv", inputs, shape, name, kernel_shape=[1] * (len(x) - 1))

    def attended_to(name: str) -> str:
        y = project(name, xs[0], inner)
        window = [a.sub] * (len(x) - 1)
        return b.node("MaxPool", [y], pooled, f"{name}.pool", kernel_shape=window, strides=window) if a.sub > 1 else y

    p, q = prod(x[1:]), prod(pooled[1:])
    query = _turned(b, project("theta", xs[0], inner), inner, "query")
    key = _rows(b, attended_to("phi"), pooled, "key")
    value = _turned(b, attended_to("g"), pooled, "value")
    shares = b.node("Softmax", [b.node("MatMul", [query, key], (p, q), "scores")], (p, q), "shares", axis=-1)
    gathered = b.node("MatMul", [shares, value], (p, a.m), "gathered")
    return b.node("Add", [xs[0], project("out", _maps(b, gathered, inner, "inner"), x)], x)
