"""Convolutions."""

from functools import lru_cache
from math import prod
from typing import Annotated, Any, NamedTuple

from ..diagnostics import Reject
from .base import Op, Saved, Shape, Taps, Use, Weight, Work, check_extents, define, size
from .formula import Line, bracket, by_axis, factor, product, shared_out, text
from .kinds import Flag, Integer, Ints, Number, Padding, Pairs, PerAxis, Word
from .reparam import REPARAM, expressed, kept_for, singular_vectors
from .taps import spread, window_of
from .windows import resolve_padding, symmetric, window_lines, window_shape

PAD_MODES = ("zeros", "reflect", "replicate", "circular")


class Conv(NamedTuple):
    """A convolution's arguments, and its attributes once `p` is resolved to pairs."""

    c: Annotated[int, Integer("output channels")]
    k: Annotated[Ints, PerAxis("kernel extent")]
    s: Annotated[Ints, PerAxis("stride", 1)]
    p: Annotated[Pairs, Padding("padding", 0)]
    d: Annotated[Ints, PerAxis("dilation", 1)]
    g: Annotated[int, Integer("groups; input and output channels must both be multiples of it", 1)]
    bias: Annotated[bool, Flag("whether a bias is added", True)]
    pad_mode: Annotated[str, Word("what the padding is filled with", PAD_MODES, "zeros")]
    reparam: Annotated[str, REPARAM]


class DepthwiseConv(NamedTuple):
    k: Annotated[Ints, PerAxis("kernel extent")]
    s: Annotated[Ints, PerAxis("stride", 1)]
    p: Annotated[Pairs, Padding("padding", 0)]
    d: Annotated[Ints, PerAxis("dilation", 1)]
    m: Annotated[int, Integer("depth multiplier: output channels per input channel", 1)]
    bias: Annotated[bool, Flag("whether a bias is added", True)]
    pad_mode: Annotated[str, Word("what the padding is filled with", PAD_MODES, "zeros")]
    reparam: Annotated[str, REPARAM]


class TransposedConv(NamedTuple):
    c: Annotated[int, Integer("output channels")]
    k: Annotated[Ints, PerAxis("kernel extent")]
    s: Annotated[Ints, PerAxis("stride: how far apart the inputs are spread", 1)]
    p: Annotated[Ints, PerAxis("padding taken off each side of the output", 0, least=0)]
    op: Annotated[Ints, PerAxis("output padding, added at the end; below stride or dilation", 0, least=0)]
    d: Annotated[Ints, PerAxis("dilation", 1)]
    g: Annotated[int, Integer("groups", 1)]
    bias: Annotated[bool, Flag("whether a bias is added", True)]
    reparam: Annotated[str, REPARAM]


class StandardizedConv(NamedTuple):
    c: Annotated[int, Integer("output channels")]
    k: Annotated[Ints, PerAxis("kernel extent")]
    s: Annotated[Ints, PerAxis("stride", 1)]
    p: Annotated[Pairs, Padding("padding", 0)]
    d: Annotated[Ints, PerAxis("dilation", 1)]
    g: Annotated[int, Integer("groups", 1)]
    bias: Annotated[bool, Flag("whether a bias is added", True)]
    pad_mode: Annotated[str, Word("what the padding is filled with", PAD_MODES, "zeros")]
    eps: Annotated[float, Number("added to the variance of the weights", 1e-5, low=0.0, open_low=True)]


class DeformConv(NamedTuple):
    c: Annotated[int, Integer("output channels")]
    k: Annotated[Ints, PerAxis("kernel extent")]
    s: Annotated[Ints, PerAxis("stride", 1)]
    p: Annotated[Pairs, Padding("padding", 0)]
    d: Annotated[Ints, PerAxis("dilation", 1)]
    g: Annotated[int, Integer("groups", 1)]
    bias: Annotated[bool, Flag("whether a bias is added", True)]
    mask: Annotated[bool, Flag("whether every place also has a learnt weight (version 2)", False)]
    offset_groups: Annotated[int, Integer("parts of the input channels that have offsets of their own", 1)]

    @property
    def pad_mode(self) -> str:
        """What is read beside the input."""
        return "zeros"

    @property
    def places(self) -> int:
        """Elements of the window, for every group of offsets."""
        return self.offset_groups * prod(self.k)

    @property
    def fields(self) -> int:
        """Channels that the convolution for the offsets makes: two coordinates and perhaps a weight per place."""
        return (3 if self.mask else 2) * self.places


