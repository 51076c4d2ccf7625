"""The words of a drawing: an op with its main arguments, a block with its own, shapes, and what a tooltip says."""

from collections.abc import Iterator
from typing import Any

from ..ir import Apply, Call, Region, Value, known
from ..ops.formula import factor, shape_text
from ..ops.kinds import REQUIRED
from ..symbolic import Sym

FAMILIES: dict[str, tuple[str, ...]] = {
    "conv": ("conv", "dwconv", "deconv", "wsconv", "deformconv"),
    "linear": ("fc", "bilinear"),
    "norm": ("bn", "ln", "gn", "instnorm", "l2norm", "lrn", "grn"),
    "activation": (
        *("relu", "relu6", "lrelu", "sigmoid", "tanh", "softmax", "prelu", "elu", "silu", "gelu", "hardsigmoid"),
        *("hardswish", "abs", "rrelu", "hardtanh", "selu", "celu", "mish", "softplus", "softsign", "logsigmoid"),
        *("logsoftmax", "hardgate", "maxout"),
    ),
    "pool": (
        *("maxpool", "avgpool", "adaptive_avgpool", "gap", "adaptive_maxpool", "gmp", "unpool", "lppool", "blurpool"),
        *("cmean", "cmax"),
    ),
    "combine": ("add", "sub", "mul", "div", "concat"),
    "dropout": ("dropout", "dropout2d", "droppath"),
    "attention": ("tokens", "mhsa", "nonlocal"),
    "shape": (
        *("flatten", "slice", "shuffle", "pixelshuffle", "pixelunshuffle", "pad", "upsample", "reshape", "crop"),
        *("permute", "scale"),
    ),
}
"""The ops that share a colour."""
FAMILY = {op: family for family, ops in FAMILIES.items() for op in ops}
FOLLOWERS = ("norm", "activation", "dropout")
"""Families that join the box of the layer before them."""

SIGNS = {"add": "+", "sub": "−", "mul": "×", "div": "÷"}
FIRST = ("k", "c", "n", "size", "heads", "groups", "p")
"""Arguments whose bare value comes first, in this order: `conv 3×3, 64`."""
HIDDEN = (
    "bias",
    "eps",
    "momentum",
    "affine",
    "reparam",
    "pad_mode",
    "ceil",
    "count_pad",
    "align_corners",
    "learn",
    "op",
)
"""Arguments that only the tooltip tells."""
LONGEST, BLOCK = 44, 34
"""How many characters a line has at most, and a block's heading before arguments are left out."""


def clipped(text: str, most: int = LONGEST) -> str:
    """A line that fits in a box, in one line and without control characters."""
    text = "".join(c if c.isprintable() else " " for c in text)
    return text if len(text) <= most else text[: most - 1] + "…"


def op_text(step: Apply) -> str:
    """`conv 3×3, 64, s=2`."""
    name = step.op.name
    if name in SIGNS:
        return SIGNS[name]
    given = _arguments(step)
    first = [value_text(name, given.pop(name)) for name in FIRST if name in given]
    rest = [f"{key}={value_text(key, value)}" for key, value in given.items()]
    return clipped(" ".join(filter(None, [name, ", ".join([*first, *rest])])))


def _arguments(step: Apply) -> dict[str, Any]:
    """The attributes that a reader wants to see: no paddings, and nothing that goes without saying."""
    attrs = step.attrs._asdict()
    kept = {}
    for key, value in attrs.items():
        kind = step.op.params.get(key)
        plain = value is not None and not isinstance(value, bool)
        padding = key == "p" and isinstance(value, tuple)
        usual = (
            kind is not None and kind.default is not REQUIRED and key not in FIRST and _is_default(value, kind.default)
        )
        if plain and not padding and not usual and key not in HIDDEN:
            kept[key] = value
    if kept.get("s") == kept.get("k"):
        kept.pop("s", None)  # pooling windows side by side
    if "s" in kept and all(extent == 1 for extent in _tuple(kept["s"])) and "pool" not in step.op.name:
        kept.pop("s")
    if "scale" in kept:
        kept.pop("size", None)
    return {"k": attrs["k"]} if step.op.name == "unpool" else kept


def _is_default(value: Any, default: Any) -> bool:
    return bool(value == default or (isinstance(value, tuple) and value and all(v == default for v in value)))


def _tuple(value: Any) -> tuple[Any, ...]:
    return value if isinstance(value, tuple) else (value,)


def value_text(key: str, value: Any) -> str:
    """A window as 3×3, equal extents of anything else as one number."""
    if not isinstance(value, tuple):
        return f"{value:g}" if isinstance(value, float) else str(value)
    if key != "k" and len(set(value)) == 1:
        return value_text(key, value[0])
    return "×".join(value_text(key, v) for v in value)


def block_text(region: Region) -> str:
    """`bottleneck(64, s=1)`, as far as it fits."""
    args = [_plain(v) if i == 0 else f"{key}={_plain(v)}" for i, (key, v) in enumerate(region.args.items())]
    kept = len(args)
    while kept > 1 and len(region.title) + len(", ".join(args[:kept])) > BLOCK:
        kept -= 1
    shown = ", ".join([*args[:kept], *(["…"] if kept < len(args) else [])])
    return clipped(f"{region.title}({shown})" if args else region.title)


def _plain(value: Any) -> str:
    return f"({', '.join(map(_plain, value))})" if isinstance(value, tuple) else str(value)


def shape_of(value: Value) -> str:
    """A tensor's shape as arrows show it: 64×112×112."""
    return clipped("×".join(factor(n) if isinstance(n, Sym) else str(n) for n in known(value)))


def layer_tip(step: Apply, path: str, params: Any, macs: Any) -> Iterator[str]:
    """A layer's full figures, line by line, for one of its equals."""
    attrs = ", ".join(f"{key}={_plain(value)}" for key, value in step.attrs._asdict().items())
    yield f"{path}: {step.op.name}({attrs})"
    yield f"{', '.join(map(shape_text, step.in_shapes))} → {shape_text(step.out_shape)}"
    yield _figures(params, macs)


def block_tip(step: Call, path: str, params: Any, macs: Any, layers: int) -> Iterator[str]:
    """A block's, for one of its equals."""
    args = ", ".join(f"{key}={_plain(value)}" for key, value in step.region.args.items())
    yield f"{path}: {step.region.title}({args})"
    shapes = [", ".join(shape_text(known(v)) for v in values) for values in (step.inputs, step.outputs)]
    yield " → ".join(shapes)
    yield f"{layers:,} layers, {_figures(params, macs)}"


def _figures(params: Any, macs: Any) -> str:
    return ", ".join(
        f"{amount:,} {unit}" if isinstance(amount, int) else f"{amount} {unit}"
        for amount, unit in ((params, "parameters"), (macs, "MACs"))
        if not isinstance(amount, int) or amount
    )
