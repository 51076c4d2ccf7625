"""Whole programs: a seed gives one, with the shapes that its outputs must have."""

import re
from math import prod
from random import Random
from typing import Any, NamedTuple

import cnnc
from cnnc.compiler.ops import kinds
from cnnc.compiler.ops.kinds import REQUIRED
from cnnc.compiler.recipe.optimizers import OPTIMIZERS

from . import blocks
from .arguments import Arguments
from .draft import Draft, Scope, Shape, compiled
from .forms import chain
from .links import adapted, keeping, layers
from .numbers import number

EXTENTS = {1: (16, 12, 9), 2: (8, 6, 7), 3: (4, 3, 5)}
"""Usual extents of inputs by their number of axes; one in eight is 1 instead."""


class Program(NamedTuple):
    """A valid program and the request that it is compiled with."""

    text: str
    input: str | None = None
    params: dict[str, Any] = {}  # noqa: RUF012  # nothing changes it
    sizes: dict[str, int] = {}  # noqa: RUF012
    """Numbers for the symbols of its input."""
    shapes: dict[str, Shape] | None = None
    """What must come out, by the name of the output; None where that is not known."""

    def compiled(self) -> cnnc.Net:
        return compiled(self.text, self.input, self.params)


class Misfit(Exception):
    """Pieces that fit one by one do not fit together; another program is drawn."""


def program(seed: int) -> Program:
    """The valid program of a seed."""
    for attempt in range(20):
        random = Random(f"{seed} {attempt}")
        try:
            return _Writing(random).program()
        except (Misfit, cnnc.NetworkError) as why:
            misfits.append((seed, str(why)))
    raise AssertionError(f"seed {seed} gave twenty programs that do not fit together")


misfits: list[tuple[int, str]] = []
"""The programs that had to be drawn again, with the reason."""


