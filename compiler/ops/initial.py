"""Initial values: what `set init(…)` may name, and which weights it reaches."""

from typing import Annotated, Any, NamedTuple

from .base import NoParams, Op, Weight
from .entry import Entry
from .kinds import Number, Word

KINDS = ("conv", "deconv", "fc", "bias")
"""What can be given initial values of its own: the weights of three kinds of layer, and the biases of all of them."""

NONLINEARITIES = ("linear", "sigmoid", "tanh", "relu", "leaky_relu", "selu")


class Gain(NamedTuple):
    gain: Annotated[float, Number("factor of the standard deviation", 1.0)]


class Kaiming(NamedTuple):
    mode: Annotated[str, Word("whether inputs or outputs are counted", ("fan_in", "fan_out"), "fan_in")]
    nonlinearity: Annotated[str, Word("what follows, which gives the gain", NONLINEARITIES, "leaky_relu")]
    a: Annotated[float, Number("slope of leaky_relu for negative values", 0.0)]


class Constant(NamedTuple):
    val: Annotated[float, Number("the value")]


class Normal(NamedTuple):
    mean: Annotated[float, Number("mean", 0.0)]
    std: Annotated[float, Number("standard deviation", 1.0, low=0.0)]


class Truncated(NamedTuple):
    mean: Annotated[float, Number("mean", 0.0)]
    std: Annotated[float, Number("standard deviation before values are cut off", 1.0, low=0.0, open_low=True)]
    a: Annotated[float, Number("least value", -2.0)]
    b: Annotated[float, Number("largest value", 2.0)]


class Uniform(NamedTuple):
    a: Annotated[float, Number("least value", 0.0)]
    b: Annotated[float, Number("largest value", 1.0)]


class Method(Entry):
    """A rule for initial values, under the name that it has in torch.nn.init."""


class Initial(NamedTuple):
    """A method with its arguments by name."""

    method: str
    args: tuple[tuple[str, Any], ...] = ()


METHODS: dict[str, Method] = {
    method.name: method
    for method in (
        Method("default", NoParams),
        Method("xavier_uniform", Gain, known_as=("GlorotUniform",)),
        Method("xavier_normal", Gain, known_as=("GlorotNormal",)),
        Method("kaiming_uniform", Kaiming, known_as=("HeUniform", "MSRA")),
        Method("kaiming_normal", Kaiming, known_as=("HeNormal",)),
        Method("orthogonal", Gain),
        Method("normal", Normal, known_as=("RandomNormal", "Gaussian")),
        Method("trunc_normal", Truncated, known_as=("TruncatedNormal",)),
        Method("uniform", Uniform, known_as=("RandomUniform",)),
        Method("constant", Constant),
        Method("zeros", NoParams, known_as=("zero",)),
        Method("ones", NoParams, known_as=("one",)),
    )
}
NEEDS_FANS = ("xavier_uniform", "xavier_normal", "kaiming_uniform", "kaiming_normal", "orthogonal")
"""Methods for tensors with at least two axes."""
METHODS["xavier"] = METHODS["xavier_uniform"]
METHODS["kaiming"] = METHODS["kaiming_normal"]

Initials = tuple[tuple[str, Initial], ...]
"""What a network says of initial values, by kind."""


def initialised(op: Op[Any], weight: Weight, initials: Initials) -> Weight:
    """A weight with the initial values that the network gives to its kind; those of offsets and norms stay."""
    owner, _, name = weight.name.rpartition(".")
    if not op.initial or owner == "offset" or name not in ("weight", "bias"):
        return weight
    for kind, initial in initials:
        if kind == ("bias" if name == "bias" else op.initial):
            return weight._replace(init=initial.method, args=initial.args)
    return weight
