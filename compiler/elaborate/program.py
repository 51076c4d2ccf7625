"""A whole file: declarations are collected first, then inputs, bindings, the flow and outputs are run in order."""

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
from .bind import suggest
from .build import open_region
from .count import Counter
from .initials import initials_of
from .instances import Shared, detach
from .libraries import Libraries
from .modules import Loader
from .names import is_layer
from .scope import UNKNOWN, BlockDecl, Env, Fatal, Problem, Ref, Scope, Settings, SharedDecl

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
        self.params: dict[str, Any] = {}
        self.initials: dict[str, Initial] = {}
        self.recipe: Recipe | None = None
        self.resized = False  # whether the request gives an input another shape than the program
        self.title = ""
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
                self.stored_name(value.target)
        return in_force

    def declare_net(self, item: ast.Net) -> None:
        if self.title:
            raise self.problem("E0318", item, self.env, what="`net` line", way="a file describes one network")
        self.title = item.name.id
        self.net = item

    def bind_params(self, given: dict[str, Any]) -> None:
        """Build parameters from the request, then from their defaults, which may read earlier ones."""
        net: ast.Net | None = getattr(self, "net", None)
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
            if param.name in given:
                value = self.given_value(param, given[param.name])
            elif param.default is None:
                raise self.problem("E0323", param, self.env, name=param.name)
            else:
                value = self.evaluate(param.default, self.env)
            self.declare_name(ast.Name(param.pos, param.name), value)
            self.params[param.name] = value

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
                    self.aux += [Terminal(d.name.id, self.frame.bring(self.tensor(d.value))) for d in item.results]
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
            value = self.add_input(name, given or self.shape_of(source), self.env.span(source), given is None)
            self.resized = self.resized or (given is not None and given != self.shape_of(source))
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
            raise self.problem("E0211", item, self.env)
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

    def add_input(self, name: str, shape: Shape, span: Span, declared: bool) -> Value:
        value = Value(shape, span if declared else None, self.frame)
        self.frame.region.inputs.append(value)
        self.inputs.append(Terminal(name, value))
        if self.scope.input is None:
            self.scope.input = value
        return value

    def shape_of(self, source: ast.InputShape) -> Shape:
        """An input's shape as declared. Raises Problem for what is no shape."""
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
        value = self.value_of(define, self.env)
        if isinstance(value, Problem):
            raise value
        if isinstance(value, Value) and value.maker is not None:
            value.hint = define.name.id
        self.declare_name(define.name, value)

    def tensor(self, node: ast.Expr) -> Value:
        value = self.evaluate(node, self.env)
        if isinstance(value, Value):
            return value
        if is_layer(value) and self.flow_end is not None:
            return self.apply_value(value, node, self.env, self.flow_end)
        if value is UNKNOWN:
            return self.unknown(node, self.env)
        raise self.problem("E0333", node, self.env, got=describe(value))

    def run_output(self, item: ast.Output) -> None:
        for result in item.results:
            name = (
                result.name.id
                if isinstance(result, ast.Define)
                else f"output{len(self.outputs)}"
                if self.outputs
                else "output"
            )
            node = result.value if isinstance(result, ast.Define) else result
            value = self.tensor(node)
            if isinstance(result, ast.Define):
                value.hint = value.hint or name
                self.declare_name(result.name, value)
                self.env.used.add(name)
            self.outputs.append(Terminal(name, self.frame.bring(value)))

    def end_flow(self) -> None:
        """Without `output`, the end of the flow is the output."""
        if not self.outputs and self.flow_end is not None:
            self.outputs = [Terminal("output", self.frame.bring(self.flow_end))]

    def train(self) -> None:
        """The `train` section, read when the outputs are known. Its tables are loaded for it alone."""
        sections = [item for item in self.tree.items if isinstance(item, ast.Train)]
        for surplus in sections[1:]:
            way = "write all options in one"
            self.report(self.problem("E0318", surplus, self.env, what="`train` section", way=way))
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
