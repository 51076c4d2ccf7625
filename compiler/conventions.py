"""Counting conventions: what other tools mean by the cost of a network, each as a rule over ops and shapes.

Each rule is that of the named tool's own tables, in the version that is named, so that figures can be compared. Where a
tool misses a layer, or counts it twice, because of how a model happens to be written, the rule stands; docs/peers.md
lists those cases.
"""

from collections.abc import Callable
from math import prod
from typing import Any, NamedTuple

from .cost import inference_steps
from .ir import Apply, Call, Graph, regions_of
from .ops import Shape
from .ops.attention import attended
from .ops.base import size

Rule = Callable[[Any, Shape, Shape], int]
"""What an op costs beyond its multiply-accumulates and biases: from attributes, first operand's shape, result's."""


class Convention(NamedTuple):
    """A way to count.

    unit: what the tool calls its figure. doc: what is counted. count: the cost of an op on one sample.
    """

    name: str
    unit: str
    doc: str
    count: Callable[[Apply], int]

    @property
    def headline(self) -> str:
        """The figure's name with the convention that it follows."""
        return f"{self.unit} ({self.name})"


def _macs(step: Apply) -> int:
    return step.op.work(step.attrs, step.in_shapes[0], step.out_shape).mac


def _biases(step: Apply) -> int:
    return step.op.biases(step.attrs, step.in_shapes[0], step.out_shape)


def _flops(step: Apply) -> int:
    return 2 * _macs(step)


def _macs_and(rules: dict[str, Rule], biases: bool = False) -> Callable[[Apply], int]:
    """Multiply-accumulates, perhaps one for each addition of a bias, and what the rules say of single ops."""

    def count(step: Apply) -> int:
        rule = rules.get(step.op.name)
        extra = rule(step.attrs, step.in_shapes[0], step.out_shape) if rule else 0
        return _macs(step) + (_biases(step) if biases else 0) + extra

    return count


def _inputs(factor: int) -> Rule:
    return lambda a, x, out: factor * size(x)


def _outputs(factor: int) -> Rule:
    return lambda a, x, out: factor * size(out)


def _scaled(affine: int, plain: int) -> Rule:
    """So much for each input element with a learnt scale and shift, and without."""
    return lambda a, x, out: (affine if a.affine else plain) * size(x)


# fvcore 0.1.5: fvcore/nn/flop_count.py, the table of supported operators


def _flat(rule: Rule) -> Rule:
    """fvcore has handlers for the two-dimensional operators only."""
    return lambda a, x, out: rule(a, x, out) if len(x) == 3 else 0


def _fvcore_upsample(a: Any, x: Shape, out: Shape) -> int:
    factor: int = {"nearest": 1, "bilinear": 4}.get(a.mode, 0)
    return factor * size(out)


FVCORE: dict[str, Rule] = {
    "bn": _scaled(2, 1),
    "ln": _scaled(5, 4),
    "gn": _scaled(5, 4),
    "instnorm": _scaled(5, 4),
    "gap": _flat(_inputs(1)),
    "adaptive_avgpool": _flat(_inputs(1)),
    "upsample": _flat(_fvcore_upsample),
}


# ptflops 0.7.5: ptflops/pytorch_ops.py. A module whose forward calls a function that is also patched counts twice.


def _ptflops_attention(a: Any, x: Shape, out: Shape) -> int:
    """Scaling of the queries and a softmax over the scores; the last projection always counts a bias."""
    length, channels = attended(x)
    heads: int = a.heads
    return length * channels + heads * length * length + (0 if a.bias else length * channels)


def _ptflops_deform(a: Any, x: Shape, out: Shape) -> int:
    """24 for each place of the window and position, 25 with a mask."""
    places: int = prod(a.k)
    return (25 if a.mask else 24) * places * prod(out[1:])


