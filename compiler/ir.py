"""The intermediate representation: a graph of layers that keeps the program's hierarchy.

A `Region` is one instance of a block (or of a chain that is a value of its own): inputs, steps in order, outputs. A
step either applies an op or calls another region. Regions that are equal are one object, called from several places,
and a repeat is one call with a count; so a network of a million layers can be a handful of regions.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from .ops import Op, Shape, Weight
from .ops.initial import Initials, initialised
from .source import Span

if TYPE_CHECKING:
    from .recipe.recipe import Recipe


class Value:
    """A tensor. `shape` is channels first without the batch, or None where a mistake left it unknown.

    `hint` is what the program calls it, for readers of emitted source; no weight is named by it.
    """

    __slots__ = ("frame", "hint", "maker", "origin", "shape")

    description = "a tensor"

    def __init__(self, shape: Shape | None, origin: Span | None, frame: Any = None) -> None:
        self.shape = shape
        self.origin = origin
        self.frame = frame  # where it is being built; meaningless afterwards
        self.maker: Step | None = None
        self.hint: str | None = None

    def __getstate__(self) -> tuple[None, dict[str, Any]]:
        """What a copy takes over. Its maker is set by the copy of that, so long chains of layers are no deep data."""
        names = {name: getattr(self, name) for name in ("hint", "origin", "shape")}
        return None, {**names, "frame": None, "maker": None}


class Step:
    """What applications and calls share: operands, results, a name within the region, and a place in the source.

    `skip` marks the projection of a skip connection.
    """

    __slots__ = ("inputs", "kind", "label", "name", "outputs", "skip", "span")

    def __init__(self, inputs: list[Value], outputs: list[Value], span: Span, kind: str, label: str | None) -> None:
        self.inputs = inputs
        self.outputs = outputs
        self.span = span
        self.kind = kind
        self.label = label
        self.name = ""
        self.skip = False
        for value in outputs:
            value.maker = self

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        for name, value in state[1].items():
            setattr(self, name, value)
        for made in self.outputs:
            made.maker = self


class Apply(Step):
    """One op on its operands."""

    __slots__ = ("attrs", "op")

    def __init__(
        self, op: Op[Any], attrs: Any, inputs: list[Value], output: Value, span: Span, kind: str, label: str | None
    ) -> None:
        super().__init__(inputs, [output], span, kind, label)
        self.op = op
        self.attrs = attrs

    @property
    def output(self) -> Value:
        return self.outputs[0]

    @property
    def in_shapes(self) -> tuple[Shape, ...]:
        return tuple(known(v) for v in self.inputs)

    @property
    def out_shape(self) -> Shape:
        return known(self.outputs[0])

    def weights(self) -> tuple[Weight, ...]:
        """Trainable tensors, by their names within the layer."""
        return self.op.weights(self.attrs, known(self.inputs[0]))

    def buffers(self) -> tuple[Weight, ...]:
        """Stored tensors that are not trained."""
        return self.op.buffers(self.attrs, known(self.inputs[0]))


class Call(Step):
    """`count` instances of a region in sequence, each with weights of its own unless `shared` names a common set.

    Instances of a count above 1 have one input and one output of the same shape; a number at the end of the name
    counts up from one to the next. `reuse` marks a further use of an earlier call's weights in the same region,
    under the same name.
    """

    __slots__ = ("count", "region", "reuse", "shared")

    def __init__(
        self, region: "Region", inputs: list[Value], outputs: list[Value], span: Span, kind: str, label: str | None
    ) -> None:
        super().__init__(inputs, outputs, span, kind, label)
        self.region = region
        self.count = 1
        self.shared: str | None = None
        self.reuse = False

    def instance_name(self, i: int) -> str:
        """The name of the i-th instance: the number in the name counts up, so `3` with a count of 2 is `3`, `4`."""
        return self.name if self.count == 1 else str(int(self.name) + i)


class Region:
    """One instance of the program's structure.

    kind: net, block, chain (a chain that is a value of its own, numbered) or group (another such value).
    title: the block's name; key: what identifies the declaration, equal for all instances of it.
    args: the block's arguments that are plain data, which name the constructor arguments of emitted classes.
    """

    __slots__ = ("args", "inputs", "key", "kind", "outputs", "positional", "runs", "span", "steps", "title", "totals")

    def __init__(self, kind: str, title: str, key: tuple[Any, ...], span: Span) -> None:
        self.kind = kind
        self.title = title
        self.key = key
        self.span = span
        self.args: dict[str, Any] = {}
        self.positional = False
        self.inputs: list[Value] = []
        self.outputs: list[Value] = []
        self.steps: list[Apply | Call] = []
        self.totals: Any = None  # filled by the cost stage, once per region
        self.runs: dict[Any, Any] = {}  # filled by the memory stage, once for each way to hold the inputs


class Terminal(NamedTuple):
    """A named input or output of the network."""

    name: str
    value: Value


class Graph(NamedTuple):
    """A whole network."""

    name: str
    root: Region
    inputs: tuple[Terminal, ...]
    outputs: tuple[Terminal, ...]
    aux: tuple[Terminal, ...]
    shared: dict[str, Region]
    """Weights that several calls use, by the name that they are stored under."""
    initials: Initials = ()
    recipe: "Recipe | None" = None
    """What the `train` section says, if there is one."""


def known(value: Value) -> Shape:
    """The shape of a value in a graph without errors."""
    assert value.shape is not None, "a shape is unknown after a compilation without errors"
    return value.shape


class Layer(NamedTuple):
    """One op of the expanded network."""

    path: str
    scope: str
    step: Apply
    times: int


def join(prefix: str, name: str) -> str:
    return f"{prefix}.{name}" if prefix and name else prefix or name


def expand(region: Region, prefix: str = "") -> Iterator[tuple[str, str, Apply]]:
    """Every op of the expanded network in order, as (path, scope path, op). A million layers take a second."""
    stack: list[Iterator[tuple[str, Apply | Call]]] = [_steps(region, prefix)]
    scopes = [prefix]
    while stack:
        item = next(stack[-1], None)
        if item is None:
            stack.pop()
            scopes.pop()
            continue
        path, step = item
        if isinstance(step, Apply):
            yield path, scopes[-1], step
        else:
            stack.append(_steps(step.region, path))
            scopes.append(path)


def _steps(region: Region, prefix: str) -> Iterator[tuple[str, Apply | Call]]:
    for step in region.steps:
        if isinstance(step, Apply):
            yield join(prefix, step.name), step
        else:
            for i in range(step.count):
                yield step.shared or join(prefix, step.instance_name(i)), step


def weights_of(graph: Graph) -> Iterator[tuple[str, Weight, bool]]:
    """Every stored tensor once, as (full name, tensor, trainable), in the order of first use."""
    seen: set[str] = set()
    for path, _, step in expand(graph.root):
        if path in seen:
            continue
        weights, buffers = step.weights(), step.buffers()
        if weights or buffers:
            seen.add(path)
            for weight in weights:
                yield join(path, weight.name), initialised(step.op, weight, graph.initials), True
            for buffer in buffers:
                yield join(path, buffer.name), buffer, False


def path_length(graph: Graph) -> int:
    """Characters in the paths of all layers, repeats expanded: they grow with the square of the depth of blocks."""
    found: dict[int, tuple[int, int]] = {}
    for region in regions_of(graph.root):
        layers = length = 0
        for step in region.steps:
            if isinstance(step, Apply):
                layers, length = layers + 1, length + len(step.name)
                continue
            inner, inside = found[id(step.region)]
            prefix = 0 if step.shared else len(step.instance_name(0)) + 1
            layers, length = layers + step.count * inner, length + step.count * (inside + inner * prefix)
        found[id(region)] = layers, length
    return found[id(graph.root)][1]


def regions_of(root: Region) -> list[Region]:
    """Every distinct region, each after all that it calls."""
    order: list[Region] = []
    done: set[int] = set()
    stack: list[tuple[Region, bool]] = [(root, False)]
    while stack:
        region, ready = stack.pop()
        if ready:
            order.append(region)
        elif id(region) not in done:
            done.add(id(region))
            stack.append((region, True))
            stack += [
                (s.region, False) for s in reversed(region.steps) if isinstance(s, Call) and id(s.region) not in done
            ]
    return order
