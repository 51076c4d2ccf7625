"""A graph with symbolic extents at given sizes: every rule is run again with numbers, so what fails there is found."""

from typing import TYPE_CHECKING, Any

from .diagnostics import Diagnostic, Reject, Sink
from .ir import Apply, Call, Graph, Region, Terminal, Value, known, regions_of
from .ops import Shape
from .ops.base import check_extents
from .ops.kinds import Integer, Optional, PerAxis, Shaped
from .symbolic import Sym, at, symbols_in

if TYPE_CHECKING:
    from .recipe.recipe import Recipe

Values = dict[str, int]


def symbols_of(graph: Graph) -> list[str]:
    """The symbols in the input shapes, sorted."""
    names: set[str] = set()
    for terminal in graph.inputs:
        for extent in known(terminal.value):
            if isinstance(extent, Sym):
                names |= symbols_in(extent)
    return sorted(names)


def specialize(graph: Graph, values: Values) -> Graph:
    """The graph with numbers for its symbols. Raises NetworkError with what does not fit at these sizes."""
    worker = _Specializer(values)
    for terminal in graph.inputs:
        worker.check_input(terminal)
    for region in regions_of(graph.root):
        worker.region(region)
    for region in graph.shared.values():
        for inner in regions_of(region):
            if id(inner) not in worker.regions:
                worker.region(inner)
    worker.sink.stop_on_error()

    def terminals(items: tuple[Terminal, ...]) -> tuple[Terminal, ...]:
        return tuple(Terminal(t.name, worker.values[t.value]) for t in items)

    shared = {name: worker.regions[id(region)] for name, region in graph.shared.items()}
    root = worker.regions[id(graph.root)]
    ends = (terminals(graph.inputs), terminals(graph.outputs), terminals(graph.aux))
    recipe = _refitted(graph.recipe, {t.name: t.value for t in (*ends[1], *ends[2])})
    return Graph(graph.name, root, *ends, shared, graph.initials, recipe)


def _refitted(recipe: "Recipe | None", ends: dict[str, Value]) -> "Recipe | None":
    """The recipe with targets for these sizes of the outputs. Raises NetworkError where a loss does not fit them."""
    if recipe is None:
        return None
    from .recipe.fit import refit

    sink = Sink()
    try:
        return refit(recipe, {name: known(value) for name, value in ends.items()})
    except Reject as reject:
        sink.add(Diagnostic(reject.code, reject.facts, next(iter(ends.values())).origin))
    sink.stop_on_error()
    return None


def check_arguments(old: Apply, attrs: Any) -> None:
    """Raise Reject (E0305) where an argument that was a formula is a number that the layer does not take."""
    for name, kind in old.op.params.items():
        kind = kind.kind if isinstance(kind, Optional) else kind
        before, now = getattr(old.attrs, name, None), getattr(attrs, name, None)
        if before == now or not isinstance(kind, (Integer, PerAxis, Shaped)):
            continue
        try:
            kind.read(now, len(known(old.inputs[0])) - 1)
        except Reject as reject:
            see = f"`{old.op.name}` gets this from the sizes that the input has here"
            raise Reject(reject.code, name=name, see=see, **reject.facts) from None


class _Specializer:
    def __init__(self, numbers: Values) -> None:
        self.numbers = numbers
        self.sink = Sink()
        self.values: dict[Value, Value] = {}
        self.regions: dict[int, Region] = {}

    def region(self, old: Region) -> None:
        new = Region(old.kind, old.title, old.key, old.span)
        new.args = {name: self.attribute(value) for name, value in old.args.items()}
        new.positional = old.positional
        new.inputs = [self.value(v) for v in old.inputs]
        new.steps = [self.apply(s) if isinstance(s, Apply) else self.call(s) for s in old.steps]
        new.outputs = [self.value(v) for v in old.outputs]
        self.regions[id(old)] = new

    def value(self, old: Value) -> Value:
        if old not in self.values:
            self.values[old] = Value(self.shape(known(old)), old.origin)
            self.values[old].hint = old.hint
        return self.values[old]

    def shape(self, shape: Shape) -> Shape:
        return type(shape)(at(extent, self.numbers) for extent in shape)

    def check_input(self, terminal: Terminal) -> None:
        """Layers see to their own results; an input may be too large for an int64 by itself."""
        try:
            check_extents(self.shape(known(terminal.value)))
        except Reject as reject:
            self.sink.add(Diagnostic(reject.code, reject.facts, terminal.value.origin))

    def attribute(self, value: Any) -> Any:
        """An attribute with numbers for formulas, in tuples of any depth."""
        if isinstance(value, Sym):
            return value.at(self.numbers)
        return tuple(map(self.attribute, value)) if type(value) is tuple else value

    def apply(self, old: Apply) -> Apply:
        """The op with its rule run on numbers; a Reject becomes a diagnostic at the op."""
        attrs = type(old.attrs)(*map(self.attribute, old.attrs))
        inputs = [self.value(v) for v in old.inputs]
        output = self.value(old.output)
        try:
            check_arguments(old, attrs)
            shape = old.op.shape(attrs, *(known(v) for v in inputs))
            if shape != known(output):
                raise Reject("E0203", left=shape, right=known(output))
        except Reject as reject:
            self.sink.add(Diagnostic(reject.code, {"layer": old.op.name, **reject.facts}, old.span))
        new = Apply(old.op, attrs, inputs, output, old.span, old.kind, old.label)
        for extra in old.outputs[1:]:
            new.outputs.append(self.value(extra))
            self.value(extra).maker = new
        new.name, new.skip = old.name, old.skip
        self.check_projection(new)
        return new

    def check_projection(self, step: Apply | Call) -> None:
        if step.skip and step.inputs[0].shape == step.outputs[0].shape:
            self.sink.add(Diagnostic("E0343", {}, step.span))

    def call(self, old: Call) -> Call:
        inputs, outputs = [self.value(v) for v in old.inputs], [self.value(v) for v in old.outputs]
        new = Call(self.regions[id(old.region)], inputs, outputs, old.span, old.kind, old.label)
        new.name, new.count, new.shared, new.reuse, new.skip = old.name, old.count, old.shared, old.reuse, old.skip
        self.check_projection(new)
        return new
