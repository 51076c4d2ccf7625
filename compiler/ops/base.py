"""The type of an op's entry and the registry. One entry per layer declares all that the compiler knows about it."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args

from ..diagnostics import Reject
from ..limits import MAX_EXTENT
from .formula import Line
from .kinds import Kind

A = TypeVar("A")
Shape: TypeAlias = tuple[int, ...]
"""Channels first, without the batch axis."""


class Tokens(tuple[int, ...]):
    """The shape of a sequence of tokens: length, then channels. It equals no shape of a map."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Tokens) and tuple.__eq__(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(("tokens", *self))


def channel_axis(x: Shape) -> int:
    """The axis that a shape has its channels along: the first of a map, the last of tokens."""
    return len(x) - 1 if isinstance(x, Tokens) else 0


def channels_of(x: Shape) -> int:
    return x[channel_axis(x)]


def with_channels(x: Shape, channels: int) -> Shape:
    """The same map or sequence of tokens with so many channels."""
    axis = channel_axis(x)
    return type(x)((*x[:axis], channels, *x[axis + 1 :]))


class Work(NamedTuple):
    """Scalar operations for one sample. `mac`: a multiply whose product is summed; `special`: exp, tanh, sqrt, ..."""

    mac: int = 0
    add: int = 0
    mul: int = 0
    cmp: int = 0
    div: int = 0
    special: int = 0

    def plus(self, other: "Work", times: int = 1) -> "Work":
        return Work(*(a + times * b for a, b in zip(self, other, strict=True)))

    @property
    def other(self) -> int:
        """Everything that is not a multiply-accumulate."""
        return self.add + self.mul + self.cmp + self.div + self.special


class Weight(NamedTuple):
    """A trainable tensor or, in `buffers`, a stored one.

    init: uniform (±1/√fan_in), xavier_uniform (of a matrix, ±√(6/(rows + columns))), constant (`value` everywhere),
    count (an integer 0), lengths, left or right (from the weight that it helps to express), or a method of
    `initial.METHODS` with its `args`.
    """

    name: str
    shape: tuple[int, ...]
    init: str
    fan_in: int = 0
    value: float = 0.0
    args: tuple[tuple[str, Any], ...] = ()


class Use(NamedTuple):
    """How a training step uses an op: what decides which tensors its backward pass keeps, and how much it computes.

    needs        for each operand, whether a gradient flows back to it
    overwritten  whether the result takes the memory of the first operand
    strided      whether the first operand is a sequence of tokens that lie in memory as maps do
    tapped       whether a pooling also hands out its indices
    """

    needs: tuple[bool, ...]
    overwritten: bool = False
    strided: bool = False
    tapped: bool = False


class Saved(NamedTuple):
    """What PyTorch keeps of one sample for the backward pass of an op.

    operands, results  positions of the operands and results that are kept; a tensor kept by several ops is there once
    more               further elements of the activations' type, such as copies with padding
    floats             elements of single precision whatever the type
    indices            elements of 8 bytes
    flags              elements of 1 byte
    fixed              elements of the activations' type that do not grow with the batch, such as batch statistics
    fixed_floats       elements of single precision that do not
    stored             elements of the layer's own buffers, there once however often a shared layer is used
    """

    operands: tuple[int, ...] = ()
    results: tuple[int, ...] = ()
    more: int = 0
    floats: int = 0
    indices: int = 0
    flags: int = 0
    fixed: int = 0
    fixed_floats: int = 0
    stored: int = 0


SaveRule: TypeAlias = Callable[[Any, Shape, Shape, Use], Saved]


def saves_nothing(a: Any, x: Shape, out: Shape, use: Use) -> Saved:
    """For ops whose gradient follows from shapes alone: sums, copies, resampling."""
    return Saved()


