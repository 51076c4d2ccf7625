"""A program while it is written: what its text may name, and the compiler's word on whether a piece fits."""

import re
from contextlib import chdir
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import cnnc
from cnnc.compiler.ir import known
from cnnc.compiler.ops.base import Tokens

Shape = tuple[int, ...]

MOST_ELEMENTS = 1500
"""Of one tensor; of all tensors of a piece it is MOST_ACTIVATIONS."""
MOST_ACTIVATIONS = 12_000
MOST_PARAMETERS = 12_000
MOST_WORK = 300_000
MOST_ASKED = 150
"""How often the compiler is asked for one program; what is drawn after that are layers that always fit."""


class Scope:
    """What a piece of text may name, and what each name stands for.

    numbers  names of whole numbers: cin, build parameters, parameters of the block, variables of loops
    layers   names of layers, with text of the same meaning that names nothing but blocks
    taps     labels, inputs and tensors by their shapes
    """

    def __init__(self, numbers: dict[str, int], layers: dict[str, str] | None = None) -> None:
        self.numbers = dict(numbers)
        self.layers = dict(layers or {})
        self.taps: dict[str, Shape] = {}

    def inner(self, **numbers: int) -> "Scope":
        """A scope within this one, whose labels stay its own."""
        scope = Scope({**self.numbers, **numbers}, self.layers)
        scope.taps = dict(self.taps)
        return scope

    def spelled(self, text: str) -> str:
        """The text with names of numbers and layers replaced by what they stand for."""
        meant = {**{name: str(n) if n >= 0 else f"({n})" for name, n in self.numbers.items()}}
        meant |= {name: f"({layer})" for name, layer in self.layers.items()}
        if not meant:
            return text
        return re.sub(rf"\b({'|'.join(meant)})\b", lambda match: meant[match[0]], text)


class Piece(NamedTuple):
    """Links of a chain, and the shape that comes out of them."""

    links: tuple[str, ...]
    shape: Shape
    plain: bool = False
    """Whether it is one link that needs no parentheses anywhere."""

    @property
    def text(self) -> str:
        return " -> ".join(self.links)

    @property
    def operand(self) -> str:
        """As an operand or a factor of a repeat."""
        return self.text if self.plain else f"({self.text})"


class BlockNote(NamedTuple):
    """A block that was declared: its parameters, as (name, kind, has a default)."""

    params: tuple[tuple[str, str, bool], ...]


class Draft:
    """Declarations so far, fresh names, and the random numbers that all is drawn from."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.head: list[str] = []
        """Lines that reach all that follows: `use` and `set`."""
        self.declared: dict[str, str] = {}
        """Blocks and shared layers by name, in order."""
        self.blocks: dict[str, BlockNote] = {}
        self.shared: dict[str, Shape] = {}
        self.globals: dict[str, int] = {}
        """Numbers that the file names."""
        self.count = 0
        self.refused = 0
        self.asked = 0

    def name(self, kind: str) -> str:
        """A name that nothing has yet; no argument of a layer is called like it."""
        self.count += 1
        return f"{kind}{self.count}"

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def shape_of(self, text: str, shape: Shape, scope: Scope) -> Shape | None:
        """What comes out of a chain for that shape, or None where the compiler refuses it or it is too large."""
        if self.asked >= MOST_ASKED:
            return None
        self.asked += 1
        try:
            net = compiled(self._probe(scope.spelled(text), shape, scope))
        except cnnc.NetworkError:
            self.refused += 1
            return None
        out = known(net.graph.outputs[0].value)
        return out if small(net, out) else None

    def fits(self, links: tuple[str, ...], shape: Shape, scope: Scope, plain: bool = False) -> Piece | None:
        out = self.shape_of(" -> ".join(links), shape, scope)
        return None if out is None else Piece(links, out, plain)

    def _probe(self, text: str, shape: Shape, scope: Scope) -> str:
        """A program that applies the text to an input, with the labels that it reads as further inputs."""
        read = {name: s for name, s in scope.taps.items() if re.search(rf"\b{name}\b", text)}
        sources, lines = [], []
        for name, extents in {"flow": shape, **read}.items():
            as_tokens = isinstance(extents, Tokens)
            sources.append(f"{name}_in: {written(extents)}")
            lines.append(f"{name} = {name}_in -> {'tokens' if as_tokens else 'id'}")
        return "\n".join(
            [*self.head, *self.needed(text), f"input {', '.join(sources)}", *lines, f"output y = flow -> ({text})"]
        )

    def needed(self, text: str) -> list[str]:
        """The declarations that a text names, and those that they name."""
        lines: list[str] = [f"{name} = {value}" for name, value in self.globals.items()]
        names: set[str] = set()
        new = {text}
        while new:
            found = {n for t in new for n in re.findall(r"\b[bs]\d+\b", t) if n in self.declared} - names
            names |= found
            new = {self.declared[n] for n in found}
        return [*lines, *(line for name, line in self.declared.items() if name in names)]


def small(net: cnnc.Net, out: Shape) -> bool:
    totals: Any = net.totals
    return (
        0 < _product(out) <= MOST_ELEMENTS
        and totals.activations <= MOST_ACTIVATIONS
        and totals.params <= MOST_PARAMETERS
        and totals.work.mac <= MOST_WORK
    )


def _product(shape: Shape) -> int:
    result = 1
    for extent in shape:
        result *= extent
    return result


def written(shape: Shape) -> str:
    """A shape as `input` takes it; tokens come from a map with one axis."""
    return "x".join(map(str, reversed(shape) if isinstance(shape, Tokens) else shape))


def compiled(text: str, shape: str | None = None, params: dict[str, Any] | None = None) -> cnnc.Net:
    """The network of a program that stands beside the file of blocks which some use."""
    with chdir(Path(__file__).parent):
        return cnnc.compile(text, shape, params)
