"""The type of an op's entry and the registry. One entry per layer declares all that the compiler knows about it."""

import math
from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple, TypeAlias, TypeVar, get_args

from ..diagnostics import Reject
from ..limits import MAX_EXTENT
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


class Op(Generic[A]):
    """One layer of the language.

    name, aliases      as written in programs
    family             the op whose `set` defaults also reach this one
    doc                first line is the summary in `cnnc layers`
    signature          a NamedTuple class whose annotations carry kinds; its order is the positional order
    resolve(s, x)      signature values to the attributes that the other rules take; by default they are the same
    shape(a, *xs)      output shape; raises Reject
    weights, buffers   `(a, x)` to tensors
    work(a, x, out)    scalar operations per sample
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
    """

    def __init__(
        self,
        *,
        name: str,
        doc: str,
        signature: type[Any],
        shape: Callable[..., Shape],
        work: Callable[[A, Shape, Shape], Work],
        resolve: Callable[[Any, Shape], A] = _same,
        weights: Callable[[A, Shape], tuple[Weight, ...]] = _no_weights,
        buffers: Callable[[A, Shape], tuple[Weight, ...]] = _no_weights,
        window: Callable[[A, Shape], tuple[Taps | None, ...]] | None = None,
        sees_all: bool = False,
        suffix: str | None = None,
        ranks: Sequence[int] = (0, 1, 2, 3),
        family: str | None = None,
        aliases: Sequence[str] = (),
        depth: bool = False,
        inplace: bool = False,
        view: bool = False,
        operator: bool = False,
        initial: str = "",
        tokens: bool = False,
        taps: Sequence[str] = (),
        samples: Sequence[str] = (),
        rejects: Sequence[tuple[str, str]] = (),
    ) -> None:
        self.name, self.doc, self.signature, self.aliases = name, doc, signature, tuple(aliases)
        self.shape, self.work, self.resolve = shape, work, resolve
        self.weights, self.buffers, self.window, self.sees_all = weights, buffers, window, sees_all
        self.suffix, self.ranks, self.family = suffix, tuple(ranks), family or name
        self.depth, self.inplace, self.view, self.operator = depth, inplace, view, operator
        self.initial, self.tokens, self.taps = initial, tokens, tuple(taps)
        self.samples, self.rejects = tuple(samples), tuple(rejects)
        self.params: dict[str, Kind] = {
            field: next(m for m in get_args(hint) if isinstance(m, Kind))
            for field, hint in signature.__annotations__.items()
        }

    def __repr__(self) -> str:
        return f"<op {self.name}>"


REGISTRY: dict[str, Op[Any]] = {}
"""Every op by its name."""

NAMES: dict[str, Op[Any]] = {}
"""Every op by every name that a program may use for it; operators such as `+` have none."""


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


def check_extents(shape: Shape) -> Shape:
    """The shape itself, if no extent and no element count exceeds what an int64 holds."""
    if math.prod(shape) > MAX_EXTENT:
        raise Reject("E0209", extent=math.prod(shape))
    return shape
