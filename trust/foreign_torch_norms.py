"""PyTorch's own test samples (OpInfo) as programs: normalisation, linear layers, and activations with weights."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from foreign_program import Array, Program, Skip, along, call, chained, declared, elementwise, lead
from foreign_sample import Translator, array, bound, result, with_weights

POSITIVE_EPS = "eps must be above 0 in the language; PyTorch computes with any"


def affine(weight: Any, bias: Any, shape: Sequence[int], prefix: str = "op") -> dict[str, Array]:
    """Both scale and shift where either is given; the language has them together."""
    if weight is None and bias is None:
        return {}
    scale = np.ones(shape, np.float32) if weight is None else array(weight).reshape(tuple(shape))
    shift = np.zeros(shape, np.float32) if bias is None else array(bias).reshape(tuple(shape))
    return {f"{prefix}.weight": scale, f"{prefix}.bias": shift}


def refusal(eps: float) -> dict[str, str]:
    return {} if eps > 0 else {"rule": POSITIVE_EPS, "code": "E0305"}


def batch_norm(signature: str) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, signature)
        if getattr(a, "training", True):  # without running statistics it is left out
            raise Skip("training mode")
        x = array(a.input)
        if x.ndim < 2 or a.running_mean is None:
            raise Skip("no channels, or no running statistics")
        weights = affine(a.weight, a.bias, x.shape[1:2])
        chain = call("bn", eps=a.eps, affine=bool(weights))  # the momentum acts in training only
        statistics = {"op.running_mean": array(a.running_mean), "op.running_var": array(a.running_var)}
        return chained(x, f"{chain} as op", result(made), weights | statistics, **refusal(a.eps))

    return translate


def group_norm(signature: str) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, signature)
        x = array(a.input)
        weights = affine(a.weight, a.bias, x.shape[1:2])
        chain = call("gn", a.groups, eps=a.eps, affine=bool(weights))
        return chained(x, f"{chain} as op", result(made), weights, wrong=made is None, **refusal(a.eps))

    return translate


def instance_norm(sample: Any, made: Any) -> Program:
    names = "input running_mean=None running_var=None weight=None bias=None use_input_stats=True momentum=0.1 eps=1e-5"
    a = bound(sample, names)
    if not a.use_input_stats:
        raise Skip("running statistics of instance normalisation")
    x = array(a.input)
    weights = affine(a.weight, a.bias, x.shape[1:2])
    chain = call("instnorm", eps=a.eps, affine=bool(weights))
    return chained(x, f"{chain} as op", result(made), weights, **refusal(a.eps))


def layer_norm(sample: Any, made: Any) -> Program:
    a = bound(sample, "input normalized_shape weight=None bias=None eps=1e-5")
    shape = tuple(a.normalized_shape)
    if made is None and not shape:
        raise Skip("nothing to normalise, which cannot be written")
    if made is None and any(w is not None and tuple(w.shape) != shape for w in (a.weight, a.bias)):
        raise Skip("weights of a shape that the layer does not have")
    return normalized(array(a.input), shape, a.weight, a.bias, a.eps, result(made))


def normalized(x: Array, shape: Sequence[int], weight: Any, bias: Any, eps: float, expected: Array | None) -> Program:
    """Layer normalisation of the last axes: of all but the batch, of the last one, or of several read as one."""
    if tuple(x.shape[x.ndim - len(shape) :]) != tuple(shape):
        raise Skip("a shape to normalise over, which the language takes from the input")
    if len(shape) == x.ndim:
        x, expected = lead(x, 1), lead(expected, 1)
    rest = refusal(eps)
    if len(shape) == x.ndim - 1:
        weights = affine(weight, bias, shape)
        return chained(x, f"{call('ln', 'all', eps=eps, affine=bool(weights))} as op", expected, weights, **rest)
    weights = affine(weight, bias, (int(np.prod(shape)),))
    layer = f"{call('ln', 'last', eps=eps, affine=bool(weights))} as op"
    if len(shape) > 1:
        rows = (*x.shape[1 : x.ndim - len(shape)], int(np.prod(shape)))
        layer = f"{call('reshape', rows)} -> {layer} -> {call('reshape', x.shape[1:])}"
    return chained(x, layer, expected, weights, **rest)


def local_norm(sample: Any, made: Any) -> Program:
    a = bound(sample, "input size alpha=1e-4 beta=0.75 k=1.0")
    return chained(array(a.input), call("lrn", a.size, alpha=a.alpha, beta=a.beta, k=a.k), result(made))


def normalize(sample: Any, made: Any) -> Program:
    a = bound(sample, "input p=2.0 dim=1 eps=1e-12")
    if a.p != 2 or a.eps != 1e-12:
        raise Skip(f"the argument {'p' if a.p != 2 else 'eps'} of normalize")
    return along(array(a.input), a.dim, "l2norm", result(made))


# Linear layers


def linear(sample: Any, made: Any) -> Program:
    a = bound(sample, "input weight bias=None")
    x, expected, weights = array(a.input), result(made), with_weights(a)
    layer = f"{call('fc', weights['op.weight'].shape[0], bias=a.bias is not None)} as op"
    if x.ndim > 3:  # every leading axis is a batch
        assert expected is not None
        x, expected = x.reshape(-1, x.shape[-1]), expected.reshape(-1, expected.shape[-1])
    if x.ndim == 3:  # rows are tokens, whose channels are last
        return chained(x, f"permute((1, 0)) -> tokens -> {layer}", expected, weights)
    return elementwise(x, layer, expected, weights=weights)


def bilinear(sample: Any, made: Any) -> Program:
    a = bound(sample, "input1 input2 weight bias=None")
    weights, expected = with_weights(a), result(made)
    assert expected is not None
    one, two = (array(x).reshape(-1, x.shape[-1]) for x in (a.input1, a.input2))  # every leading axis is a batch
    text = declared((one, two), f"x0 -> {call('bilinear', expected.shape[-1], 'x1', bias=a.bias is not None)} as op")
    return Program(text, (one, two), (expected.reshape(-1, expected.shape[-1]),), weights)


def glu(sample: Any, made: Any) -> Program:
    a = bound(sample, "input dim=-1")
    x = array(a.input)
    half = x.shape[a.dim] // 2
    return along(x, a.dim, f"({call('slice', 0, half)} * ({call('slice', half)} -> sigmoid))", result(made))


def prelu(sample: Any, made: Any) -> Program:
    a = bound(sample, "input weight")
    x, slope = array(a.input), array(a.weight)
    if x.ndim == 0:
        raise Skip("a scalar input")
    if slope.ndim > 1:
        raise Skip("weights of a shape that the layer does not have")
    alone = slope.size == 1 and (x.ndim < 2 or x.shape[1] != 1)
    chain = "prelu as op" if alone or x.ndim < 2 else "prelu(per_channel=true) as op"
    return elementwise(x, chain, result(made), weights={"op.weight": slope.reshape(-1)}, wrong=made is None)


NORMS: dict[str, Translator] = {
    "nn.functional.batch_norm": batch_norm(
        "input running_mean running_var weight=None bias=None training=False momentum=0.1 eps=1e-5"
    ),
    "native_batch_norm": batch_norm("input weight bias running_mean running_var training momentum eps"),
    "_native_batch_norm_legit": batch_norm("input weight bias running_mean running_var training momentum eps"),
    "_batch_norm_with_update": batch_norm("input weight bias running_mean running_var momentum eps training=True"),
    "nn.functional.group_norm": group_norm("input groups weight=None bias=None eps=1e-5"),
    "native_group_norm": group_norm("input weight bias n c hw groups eps"),
    "nn.functional.instance_norm": instance_norm,
    "nn.functional.layer_norm": layer_norm,
    "native_layer_norm": layer_norm,
    "nn.functional.local_response_norm": local_norm,
    "nn.functional.normalize": normalize,
    "nn.functional.linear": linear,
    "nn.functional.bilinear": bilinear,
    "nn.functional.glu": glu,
    "nn.functional.prelu": prelu,
}
