"""Attention over positions or tokens."""

from math import prod
from typing import Annotated, Any, NamedTuple

from ..diagnostics import Reject
from ..symbolic import largest
from .base import (
    NoParams,
    Op,
    Saved,
    Shape,
    Tokens,
    Use,
    Weight,
    Work,
    check_extents,
    define,
    no_work,
    saves_nothing,
    size,
)
from .formula import Line, bracket, product
from .kinds import Flag, Integer, Optional


class SelfAttention(NamedTuple):
    heads: Annotated[int, Integer("heads; the channels must be a multiple of it")]
    bias: Annotated[bool, Flag("whether the projections add biases", True)]


class NonLocal(NamedTuple):
    m: Annotated[int | None, Optional(Integer("channels inside, half of the input's unless given"), "cin//2")]
    sub: Annotated[int, Integer("window of the max pooling of what is attended to; 1 for none", 1)]
    bias: Annotated[bool, Flag("whether the projections add biases", True)]


def token_shape(a: NoParams, x: Shape) -> Shape:
    """L×C with L the product of the extents."""
    return check_extents(Tokens((prod(x[1:]), x[0])))


def attended(x: Shape) -> tuple[int, int]:
    """Number of positions or tokens, and channels."""
    return (x[0], x[1]) if isinstance(x, Tokens) else (prod(x[1:]), x[0])


def attention_shape(a: SelfAttention, x: Shape) -> Shape:
    channels = attended(x)[1]
    if channels % a.heads:
        raise Reject("E0231", heads=a.heads, channels=channels)
    return x


def attention_weights(a: SelfAttention, x: Shape) -> tuple[Weight, ...]:
    """4·C² weights and 4·C biases, with the names and initial values of torch.nn.MultiheadAttention."""
    c = attended(x)[1]
    inner, outer = (
        Weight("in_proj_weight", (3 * c, c), "xavier_uniform"),
        Weight("out_proj.weight", (c, c), "uniform", c),
    )
    if not a.bias:
        return inner, outer
    return inner, Weight("in_proj_bias", (3 * c,), "constant"), outer, Weight("out_proj.bias", (c,), "constant")


def attention_work(a: SelfAttention, x: Shape, out: Shape) -> Work:
    """MAC = 4·L·C² + 2·L²·C: four projections, the scores and the sums; a softmax over L scores per head and token."""
    length, c = attended(x)
    scores = a.heads * length * length
    rows = a.heads * length
    bias = attention_biases(a, x, out)
    return Work(
        mac=4 * length * c * c + 2 * length * length * c, mul=scores, cmp=scores - rows, add=2 * scores - rows + bias,
        special=scores, div=scores,
    )  # fmt: skip


def attention_biases(a: SelfAttention, x: Shape, out: Shape) -> int:
    """Of four projections."""
    return 4 * size(x) if a.bias else 0


def attention_saves(a: SelfAttention, x: Shape, out: Shape, use: Use) -> Saved:
    """The tokens, copied where they lie as maps, queries, keys, values, the attended values, and of every head and
    token the logarithm of a sum; the scores are computed again (Dao et al., FlashAttention, 2022)."""
    length, c = attended(x)
    copied = use.strided or not isinstance(x, Tokens)
    more = (5 if copied else 4) * length * c
    return Saved(operands=() if copied else (0,), more=more, floats=a.heads * length)


def attention_backward(a: SelfAttention, x: Shape, out: Shape, use: Use) -> int:
    """Twice the forward pass's, without the gradient of the first projections' input where none is needed."""
    length, c = attended(x)
    return 2 * attention_work(a, x, out).mac - (0 if use.needs[0] else 3 * length * c * c)