class _Writing:
    def __init__(self, random: Random) -> None:
        self.random, self.draft = random, Draft(random)
        self.params: dict[str, Any] = {}
        self.net = ""
        self.bindings: list[str] = []
        self.sets: list[str] = []

    def program(self) -> Program:
        random = self.random
        self.heading()
        form = random.choices((self.bare, self.flow, self.several), (1, 4, 2))[0]
        made = form()
        return self.proved(laid_out(made, random))

    def heading(self) -> None:
        """The net line, `use`, `set` and numbers of the file."""
        draft, random = self.draft, self.random
        if draft.chance(0.4):
            params = []
            for _ in range(random.randint(0, 3)):
                name, value = draft.name("n"), random.randint(1, 6)
                default = number(value, Scope(draft.globals), random, 0.5)
                if draft.chance(0.4):  # given from outside
                    self.params[name] = value
                    default = draft.random.choice(("", str(random.randint(1, 9))))
                params.append(f"{name}={default}" if default else name)
                draft.globals[name] = value
            self.net = f"net random{random.randint(1, 99)}" + (f"({', '.join(params)})" if params else "")
        if draft.chance(0.2):
            draft.head.append(f'use "blocks.cnn"{random.choice(("", " (unit, twin, pool, gated)"))}')
            if draft.head[-1].endswith("(unit, twin, pool, gated)") and draft.chance(0.3):
                draft.head[-1] = draft.head[-1][:-1] + ",)"
        for _ in range(random.choice((0, 0, 0, 1, 1, 2))):
            self.defaults()
        if draft.head and draft.shape_of("relu", (4, 8, 8), Scope({})) is None:
            draft.head = draft.head[:1] if draft.head[0].startswith("use") else []
        for _ in range(random.choice((0, 0, 1, 2))):
            name, value = draft.name("n"), random.randint(1, 6)
            self.bindings.append(f"{name} = {number(value, Scope(draft.globals), random, 0.6)}")
            draft.globals[name] = value

    def defaults(self) -> None:
        """A `set` line: initial values, or defaults of a layer."""
        draft, random = self.draft, self.random
        if draft.chance(0.15):
            lines = ("set init(kaiming_normal(mode=fan_out))", "set init(fc=normal(std=0.1), bias=zeros)",
                     "set cbr(act=tanh)", "set init(xavier)",
                     "set init(conv=orthogonal, deconv=uniform(a=-1, b=1))", "set bottleneck(e=2)")  # fmt: skip
            draft.head.append(random.choice(lines))
            return
        entry = layers()[random.choice(("conv", "conv", "bn", "maxpool", random.choice(sorted(layers()))))]
        settable = [
            name
            for name, kind in entry.params.items()
            if kind.default is not REQUIRED and type(kind) in (kinds.Flag, kinds.Word, kinds.Number)
        ]
        chosen = random.sample(settable, min(len(settable), random.randint(1, 2)))
        draws = Arguments(random, (4, 8, 8), Scope({}))
        values = [f"{name}={draws.draw(entry.name, name, entry.params[name])}" for name in chosen]
        if entry.name in ("conv", "dwconv", "wsconv") and draft.chance(0.6):
            values.append("p=same_upper")
        if values:
            draft.head.append(f"set {entry.name}({', '.join(values)})")

    # The main part, in one of three forms

    def shape(self) -> Shape:
        random = self.random
        rank = random.choices((0, 1, 2, 3), (1.2, 2, 6, 1.5))[0]
        channels = random.choice((1, 2, 3, 4, 4, 6, 8))
        if rank == 0:
            return (random.choice((5, 8, 12)),)
        return (channels, *(1 if random.random() < 0.12 else random.choice(EXTENTS[rank]) for _ in range(rank)))

    def bare(self) -> tuple[str, str | None, dict[str, int], dict[str, Shape]]:
        """A chain alone, whose input the request gives; the file has no other declarations."""
        self.draft.head, self.draft.globals, self.net, self.params, self.bindings = [], {}, "", {}, []
        shape = self.shape()
        scope = Scope(blocks.extents(shape))
        piece = chain(self.draft, shape, scope, 2, 6)
        if self.draft.declared:
            text = "\n".join([*self.draft.declared.values(), f"input -> {piece.text}"])
        else:
            text = piece.text
        return text, "x".join(map(str, shape)), {}, {"output": piece.shape}

    def flow(self) -> tuple[str, str | None, dict[str, int], dict[str, Shape]]:
        """One input with a main flow, perhaps with symbols, and perhaps with further outputs."""
        draft, shape = self.draft, self.shape()
        scope = Scope({**draft.globals, **blocks.extents(shape)})
        piece = chain(draft, shape, scope, 2, 7)
        ends, shapes = [], {"output": piece.shape}
        if draft.chance(0.4):
            ends, shapes = self.ends(piece.shape, scope)
        if draft.chance(0.15) and len(shapes) == 1:
            optimizer = self.random.choice(sorted(OPTIMIZERS))
            ends.append(f"train {{ loss = mse, optimizer = {optimizer} epochs = 2 }}")
        written, sizes = self.source(shape)
        return "\n".join([*self.top(), f"input {written} -> {piece.text}", *ends]), None, sizes, shapes

    def source(self, shape: Shape) -> tuple[str, dict[str, int]]:
        """The input's shape as text: dimensions, a tuple, a number; at times with symbols."""
        if len(shape) == 1:
            return str(shape[0]), {}
        if self.draft.chance(0.2):
            letters = "C" + "DHW"[-(len(shape) - 1) :]
            chosen = [self.draft.chance(0.2), *(self.draft.chance(0.7) for _ in letters[1:])]
            named = list(zip(letters, shape, chosen, strict=True))
            parts = [a if use else str(n) for a, n, use in named]
            return self.random.choice("xxxx×").join(parts), {a: n for a, n, use in named if use}
        if self.draft.chance(0.2):
            return f"({', '.join(number(n, Scope(self.draft.globals), self.random) for n in shape)})", {}
        return self.random.choice("xxxx×").join(map(str, shape)), {}

    def ends(self, end: Shape, scope: Scope) -> tuple[list[str], dict[str, Shape]]:
        """Named outputs from the end of the flow and from labels, and outputs for training only."""
        draft, shapes, outputs, aux = self.draft, {}, [], []
        piece = chain(draft, end, scope, 1, 2)
        outputs.append(f"main = {piece.text}")
        shapes["main"] = piece.shape
        for name in [n for n in scope.taps if n[0] == "t"][:2]:
            tail = chain(draft, scope.taps[name], scope.inner(), 1, 2)
            if draft.chance(0.6):
                key, text = (f"{name}_out", f"{name} -> {tail.text}") if draft.chance(0.7) else (f"{name}_out", name)
                shapes[key] = tail.shape if "->" in text else scope.taps[name]
                outputs.append(f"{key} = {text}")
            else:
                aux.append(f"{name}_aux = {name} -> {tail.text}")
        lines = [f"output {', '.join(outputs)}"]
        if draft.chance(0.1) and len(outputs) == 1:
            lines, shapes = [f"output {piece.text}"], {"output": piece.shape}
        return lines + ([f"aux {', '.join(aux)}"] if aux else []), shapes

    def several(self) -> tuple[str, str | None, dict[str, int], dict[str, Shape]]:
        """Several inputs, values that are named, and outputs."""
        draft = self.draft
        first, second = self.shape(), self.shape()
        if draft.chance(0.5):
            second = first
        scope = Scope(draft.globals)
        scope.taps = {"ia": first, "ib": second}
        a, b = chain(draft, first, scope, 1, 3), chain(draft, second, scope, 1, 3)
        lines = [f"va = ia -> {a.text}", f"vb = ib -> {b.text}"]
        scope.taps |= {"va": a.shape, "vb": b.shape}
        tail = adapted(draft, b, a.shape, second, scope)
        if tail is None:
            raise Misfit("the inputs cannot be brought together")
        tail = adapted(draft, self_piece(b.shape), a.shape, b.shape, scope)
        if tail is None:
            raise Misfit("the inputs cannot be brought together")
        other = f"(vb -> {tail.text})" if tail.links else "vb"
        joint = draft.fits(
            (self.random.choice((f"(id + {other})", f"(id * {other})", f"[id, {other}]")),), a.shape, scope
        )
        if joint is None:
            raise Misfit("the inputs cannot be joined")
        rest = chain(draft, joint.shape, scope, 2, 3)
        shapes = {"joint": rest.shape, "side": b.shape}
        lines.append(f"output joint = va -> {joint.text} -> {rest.text}, side = vb -> {keeping(draft)}")
        dims = ["x".join(map(str, s)) for s in (first, second)]
        return "\n".join([*self.top(), f"input ia: {dims[0]}, ib: {dims[1]}", *lines]), None, {}, shapes

    def top(self) -> list[str]:
        draft = self.draft
        return [*([self.net] if self.net else []), *draft.head, *self.bindings, *draft.declared.values()]

    def proved(self, made: tuple[str, str | None, dict[str, int], dict[str, Shape]]) -> Program:
        """The program, compiled as a whole. Raises NetworkError where its pieces do not fit together."""
        text, shape, sizes, shapes = made
        params = self.params if text.lstrip().startswith("net") or self.params else {}
        found = Program(text, shape, params, sizes, shapes)
        if not sizes:
            found.compiled()
            return found
        try:
            net = found.compiled()
            if set(net.symbols) != set(sizes):
                raise Misfit("symbols")
        except cnnc.NetworkError:  # a layer that needs numbers
            concrete = re.sub(r"(?<=[x×])[DHW](?=[x×]|\b)|\bC(?=[x×])", lambda m: str(sizes[m[0]]), text)
            found = Program(concrete, shape, params, {}, shapes)
            found.compiled()
        return found


def self_piece(shape: Shape) -> Any:
    from .draft import Piece

    return Piece((), shape)


def laid_out(
    made: tuple[str, str | None, dict[str, int], dict[str, Shape]], random: Random
) -> tuple[str, str | None, dict[str, int], dict[str, Shape]]:
    """The same with comments and line breaks where the language allows them."""
    text, *rest = made
    if random.random() < 0.4:
        parts = text.split(" -> ")
        gaps = ["\n-> ", " ->\n    ", " -> ", "->", "  # so far\n  -> ", " -> ", "\n\n# -> a comment, (not) closed\n->"]
        text = parts[0] + "".join(random.choice(gaps) + part for part in parts[1:])
    return text, *rest  # type: ignore[return-value]


__all__ = ["Program", "misfits", "prod", "program"]
