"""The graph as text, and back: what `--print-ir` shows, and what tests compare.

    net lenet5
    input input %0 : 1x32x32
    region @0 net "lenet5" key ('lenet5.cnn', (0, 0), 'net') at lenet5.cnn:0-310
      in %0
      %1 = conv %0 Conv(c=6, k=(5, 5), ...) : 6x28x28 as conv1 at lenet5.cnn:258-269
      %2 = call @1 %1 times 3 : 6x28x28 as 0 at ...
      out %2
    output output %2

Values are numbered through the whole graph; places are offsets into the named source. Reading gives a graph that is
equal in everything but the sources' texts, which are not part of it.
"""

import ast
import re
from typing import Any

from . import ops
from .ir import Apply, Call, Graph, Region, Terminal, Value, known, regions_of
from .ops import REGISTRY
from .ops.base import Tokens
from .ops.initial import Initial
from .recipe.recipe import Recipe, plain, recipe_of
from .source import Source, Span
from .symbolic import Sym, gcd, largest, symbol

ATTRIBUTES: dict[str, Any] = {
    name: value
    for module in ops.FAMILIES
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, tuple) and hasattr(value, "_fields")
}
"""The types of attributes, by name."""


def print_graph(graph: Graph) -> str:
    """The text of a graph; equal graphs have equal texts."""
    return "\n".join(_Printer(graph).lines()) + "\n"


class _Printer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.numbers: dict[Value, int] = {}
        self.regions = {id(region): n for n, region in enumerate(_all_regions(graph))}

    def lines(self) -> list[str]:
        graph = self.graph
        lines = [f"net {graph.name}"]
        lines += [f"init {kind} {(initial.method, initial.args)!r}" for kind, initial in graph.initials]
        for region in _all_regions(graph):
            lines += self.region(region)
        lines += [f"shared {name} @{self.regions[id(region)]}" for name, region in graph.shared.items()]
        for word, terminals in (("input", graph.inputs), ("output", graph.outputs), ("aux", graph.aux)):
            lines += [f"{word} {t.name} {self.value(t.value)}" for t in terminals]
        if graph.recipe is not None:
            lines.append(f"train {plain(graph.recipe)!r}")
        return lines

    def region(self, region: Region) -> list[str]:
        head = f"region @{self.regions[id(region)]} {region.kind} {region.title!r} key {region.key!r}"
        flags = " numbered" if region.positional else ""
        inputs = ", ".join(f"{self.value(v)} : {_shape(v)}{_origin(v)}" for v in region.inputs)
        lines = [f"{head} args {region.args!r}{flags}{_place(region.span)}", f"  in {inputs}".rstrip()]
        lines += [f"  {self.step(step)}" for step in region.steps]
        return [*lines, f"  out {', '.join(map(self.value, region.outputs))}"]

    def value(self, value: Value) -> str:
        return f"%{self.numbers.setdefault(value, len(self.numbers))}"

    def step(self, step: Apply | Call) -> str:
        operands = ", ".join(map(self.value, step.inputs))
        results = ", ".join(f"{self.value(v)} : {_shape(v)}" for v in step.outputs)
        if isinstance(step, Apply):
            fields = ", ".join(f"{n}={v!r}" for n, v in step.attrs._asdict().items())
            what = f"{step.op.name} {operands} {type(step.attrs).__name__}({fields})" + " skip" * step.skip
        else:
            marks = [f"times {step.count}"] if step.count != 1 else []
            marks += [f"shared {step.shared}"] if step.shared else []
            marks += [word for word in ("reuse", "skip") if getattr(step, word)]
            what = " ".join([f"call @{self.regions[id(step.region)]} {operands}", *marks])
        label = f" label {step.label}" if step.label else ""
        return f"{results} = {what} as {step.name or '-'} kind {step.kind}{label}{_place(step.span)}"


def _all_regions(graph: Graph) -> list[Region]:
    """Every region, callees first, those of shared layers included."""
    found: dict[int, Region] = {}
    for root in (graph.root, *graph.shared.values()):
        found.update({id(region): region for region in regions_of(root)})
    return list(found.values())


