"""Fully connected layers and flattening."""

from typing import Annotated, Any, NamedTuple

from ..diagnostics import Reject
from .base import (
    NoParams,
    Op,
    Saved,
    Shape,
    Tokens,
    Use,
    Weight,
    Work,
    channels_of,
    check_extents,
    define,
    no_work,
    saves_nothing,
    size,
)
from .formula import Line, asked, product, text
from .kinds import Flag, Integer, Optional, Tensor
from .reparam import REPARAM, expressed, kept_for, singular_vectors


class Linear(NamedTuple):
    n: Annotated[int, Integer("output features")]
    bias: Annotated[bool, Flag("whether a bias is added", True)]
    reparam: Annotated[str, REPARAM]


class BilinearForm(NamedTuple):
    n: Annotated[int, Integer("output features")]
    other: Annotated[Any, Optional(Tensor("the second vector; the input itself unless given"), "input")]
    bias: Annotated[bool, Flag("whether a bias is added", True)]


class Bilinear(NamedTuple):
    """Attributes of a bilinear layer: the features of both vectors are needed for its weights."""

    n: int
    other: int
    bias: bool


def resolve_bilinear(a: BilinearForm, x: Shape) -> Bilinear:
    shape = x if a.other is None else a.other.shape
    if len(shape) != 1:
        raise Reject("E0206", shape=shape, flat=size(shape))
    return Bilinear(a.n, shape[0], a.bias)


def bilinear_weights(a: Bilinear, x: Shape) -> tuple[Weight, ...]:
    """n·C₁·C₂ weights and n biases, drawn as PyTorch does from ±1/√C₁."""
    weight = Weight("weight", (a.n, x[0], a.other), "uniform", x[0])
    return (weight, Weight("bias", (a.n,), "uniform", x[0])) if a.bias else (weight,)


def bilinear_work(a: Bilinear, x: Shape, out: Shape) -> Work:
    """MAC = n·(C₁·C₂ + C₁): every output is a matrix by one vector, then a product with the other."""
    return Work(mac=a.n * (x[0] * a.other + x[0]), add=a.n if a.bias else 0)


def bilinear_saves(a: Bilinear, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(operands=tuple(range(len(use.needs))))


def bilinear_backward(a: Bilinear, x: Shape, out: Shape, use: Use) -> int:
    """The forward pass's for the weights and for each of the two vectors, which may be the same tensor."""
    vectors = use.needs if len(use.needs) == 2 else use.needs * 2
    return bilinear_work(a, x, out).mac * (1 + sum(vectors))


def linear_shape(a: Linear, x: Shape) -> Shape:
    """A vector of n, of tokens each one's. A C×1×1 input is flattened; any other extent raises E0206."""
    if isinstance(x, Tokens):
        return check_extents(Tokens((x[0], a.n)))
    if any(extent != 1 for extent in x[1:]):
        raise Reject("E0206", shape=x, flat=size(x))
    return check_extents((a.n,))


def linear_weights(a: Linear, x: Shape) -> tuple[Weight, ...]:
    features = channels_of(x)
    bias = (Weight("bias", (a.n,), "uniform", features),) if a.bias else ()
    return (*expressed(a, Weight("weight", (a.n, features), "uniform", features)), *bias)


def linear_work(a: Linear, x: Shape, out: Shape) -> Work:
    """MAC = in·out for a vector and for every token; a bias is one addition per output."""
    return Work(mac=channels_of(x) * size(out), add=size(out) if a.bias else 0)


def linear_saves(a: Linear, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, or a copy row by row of tokens that lie as maps; a weight made of others where it is multiplied by."""
    shape = (a.n, channels_of(x))
    kept = kept_for(a, shape)
    if a.reparam != "none" and not use.needs[0]:
        kept = kept._replace(fixed=kept.fixed - size(shape))
    return kept._replace(more=size(x)) if use.strided else kept._replace(operands=(0,))


def linear_lines(a: Linear, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    if isinstance(out, Tokens):
        return (Line("shape", f"{text(a.n)} channels as asked for, the tokens stay {text(out[0])}"),)
    return asked(a, xs, out)


def linear_macs(a: Linear, x: Shape, out: Shape) -> str:
    """in·out, times the tokens."""
    return product(*out[:-1], channels_of(x), a.n)


def bilinear_macs(a: Bilinear, x: Shape, out: Shape) -> str:
    """A matrix by one vector for every output, then a product with the other."""
    return f"{text(a.n)}·({product(x[0], a.other)} + {text(x[0])})"


fc: Op[Linear] = define(
    Op(
        name="fc",
        known_as=("Linear", "Dense", "Gemm", "FullyConnected", "InnerProduct", "LazyLinear", "MatMul"),
        doc="Fully connected (linear) layer on a vector, or on each token; a C×1×1 input is flattened first.",
        signature=Linear,
        shape=linear_shape,
        weights=linear_weights,
        buffers=lambda a, x: singular_vectors(a, (a.n, channels_of(x))),
        work=linear_work,
        saves=linear_saves,
        tokens=True,
        depth=True,
        initial="fc",
        shape_lines=linear_lines,
        macs_text=linear_macs,
        samples=(
            "fc(10) @ 12",
            "fc(10, bias=false) @ 12x1x1",
            "fc(1) @ 7x1",
            "tokens -> fc(6) @ 4x3x2",
            "fc(6, reparam=weight_norm) @ 5x1x1",
            "(relu -> fc(6, reparam=spectral_norm)) as head @ 5x1x1",
            "tokens -> fc(6, reparam=spectral_norm) @ 4x3x2",
            "tokens -> fc(6, bias=false) @ 4x5",
        ),
        rejects=(
            ("fc(10) @ 3x4x4", "E0206"),
            ("fc(10) @ 3x4x1", "E0206"),
            ("fc @ 12", "E0303"),
            ("fc(true) @ 12", "E0304"),
        ),
    )
)

flatten: Op[NoParams] = define(
    Op(
        name="flatten",
        known_as=("Flatten", "Ravel"),
        doc="All elements as one vector, channel by channel.",
        signature=NoParams,
        shape=lambda a, x: check_extents((size(x),)),
        work=no_work,
        saves=saves_nothing,
        view=True,
        tokens=True,
        shape_lines=lambda a, xs, out: (Line("elements", product(*xs[0]), out[0]),),
        samples=("flatten @ 3x4x5", "flatten @ 7", "tokens -> flatten @ 3x2x2"),
    )
)

bilinear: Op[Bilinear] = define(
    Op(
        name="bilinear",
        known_as=("Bilinear",),
        doc="xᵀ·A·z + b for every output, with a matrix each; z is the tensor `other`, or the input itself.",
        signature=BilinearForm,
        resolve=resolve_bilinear,
        shape=lambda a, x, *other: check_extents((a.n,)),
        weights=bilinear_weights,
        work=bilinear_work,
        saves=bilinear_saves,
        backward=bilinear_backward,
        sees_all=True,
        depth=True,
        ranks=(0,),
        taps=("other",),
        initial="fc",
        shape_lines=asked,
        macs_text=bilinear_macs,
        samples=("bilinear(3) @ 5", "relu as t -> fc(4) -> bilinear(3, t) @ 6", "(bilinear(4, bias=false)) * 2 @ 4"),
        rejects=(
            ("bilinear(3) @ 5x4x4", "E0215"),
            ("bilinear(3, 4) @ 5", "E0304"),
            ("relu as t -> gap -> flatten -> bilinear(3, t) @ 4x3x3", "E0206"),
        ),
    )
)
