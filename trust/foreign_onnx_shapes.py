"""The node tests of ONNX as programs: activations, operators, padding, resizing and shapes."""

from math import ceil, floor

import numpy as np
from foreign_node import Node, Rule, floating
from foreign_program import Array, Program, Skip, along, call, chained, combined, declared, elementwise, lead
from foreign_torch_shapes import concatenation, padded, reduced

LARGEST = 3.4028234663852886e38


def activation(layer: str, **names: tuple[str, float]) -> Rule:
    """An activation; each name is the language's, with ONNX's name of it and its default."""

    def translate(node: Node) -> Program:
        arguments = {ours: node.attribute(theirs, default) for ours, (theirs, default) in names.items()}
        return elementwise(node.x, call(layer, **arguments), node.y)

    return translate


def only(layer: str, **required: float) -> Rule:
    """An activation that the language has with these values of the attributes alone."""
    defaults = {("HardSigmoid", "alpha"): 0.2, ("HardSigmoid", "beta"): 0.5, ("Swish", "alpha"): 1.0}

    def translate(node: Node) -> Program:
        for name, value in required.items():
            if not np.isclose(node.attribute(name, defaults.get((node.op, name))), value):
                raise Skip(f"the argument {name} of {node.op}")
        return elementwise(node.x, layer, node.y)

    return translate


def selu(node: Node) -> Program:
    """γ·ELU(α), which is SELU with the standard's numbers."""
    if not node.attributes:
        return elementwise(node.x, "selu", node.y)
    alpha, gamma = (
        node.attribute("alpha", 1.67326319217681884765625),
        node.attribute("gamma", 1.05070102214813232421875),
    )
    return elementwise(node.x, f"{call('elu', alpha)} -> {call('scale', gamma, learn=False)}", node.y)


def gelu(node: Node) -> Program:
    return elementwise(node.x, call("gelu", node.attribute("approximate", "none")), node.y)


def prelu(node: Node) -> Program:
    """A slope for each channel of any axis; for each element, max(x, 0) − slope·max(−x, 0)."""
    x, slope = node.x, node.inputs[1]
    wide = (1,) * (x.ndim - slope.ndim) + slope.shape
    axes = [i for i, n in enumerate(wide) if n != 1]
    if len(axes) == 1:
        return along(x, axes[0], "prelu(per_channel=true) as op", node.y, weights={"op.weight": slope.reshape(-1)})
    return combined([x, slope], "x0 -> (relu - x1 * (scale(-1, learn=false) -> relu))", node.y)


def clip(node: Node) -> Program:
    low, high = (None if node.input(i) is None else float(node.input(i)) for i in (1, 2))
    if low is None and high is None:
        return elementwise(node.x, "id", node.y)
    lo, hi = -LARGEST if low is None else low, LARGEST if high is None else high
    rule = "lo must be below hi in the language; ONNX then gives hi everywhere" if lo >= hi else ""
    return elementwise(node.x, call("hardtanh", lo, hi), node.y, rule=rule, code="E0227")


def softmax(layer: str) -> Rule:
    return lambda node: along(node.x, node.attribute("axis", -1), layer, node.y)


def operator(sign: str) -> Rule:
    def translate(node: Node) -> Program:
        return combined([floating(x) for x in node.inputs], f"x0 -> (id {sign} x1)", node.y)

    return translate


def total(mean: bool) -> Rule:
    def translate(node: Node) -> Program:
        arrays = [floating(x) for x in node.inputs]
        terms = " + ".join(["id", *(f"x{i}" for i in range(1, len(arrays)))])
        text = f"x0 -> ({terms})"
        return combined(arrays, f"{text} -> {call('scale', 1 / len(arrays), learn=False)}" if mean else text, node.y)

    return translate


def concat(node: Node) -> Program:
    return concatenation([floating(x) for x in node.inputs], node.attribute("axis"), node.y)


def dropout(node: Node) -> Program:
    if node.input(2) is not None and bool(node.input(2)):
        raise Skip("training mode")
    ratio = 0.5 if node.input(1) is None else float(node.input(1))
    return elementwise(node.x, call("dropout", node.attribute("ratio", ratio)), node.y)


# Shapes


def viewed(node: Node, x: Array | None = None) -> Program:
    """Any change of the shape alone, the batch being one of the axes."""
    x = node.x if x is None else x
    if node.y.ndim == 0 or x.ndim == 0:
        raise Skip("a scalar")
    if node.y.ndim > 4:
        raise Skip("more axes than the language has")
    return chained(lead(x, 1), call("reshape", node.y.shape), lead(node.y, 1))


