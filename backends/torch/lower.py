"""Each op as PyTorch: the module that holds it, and the function that a `forward` may call instead."""

import json
from collections.abc import Callable
from typing import Any, NamedTuple

from ...compiler.ir import Apply
from ...compiler.ops.base import Shape
from ...compiler.ops.conv import Conv


class Arg(NamedTuple):
    """One argument of a constructor; `default` is PyTorch's own, at which it is not written."""

    name: str
    value: Any
    default: Any = None


class New(NamedTuple):
    """A constructor call."""

    callee: str
    args: tuple[Arg, ...] = ()


def literal(value: Any) -> str:
    """A value as source text, strings in the quotes that formatters prefer."""
    return json.dumps(value) if isinstance(value, str) else repr(value)


class Function(NamedTuple):
    """A function call on the operand, with the text of its further arguments."""

    callee: str
    rest: tuple[str, ...] = ()


class Code(NamedTuple):
    """How one op is written.

    module: the constructor, for ops with state or settings, and for every op inside `nn.Sequential`.
    function: a function of the tensor for ops that need neither.
    template: an expression with `{x}` for the operand. infix: an operator between tensors; concat: joins any number.
    flatten: whether the operand is flattened first. helper: a class that the source must define.
    extra: the text of one more argument of the call.
    """

    module: New | None = None
    function: Function | None = None
    template: str | None = None
    infix: str | None = None
    concat: bool = False
    flatten: bool = False
    helper: str | None = None
    extra: str | None = None


class Context(NamedTuple):
    """What a lowering may use: whether the op may overwrite its operand, whether it must be a module, its results."""

    inplace: bool
    as_module: bool
    outputs: int = 1


Lowering = Callable[[Any, Shape, Context], Code]
LOWERINGS: dict[str, Lowering] = {}


def lowers(*names: str) -> Callable[[Lowering], Lowering]:
    """Register a function `(attributes, input shape, context) -> Code` for ops."""

    def register(function: Lowering) -> Lowering:
        for name in names:
            LOWERINGS[name] = function
        return function

    return register


def lower(step: Apply, inplace: bool, as_module: bool) -> Code:
    """The code of one application."""
    return LOWERINGS[step.op.name](step.attrs, step.in_shapes[0], Context(inplace, as_module, len(step.outputs)))


def compact(values: tuple[int, ...]) -> Any:
    """One number where all axes agree, as people write it."""
    return values[0] if len(set(values)) == 1 else values


def settings(**values: tuple[Any, Any]) -> tuple[Arg, ...]:
    """Keyword arguments with their defaults, from name=(value, default)."""
    return tuple(Arg(name, value, default) for name, (value, default) in values.items())


def outer_pad(pairs: tuple[tuple[int, int], ...]) -> tuple[int, ...]:
    """Padding in `F.pad`'s order: last axis first, before and after."""
    return tuple(side for pair in reversed(pairs) for side in pair)


@lowers("conv", "dwconv")
def _conv(a: Conv, x: Shape, context: Context) -> Code:
    rank = len(a.k)
    symmetric = all(before == after for before, after in a.p)
    base = (Arg("in_channels", x[0]), Arg("out_channels", a.c), Arg("kernel_size", compact(a.k)))
    padding = compact(tuple(before for before, _ in a.p)) if symmetric else 0
    rest = settings(
        stride=(compact(a.s), 1), padding=(padding, 0), dilation=(compact(a.d), 1), groups=(a.g, 1), bias=(a.bias, True)
    )
    if symmetric:
        mode = settings(padding_mode=(a.pad_mode if padding else "zeros", "zeros"))
        return Code(New(f"nn.Conv{rank}d", (*base, *rest, *mode)))
    mode = settings(mode=({"zeros": "constant"}.get(a.pad_mode, a.pad_mode), "constant"))
    return Code(
        New(f"PaddedConv{rank}d", (*base, Arg("pad", outer_pad(a.p)), *rest, *mode)), helper=f"PaddedConv{rank}d"
    )