def _shape(value: Value) -> str:
    shape = "x".join(f"({n})" if isinstance(n, Sym) else str(n) for n in known(value))
    if isinstance(known(value), Tokens):
        shape += " tokens"
    return f"{shape} named {value.hint}" if value.hint else shape


def _place(span: Span) -> str:
    return f" at {_escaped(span.source.name)}:{span.start}-{span.end}"


def _escaped(name: str) -> str:
    """A file's name without anything that has a meaning in this text, such as line breaks, blanks and colons."""
    return "".join(c if c.isalnum() or c in "._-<>/+~" else f"%{ord(c):x};" for c in name)


def _unescaped(text: str) -> str:
    return re.sub(r"%([0-9a-f]+);", lambda found: chr(int(found[1], 16)), text)


def _origin(value: Value) -> str:
    return "" if value.origin is None else _place(value.origin)


# Reading

PLACE = r"(?: at (?P<file>.*?):(?P<start>\d+)-(?P<end>\d+))?"
REGION = re.compile(rf"region @(\d+) (\w+) ('.*?'|\".*?\") key (\(.*?\)) args (\{{.*\}})( numbered)?{PLACE}$")
INPUT = re.compile(rf"(%\d+) : (.+?(?: named \w+)?){PLACE}$")
STEP = re.compile(
    rf"(?P<results>.*?) = (?P<what>.*) as (?P<name>\S+) kind (?P<kind>\S+)(?: label (?P<label>\S+))?{PLACE}$"
)
APPLY = re.compile(r"(\w+) ((?:%\d+(?:, )?)*) (\w+)(\(.*\))( skip)?$")
CALL = re.compile(r"call @(\d+) ((?:%\d+(?:, )?)*)(?: times (\d+))?(?: shared (\w+))?( reuse)?( skip)?$")


def read_graph(text: str) -> Graph:
    """The graph of a text that `print_graph` made. Raises ValueError for anything else."""
    reader = _Reader()
    for number, line in enumerate(text.removesuffix("\n").split("\n") if text else [], 1):
        try:
            reader.line(line)
        except (AttributeError, KeyError, IndexError, SyntaxError) as error:
            raise ValueError(f"line {number} is no IR: {line[:80]}") from error
    inputs, outputs, aux = (tuple(terminals) for terminals in reader.terminals.values())
    return Graph(reader.name, reader.root(), inputs, outputs, aux, reader.shared, tuple(reader.initials), reader.recipe)