def flatten(node: Node) -> Program:
    if node.attribute("axis", 1) % node.x.ndim == 1:
        return chained(node.x, "flatten", node.y)
    return viewed(node)


def transpose(node: Node) -> Program:
    x = node.x
    order = node.attribute("perm") or tuple(reversed(range(x.ndim)))
    return chained(lead(x, 1), call("permute", order), lead(node.y, 1))


def slices(node: Node) -> Program:
    """A stretch of each axis, one after the other."""
    x, starts, ends = node.x, *(list(map(int, node.inputs[i])) for i in (1, 2))
    axes = range(len(starts)) if node.input(3) is None else [int(a) % x.ndim for a in node.inputs[3]]
    steps = [1] * len(starts) if node.input(4) is None else list(map(int, node.inputs[4]))
    if any(step != 1 for step in steps):
        raise Skip("a step of a slice")
    chain = []
    for axis, start, end in zip(axes, starts, ends, strict=True):
        start, end, _ = slice(start, end).indices(x.shape[axis])
        program = along(np.zeros((2,) * (x.ndim + 1), np.float32), axis + 1, call("slice", start, end), None)
        chain.append(program.text.split("x0 -> ", 1)[1])
    return chained(lead(x, 1), " -> ".join(chain), lead(node.y, 1))


def split(node: Node) -> Program:
    x, axis = node.x, node.attribute("axis", 0) % node.x.ndim
    parts = node.results
    if axis == 0:
        x, axis, parts = lead(x, 1), 1, [lead(y, 1) for y in parts]
    if not all(y.size for y in parts):
        raise Skip("a result without elements")
    if axis != 1:
        raise Skip("a split of positions")
    ends = np.cumsum([y.shape[1] for y in parts])
    outputs = [f"x0 -> {call('slice', int(end) - y.shape[1], int(end))}" for y, end in zip(parts, ends, strict=True)]
    return Program(declared([x], *outputs), (x,), tuple(parts))