@lowers("maxpool")
def _maxpool(a: Any, x: Shape, context: Context) -> Code:
    rank = len(a.k)
    stride = settings(stride=(compact(a.s), compact(a.k)))
    rest = settings(dilation=(compact(a.d), 1), return_indices=(context.outputs > 1, False), ceil_mode=(a.ceil, False))
    if all(before == after for before, after in a.p):
        padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
        return Code(New(f"nn.MaxPool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *padding, *rest)))
    name = f"PaddedMaxPool{rank}d"
    return Code(New(name, (Arg("kernel_size", compact(a.k)), Arg("pad", outer_pad(a.p)), *stride, *rest)), helper=name)


@lowers("avgpool")
def _avgpool(a: Any, x: Shape, context: Context) -> Code:
    rank = len(a.k)
    stride = settings(stride=(compact(a.s), compact(a.k)))
    rest = settings(ceil_mode=(a.ceil, False), count_include_pad=(a.count_pad, True))
    if all(before == after for before, after in a.p):
        padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
        return Code(New(f"nn.AvgPool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *padding, *rest)))
    name = f"PaddedAvgPool{rank}d"
    return Code(New(name, (Arg("kernel_size", compact(a.k)), Arg("pad", outer_pad(a.p)), *stride, *rest)), helper=name)


@lowers("adaptive_avgpool")
def _adaptive(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveAvgPool{len(a.size)}d", (Arg("output_size", compact(a.size)),)))


@lowers("gap")
def _gap(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveAvgPool{len(x) - 1}d", (Arg("output_size", 1),)))


@lowers("fc")
def _fc(a: Any, x: Shape, context: Context) -> Code:
    args = (Arg("in_features", x[0]), Arg("out_features", a.n), *settings(bias=(a.bias, True)))
    if context.as_module and len(x) > 1:
        return Code(New("FlatLinear", args), helper="FlatLinear")
    return Code(New("nn.Linear", args), flatten=len(x) > 1)


@lowers("flatten")
def _flatten(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Flatten"), Function("torch.flatten", ("1",)))


@lowers("slice")
def _slice(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("Slice", (Arg("start", a.a), Arg("stop", a.b))), helper="Slice")
    return Code(template=f"{{x}}[:, {a.a}:{a.b}]")


@lowers("bn")
def _bn(a: Any, x: Shape, context: Context) -> Code:
    rank = max(1, len(x) - 1)
    rest = settings(eps=(a.eps, 1e-5), momentum=(a.momentum, 0.1), affine=(a.affine, True))
    return Code(New(f"nn.BatchNorm{rank}d", (Arg("num_features", x[0]), *rest)))


@lowers("dropout")
def _dropout(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Dropout", (Arg("p", a.p),)))


@lowers("relu")
def _relu(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    text = ("inplace=True",) if context.inplace else ()
    return Code(New("nn.ReLU", flag), Function("F.relu", text))


@lowers("relu6")
def _relu6(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    text = ("inplace=True",) if context.inplace else ()
    return Code(New("nn.ReLU6", flag), Function("F.relu6", text))


@lowers("lrelu")
def _lrelu(a: Any, x: Shape, context: Context) -> Code:
    return Code(
        New("nn.LeakyReLU", (Arg("negative_slope", a.a), *settings(inplace=(context.inplace and a.a >= 0, False))))
    )


@lowers("sigmoid")
def _sigmoid(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Sigmoid"), Function("torch.sigmoid"))


@lowers("tanh")
def _tanh(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Tanh"), Function("torch.tanh"))


@lowers("softmax")
def _softmax(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.Softmax", (Arg("dim", 1),)), Function("torch.softmax", ("1",)))


@lowers("add")
def _add(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="+")


@lowers("sub")
def _sub(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="-")


@lowers("mul")
def _mul(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="*")


@lowers("div")
def _div(a: Any, x: Shape, context: Context) -> Code:
    return Code(infix="/")


@lowers("concat")
def _concat(a: Any, x: Shape, context: Context) -> Code:
    return Code(concat=True)


@lowers("deconv")
def _deconv(a: Any, x: Shape, context: Context) -> Code:
    base = (Arg("in_channels", x[0]), Arg("out_channels", a.c), Arg("kernel_size", compact(a.k)))
    rest = settings(
        stride=(compact(a.s), 1), padding=(compact(a.p), 0), output_padding=(compact(a.op), 0), groups=(a.g, 1),
        bias=(a.bias, True), dilation=(compact(a.d), 1),
    )  # fmt: skip
    return Code(New(f"nn.ConvTranspose{len(a.k)}d", (*base, *rest)))


@lowers("unpool")
def _unpool(a: Any, x: Shape, context: Context) -> Code:
    """The size is given at the call, since the pooling may have dropped positions at the end."""
    rank = len(a.k)
    padding = settings(padding=(compact(tuple(before for before, _ in a.p)), 0))
    stride = settings(stride=(compact(a.s), compact(a.k)))
    return Code(
        New(f"nn.MaxUnpool{rank}d", (Arg("kernel_size", compact(a.k)), *stride, *padding)), extra=f"{a.size[1:]}"
    )


@lowers("adaptive_maxpool")
def _adaptive_max(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveMaxPool{len(a.size)}d", (Arg("output_size", compact(a.size)),)))


@lowers("gmp")
def _gmp(a: Any, x: Shape, context: Context) -> Code:
    return Code(New(f"nn.AdaptiveMaxPool{len(x) - 1}d", (Arg("output_size", 1),)))


@lowers("ln")
def _ln(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(eps=(a.eps, 1e-5), elementwise_affine=(a.affine, True))
    if a.axes == "all" or len(x) == 1:
        return Code(New("nn.LayerNorm", (Arg("normalized_shape", compact(x) if len(x) == 1 else x), *rest)))
    return Code(New("ChannelNorm", (Arg("normalized_shape", x[0]), *rest)), helper="ChannelNorm")


@lowers("gn")
def _gn(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(eps=(a.eps, 1e-5), affine=(a.affine, True))
    return Code(New("nn.GroupNorm", (Arg("num_groups", a.groups), Arg("num_channels", x[0]), *rest)))


@lowers("instnorm")
def _instnorm(a: Any, x: Shape, context: Context) -> Code:
    rest = settings(eps=(a.eps, 1e-5), affine=(a.affine, False))
    return Code(New(f"nn.InstanceNorm{len(x) - 1}d", (Arg("num_features", x[0]), *rest)))


@lowers("l2norm")
def _l2norm(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("L2Norm"), Function("F.normalize"), helper="L2Norm" if context.as_module else None)


@lowers("prelu")
def _prelu(a: Any, x: Shape, context: Context) -> Code:
    channels = x[0] if a.per_channel else 1
    return Code(New("nn.PReLU", settings(num_parameters=(channels, 1), init=(a.init, 0.25))))


@lowers("elu")
def _elu(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.ELU", settings(alpha=(a.a, 1.0))))


@lowers("silu")
def _silu(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.SiLU", flag), Function("F.silu", ("inplace=True",) if context.inplace else ()))


@lowers("gelu")
def _gelu(a: Any, x: Shape, context: Context) -> Code:
    rest = () if a.approx == "none" else (f'approximate="{a.approx}"',)
    return Code(New("nn.GELU", settings(approximate=(a.approx, "none"))), Function("F.gelu", rest))


@lowers("hardsigmoid")
def _hardsigmoid(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.Hardsigmoid", flag), Function("F.hardsigmoid", ("inplace=True",) if context.inplace else ()))


@lowers("hardswish")
def _hardswish(a: Any, x: Shape, context: Context) -> Code:
    flag = settings(inplace=(context.inplace, False))
    return Code(New("nn.Hardswish", flag), Function("F.hardswish", ("inplace=True",) if context.inplace else ()))


@lowers("abs")
def _abs(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("Abs"), Function("torch.abs"), helper="Abs" if context.as_module else None)


@lowers("shuffle")
def _shuffle(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.ChannelShuffle", (Arg("groups", a.g),)), Function("F.channel_shuffle", (str(a.g),)))


@lowers("pixelshuffle")
def _pixelshuffle(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.PixelShuffle", (Arg("upscale_factor", a.r),)))


@lowers("pixelunshuffle")
def _pixelunshuffle(a: Any, x: Shape, context: Context) -> Code:
    return Code(New("nn.PixelUnshuffle", (Arg("downscale_factor", a.r),)))


@lowers("pad")
def _pad(a: Any, x: Shape, context: Context) -> Code:
    sides, rank = outer_pad(a.p), len(a.p)
    kinds = {"reflect": "ReflectionPad", "replicate": "ReplicationPad", "circular": "CircularPad"}
    if a.mode in kinds:
        return Code(New(f"nn.{kinds[a.mode]}{rank}d", (Arg("padding", sides),)))
    value = a.value if a.mode == "constant" else 0.0
    return Code(New(f"nn.ConstantPad{rank}d", (Arg("padding", sides), Arg("value", value))))


@lowers("upsample")
def _upsample(a: Any, x: Shape, context: Context) -> Code:
    target = (Arg("size", compact(a.size)),) if a.scale is None else (Arg("scale_factor", compact(a.scale)),)
    align = settings(align_corners=(a.align_corners, False)) if a.mode != "nearest" else ()
    return Code(New("nn.Upsample", (*target, *settings(mode=(a.mode, "nearest")), *align)))


@lowers("reshape")
def _reshape(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("Reshape", (Arg("shape", a.shape),)), helper="Reshape")
    return Code(template=f"{{x}}.reshape(-1, {', '.join(map(str, a.shape))})")


@lowers("cmean")
def _cmean(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("ChannelMean"), helper="ChannelMean")
    return Code(template="{x}.mean(1, keepdim=True)")


@lowers("cmax")
def _cmax(a: Any, x: Shape, context: Context) -> Code:
    if context.as_module:
        return Code(New("ChannelMax"), helper="ChannelMax")
    return Code(template="{x}.amax(1, keepdim=True)")
