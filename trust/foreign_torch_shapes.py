"""PyTorch's own test samples (OpInfo) as programs: activations, operators, padding, interpolation and shapes."""

from math import prod
from typing import Any

from foreign_program import (
    Array,
    Program,
    Skip,
    along,
    batched,
    call,
    chained,
    combined,
    declared,
    each,
    elementwise,
    lead,
)
from foreign_sample import Translator, array, bound, result


def activation(layer: str, signature: str = "input", **renamed: str) -> Translator:
    """An activation; `renamed` says what the language calls PyTorch's arguments."""

    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, signature)
        if getattr(a, "training", False):
            raise Skip("training mode")
        named = {ours: getattr(a, theirs) for theirs, ours in renamed.items()}
        return elementwise(array(a.input), call(layer, **named), result(made), wrong=made is None)

    return translate


def hardtanh(sample: Any, made: Any) -> Program:
    a = bound(sample, "input min_val=-1.0 max_val=1.0")
    rule = "lo must be below hi in the language, as in torch.nn.Hardtanh; the function allows both equal"
    rest = {"rule": rule, "code": "E0227"} if a.min_val == a.max_val else {}
    return elementwise(array(a.input), call("hardtanh", a.min_val, a.max_val), result(made), wrong=made is None, **rest)


def softmax(layer: str) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input dim dtype=None")
        return along(array(a.input), a.dim, layer, result(made))

    return translate


def dropout(layer: str) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input p=0.5 training=True inplace=False")
        if a.training:
            raise Skip("training mode")
        return elementwise(array(a.input), call(layer, a.p), result(made))

    return translate


def operator(sign: str) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input other alpha=1 rounding_mode=None")
        if a.rounding_mode:
            raise Skip("the argument rounding_mode")
        expected = result(made)
        assert expected is not None
        second = "x1" if a.alpha == 1 else f"(x1 -> {call('scale', a.alpha, learn=False)})"
        return combined((array(a.input), array(a.other)), f"x0 -> (id {sign} {second})", expected)

    return translate


def cat(sample: Any, made: Any) -> Program:
    a = bound(sample, "tensors dim=0 out=None")
    if a.out is not None or not a.tensors or not all(hasattr(x, "shape") for x in a.tensors):
        raise Skip("the argument out, or something other than tensors")
    arrays, expected = [array(x) for x in a.tensors], result(made)
    if expected is None:
        shapes = {x.shape[:1] for x in arrays}
        if len(shapes) > 1 or a.dim != 1 or any(x.ndim < 2 for x in arrays):
            raise Skip("a refusal that is about the batch axis")
    return concatenation(arrays, a.dim, expected)


def concatenation(arrays: list[Array], dim: int, expected: Array | None) -> Program:
    if any(x.ndim == 0 or not x.size for x in arrays):
        raise Skip("an input without elements")
    dim %= arrays[0].ndim
    if dim == 0:
        arrays, expected, dim = [lead(x, 1) for x in arrays], lead(expected, 1), 1
    others = [f"x{i}" for i in range(1, len(arrays))]
    if expected is None:
        return Program(declared(arrays, f"x0 -> [{', '.join(['id', *others])}]"), wrong=True)
    if dim == 1:
        return combined(arrays, f"x0 -> [{', '.join(['id', *others])}]", expected)
    front = [dim - 1, *(i for i in range(arrays[0].ndim - 1) if i != dim - 1)]
    back = [front.index(i) for i in range(arrays[0].ndim - 1)]
    branches = [f"{call('permute', front)}", *(f"{x} -> {call('permute', front)}" for x in others)]
    return combined(arrays, f"x0 -> [{', '.join(branches)}] -> {call('permute', back)}", expected)


def permute(sample: Any, made: Any) -> Program:
    a = bound(sample, "input dims")
    x = array(a.input)
    return chained(lead(x, 1), call("permute", [d % x.ndim for d in a.dims]), lead(result(made), 1))


def flatten(sample: Any, made: Any) -> Program:
    a = bound(sample, "input start_dim=0 end_dim=-1")
    x, expected = array(a.input), result(made)
    if a.start_dim == 0 or x.ndim == 1:
        x, expected = lead(x, 1), lead(expected, 1)
    return chained(x, "flatten", expected)