PTFLOPS: dict[str, Rule] = {
    **dict.fromkeys(("relu", "prelu", "elu", "gelu"), _inputs(2)),
    **dict.fromkeys(("relu6", "lrelu", "silu", "softmax"), _inputs(1)),
    **dict.fromkeys(
        ("maxpool", "avgpool", "gap", "gmp", "adaptive_avgpool", "adaptive_maxpool"), _inputs(2)
    ),
    **dict.fromkeys(("bn", "gn", "instnorm"), _scaled(2, 1)),
    "ln": _inputs(1),
    "upsample": _outputs(1),
    "mhsa": _ptflops_attention,
    "deformconv": _ptflops_deform,
}  # fmt: skip


# thop 0.1.1: thop/profile.py and thop/vision


def _thop_softmax(a: Any, x: Shape, out: Shape) -> int:
    """C exponentials, C − 1 additions and C divisions at each position."""
    return (3 * x[0] - 1) * size(x[1:])


def _thop_upsample(a: Any, x: Shape, out: Shape) -> int:
    factor: int = {"nearest": 1, "linear": 5, "bilinear": 11, "bicubic": 259}.get(a.mode, 0)
    return factor * size(out)


THOP: dict[str, Rule] = {
    **dict.fromkeys(("bn", "ln", "instnorm"), _scaled(4, 2)),
    **dict.fromkeys(("gap", "adaptive_avgpool"), lambda a, x, out: size(x) + size(out)),
    "avgpool": _outputs(1),
    "prelu": _inputs(1),
    "softmax": _thop_softmax,
    "upsample": _thop_upsample,
}


# torchinfo 1.8: torchinfo/layer_info.py

PARAMETERS_ONLY = ("fc", "bilinear", "mhsa", "bn", "ln", "gn", "instnorm", "prelu")
"""Layers that torchinfo charges one multiply-add for each parameter, wherever they are applied."""


def _torchinfo(step: Apply) -> int:
    """Convolutions: multiply-accumulates and biases. Other layers: their parameters, once per sample."""
    if step.op.name in PARAMETERS_ONLY:
        return sum(size(weight.shape) for weight in step.weights())
    return _macs(step) + _biases(step)


CONVENTIONS: dict[str, Convention] = {
    convention.name: convention
    for convention in (
        Convention("torchvision", "MACs", "multiply-accumulates, as torchvision publishes in `_ops`", _macs),
        Convention(
            "torch", "FLOPs", "2 for each multiply-accumulate, as torch.utils.flop_counter.FlopCounterMode", _flops
        ),
        Convention(
            "fvcore",
            "flops",
            "fvcore 0.1.5: MAC + 2·|x| bn + 5·|x| ln, gn, instnorm + |in| adaptive average pooling + 4·|out| bilinear "
            "and |out| nearest upsampling",
            _macs_and(FVCORE),
        ),
        Convention(
            "ptflops-aten", "MACs", "ptflops with its aten backend: MAC + |out| for each bias", _macs_and({}, True)
        ),
        Convention(
            "ptflops",
            "MACs",
            "ptflops 0.7.5: MAC + |out| for each bias + 2·|x| bn, gn + |x| ln + 2·|in| of ReLU, PReLU, ELU, GELU "
            "and pooling modules + |x| ReLU6, LeakyReLU, SiLU, softmax + |out| upsampling",
            _macs_and(PTFLOPS, True),
        ),
        Convention(
            "thop",
            "MACs",
            "thop 0.1.1: MAC + 4·|x| bn, ln, instnorm + (window + 1)·|out| adaptive average pooling + |out| average "
            "pooling + 11·|out| bilinear and |out| nearest upsampling",
            _macs_and(THOP),
        ),
        Convention(
            "torchinfo",
            "mult-adds",
            "torchinfo 1.8: convolutions MAC + |out| for a bias; linear and normalisation layers their parameters",
            _torchinfo,
        ),
    )
}
"""The conventions by name, ours first."""


def cost_of(graph: Graph, convention: Convention) -> int:
    """The cost of one sample's inference in a convention; every region is counted once, however often it is used."""
    sums: dict[int, int] = {}

    def total(steps: list[Apply | Call]) -> int:
        return sum(
            convention.count(step) if isinstance(step, Apply) else step.count * sums[id(step.region)]
            for step in steps
        )  # fmt: skip

    for region in regions_of(graph.root)[:-1]:
        sums[id(region)] = total(region.steps)
    return total(inference_steps(graph))