def saves_input(a: Any, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(operands=(0,))


def saves_result(a: Any, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(results=(0,))


def saves_both(a: Any, x: Shape, out: Shape, use: Use) -> Saved:
    return Saved(operands=(0,), results=(0,))


def saves_one(a: Any, x: Shape, out: Shape, use: Use) -> Saved:
    """The input, or the result where it overwrites the input."""
    return saves_result(a, x, out, use) if use.overwritten else saves_input(a, x, out, use)


class Taps(NamedTuple):
    """Which positions of its input an op looks at along a spatial axis; the receptive field follows from it.

    places: for each of the first outputs `(first, last, spacing)`, or None where it looks at nothing. After that many
    outputs it is the same, `advance` positions further.
    """

    places: tuple[tuple[Any, Any, Any] | None, ...]
    advance: Any


def _no_weights(a: Any, x: Shape) -> tuple[Weight, ...]:
    return ()


def _same(a: Any, x: Shape) -> Any:
    return a


def _one_per_output(a: Any, x: Shape, out: Shape) -> int:
    return math.prod(out) if getattr(a, "bias", False) else 0


class Op(Generic[A]):
    """One layer of the language.

    name, aliases      as written in programs
    known_as           what PyTorch, Keras, ONNX and papers call it, in their spelling; see `elaborate/foreign.py`
    family             the op whose `set` defaults also reach this one
    doc                first line is the summary in `cnnc layers`
    signature          a NamedTuple class whose annotations carry kinds; its order is the positional order
    resolve(s, x)      signature values to the attributes that the other rules take; by default they are the same
    shape(a, *xs)      output shape; raises Reject
    weights, buffers   `(a, x)` to tensors
    work(a, x, out)    scalar operations per sample
    saves(a, x, out, use)  what PyTorch keeps for the backward pass when a gradient flows back to an operand or a weight
    backward(a, x, out, use)  multiply-accumulates of the backward pass; by default those of the forward pass once for
                       the weights and once for the operands
    biases(a, x, out)  additions of a bias, which some conventions count; by default one per output
    window(a, x)       `Taps` for each spatial axis, or None in place of one that is looked at as a whole; an op
                       without it looks at one position (or, with `sees_all`, at all)
    suffix             the parameter that a kernel suffix sets, if the layer takes one
    ranks              spatial ranks it applies to
    depth              whether it counts as a layer of network depth
    inplace            whether its result may overwrite its input
    view               whether its result shares its input's memory
    initial            the kind of layer that `set init` knows it as: conv, deconv or fc
    tokens             whether it takes a sequence of tokens as well as maps
    taps               parameters that are tensors; their values are further operands
    samples            uses that every backend is tested on: `chain @ input shape`
    rejects            `(chain @ input shape, code)`

    What `analyze --explain` prints of it:
    shape_lines(a, xs, out)   where the output's extents come from; not needed where they are the input's
    macs_text(a, x, out)      the multiply-accumulates as a formula; needed where there are any
    each_text(a, x, out)      kinds of other operations whose number per output is a formula of the arguments
    """

    def __init__(
        self,
        *,
        name: str,
        doc: str,
        signature: type[Any],
        shape: Callable[..., Shape],
        work: Callable[[A, Shape, Shape], Work],
        saves: SaveRule,
        resolve: Callable[[Any, Shape], A] = _same,
        weights: Callable[[A, Shape], tuple[Weight, ...]] = _no_weights,
        buffers: Callable[[A, Shape], tuple[Weight, ...]] = _no_weights,
        biases: Callable[[A, Shape, Shape], int] = _one_per_output,
        backward: Callable[[Any, Shape, Shape, Use], int] | None = None,
        window: Callable[[A, Shape], tuple[Taps | None, ...]] | None = None,
        sees_all: bool = False,
        suffix: str | None = None,
        ranks: Sequence[int] = (0, 1, 2, 3),
        family: str | None = None,
        aliases: Sequence[str] = (),
        known_as: Sequence[str] = (),
        depth: bool = False,
        inplace: bool = False,
        view: bool = False,
        operator: bool = False,
        initial: str = "",
        tokens: bool = False,
        taps: Sequence[str] = (),
        samples: Sequence[str] = (),
        rejects: Sequence[tuple[str, str]] = (),
        shape_lines: Callable[[A, tuple[Shape, ...], Shape], tuple[Line, ...]] | None = None,
        macs_text: Callable[[A, Shape, Shape], str] | None = None,
        each_text: Callable[[A, Shape, Shape], dict[str, str]] | None = None,
    ) -> None:
        self.name, self.doc, self.signature = name, doc, signature
        self.aliases, self.known_as = tuple(aliases), tuple(known_as)
        self.shape, self.work, self.resolve, self.biases = shape, work, resolve, biases
        self.saves, self.backward = saves, backward
        self.weights, self.buffers, self.window, self.sees_all = weights, buffers, window, sees_all
        self.suffix, self.ranks, self.family = suffix, tuple(ranks), family or name
        self.depth, self.inplace, self.view, self.operator = depth, inplace, view, operator
        self.initial, self.tokens, self.taps = initial, tokens, tuple(taps)
        self.samples, self.rejects = tuple(samples), tuple(rejects)
        self.shape_lines, self.macs_text, self.each_text = shape_lines, macs_text, each_text
        self.params: dict[str, Kind] = {
            field: next(m for m in get_args(hint) if isinstance(m, Kind))
            for field, hint in signature.__annotations__.items()
        }

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy is the entry itself, also in another process: its rules are functions, which have no copies."""
        return named, (self.name,)


REGISTRY: dict[str, Op[Any]] = {}
"""Every op by its name."""

NAMES: dict[str, Op[Any]] = {}
"""Every op by every name that a program may use for it; operators such as `+` have none."""


def named(name: str) -> Op[Any]:
    """The op of that name."""
    return REGISTRY[name]


def define(op: Op[A]) -> Op[A]:
    """Enter an op into the registry."""
    REGISTRY[op.name] = op
    if not op.operator:
        for name in (op.name, *op.aliases):
            assert name not in NAMES, f"two ops are called {name}"
            NAMES[name] = op
    return op


class NoParams(NamedTuple):
    """The signature of a layer without arguments."""


def size(shape: Shape) -> int:
    """Number of elements."""
    return math.prod(shape)


def same_shape(a: Any, x: Shape) -> Shape:
    return x


def no_work(a: Any, x: Shape, out: Shape) -> Work:
    return Work()


NOT_CHANNELS = {"B": "the batch", "N": "the batch", "D": "the depth", "H": "the height", "W": "the width"}
"""Letters that nobody writes for channels, and what they mean at the beginning of a shape."""


def check_input(shape: Shape) -> Shape:
    """The shape of an input as it was asked for, if it is one of at most four extents that begins with channels.

    Raises Reject: E0212, E0209, and E0240 for a letter of the batch or of an extent in the place of the channels.
    """
    if not 1 <= len(shape) <= 4 or any(extent < 1 for extent in shape):
        raise Reject("E0212", got=shape)
    meaning = NOT_CHANNELS.get(str(shape[0])) if len(shape) > 1 else None
    if meaning is not None:
        raise Reject("E0240", letter=str(shape[0]), meaning=meaning, shape=shape)
    return check_extents(shape)


def check_extents(shape: Shape) -> Shape:
    """The shape itself, if no extent and no element count exceeds what an int64 holds."""
    if math.prod(shape) > MAX_EXTENT:
        raise Reject("E0209", extent=math.prod(shape))
    return shape