def reshape(sample: Any, made: Any) -> Program:
    a = bound(sample, "input shape")
    x, shape = array(a.input), tuple(a.shape)
    if not shape:
        raise Skip("a scalar result")
    known = prod(n for n in shape if n != -1)
    if shape.count(-1) > 1 or not known:
        raise Skip("extents that the language does not infer")
    whole = tuple(x.size // known if n == -1 else n for n in shape)
    return chained(lead(x, 1), call("reshape", whole), lead(result(made), 1), wrong=made is None)


def narrow(sample: Any, made: Any) -> Program:
    a = bound(sample, "input dim start length")
    if not all(isinstance(v, int) for v in (a.dim, a.start, a.length)):
        raise Skip("positions that are tensors")
    x, expected = array(a.input), result(made)
    start = a.start + x.shape[a.dim] if a.start < 0 and made is not None else a.start
    return along(x, a.dim, call("slice", start, start + a.length), expected, wrong=made is None)


def reduction(over_channels: str, over_positions: str) -> Translator:
    """Means and maxima of channels or of all positions; without keepdim the axes are dropped."""

    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, "input dim=None keepdim=False dtype=None")
        if made is None:
            raise Skip("a refusal of types, outputs or axes that the language does not name")
        return reduced(array(a.input), a.dim, result(made), over_channels, over_positions)

    return translate


def reduced(x: Array, dim: Any, expected: Any, over_channels: str, over_positions: str) -> Program:
    if x.ndim == 0:
        raise Skip("a scalar input")
    given = range(x.ndim) if dim in (None, (), []) else (dim,) if isinstance(dim, int) else dim
    axes = sorted({d % x.ndim for d in given})
    if axes[0] == 0:
        x, expected, axes = lead(x, 1), lead(expected, 1), [d + 1 for d in axes]
    if len(axes) == 1:
        order = [axes[0] - 1, *(i for i in range(x.ndim - 1) if i != axes[0] - 1)]
        chain = f"{call('permute', order)} -> {over_channels}" if axes[0] != 1 else over_channels
    elif axes == list(range(1, x.ndim)):
        chain = f"{call('reshape', (1, prod(x.shape[1:])))} -> {over_positions}"
    elif axes == list(range(2, x.ndim)):
        chain = over_positions
    else:
        raise Skip("a reduction of some positions only")
    kept = expected.shape[1:] or (1,)
    return chained(x, f"{chain} -> {call('reshape', kept)}", expected.reshape(x.shape[0], *kept))


# Padding


def pad(sample: Any, made: Any) -> Program:
    a = bound(sample, "input pad mode='constant' value=None")
    sides = [(a.pad[i], a.pad[i + 1]) for i in range(0, len(a.pad), 2)][::-1]
    return padded(array(a.input), sides, a.mode, a.value or 0.0, result(made), made is None)


def constant_pad(sample: Any, made: Any) -> Program:
    a = bound(sample, "input pad value=0.0")
    sides = [(a.pad[i], a.pad[i + 1]) for i in range(0, len(a.pad), 2)][::-1]
    return padded(array(a.input), sides, "constant", a.value, result(made), made is None)


def padded(x: Array, sides: Any, mode: str, value: float, expected: Array | None, wrong: bool = False) -> Program:
    """The last axes padded; axes of 1 go in front so that all of them are positions. Negative padding is a crop."""
    if x.ndim == 0:
        raise Skip("a scalar input")
    spatial = max(len(sides), x.ndim - 2)
    if spatial > 3:
        raise Skip("more axes than the language has")
    extra = spatial + 2 - x.ndim
    x, expected = lead(x, extra), lead(expected, extra)
    sides = [(0, 0)] * (spatial - len(sides)) + [tuple(map(int, pair)) for pair in sides]
    grown = tuple((max(b, 0), max(e, 0)) for b, e in sides)
    shrunk = tuple((max(-b, 0), max(-e, 0)) for b, e in sides)
    chain = call("pad", grown, mode=mode, value=value if mode == "constant" else None)
    if any(map(any, shrunk)):
        cut = call("crop", p=shrunk)
        chain = f"{cut} -> {chain}" if mode == "circular" else f"{chain} -> {cut}"
    return chained(x, chain, expected, wrong=wrong)


# Interpolation and rearrangement