def transposed_shape(a: TransposedConv, x: Shape) -> Shape:
    """N = (W − 1)·S − 2P + D(F − 1) + OP + 1. Raises E0210 (groups), E0221 (output padding), E0222 (nothing left)."""
    if x[0] % a.g or a.c % a.g:
        raise Reject("E0210", groups=a.g, cin=x[0], cout=a.c)
    extents = []
    for w, k, s, p, op, d in zip(x[1:], a.k, a.s, a.p, a.op, a.d, strict=True):
        if op >= max(s, d):
            raise Reject("E0221", op=op, s=s, d=d)
        n = (w - 1) * s - 2 * p + d * (k - 1) + op + 1
        if n < 1:
            raise Reject("E0222", extent=n, w=w, s=s, p=p, reach=d * (k - 1), op=op)
        extents.append(n)
    return check_extents((a.c, *extents))


def transposed_weights(a: TransposedConv, x: Shape) -> tuple[Weight, ...]:
    """Cin·(Cout/g)·∏k, and Cout biases. PyTorch takes fan_in from the second axis, (Cout/g)·∏k."""
    fan_in = a.c // a.g * prod(a.k)
    bias = (Weight("bias", (a.c,), "uniform", fan_in),) if a.bias else ()
    return (*expressed(a, Weight("weight", (x[0], a.c // a.g, *a.k), "uniform", fan_in)), *bias)


def transposed_work(a: TransposedConv, x: Shape, out: Shape) -> Work:
    """MAC = Cin·∏in·(Cout/g)·∏k: every input is multiplied by the whole kernel."""
    return Work(mac=size(x) * (a.c // a.g) * prod(a.k), add=size(out) if a.bias else 0)


def transposed_window(a: TransposedConv, x: Shape) -> tuple[Taps | None, ...]:
    return tuple(spread(*axis) for axis in zip(a.k, a.s, a.p, a.d, x[1:], strict=True))


def resolve_conv(a: Any, x: Shape) -> Any:
    return a._replace(p=resolve_padding(a.p, x, a.k, a.s, a.d))


def resolve_depthwise(a: DepthwiseConv, x: Shape) -> Conv:
    p = resolve_padding(a.p, x, a.k, a.s, a.d)
    return Conv(x[0] * a.m, a.k, a.s, p, a.d, x[0], a.bias, a.pad_mode, a.reparam)


def conv_shape(a: Any, x: Shape) -> Shape:
    """Cout×N…, N from `window_extent`. Raises E0210 (groups), E0216 (padding mode), E0201 (kernel too large)."""
    if x[0] % a.g or a.c % a.g:
        raise Reject("E0210", groups=a.g, cin=x[0], cout=a.c)
    if a.pad_mode in ("reflect", "circular"):
        _check_pad_mode(a, x)
    return check_extents((a.c, *window_shape(x, a.k, a.s, a.p, a.d)))


def _check_pad_mode(a: Any, x: Shape) -> None:
    most = 1 if a.pad_mode == "reflect" else 0
    for extent, pad in zip(x[1:], a.p, strict=True):
        if max(pad) > extent - most:
            raise Reject("E0216", mode=a.pad_mode, pad=max(pad), extent=extent)


@lru_cache(1024)
def conv_weights(a: Any, x: Shape) -> tuple[Weight, ...]:
    """Cout·(Cin/g)·∏k, and Cout biases."""
    shape = conv_weight_shape(a, x)
    fan_in = prod(shape[1:])
    bias = (Weight("bias", (a.c,), "uniform", fan_in),) if a.bias else ()
    return (*expressed(a, Weight("weight", shape, "uniform", fan_in)), *bias)


def conv_buffers(a: Any, x: Shape) -> tuple[Weight, ...]:
    return singular_vectors(a, conv_weight_shape(a, x))


def transposed_buffers(a: TransposedConv, x: Shape) -> tuple[Weight, ...]:
    return singular_vectors(a, (x[0], a.c // a.g, *a.k), axis=1)


def conv_work(a: Any, x: Shape, out: Shape) -> Work:
    """MAC = Cout·∏out·(Cin/g)·∏k, padding counted as dense; a bias is one addition per output."""
    return Work(mac=size(out) * (x[0] // a.g) * prod(a.k), add=size(out) if a.bias else 0)


def padded_size(x: Shape, pairs: Pairs) -> int:
    """Elements of the input once its padding is written out."""
    return x[0] * prod(n + sum(pair) for n, pair in zip(x[1:], pairs, strict=True))


def conv_saves(a: Any, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, or a padded copy where PyTorch's convolution does not pad so itself; also weights made of others."""
    kept = kept_for(a, conv_weight_shape(a, x))
    if symmetric(a.p) and (a.pad_mode == "zeros" or not any(map(any, a.p))):
        return kept._replace(operands=(0,))
    reads_border = use.needs[0] and a.pad_mode in ("reflect", "replicate")
    return kept._replace(operands=(0,) if reads_border else (), more=padded_size(x, a.p))


def conv_weight_shape(a: Any, x: Shape) -> Shape:
    return (a.c, x[0] // a.g, *a.k)


def transposed_saves(a: TransposedConv, x: Shape, out: Shape, use: Use) -> Saved:
    return kept_for(a, (x[0], a.c // a.g, *a.k), axis=1)._replace(operands=(0,))


def standardized_saves(a: StandardizedConv, x: Shape, out: Shape, use: Use) -> Saved:
    """As of a convolution, with the standardised weights, and the mean and deviation of each kernel."""
    return conv_saves(a, x, out, use)._replace(fixed=2 * a.c + prod(conv_weight_shape(a, x)))


def deform_saves(a: DeformConv, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, the offsets and the mask, which without one is a single element; without biases a row of zeros."""
    positions = prod(out[1:])
    more = positions * (a.fields + (a.places if a.mask else 0)) + (0 if a.mask else 1)
    fixed = 0 if a.bias else a.c
    if symmetric(a.p):
        return Saved(operands=(0,), more=more, fixed=fixed)
    return Saved(more=more + padded_size(x, a.p), fixed=fixed)


def deform_backward(a: DeformConv, x: Shape, out: Shape, use: Use) -> int:
    """Twice the convolution's, since its gradient always flows to the offsets; the offsets' own as of a convolution."""
    offsets = prod(out[1:]) * a.fields * x[0] * prod(a.k)
    return 2 * conv_work(a, x, out).mac + offsets * (1 + use.needs[0])


def conv_macs(a: Any, x: Shape, out: Shape) -> str:
    """`conv_work` with its numbers in it."""
    return product(*out, bracket(shared_out(x[0], a.g), *a.k))


def depthwise_lines(a: Conv, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    """The channels by the multiplier, the extents as of any convolution."""
    return Line("channels", product(xs[0][0], a.c // xs[0][0]), a.c), *window_lines(a, xs, out)


def transposed_lines(a: TransposedConv, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    """`transposed_shape` with its numbers in it."""
    return by_axis(
        [
            f"({factor(w)} − 1)·{factor(s)} − 2·{factor(p)} + {factor(d)}·({text(k)} − 1) + {text(op)} + 1"
            for w, k, s, p, op, d in zip(xs[0][1:], a.k, a.s, a.p, a.op, a.d, strict=True)
        ],
        out[1:],
    )


def transposed_macs(a: TransposedConv, x: Shape, out: Shape) -> str:
    """`transposed_work` with its numbers in it: the input's extents, not the output's."""
    return product(*x, bracket(shared_out(a.c, a.g), *a.k))


def deform_macs(a: DeformConv, x: Shape, out: Shape) -> str:
    """The convolution, and the one that gives the offsets."""
    return f"{conv_macs(a, x, out)} + {product(a.fields, *out[1:], bracket(x[0], *a.k))}"


def deform_shape(a: DeformConv, x: Shape) -> Shape:
    """As of a convolution. Raises E0210 also where the groups of offsets do not divide the input channels."""
    if x[0] % a.offset_groups:
        raise Reject("E0210", groups=a.offset_groups, cin=x[0], cout=x[0])
    return conv_shape(a, x)


def deform_weights(a: DeformConv, x: Shape) -> tuple[Weight, ...]:
    """A convolution's, and those of the convolution that gives the offsets, which begin as 0."""
    offset = Weight("offset.weight", (a.fields, x[0], *a.k), "constant"), Weight("offset.bias", (a.fields,), "constant")
    return (*conv_weights(a, x), *offset)


def deform_work(a: DeformConv, x: Shape, out: Shape) -> Work:
    """A convolution's, and that of the one for the offsets. Interpolation takes four products (five with a mask) and
    three additions for each value, and a sigmoid for each weight of the mask."""
    positions = prod(out[1:])
    read = positions * x[0] * prod(a.k)
    masked = positions * a.places if a.mask else 0
    offsets = Work(mac=a.fields * read, add=positions * a.fields)
    between = Work(mul=(5 if a.mask else 4) * read, add=3 * read + masked, div=masked, special=masked)
    return conv_work(a, x, out).plus(offsets).plus(between)


def deform_biases(a: DeformConv, x: Shape, out: Shape) -> int:
    return (size(out) if a.bias else 0) + prod(out[1:]) * a.fields


CONV_SAMPLES = (
    "conv3(8) @ 3x16",
    "conv3x3(8) @ 3x10x10",
    "conv3x3x3(4) @ 2x6x6x6",
    "conv5(4, s=2, p=2) @ 3x11x12",
    "conv(6, 3x1, p=(1, 0), bias=false) @ 4x7x9",
    "conv3x3(8, d=2, g=2, p=same) @ 4x9x9",
    "conv3x3(8, s=2, p=same_upper) @ 4x9x8",
    "conv2x2(5, p=same_upper) @ 3x7x7",
    "conv3x3(5, p=((1, 2), (0, 1))) @ 3x7x7",
    "conv3x3(5, p=1, pad_mode=reflect) @ 3x7x7",
    "conv3x3(5, p=((1, 2), (0, 1)), pad_mode=circular) @ 3x7x7",
    "conv3(5, p=2, pad_mode=replicate) @ 3x7",
    "conv3x3(5, p=valid) @ 3x7x7",
    "conv3x3(5, p=1, reparam=weight_norm) @ 3x7x7",
    "conv3x3(6, g=3, bias=false, reparam=spectral_norm) @ 3x7x7",
    "conv2(5, p=same_upper, reparam=spectral_norm) -> bn @ 3x7",
)

conv: Op[Conv] = define(
    Op(
        name="conv",
        known_as=("Conv2d", "Convolution", "LazyConv"),
        doc="Convolution over 1, 2 or 3 spatial axes.",
        signature=Conv,
        resolve=resolve_conv,
        shape=conv_shape,
        weights=conv_weights,
        buffers=conv_buffers,
        work=conv_work,
        saves=conv_saves,
        window=window_of,
        suffix="k",
        ranks=(1, 2, 3),
        depth=True,
        initial="conv",
        shape_lines=window_lines,
        macs_text=conv_macs,
        samples=CONV_SAMPLES,
        rejects=(
            ("conv3x3(5, g=2) @ 4x8x8", "E0210"),
            ("conv7x7(5) @ 3x5x5", "E0201"),
            ("conv4x4(5, p=same) @ 3x8x8", "E0205"),
            ("conv3x3(0) @ 3x8x8", "E0305"),
            ("conv3x3(5, s=0) @ 3x8x8", "E0305"),
            ("conv3x3(2.5) @ 3x8x8", "E0304"),
            ("conv3x3(5) @ 12", "E0215"),
            ("conv3x3(5) @ 3x8", "E0215"),
            ("conv3x3(5, p=8, pad_mode=reflect) @ 3x8x8", "E0216"),
        ),
    )
)

dwconv: Op[Conv] = define(
    Op(
        name="dwconv",
        known_as=("DepthwiseConv2D", "DepthwiseConvolution", "Depthwise"),
        doc="Depthwise convolution: every channel is filtered by itself, m outputs each.",
        signature=DepthwiseConv,
        resolve=resolve_depthwise,
        shape=conv_shape,
        weights=conv_weights,
        buffers=conv_buffers,
        work=conv_work,
        saves=conv_saves,
        window=window_of,
        suffix="k",
        ranks=(1, 2, 3),
        family="conv",
        depth=True,
        initial="conv",
        shape_lines=depthwise_lines,
        macs_text=conv_macs,
        samples=(
            "dwconv3(p=1) @ 4x9",
            "dwconv3x3(s=2, p=1, bias=false) @ 6x9x9",
            "dwconv3x3x3(m=2) @ 3x5x5x5",
            "dwconv3x3(reparam=weight_norm) @ 3x7x7",
        ),
        rejects=(("dwconv3x3(m=0) @ 3x8x8", "E0305"), ("dwconv9x9 @ 3x8x8", "E0201")),
    )
)

deconv: Op[TransposedConv] = define(
    Op(
        name="deconv",
        known_as=("ConvTranspose2d", "Conv2DTranspose", "TransposedConv", "TransposeConv", "Deconvolution", "UpConv"),
        doc="Transposed convolution, which undoes the shape of a convolution with the same arguments.",
        signature=TransposedConv,
        shape=transposed_shape,
        weights=transposed_weights,
        buffers=transposed_buffers,
        work=transposed_work,
        saves=transposed_saves,
        window=transposed_window,
        suffix="k",
        ranks=(1, 2, 3),
        depth=True,
        initial="deconv",
        shape_lines=transposed_lines,
        macs_text=transposed_macs,
        samples=(
            "deconv3(8) @ 3x5",
            "deconv2(4, s=2) @ 3x5x4",
            "deconv4x4(4, s=2, p=1, bias=false) @ 6x5x5",
            "deconv3x3(6, s=2, p=1, op=1, g=3) @ 6x4x5",
            "deconv3x3(4, s=2, d=2, op=1) @ 2x4x4",
            "deconv2x2x2(3, s=2) @ 2x3x3x3",
            "deconv3(4, op=1, d=2) @ 3x5",
            "deconv3(4, s=2, reparam=weight_norm) @ 3x5",
            "deconv3x3(4, g=2, reparam=spectral_norm) @ 6x4x5",
            "deconv3(4, op=1, d=2, p=2) @ 3x5",
            "deconv1(4, s=3, p=1, op=2) @ 2x1",
            "deconv(4, 1x4x1, s=3x1x3, p=1x0x1, d=1x3x1, op=0x2x2, g=2) @ 2x5x2x1",
            "deconv3x1(4, s=1x2, op=2x0, d=3x1, p=1x0, bias=false) @ 2x4x5",
        ),
        rejects=(
            ("deconv3x3(4, op=1) @ 3x5x5", "E0221"),
            ("deconv3x3(4, g=2) @ 3x5x5", "E0210"),
            ("deconv1x1(4, p=3) @ 3x5x5", "E0222"),
        ),
    )
)

wsconv: Op[StandardizedConv] = define(
    Op(
        name="wsconv",
        known_as=("StdConv2d", "ScaledStdConv", "WeightStandardizedConv"),
        doc="Convolution with every output's kernel at mean 0 and variance 1: (w − μ)/√(σ² + eps) (Qiao et al., 2019).",
        signature=StandardizedConv,
        resolve=resolve_conv,
        shape=conv_shape,
        weights=conv_weights,
        work=conv_work,
        saves=standardized_saves,
        window=window_of,
        suffix="k",
        ranks=(1, 2, 3),
        family="conv",
        depth=True,
        initial="conv",
        shape_lines=window_lines,
        macs_text=conv_macs,
        samples=(
            "wsconv3(8) @ 3x16",
            "wsconv3x3(8, s=2, p=1, bias=false) @ 3x10x10",
            "wsconv3x3(8, p=same_upper, s=2, g=2, eps=1e-3) @ 4x8x9",
            "wsconv3x3(8, p=1, pad_mode=reflect) @ 3x6x6",
            "wsconv3x3x3(4) @ 2x6x6x6",
        ),
        rejects=(("wsconv3x3(5, g=2) @ 4x8x8", "E0210"), ("wsconv7x7(5) @ 3x5x5", "E0201")),
    )
)

deformconv: Op[DeformConv] = define(
    Op(
        name="deformconv",
        known_as=("DeformConv2d", "DeformableConv", "DCN", "DCNv2"),
        doc="Deformable convolution: a convolution of its own says from where each element of the window is read; "
        "mask=true also weighs it (Dai et al., 2017; Zhu et al., 2019).",
        signature=DeformConv,
        resolve=resolve_conv,
        shape=deform_shape,
        weights=deform_weights,
        work=deform_work,
        saves=deform_saves,
        backward=deform_backward,
        biases=deform_biases,
        window=window_of,
        suffix="k",
        ranks=(2,),
        family="conv",
        depth=True,
        initial="conv",
        shape_lines=window_lines,
        macs_text=deform_macs,
        samples=(
            "deformconv3x3(6) @ 4x7x8",
            "deformconv3x3(6, s=2, p=1, mask=true) @ 4x7x8",
            "deformconv3x1(4, d=2x1, g=2, offset_groups=2, bias=false) @ 4x7x6",
            "deformconv2x2(4, p=same_upper, mask=true, offset_groups=2) @ 4x5x5",
        ),
        rejects=(
            ("deformconv3x3(4, offset_groups=3) @ 4x8x8", "E0210"),
            ("deformconv3x3(5, g=2) @ 4x8x8", "E0210"),
            ("deformconv3(4) @ 4x8", "E0215"),
        ),
    )
)
