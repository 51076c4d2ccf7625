"""The node tests of ONNX as programs: normalisation and linear layers."""

import numpy as np
import torch
from foreign_node import Node, Rule
from foreign_program import Program, Skip, along, call, chained, declared
from foreign_torch_norms import normalized


def batch_norm(node: Node) -> Program:
    if node.attribute("training_mode", 0):
        raise Skip("training mode")
    names = ("weight", "bias", "running_mean", "running_var")
    weights = {f"op.{name}": array for name, array in zip(names, node.inputs[1:], strict=True)}
    return chained(node.x, f"{call('bn', eps=node.attribute('epsilon', 1e-5))} as op", node.y, weights)


def instance_norm(node: Node) -> Program:
    weights = {"op.weight": node.inputs[1], "op.bias": node.inputs[2]}
    chain = call("instnorm", eps=node.attribute("epsilon", 1e-5), affine=True)
    return chained(node.x, f"{chain} as op", node.y, weights)


def group_norm(node: Node) -> Program:
    weights = {"op.weight": node.inputs[1], "op.bias": node.inputs[2]}
    chain = call("gn", node.attribute("num_groups"), eps=node.attribute("epsilon", 1e-5))
    return chained(node.x, f"{chain} as op", node.y, weights)


def layer_norm(node: Node) -> Program:
    x = node.x
    shape = x.shape[node.attribute("axis", -1) % x.ndim :]
    scale, shift = (None if w is None else torch.from_numpy(w.copy()) for w in (node.inputs[1], node.input(2)))
    return normalized(x, shape, scale, shift, node.attribute("epsilon", 1e-5), node.y)


def local_norm(node: Node) -> Program:
    alpha, beta = node.attribute("alpha", 1e-4), node.attribute("beta", 0.75)
    chain = call("lrn", node.attribute("size"), alpha=alpha, beta=beta, k=node.attribute("bias", 1.0))
    return chained(node.x, chain, node.y)


def lp_norm(node: Node) -> Program:
    x, axis = node.x, node.attribute("axis", -1)
    if node.attribute("p", 2) == 2:
        return along(x, axis, "l2norm", node.y)
    return along(x, axis, f"(id / (abs -> cmean -> {call('scale', x.shape[axis], learn=False)}))", node.y)


def gemm(node: Node) -> Program:
    """α·A·B + β·C: rows are the batch, or tokens where A is transposed; C is an input of its own."""
    a, b, c = node.x, node.inputs[1], node.input(2)
    alpha, beta = node.attribute("alpha", 1.0), node.attribute("beta", 1.0)
    weight = b if node.attribute("transB", 0) else b.T
    fc = f"{call('fc', weight.shape[0], bias=False)} as op"
    scaled = f"({fc} -> {call('scale', alpha, learn=False)})" if alpha != 1 else f"({fc})"
    if node.attribute("transA", 0):  # columns are tokens, and the sum is of maps again
        scaled = f"(tokens -> {fc} -> {call('reshape', node.y.shape)} -> {call('scale', alpha, learn=False)})"
        a = a[None]
    if c is None:
        return chained(a, scaled, node.y, {"op.weight": weight})
    c = np.broadcast_to(c, node.y.shape).reshape(*a.shape[:1], *(node.y.shape if a.ndim == 3 else node.y.shape[1:]))
    expected = node.y.reshape(c.shape)
    text = declared([a, c], f"x0 -> ({scaled} + (x1 -> {call('scale', beta, learn=False)}))")
    return Program(text, (a, c), (expected,), {"op.weight": weight})


def matmul(node: Node) -> Program:
    a, b = node.x, node.inputs[1]
    if b.ndim > 2 or a.ndim == 1:
        raise Skip("a product of two inputs, neither of them weights")
    weight = b.reshape(b.shape[0], -1).T
    rows = a.reshape(-1, a.shape[-1])  # every leading axis is a batch
    layer = f"{call('fc', weight.shape[0], bias=False)} as op"
    return chained(rows, layer, node.y.reshape(len(rows), -1), {"op.weight": weight})


NORMS: dict[str, Rule] = {
    "BatchNormalization": batch_norm,
    "InstanceNormalization": instance_norm,
    "GroupNormalization": group_norm,
    "LayerNormalization": layer_norm,
    "LRN": local_norm,
    "LpNormalization": lp_norm,
    "Gemm": gemm,
    "MatMul": matmul,
}
