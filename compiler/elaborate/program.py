"""A whole file: declarations are collected first, then inputs, bindings, the flow and outputs are run in order."""

from functools import cached_property
from typing import TYPE_CHECKING, Any

from .. import syntax as ast
from ..diagnostics import Diagnostic, Label, Reject, Sink, show, usage
from ..ir import Graph, Terminal, Value
from ..limits import Limits
from ..ops import Shape
from ..ops.base import check_input
from ..ops.initial import KINDS, Initial
from ..ops.kinds import describe
from ..source import Source, Span
from ..symbolic import is_whole, symbol
from .alone import alone
from .bind import suggest
from .build import open_region
from .circles import circle, circle_in_file
from .count import Counter
from .initials import initials_of
from .instances import Shared, detach
from .libraries import Libraries, again
from .modules import Loader
from .names import is_layer
from .scope import ABSENT, UNKNOWN, BlockDecl, Env, Fatal, Problem, Ref, Scope, Settings, SharedDecl

if TYPE_CHECKING:
    from ..recipe.recipe import Recipe

Shapes = dict[str, Shape]

UNNAMED = "input"  # what an input without a name is called


class Program(Libraries):
    """Elaborates one file into a graph."""

    def __init__(
        self,
        source: Source,
        tree: ast.File,
        sink: Sink,
        limits: Limits,
        loader: Loader | None = None,
        shared: Shared | None = None,
    ) -> None:
        frame = open_region("net", "net", (source.name, (0, 0), "net"), Span(source, *tree.pos), None, False)
        super().__init__(source, tree, sink, limits, loader, shared, frame)
        self.inputs: list[Terminal] = []
        self.outputs: list[Terminal] = []
        self.aux: list[Terminal] = []
        self.results: dict[str, Span] = {}  # where each name of an output stands
        self.params: dict[str, Any] = {}
        self.initials: dict[str, Initial] = {}
        self.recipe: Recipe | None = None
        self.later = {item.define.name.id for item in tree.items if isinstance(item, ast.Binding)}
        self.resized = False  # whether the request gives an input another shape than the program
        self.title = ""
        self.net: ast.Net | None = None
        self.flow_end: Value | None = None
        self.at: Any = tree  # the item that is being followed

    def run(self, params: dict[str, Any], shapes: Shapes | Shape | None) -> Graph | None:
        """The graph, or None where mistakes were found. Everything found goes to the sink."""
        try:
            settings = self.declared()
            self.bind_params(params)
            self.env.key = self.key_of("file", self.source.name, *map(self.fingerprint, self.params.values()))
            self.frame.positional = self.frame.region.positional = self.is_sequence()
            self.execute(settings, shapes)
            self.end_flow()
            self.train()
            self.check_shape_names(shapes)
            self.check_unused_blocks()
            self.check_layers()
        except Problem as problem:
            self.report(problem)
        except RecursionError:
            self.report(self.problem("E0364", self.at, self.env))
        graph = None if self.sink.has_errors else self.graph()
        for frame in self.kept:
            detach(frame)
        return graph

    # Declarations

    def declared(self) -> dict[int, Settings]:
        """Bind all that the file declares; the `set` defaults in force at each item."""
        for item in self.tree.items:
            if isinstance(item, ast.Net):
                self.declare_net(item)
        in_force = self.declare(self.main)
        for value in self.env.names.values():
            if isinstance(value, Ref) and isinstance(value.target, SharedDecl) and value.target.env is self.env:
                self.weight_name(value.target)
        return in_force

    def declare_net(self, item: ast.Net) -> None:
        if self.net is not None:
            places = (self.env.span(item), self.env.span(self.net))
            self.report(again("E0318", *places, what="`net` line", way="a file describes one network"))
            self.silenced |= {param.name for param in item.params}
            return
        self.title = item.name.id
        self.net = item

    def bind_params(self, given: dict[str, Any]) -> None:
        """Build parameters from the request, then from their defaults, which may read earlier ones."""
        net = self.net
        names = [param.name for param in net.params] if net is not None else []
        for name in given:
            if name not in names:
                where = self.env.span(net.name) if net is not None else Span(self.source, 0, 0)
                way = (
                    suggest(name, names, net.name.id)
                    if net is not None and names
                    else f"declare it: net {self.title or 'name'}({name}=…)"
                )
                self.report(Problem("E0322", where, name=name, help=way))
        for param in net.params if net is not None else ():
            try:
                value = self.param_value(param, given)
            except Problem as problem:
                self.report(problem)
                value = UNKNOWN
            self.declare_name(ast.Name(param.pos, param.name), value)
            self.params[param.name] = value

    def param_value(self, param: ast.Param, given: dict[str, Any]) -> Any:
        """The value of a build parameter. Raises Problem."""
        if param.name in given:
            return self.given_value(param, given[param.name])
        if param.default is None:
            raise self.problem("E0323", param, self.env, name=param.name)
        return self.evaluate(param.default, self.env)

    def given_value(self, param: ast.Param, value: Any) -> Any:
        """A value from the request; a word is the name of a layer where the default is a layer."""
        if not isinstance(value, str) or param.default is None or not is_layer(self.evaluate(param.default, self.env)):
            return value
        layer = self.evaluate(ast.Name(param.pos, value), self.env)
        if not is_layer(layer):
            raise self.problem("E0308", param, self.env, got=describe(value))
        return layer

    # The flow

    def is_sequence(self) -> bool:
        """Whether the network is nothing but blocks in a chain."""
        flows = [item for item in self.tree.items if isinstance(item, (ast.Input, ast.Flow, ast.Output, ast.Aux))]
        flow = flows[0].flow if len(flows) == 1 and isinstance(flows[0], ast.Input) else None
        if len(flows) == 1 and isinstance(flows[0], ast.Flow):
            flow = flows[0].body
        return flow is not None and self.only_blocks(flow, self.env, 0)

    def execute(self, settings: dict[int, Settings], shapes: Shapes | Shape | None) -> None:
        for index, item in enumerate(self.tree.items):
            self.scope.settings, self.at = settings[index], item
            try:
                if isinstance(item, ast.Input):
                    self.run_input(item, shapes)
                elif isinstance(item, ast.Set) and self.is_init(item, self.main):
                    self.initials.update(initials_of(self, item, self.env))
                elif isinstance(item, ast.Flow):
                    self.run_bare(item, shapes)
                elif isinstance(item, ast.Binding):
                    self.run_binding(item.define)
                elif isinstance(item, ast.Output):
                    self.run_output(item)
                elif isinstance(item, ast.Aux):
                    self.run_aux(item)
            except Fatal:
                raise
            except Problem as problem:
                self.report(problem)
                self.recover(item)

    def recover(self, item: ast.Item) -> None:
        """Give what a failed item would have declared an unknown value, so that its uses are no further mistakes."""
        if isinstance(item, (ast.Input, ast.Flow)) and self.flow_end is None:
            self.flow_end = self.unknown(item, self.env)
        elif isinstance(item, ast.Binding):
            self.env.names.setdefault(item.define.name.id, UNKNOWN)
            for label in ast.labels(item):
                self.scope.taps.setdefault(label, self.unknown(item, self.env))

    def stray(self, node: ast.Name, env: Env) -> Problem:
        """The mistake of a name that stands for nothing, or not yet: then it may be one of a circle of values."""
        if self.sink.is_full:
            return super().stray(node, env)
        steps = circle_in_file(node.id, self.tree, self.source)
        problem = circle(steps) if steps else super().stray(node, env)
        problem.silences = frozenset({step.name for step in steps} or self.later & {node.id})
        return problem

    def run_input(self, item: ast.Input, shapes: Shapes | Shape | None) -> None:
        if not item.sources:
            self.run_flow(item.flow, item, shapes)
            return
        self.check_commas(item)
        single = len(item.sources) == 1 and not self.inputs
        for source in item.sources:
            name = source.name.id if source.name is not None else UNNAMED
            if source.name is None and (item.flow is None or self.flow_end is None):
                self.check_unnamed(source)
            given = shapes.get(name) if isinstance(shapes, dict) else shapes if single else None
            declared = self.declared_shape(source)
            value = self.add_input(name, given or declared, self.env.span(source), given is None)
            self.resized = self.resized or (given is not None and given != declared)
            if source.name is not None:
                self.declare_name(source.name, value)
        if item.flow is not None:
            if len(item.sources) > 1:
                raise self.problem(
                    "E0318",
                    item.flow,
                    self.env,
                    what="input before an arrow",
                    way="name the flow's start: output y = a -> …",
                )
            self.start_flow(item.flow, self.inputs[-1].value)

    def check_commas(self, item: ast.Input) -> None:
        """`input 3, 32, 32` would be three inputs."""
        shapes = [
            source.shape for source in item.sources if source.name is None and isinstance(source.shape, ast.Number)
        ]
        if len(shapes) > 1 and len(shapes) == len(item.sources):
            extents = [self.env.span(shape).text for shape in shapes]
            node = ast.Group((shapes[0].pos[0], shapes[-1].pos[1]), shapes[0])
            way = f"did you mean {show('x'.join(extents))}? Several inputs have names: input a: 3x8x8, b: 3x8x8"
            raise self.problem("E0212", node, self.env, got=", ".join(extents), help=way)

    def check_unnamed(self, source: ast.InputShape) -> None:
        """One input may go without a name."""
        span = self.env.span(source)
        for terminal in self.inputs:
            if terminal.name == UNNAMED:
                labels = (Label(terminal.value.origin, "the first one"),) if terminal.value.origin is not None else ()
                way = "give each input a name: input a: 3x8x8, b: 3x8x8"
                self.report(Problem("E0312", span, labels=labels, name=UNNAMED, help=way))

    def run_bare(self, item: ast.Flow, shapes: Shapes | Shape | None) -> None:
        if self.inputs:
            raise self.problem("E0318", item.body, self.env, what="chain", way=self.second_chain(item.body))
        self.run_flow(item.body, item, shapes)

    def run_flow(self, flow: Any, item: Any, shapes: Shapes | Shape | None) -> None:
        """A flow whose input shape comes from the request."""
        shape = next(iter(shapes.values()), None) if isinstance(shapes, dict) else shapes
        if shape is None:
            self.report(self.problem("E0211", item, self.env))  # names and arguments can be checked all the same
        self.start_flow(flow, self.add_input(UNNAMED, shape, self.env.span(item), False))

    def start_flow(self, flow: Any, value: Value) -> None:
        if self.flow_end is not None:
            raise self.problem("E0318", flow, self.env, what="chain", way=self.second_chain(flow))
        links = flow.links if isinstance(flow, ast.Chain) else (flow,)
        self.flow_end = self.links(links, self.env, value)

    def second_chain(self, flow: Any) -> str:
        """A way out for a chain that follows another: often an arrow is missing between the two."""
        first = self.env.span(flow).text.split()[0].split("(")[0]
        return f"is a `->` missing before `{first}`? Otherwise name what it makes: output y = …"

    def declared_shape(self, source: ast.InputShape) -> Shape | None:
        """An input's shape as declared; None for what cannot be one, which is reported."""
        try:
            return self.shape_of(source)
        except Problem as problem:
            self.report(problem)
            return None

    def add_input(self, name: str, shape: Shape | None, span: Span, declared: bool) -> Value:
        value = Value(shape, span if declared else None, self.frame)
        self.frame.region.inputs.append(value)
        self.inputs.append(Terminal(name, value))
        if self.scope.input is None:
            self.scope.input = value
        return value

    def shape_of(self, source: ast.InputShape) -> Shape:
        """An input's shape as declared. Raises Problem for what is not a shape."""
        node = source.shape
        if isinstance(node, ast.Dims):
            parts = tuple(symbol(part) if isinstance(part, str) else part for part in node.parts)
            value: Any = self.named_extent(node) or parts
        else:
            value = self.evaluate(node, self.env)
        value = (value,) if is_whole(value) else value
        if not isinstance(value, tuple) or not all(map(is_whole, value)):
            raise self.problem("E0212", node, self.env, got=describe(value))
        try:
            return check_input(value)
        except Reject as reject:
            raise self.problem(reject.code, node, self.env, **reject.facts) from None

    def named_extent(self, node: ast.Dims) -> Any:
        """What a lone letter stands for where the file gives it a meaning, as `net n(N=8) input N`; else None."""
        letter = node.parts[0] if len(node.parts) == 1 else None
        if not isinstance(letter, str) or self.env.find(letter) is None:
            return None
        return self.evaluate(ast.Name(node.pos, letter), self.env)

    def run_binding(self, define: ast.Define) -> None:
        value = self.evaluate(define.value, self.env)
        value = self.combined(value, define.value)
        if is_layer(value) or value is ABSENT:
            raise self.problem("E0332", define.value, self.env, name=define.name.id)
        if isinstance(value, Value) and value.maker is not None:
            value.hint = define.name.id
        self.declare_name(define.name, value)

    def combined(self, value: Any, node: ast.Expr) -> Any:
        """The tensor that a sum or list of tensors alone makes, for which nothing has to flow; else the value."""
        inner = alone(self, value) if is_layer(value) else []
        if not inner:
            return value
        self.unfed.update(map(id, inner))
        base = self.inputs[0].value if self.inputs else self.unknown(node, self.env)
        return self.apply_value(value, node, self.env, base)

    def made(self, node: ast.Expr) -> Value:
        """The tensor that an expression makes; one of unknown shape where it has a mistake, which is reported."""
        try:
            return self.tensor(node)
        except Fatal:
            raise
        except Problem as problem:
            return self.failed(problem, node, self.env)

    def tensor(self, node: ast.Expr) -> Value:
        value = self.combined(self.evaluate(node, self.env), node)
        if isinstance(value, Value):
            return value
        if is_layer(value) and self.flow_end is not None:
            return self.apply_value(value, node, self.env, self.flow_end)
        if value is UNKNOWN:
            return self.unknown(node, self.env)
        raise self.problem("E0333", node, self.env, got=describe(value))

    def run_output(self, item: ast.Output) -> None:
        """Outputs: `name = expr`, or an expression. One that is only a tensor's name gives the output that name."""
        for result in item.results:
            if isinstance(result, ast.Define):
                value, name = self.made(result.value), result.name.id
                value.hint = value.hint or name
                self.declare_name(result.name, value)
                self.env.used.add(name)
                self.results.setdefault(name, self.env.span(result.name))
            else:
                value, name = self.made(result), self.output_name(ast.bare(result))
            self.outputs.append(Terminal(name, self.frame.bring(value)))

    def output_name(self, node: ast.Expr) -> str:
        """What an output is called that is given without a name: as the tensor that it is, or by its number."""
        if isinstance(node, ast.Name) and self.names_tensor(node):
            self.claim(node)
            return node.id
        number = len(self.outputs)
        while (name := f"output{number or ''}") in self.given_names:
            number += 1
        return name

    def names_tensor(self, node: ast.Name) -> bool:
        """Whether a name stands for a tensor, rather than for a layer that goes on from the end of the flow."""
        try:
            return isinstance(self.evaluate(node, self.env), Value)
        except Problem:
            return True

    def claim(self, name: ast.Name) -> None:
        """Refuse an output that has the name of another (E0312)."""
        span = self.env.span(name)
        first = self.results.setdefault(name.id, span)
        if first is not span:
            labels = (Label(first, "declared here before"),)
            self.report(Problem("E0312", span, labels=labels, name=name.id))

    @cached_property
    def given_names(self) -> frozenset[str]:
        """The names that the program itself gives its outputs."""
        items = [item for item in self.tree.items if isinstance(item, (ast.Output, ast.Aux))]
        named = [r.name if isinstance(r, ast.Define) else ast.bare(r) for item in items for r in item.results]
        return frozenset(name.id for name in named if isinstance(name, ast.Name))

    def run_aux(self, item: ast.Aux) -> None:
        """Outputs in training only, which share their names with the others."""
        for result in item.results:
            value = self.made(result.value)
            self.claim(result.name)
            self.aux.append(Terminal(result.name.id, self.frame.bring(value)))

    def end_flow(self) -> None:
        """Without `output`, the end of the flow is the output."""
        if not self.outputs and self.flow_end is not None:
            self.outputs = [Terminal("output", self.frame.bring(self.flow_end))]

    def train(self) -> None:
        """The `train` section, read when the outputs are known. Its tables are loaded for it alone."""
        sections = [item for item in self.tree.items if isinstance(item, ast.Train)]
        for surplus in sections[1:]:
            way = "write all options in one"
            places = (self.env.span(surplus), self.env.span(sections[0]))
            self.report(again("E0318", *places, what="`train` section", way=way))
        if sections and self.outputs:
            from .losses import LossReader
            from .train import Section

            losses = LossReader(self, self.env, self.outputs, self.aux)
            section = Section(self, self.env, self.inputs, losses, self.resized)
            self.recipe = section.recipe(sections[0])
            self.initials = {**section.initials, **self.initials}

    # The result

    def check_shape_names(self, shapes: Shapes | Shape | None) -> None:
        names = [terminal.name for terminal in self.inputs]
        if shapes is not None and not isinstance(shapes, dict) and len(names) > 1:
            raise usage("E0524", shape="x".join(map(str, shapes)), first=names[0], known=", ".join(names))
        for name in shapes if isinstance(shapes, dict) else ():
            if name not in names:
                raise usage("E0514", name=name, known=", ".join(names) or "none")

    def check_count(self) -> None:
        """Refuse what multiplies beyond the limit before any of it is built."""
        counter = Counter(self)
        for item in self.tree.items:
            flow = item.flow if isinstance(item, ast.Input) else item.body if isinstance(item, ast.Flow) else None
            flows = [flow] if flow is not None else []
            if isinstance(item, (ast.Output, ast.Aux)):
                flows = [result.value if isinstance(result, ast.Define) else result for result in item.results]
            count = sum(counter.at_least(flow, self.env) for flow in flows)
            if count > self.limits.max_layers:
                raise Fatal("E0404", self.env.span(item), count=count, most=self.limits.max_layers, bound="at least ")

    def check_unused_blocks(self) -> None:
        """Look through blocks that were never used, with unknown shapes: their names and arguments are checked."""
        for value in list(self.env.names.values()):
            decl = value.target if isinstance(value, Ref) else None
            if not isinstance(decl, BlockDecl) or id(decl.node) in self.record.blocks or decl.env is not self.env:
                continue
            try:
                self.check_unused_block(decl)
            except Fatal:
                raise
            except Problem as problem:
                self.report(problem)

    def check_unused_block(self, decl: BlockDecl) -> None:
        frame = open_region("block", decl.name, (), self.env.span(decl.node), None, False)
        outer, self.frame = self.frame, frame
        source = Value(None, None, frame)
        inner = Env(decl.env.source, decl.env, Scope(source, decl.settings, frame, decl.name), object())
        try:
            for param in decl.node.params:
                inner.names[param.name] = UNKNOWN if param.default is None else self.evaluate(param.default, inner)
            self.bind_where(decl, inner, frame)
            self.links((decl.node.body,), inner, source)
        finally:
            frame.is_open = False
            self.frame = outer

    def check_layers(self) -> None:
        if self.frame.layers > self.limits.max_layers:
            flows = [item for item in self.tree.items if isinstance(item, (ast.Input, ast.Flow, ast.Output))]
            span = Span(self.source, *flows[-1].pos)
            raise Fatal("E0404", span, count=self.frame.layers, most=self.limits.max_layers, bound="")

    def graph(self) -> Graph | None:
        if not self.outputs:
            return None
        self.frame.region.outputs = [t.value for t in (*self.outputs, *self.aux)]
        self.frame.region.title = self.title or "net"
        self.frame.region.args = {n: v for n, v in self.params.items() if isinstance(v, (int, float, str, tuple))}
        self.frame.finish()
        self.warn_unused_names()
        return Graph(
            self.title or "net",
            self.frame.region,
            tuple(self.inputs),
            tuple(self.outputs),
            tuple(self.aux),
            self.shared_regions,
            tuple((kind, self.initials[kind]) for kind in KINDS if kind in self.initials),
            self.recipe,
        )

    def warn_unused_names(self) -> None:
        for name, span in self.places.items():
            value = self.env.names.get(name)
            if name not in self.env.used and not (isinstance(value, Ref) and isinstance(value.target, BlockDecl)):
                self.sink.add(Diagnostic("W0602", {"name": name}, span))