def center_crop(node: Node) -> Program:
    """All axes are positions of one channel; what grows is padded after it is cropped."""
    x, y = lead(node.x, 2), lead(node.y, 2)
    if x.ndim > 5:
        raise Skip("more axes than the language has")
    pairs = list(zip(x.shape[2:], y.shape[2:], strict=True))
    chain = call("crop", tuple(min(n, m) for n, m in pairs))
    grown = tuple(((m - n) // 2, m - n - (m - n) // 2) if m > n else (0, 0) for n, m in pairs)
    return chained(x, f"{chain} -> {call('pad', grown)}", y)


def reduce(over_channels: str, over_positions: str) -> Rule:
    def translate(node: Node) -> Program:
        axes = None if node.input(1) is None else [int(a) for a in node.inputs[1]]
        if not node.inputs[0].size:
            raise Skip("an input without elements")
        return reduced(node.x, axes, node.y, over_channels, over_positions)

    return translate


def pad(node: Node) -> Program:
    """Integers are padded as numbers, for padding only moves elements."""
    x = node.inputs[0].astype(np.float32)
    mode = {"edge": "replicate", "wrap": "circular"}.get(node.attribute("mode"), node.attribute("mode", "constant"))
    pads = list(map(int, node.inputs[1]))
    axes = range(x.ndim) if node.input(3) is None else [int(a) % x.ndim for a in node.inputs[3]]
    both = [(0, 0)] * x.ndim
    for i, axis in enumerate(axes):
        both[axis] = (pads[i], pads[i + len(pads) // 2])
    while len(both) > 1 and both[0] == (0, 0) and len(both) > x.ndim - 2:
        both = both[1:]
    value = 0.0 if node.input(2) is None else float(node.inputs[2])
    return padded(x, both, mode, value, node.y.astype(np.float64))


# Rearrangement and resizing


def depth_to_space(node: Node) -> Program:
    """The mode DCR counts blocks before channels: a channel shuffle makes it CRD, which is pixel shuffling."""
    b = node.attribute("blocksize")
    first = f"{call('shuffle', b * b)} -> " if node.attribute("mode", "DCR") == "DCR" else ""
    return chained(node.x, f"{first}{call('pixelshuffle', b)}", node.y)


def space_to_depth(node: Node) -> Program:
    last = f" -> {call('shuffle', node.x.shape[1])}" if node.attribute("mode", "DCR") == "DCR" else ""
    return chained(node.x, f"{call('pixelunshuffle', node.attribute('blocksize'))}{last}", node.y)


def resize(node: Node) -> Program:
    """Where ONNX's rule of coordinates gives the same places as PyTorch's, which the language follows."""
    x, y = node.x, node.y
    if x.shape[:2] != y.shape[:2]:
        raise Skip("a resized batch or channel axis")
    for name in ("antialias", "exclude_outside"):
        if node.attribute(name, 0):
            raise Skip(f"the argument {name} of Resize")
    mode, rank = node.attribute("mode", "nearest"), x.ndim - 2
    factors = _factors(node)
    rule = node.attribute("coordinate_transformation_mode", "asymmetric" if node.op == "Upsample" else "half_pixel")
    if rule == "tf_crop_and_resize":
        raise Skip("regions of Resize")
    if mode == "nearest":
        rounding = node.attribute("nearest_mode", "floor" if node.op == "Upsample" else "round_prefer_floor")
        for n, m, f in zip(x.shape[2:], y.shape[2:], factors, strict=True):
            if [_nearest(i, n, m, f, rule, rounding) for i in range(m)] != [i * n // m for i in range(m)]:
                raise Skip("a rule of coordinates of Resize that differs from PyTorch's")
        return chained(x, call("upsample", size=y.shape[2:]), y)
    corners = rule == "align_corners"
    whole = all(n * f == m for n, m, f in zip(x.shape[2:], y.shape[2:], factors, strict=True))
    if not whole or not (corners or rule in ("half_pixel", "half_pixel_symmetric")):
        raise Skip("a rule of coordinates of Resize that differs from PyTorch's")
    if mode == "cubic" and node.attribute("cubic_coeff_a", -0.75) != -0.75:
        raise Skip("the argument cubic_coeff_a of Resize")
    word = "bicubic" if mode == "cubic" else {1: "linear", 2: "bilinear", 3: "trilinear"}[rank]
    return chained(x, call("upsample", size=y.shape[2:], mode=word, align_corners=corners), y)


def _factors(node: Node) -> list[float]:
    """By what each position axis grows; a size gives the ratio of extents."""
    x, y = node.x, node.y
    scales = node.inputs[1] if node.op == "Upsample" else node.input(2)
    if scales is None or not scales.size:
        return [m / n for n, m in zip(x.shape[2:], y.shape[2:], strict=True)]
    axes = node.attribute("axes") or range(x.ndim)
    given: dict[int, float] = {axis: float(np.float32(f)) for axis, f in zip(axes, scales, strict=True)}
    return [given.get(axis, 1.0) for axis in range(2, x.ndim)]


def _nearest(i: int, n: int, m: int, factor: float, rule: str, rounding: str) -> int:
    """Which of n elements ONNX takes for the i-th of m."""
    if rule == "align_corners":
        u = i * (n - 1) / (m - 1) if m > 1 else 0.0
    else:
        u = i / factor if rule == "asymmetric" else (i + 0.5) / factor - 0.5
    rounded = {
        "floor": floor(u), "ceil": ceil(u), "round_prefer_floor": ceil(u - 0.5), "round_prefer_ceil": floor(u + 0.5),
    }[rounding]  # fmt: skip
    return min(max(rounded, 0), n - 1)


SHAPES: dict[str, Rule] = {
    **{name: activation(ours) for name, ours in (
        ("Abs", "abs"), ("Relu", "relu"), ("Sigmoid", "sigmoid"), ("Tanh", "tanh"), ("HardSwish", "hardswish"),
        ("Mish", "mish"), ("Softplus", "softplus"), ("Softsign", "softsign"), ("Identity", "id"),
    )},
    "LeakyRelu": activation("lrelu", a=("alpha", 0.01)),
    "Elu": activation("elu", a=("alpha", 1.0)),
    "Celu": activation("celu", a=("alpha", 1.0)),
    "HardSigmoid": only("hardsigmoid", alpha=1 / 6, beta=0.5),
    "Swish": only("silu", alpha=1.0),
    "Selu": selu,
    "Gelu": gelu,
    "PRelu": prelu,
    "Clip": clip,
    "Softmax": softmax("softmax"),
    "LogSoftmax": softmax("logsoftmax"),
    **{name: operator(sign) for name, sign in (("Add", "+"), ("Sub", "-"), ("Mul", "*"), ("Div", "/"))},
    "Sum": total(False),
    "Mean": total(True),
    "Concat": concat,
    "Dropout": dropout,
    "Flatten": flatten,
    "Reshape": viewed,
    "Squeeze": viewed,
    "Unsqueeze": viewed,
    "Transpose": transpose,
    "Slice": slices,
    "Split": split,
    "CenterCropPad": center_crop,
    "ReduceMean": reduce("cmean", "gap"),
    "ReduceMax": reduce("cmax", "gmp"),
    "Pad": pad,
    "DepthToSpace": depth_to_space,
    "SpaceToDepth": space_to_depth,
    "Resize": resize,
    "Upsample": resize,
}  # fmt: skip