def interpolate(sample: Any, made: Any) -> Program:
    names = "input size=None scale_factor=None mode='nearest' align_corners=None recompute_scale_factor=None"
    a = bound(sample, f"{names} antialias=False")
    return resized(a, a.mode, bool(a.align_corners), result(made))


def resized(a: Any, mode: str, corners: bool, expected: Array | None) -> Program:
    x = array(a.input)
    rank = x.ndim - 2
    assert expected is not None
    if mode == "nearest-exact" or getattr(a, "antialias", False):
        raise Skip(f"the mode {mode}" if mode == "nearest-exact" else "the argument antialias")
    size, scale = expected.shape[2:], a.scale_factor
    if mode == "area":
        return chained(x, call("adaptive_avgpool", size), expected)
    recomputed = getattr(a, "recompute_scale_factor", False)
    if scale is not None and not recomputed and not corners:  # the factor itself says where outputs lie
        factors = (
            each(scale, rank) if isinstance(scale, int) else (scale,) * rank if isinstance(scale, float) else scale
        )
        if any(n * f != m for n, f, m in zip(x.shape[2:], factors, size, strict=True)):
            raise Skip("a scale_factor that is no ratio of extents")
    return chained(x, call("upsample", size=size, mode=mode, align_corners=corners), expected)


def upsample(mode: str, corners: bool) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        return resized(bound(sample, "input size=None scale_factor=None"), mode, corners, result(made))

    return translate


def rearranged(layer: str, factor: str, rank: int = 2) -> Translator:
    def translate(sample: Any, made: Any) -> Program:
        a = bound(sample, f"input {factor}")
        x, expected = batched(array(a.input), result(made), rank)
        return chained(x, call(layer, getattr(a, factor)), expected, wrong=made is None)

    return translate


SHAPES: dict[str, Translator] = {
    **{name: activation(name) for name in ("abs", "sigmoid", "tanh")},
    **{
        f"nn.functional.{name}": activation(name, "input inplace=False")
        for name in ("relu", "relu6", "selu", "silu", "hardswish", "hardsigmoid", "logsigmoid", "mish", "softsign")
    },
    "nn.functional.tanhshrink": activation("(id - tanh)"),
    "nn.functional.leaky_relu": activation("lrelu", "input negative_slope=0.01 inplace=False", negative_slope="a"),
    "nn.functional.elu": activation("elu", "input alpha=1.0 inplace=False", alpha="a"),
    "nn.functional.celu": activation("celu", "input alpha=1.0 inplace=False", alpha="a"),
    "nn.functional.gelu": activation("gelu", "input approximate='none'", approximate="approx"),
    "nn.functional.rrelu": activation(
        "rrelu", "input lower=0.125 upper=1/3 training=False inplace=False", lower="lo", upper="hi"
    ),
    "nn.functional.softplus": activation("softplus", "input beta=1 threshold=20", beta="beta", threshold="threshold"),
    "nn.functional.hardtanh": hardtanh,
    "softmax": softmax("softmax"),
    "log_softmax": softmax("logsoftmax"),
    "nn.functional.softmin": softmax("scale(-1, learn=false) -> softmax"),
    "nn.functional.dropout": dropout("dropout"),
    "nn.functional.dropout2d": dropout("dropout2d"),
    "nn.functional.dropout3d": dropout("dropout2d"),
    **{name: operator(sign) for name, sign in (("add", "+"), ("sub", "-"), ("mul", "*"), ("div", "/"))},
    "true_divide": operator("/"),
    "cat": cat,
    "permute": permute,
    "flatten": flatten,
    "reshape": reshape,
    "narrow": narrow,
    "mean": reduction("cmean", "gap"),
    "amax": reduction("cmax", "gmp"),
    "nn.functional.pad": pad,
    "constant_pad_nd": constant_pad,
    "nn.functional.interpolate": interpolate,
    "nn.functional.upsample_nearest": upsample("nearest", False),
    "nn.functional.upsample_bilinear": upsample("bilinear", True),
    "nn.functional.pixel_shuffle": rearranged("pixelshuffle", "upscale_factor"),
    "nn.functional.pixel_unshuffle": rearranged("pixelunshuffle", "downscale_factor"),
    "nn.functional.channel_shuffle": rearranged("shuffle", "groups"),
}