def resolve_non_local(a: NonLocal, x: Shape) -> NonLocal:
    half: Any = largest(x[0] // 2, 1)
    return a if a.m is not None else a._replace(m=half)


def non_local_shape(a: NonLocal, x: Shape) -> Shape:
    """The input's own. Raises E0201 where the pooling window is larger than the input."""
    for extent in x[1:]:
        if extent // a.sub < 1:
            raise Reject(
                "E0201", axis="an axis", extent=extent, before=0, after=0, have=extent, k=a.sub, d=1, cover=a.sub
            )
    return x


def non_local_weights(a: NonLocal, x: Shape) -> tuple[Weight, ...]:
    """Three projections to m channels and one back, each a 1×1 convolution."""
    ones = (1,) * (len(x) - 1)
    assert a.m is not None
    weights: list[Weight] = []
    for name, c, cin in (("theta", a.m, x[0]), ("phi", a.m, x[0]), ("g", a.m, x[0]), ("out", x[0], a.m)):
        weights.append(Weight(f"{name}.weight", (c, cin, *ones), "uniform", cin))
        if a.bias:
            weights.append(Weight(f"{name}.bias", (c,), "uniform", cin))
    return tuple(weights)


def non_local_work(a: NonLocal, x: Shape, out: Shape) -> Work:
    """MAC = 4·P·C·m + 2·P·Q·m for P positions that attend to Q; a softmax over Q scores per position."""
    assert a.m is not None
    p, q = prod(x[1:]), prod(n // a.sub for n in x[1:])
    scores = p * q
    bias = non_local_biases(a, x, out)
    pooled = 2 * a.m * q * (a.sub ** (len(x) - 1) - 1)
    return Work(
        mac=4 * p * x[0] * a.m + 2 * scores * a.m, cmp=scores - p + pooled, add=2 * scores - p + bias + size(x),
        special=scores, div=scores,
    )  # fmt: skip


def non_local_saves(a: NonLocal, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, queries, keys, values, scores and the attended values; of poolings the inputs and indices."""
    assert a.m is not None
    p, q = prod(x[1:]), prod(n // a.sub for n in x[1:])
    pooled = a.sub > 1
    more = 2 * a.m * p + 2 * a.m * q + p * q + (2 * a.m * p if pooled else 0)
    return Saved(operands=(0,), more=more, indices=2 * a.m * q if pooled else 0)


def non_local_backward(a: NonLocal, x: Shape, out: Shape, use: Use) -> int:
    assert a.m is not None
    return 2 * non_local_work(a, x, out).mac - (0 if use.needs[0] else 3 * prod(x[1:]) * x[0] * a.m)


def non_local_biases(a: NonLocal, x: Shape, out: Shape) -> int:
    """Of three projections to m channels and the one back."""
    assert a.m is not None
    return prod(x[1:]) * (3 * a.m + x[0]) if a.bias else 0


def token_lines(a: NoParams, xs: tuple[Shape, ...], out: Shape) -> tuple[Line, ...]:
    return Line("tokens", product(*xs[0][1:]), out[0]), Line("channels", product(out[1]), out[1])


def attention_macs(a: SelfAttention, x: Shape, out: Shape) -> str:
    """4·L·C·C + 2·L·L·C."""
    length = product(x[0]) if isinstance(x, Tokens) else bracket(*x[1:])
    channels = attended(x)[1]
    return f"{product(4, length, channels, channels)} + {product(2, length, length, channels)}"


def non_local_macs(a: NonLocal, x: Shape, out: Shape) -> str:
    """4·P·C·m + 2·P·Q·m."""
    p, q = bracket(*x[1:]), bracket(*(n // a.sub for n in x[1:]))
    return f"{product(4, p, x[0], a.m)} + {product(2, p, q, a.m)}"


tokens: Op[NoParams] = define(
    Op(
        name="tokens",
        known_as=("PatchEmbed", "ToTokens", "ToSequence"),
        doc="The positions of C×H×W as a sequence of H·W tokens with C channels, row by row.",
        signature=NoParams,
        shape=token_shape,
        work=no_work,
        saves=saves_nothing,
        view=True,
        ranks=(1, 2, 3),
        shape_lines=token_lines,
        samples=("tokens @ 3x4x5", "tokens -> permute((1, 0)) @ 3x7", "tokens -> relu -> (id + sigmoid) @ 3x4"),
        rejects=(
            ("tokens @ 5", "E0215"),
            ("tokens -> conv3(4) @ 3x4x4", "E0230"),
            ("tokens -> maxpool2 @ 3x4", "E0230"),
        ),
    )
)

mhsa: Op[SelfAttention] = define(
    Op(
        name="mhsa",
        known_as=("MultiheadAttention", "MultiHeadSelfAttention", "SelfAttention", "Attention"),
        doc="Multi-head self-attention over tokens, or over the positions of maps (Vaswani et al., 2017).",
        signature=SelfAttention,
        shape=attention_shape,
        weights=attention_weights,
        work=attention_work,
        saves=attention_saves,
        backward=attention_backward,
        biases=attention_biases,
        sees_all=True,
        tokens=True,
        ranks=(1, 2, 3),
        initial="fc",
        macs_text=attention_macs,
        samples=(
            "tokens -> mhsa(2) @ 6x3x4",
            "tokens -> mhsa(1, bias=false) @ 4x5",
            "mhsa(3) @ 6x3x4",
            "mhsa(2) @ 4x7",
            "tokens -> (id + (ln -> mhsa(2))) -> (id + (ln -> fc(8) -> gelu -> fc(cin))) @ 4x3x3",
        ),
        rejects=(("mhsa(4) @ 6x3x3", "E0231"), ("mhsa @ 6x3x3", "E0303"), ("mhsa(2) @ 6", "E0215")),
    )
)

nonlocal_: Op[NonLocal] = define(
    Op(
        name="nonlocal",
        known_as=("NonLocalBlock",),
        doc="Non-local block: x plus what every position gathers from all, by the softmax of the products of two "
        "embeddings (Wang et al., 2018); in 3-D over space and time.",
        signature=NonLocal,
        resolve=resolve_non_local,
        shape=non_local_shape,
        weights=non_local_weights,
        work=non_local_work,
        saves=non_local_saves,
        backward=non_local_backward,
        biases=non_local_biases,
        sees_all=True,
        ranks=(1, 2, 3),
        initial="conv",
        macs_text=non_local_macs,
        samples=(
            "nonlocal @ 6x3x4",
            "nonlocal(2, sub=2) @ 4x5x6",
            "nonlocal(bias=false) @ 4x7",
            "nonlocal(1, sub=4) @ 2x5x4",
            "nonlocal(3, sub=2) @ 4x2x3x4",
        ),
        rejects=(("nonlocal(0) @ 6x3x3", "E0305"), ("nonlocal(sub=4) @ 6x3x3", "E0201"), ("nonlocal @ 6", "E0215")),
    )
)