class _Reader:
    def __init__(self) -> None:
        self.name = ""
        self.initials: list[tuple[str, Initial]] = []
        self.recipe: Recipe | None = None
        self.values: dict[str, Value] = {}
        self.regions: list[Region] = []
        self.shared: dict[str, Region] = {}
        self.sources: dict[str, Source] = {}
        self.terminals: dict[str, list[Terminal]] = {"input": [], "output": [], "aux": []}

    def root(self) -> Region:
        return next(region for region in self.regions if region.kind == "net")

    def line(self, line: str) -> None:
        word, _, rest = line.strip().partition(" ")
        if word == "net":
            self.name = rest
        elif word == "init":
            kind, _, initial = rest.partition(" ")
            self.initials.append((kind, Initial(*_literal(initial))))
        elif word == "train":
            self.recipe = recipe_of(_literal(rest))
        elif word == "region":
            self.region(line)
        elif word == "in":
            self.regions[-1].inputs = [self.input(part) for part in re.split(r", (?=%)", rest) if part]
        elif word == "out":
            self.regions[-1].outputs = [self.values[name] for name in rest.split(", ")]
        elif word == "shared":
            name, _, region = rest.partition(" @")
            self.shared[name] = self.regions[int(region)]
        elif word in self.terminals:
            name, _, value = rest.rpartition(" ")
            self.terminals[word].append(Terminal(name, self.values[value]))
        else:
            self.step(line.strip())

    def region(self, line: str) -> None:
        found = REGION.match(line)
        assert found is not None, "the region's line"
        _, kind, title, key, args, numbered = found.groups()[:6]
        region = Region(kind, _literal(title), _literal(key), self.span(found))
        region.args, region.positional = _literal(args), numbered is not None
        self.regions.append(region)

    def input(self, text: str) -> Value:
        found = INPUT.match(text)
        assert found is not None, "an input"
        value = self.define(found.group(1), found.group(2))
        value.origin = self.span(found) if found.group("file") is not None else None
        return value

    def define(self, name: str, shape: str) -> Value:
        shape, _, hint = shape.partition(" named ")
        if name not in self.values:
            kind = Tokens if shape.endswith(" tokens") else tuple
            self.values[name] = Value(kind(map(_literal, _extents(shape.removesuffix(" tokens")))), None)
            self.values[name].hint = hint or None
        return self.values[name]

    def step(self, text: str) -> None:
        found = STEP.match(text)
        assert found is not None, "a step"
        outputs = [self.define(*part.split(" : ", 1)) for part in re.split(r", (?=%)", found["results"])]
        span, kind, label = self.span(found), found["kind"], found["label"]
        what = found["what"]
        step = (
            self.call(what, outputs, span, kind, label)
            if what.startswith("call @")
            else self.apply(what, outputs, span, kind, label)
        )
        step.name = "" if found["name"] == "-" else found["name"]
        self.regions[-1].steps.append(step)

    def apply(self, what: str, outputs: list[Value], span: Span, kind: str, label: str | None) -> Apply:
        name, operands, attributes, fields, skip = APPLY.match(what).groups()  # type: ignore[union-attr]
        step = Apply(
            REGISTRY[name], _attributes(attributes, fields), self.operands(operands), outputs[0], span, kind, label
        )
        step.skip = skip is not None
        for extra in outputs[1:]:
            step.outputs.append(extra)
            extra.maker = step
        return step

    def call(self, what: str, outputs: list[Value], span: Span, kind: str, label: str | None) -> Call:
        region, operands, times, shared, reuse, skip = CALL.match(what).groups()  # type: ignore[union-attr]
        step = Call(self.regions[int(region)], self.operands(operands), outputs, span, kind, label)
        step.count, step.shared = int(times or 1), shared
        step.reuse, step.skip = reuse is not None, skip is not None
        return step

    def operands(self, text: str) -> list[Value]:
        return [self.values[name] for name in text.split(", ") if name]

    def span(self, found: re.Match[str]) -> Span:
        source = self.sources.setdefault(found["file"], Source("", _unescaped(found["file"])))
        return Span(source, int(found["start"]), int(found["end"]))


def _extents(shape: str) -> list[str]:
    """The extents of a shape, whose formulas stand in brackets and may have an `x` of their own, in `max`."""
    depth, extents = 0, [""]
    for character in shape:
        depth += (character == "(") - (character == ")")
        if character == "x" and not depth:
            extents.append("")
        else:
            extents[-1] += character
    return extents


def _attributes(name: str, fields: str) -> Any:
    call = ast.parse(f"f{fields}", mode="eval").body
    assert isinstance(call, ast.Call)
    return ATTRIBUTES[name](**{str(k.arg): _evaluate(k.value) for k in call.keywords})


def _literal(text: str) -> Any:
    return _evaluate(ast.parse(text, mode="eval").body)


def _evaluate(node: ast.expr) -> Any:
    """A literal in which names are symbols and sums, products, floors, max and gcd are formulas."""
    match node:
        case ast.Constant():
            return node.value
        case ast.Tuple():
            return tuple(map(_evaluate, node.elts))
        case ast.Dict():
            return {_evaluate(k): _evaluate(v) for k, v in zip(node.keys, node.values, strict=True) if k is not None}
        case ast.Name():
            return symbol(node.id)
        case ast.UnaryOp():
            return -_evaluate(node.operand)
        case ast.BinOp():
            return _operate(node.op, _evaluate(node.left), _evaluate(node.right))
        case ast.Call(func=ast.Name(id="gcd")):
            return gcd(*map(_evaluate, node.args))
        case ast.Call(func=ast.Name(id="max")):
            values = list(map(_evaluate, node.args))
            for value in values[1:]:
                values[0] = largest(values[0], value)
            return values[0]
    raise ValueError("no literal")


def _operate(operator: ast.operator, left: Any, right: Any) -> Any:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case _:
            return left // right
