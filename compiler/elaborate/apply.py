"""Layer expressions applied to tensors: this is where layers get shapes and become steps of the IR."""

from collections.abc import Callable
from typing import Any

from .. import syntax as ast
from ..diagnostics import Diagnostic, Label, Reject, Sink, show
from ..ir import Apply, Call, Region, Value
from ..limits import Limits
from ..ops import NAMES, REGISTRY, Op
from ..ops.base import NoParams
from ..ops.composite import Composite
from ..ops.kinds import describe
from ..source import Span
from .bind import bind_block, bind_op
from .build import Frame, Tag, open_region
from .evaluate import Evaluator, is_layer, is_number
from .scope import (
    ABSENT,
    UNKNOWN,
    BlockDecl,
    Branches,
    Combinator,
    Env,
    Fatal,
    Layer,
    Lazy,
    Problem,
    Ref,
    Scope,
    SharedDecl,
)

OPERATOR_OPS = {"+": "add", "-": "sub", "*": "mul", "/": "div"}
PLAIN = Tag()


class Applier(Evaluator):
    """Applies layers to tensors, building regions in a stack of frames."""

    def __init__(self, sink: Sink, limits: Limits) -> None:
        super().__init__(sink, limits)
        self.frame: Frame = open_region("net", "", (), _NOWHERE, None, False)
        self.memo: dict[Any, tuple[Region, int]] = {}
        self.active: dict[Any, Span] = {}
        self.shared_regions: dict[str, Region] = {}
        self.impure: set[int] = set()  # regions that read or set tensors around them
        self.depth = 0
        self.built = 0

    def apply(self, node: ast.Expr, env: Env, x: Value, tag: Tag = PLAIN) -> Value:
        """The tensor that a layer expression makes of `x`; steps go to the present frame. Raises Problem."""
        return APPLY[type(node)](self, node, env, x, tag)

    def apply_value(self, layer: Any, node: ast.Expr, env: Env, x: Value, tag: Tag = PLAIN) -> Value:
        """Apply a value that an expression evaluated to; `node` and `env` say where it was written."""
        if isinstance(layer, Layer):
            return self.apply(layer.node, layer.env, x, tag)
        if isinstance(layer, Ref):
            return self.use(layer, node, env, x, tag)
        if isinstance(layer, Branches):
            return self.concatenate(layer, env, x, tag)
        if isinstance(layer, Value):
            raise self.problem("E0313", node, env, text=show(env.span(node).text))
        if layer is ABSENT:
            return x
        if layer is UNKNOWN:
            return self.unknown(node, env)
        raise self.problem("E0308", node, env, got=describe(layer))

    def unknown(self, node: Any, env: Env) -> Value:
        """A tensor of unknown shape, which silences what follows from a mistake."""
        return Value(None, env.span(node), self.frame)

    # Steps

    def step(
        self, op: Op[Any], attrs: Any, inputs: list[Value], span: Span, tag: Tag, kind: str | None = None
    ) -> Value:
        """Add one op to the frame. Raises Reject from its shape rule, which gets resolved attributes."""
        inputs = [self.frame.bring(v) for v in inputs]
        if any(v.shape is None for v in inputs):
            return Value(None, span, self.frame)
        shapes = [v.shape for v in inputs if v.shape is not None]
        attrs = op.resolve(attrs, shapes[0])
        output = Value(op.shape(attrs, *shapes), span, self.frame)
        self.frame.add(Apply(op, attrs, inputs, output, span, tag.kind or kind or op.name, tag.label))
        self.count_layers(1, span)
        return output

    def count_layers(self, layers: int, span: Span) -> None:
        """Count expanded layers, and stop when more steps were built than there may be layers.

        Folded repeats cost one step whatever their count, so the whole network's count is compared at the end, when
        it is exact.
        """
        self.frame.layers += layers
        self.built += 1
        if self.built > self.limits.max_layers:
            raise Fatal("E0404", span, count=self.built, most=self.limits.max_layers, bound="at least ")

    def call_region(self, region: Region, layers: int, frame: Frame | None, x: Value, span: Span, tag: Tag) -> Call:
        """Add a call of a finished region, with the tensors it captured as further operands."""
        captured = frame.captured if frame is not None else []
        outputs = [Value(v.shape, v.origin or span, self.frame) for v in region.outputs[:1]]
        call = Call(region, [self.frame.bring(x), *captured], outputs, span, tag.kind or region.title, tag.label)
        call.skip = tag.skip
        if frame is not None:
            frame.call = call
            if not frame.pure:
                self.impure.add(id(region))
        self.frame.add(call)
        self.count_layers(layers, span)
        return call

    def enclosed(
        self,
        kind: str,
        title: str,
        node: Any,
        env: Env,
        x: Value,
        tag: Tag,
        positional: bool,
        body: Callable[[Value], Value],
    ) -> Value:
        """Run `body` in a region of its own and return what its call gives."""
        frame = open_region(kind, title, (env.source.name, node.pos, kind), env.span(node), self.frame, positional)
        outer, self.frame = self.frame, frame
        try:
            result = body(frame.receive(outer.bring(x)))
            frame.close(result)
        finally:
            frame.is_open = False
            self.frame = outer
        if not frame.region.steps and frame.bring(result) in frame.region.inputs and tag.label is None:
            return x if result is frame.region.inputs[0] else self._passed_through(frame, result)
        return self.call_region(frame.region, frame.layers, frame, x, env.span(node), tag).outputs[0]

    def _passed_through(self, frame: Frame, result: Value) -> Value:
        """The outer tensor behind a region that only hands one of its inputs on."""
        return frame.captured[frame.region.inputs.index(frame.bring(result)) - 1]

    # Forms of expression

    def apply_evaluated(self, node: ast.Expr, env: Env, x: Value, tag: Tag) -> Value:
        return self.apply_value(self.evaluate(node, env), node, env, x, tag)

    def apply_group(self, node: ast.Group, env: Env, x: Value, tag: Tag) -> Value:
        return self.apply(node.body, env, x, tag)

    def apply_call(self, node: ast.Call, env: Env, x: Value, tag: Tag) -> Value:
        func = ast.bare(node.func)
        target = self.evaluate(func, env)
        if isinstance(target, Ref):
            return self.use(target, node, env, x, tag)
        if target is UNKNOWN:
            return self.unknown(node, env)
        raise self.not_callable(target, node, env)

    def apply_chain(self, node: ast.Chain, env: Env, x: Value, tag: Tag) -> Value:
        if tag is PLAIN:
            return self.links(node.links, env, x)
        return self.enclosed(
            "chain", "chain", node, env, x, tag, True, lambda inner: self.links(node.links, env, inner)
        )

    def apply_chain_to(self, tensor: Value, links: tuple[ast.Expr, ...], node: ast.Expr, env: Env) -> Value:
        return self.links(links, env, tensor, True)

    def links(self, links: tuple[ast.Expr, ...], env: Env, x: Value, after_arrow: bool = False) -> Value:
        """One link after another. A link with a mistake gives an unknown shape, and the chain goes on."""
        for index, link in enumerate(links):
            try:
                self.check_link(link, env, index > 0 or after_arrow, index < len(links) - 1)
                x = self.apply(link, env, x)
            except Fatal:
                raise
            except Problem as problem:
                self.report(problem)
                x = self.unknown(link, env)
        return x

    def check_link(self, link: ast.Expr, env: Env, after_arrow: bool, before_arrow: bool) -> None:
        """Refuse `x -> b + c` and `b if t -> c`: readers disagree on what they mean."""
        core = link.body if isinstance(link, ast.As) else link
        if isinstance(core, ast.Choice) and (after_arrow or before_arrow):
            raise self.problem("E0105", link, env, what="conditional")
        if not after_arrow or not isinstance(core, ast.Binary):
            return
        if core.level == "sum" or (core.level == "product" and self.is_combination(core, env)):
            raise self.problem("E0105", link, env, what=core.level)

    def is_combination(self, node: ast.Binary, env: Env) -> bool:
        """Whether a product combines layers, rather than repeating one."""
        return not (len(node.terms) == 2 and node.ops == ("*",) and not _layerish(self.evaluate(node.terms[1], env)))

    def apply_as(self, node: ast.As, env: Env, x: Value, tag: Tag) -> Value:
        y = self.apply(node.body, env, x, Tag(label=node.name.id, kind=tag.kind, skip=tag.skip))
        scope = env.scope
        scope.taps[node.name.id] = y
        frame: Frame | None = self.frame
        while frame is not None and frame is not scope.frame:
            frame.pure = False
            frame = frame.parent
        return y

    def apply_choice(self, node: ast.Choice, env: Env, x: Value, tag: Tag) -> Value:
        taken = self.taken(node, env)
        if taken is ABSENT:
            return x
        return self.unknown(node, env) if taken is UNKNOWN else self.apply(taken, env, x, tag)

    def apply_loop(self, node: ast.Loop, env: Env, x: Value, tag: Tag) -> Value:
        def body(inner: Value) -> Value:
            for iteration in self.iterations(node, env):
                inner = self.apply(node.body, iteration, inner)
            return inner

        return body(x) if tag is PLAIN else self.enclosed("chain", "chain", node, env, x, tag, True, body)

    # Operators

    def apply_binary(self, node: ast.Binary, env: Env, x: Value, tag: Tag) -> Value:
        if node.level not in ("sum", "product"):
            return self.apply_evaluated(node, env, x, tag)
        values = [self.evaluate(term, env) for term in node.terms]
        if any(v is UNKNOWN for v in values):
            return self.unknown(node, env)
        if len(values) == 2 and node.ops == ("*",) and not _layerish(values[1]):
            return self.repeat(node, values, env, x, tag)
        operands = self.operands(node, values, env)
        if not operands:
            return x
        if len(operands) == 1:
            return self.operand(operands[0], env, x, tag)

        def body(inner: Value) -> Value:
            return self.combine(operands, env, inner)

        if tag is PLAIN and not self.frame.positional:
            return body(x)
        return self.enclosed("group", "group", node, env, x, tag, False, body)

    def operands(self, node: ast.Binary, values: list[Any], env: Env) -> list[tuple[str, ast.Expr, Any]]:
        """The operands that are present, each with its operator. A constant among layers is refused."""
        present = []
        for op, term, value in zip(("+", *node.ops), node.terms, values, strict=True):
            if value is ABSENT:
                continue
            if not _layerish(value):
                raise self.problem("E0310", term, env, got=describe(value))
            if op not in OPERATOR_OPS:
                raise self.problem("E0327", term, env, op=op, got="a layer", expected="numbers")
            present.append((op, term, value))
        return present

    def combine(self, operands: list[tuple[str, ast.Expr, Any]], env: Env, x: Value) -> Value:
        """All operands on the same input, combined from left to right."""
        total = self.operand(operands[0], env, x, PLAIN)
        for operand in operands[1:]:
            value = self.operand(operand, env, x, PLAIN)
            op = REGISTRY[OPERATOR_OPS[operand[0]]]
            span = Span(env.source, operands[0][1].pos[0], operand[1].pos[1])
            try:
                total = self.step(op, NoParams(), [total, value], span, PLAIN)
            except Reject as reject:
                raise self.misfit(reject, span, (total, value), operand[1], env) from None
        return total

    def operand(self, operand: tuple[str, ast.Expr, Any], env: Env, x: Value, tag: Tag) -> Value:
        """An operand's tensor: a tensor stands for itself, a layer is applied to `x`."""
        _, node, value = operand
        return value if isinstance(value, Value) else self.apply_value(value, node, env, x, tag)

    def misfit(self, reject: Reject, span: Span, values: tuple[Value, ...], node: ast.Expr, env: Env) -> Problem:
        """A shape mistake between tensors, with a label where each of them came from."""
        labels = [Label(v.origin, f"{show(v.shape)} from here") for v in values if v.origin is not None and v.shape]
        return Problem(reject.code, span, labels=tuple(labels), **reject.facts)

    def repeat(self, node: ast.Binary, values: list[Any], env: Env, x: Value, tag: Tag) -> Value:
        """`f * n`: n instances in sequence, stored once from the first whose output has its input's shape."""
        layer, times = values
        if layer is ABSENT:
            return x
        if isinstance(layer, Value) or isinstance(times, bool) or not isinstance(times, int) or times < 0:
            what = describe(times) if not isinstance(layer, Value) else "a tensor"
            raise self.problem("E0315", node.terms[1] if not isinstance(layer, Value) else node.terms[0], env, got=what)
        if times == 0:
            return x

        def body(inner: Value) -> Value:
            return self.instances(layer, times, node, env, inner)

        if tag is PLAIN and self.frame.positional:
            return body(x)
        return self.enclosed("chain", self.kind_of(layer, "stack"), node, env, x, tag, True, body)

    def instances(self, layer: Any, times: int, node: ast.Binary, env: Env, x: Value) -> Value:
        done = 0
        while done < times:
            before, layers = len(self.frame.region.steps), self.frame.layers
            y = self.instance(layer, node.terms[0], env, x)
            done += 1
            added = self.frame.region.steps[before:]
            if not added and y is x:
                return x
            step = added[-1] if len(added) == 1 else None
            if isinstance(step, Call) and y.shape == x.shape and y.shape is not None and self.foldable(step, y):
                self.count_layers((self.frame.layers - layers) * (times - done), env.span(node))
                step.count = times - done + 1
                return y
            if y.shape is None:
                return y
            x = y
        return x

    def foldable(self, step: Call, y: Value) -> bool:
        """Whether the next instance would be this one again: it reads one tensor, gives one, and sets no tap."""
        alone = len(step.inputs) == 1 and len(step.outputs) == 1 and step.outputs[0] is y and not step.label
        return alone and id(step.region) not in self.impure

    def instance(self, layer: Any, node: ast.Expr, env: Env, x: Value) -> Value:
        """One instance of a repeat: a call, so that it can be counted instead of copied."""
        if self.kind_of(layer, "") in ("block", "shared"):
            return self.apply_value(layer, node, env, x)

        def body(inner: Value) -> Value:
            return self.apply_value(layer, node, env, inner)

        chain = (
            isinstance(self.core(layer), (ast.Chain, ast.Loop))
            or isinstance(layer, Ref)
            or isinstance(self.core(layer), ast.Call)
        )
        return self.enclosed("chain" if chain else "group", "stack", node, env, x, PLAIN, chain, body)

    def core(self, layer: Any) -> Any:
        return ast.bare(layer.node) if isinstance(layer, Layer) else None

    def kind_of(self, layer: Any, otherwise: str) -> str:
        """What a repeated layer is: a block's or op's name, for its number; or `block`, `shared` with otherwise ""."""
        while isinstance(layer, Layer):
            core = ast.bare(layer.node)
            if not isinstance(core, (ast.Name, ast.Call)):
                return otherwise
            layer = self.evaluate(ast.bare(core.func) if isinstance(core, ast.Call) else core, layer.env)
        target = layer.target if isinstance(layer, Ref) else None
        if otherwise:
            return str(target.name) if target is not None and not isinstance(target, Combinator) else otherwise
        return "block" if isinstance(target, BlockDecl) else "shared" if isinstance(target, SharedDecl) else ""

    def concatenate(self, branches: Branches, env: Env, x: Value, tag: Tag) -> Value:
        """`[f, g]`: every branch on the same input, outputs joined on channels."""

        def body(inner: Value) -> Value:
            return self.join_branches(branches, env, [inner] * len(branches.items))

        if tag is PLAIN and not self.frame.positional:
            return body(x)
        return self.enclosed("group", "group", branches.node, env, x, tag, False, body)

    def join_branches(self, branches: Branches, env: Env, inputs: list[Value]) -> Value:
        values = []
        first = self.branch_count()
        for index, (item, x) in enumerate(zip(branches.items, inputs, strict=True)):
            if item is ABSENT:
                continue
            if not isinstance(item, Value):
                tag = Tag(kind=f"branch{first + index}", label=f"branch{first + index}")
                item = self.branch(item, branches.node, env, x, tag)
            values.append(item)
        if not values:
            return inputs[0]
        if len(values) == 1:
            return values[0]
        span = env.span(branches.node)
        try:
            return self.step(REGISTRY["concat"], NoParams(), values, span, PLAIN)
        except Reject as reject:
            raise self.misfit(reject, span, tuple(values), branches.node, env) from None

    def branch_count(self) -> int:
        """The number of the next branch: after those of earlier lists in the same body."""
        counts = [
            int(s.kind[6:]) for s in self.frame.region.steps if s.kind.startswith("branch") and s.kind[6:].isdigit()
        ]
        return max(counts, default=0) + 1

    def branch(self, item: Any, node: ast.Expr, env: Env, x: Value, tag: Tag) -> Value:
        try:
            return self.apply_value(item, node, env, x, tag)
        except Fatal:
            raise
        except Problem as problem:
            self.report(problem)
            return self.unknown(node, env)

    # Uses of names

    def use(self, ref: Ref, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        """A layer, block or combinator with its arguments, on `x`."""
        target = ref.target
        if isinstance(target, Op):
            return self.use_op(ref, target, node, env, x, tag)
        if isinstance(target, Composite):
            return self.use_composite(ref, target, node, env, x, tag)
        if isinstance(target, BlockDecl):
            return self.use_block(ref, target, node, env, x, tag)
        if isinstance(target, SharedDecl):
            return self.use_shared(ref, target, node, env, x, tag)
        return COMBINE[target.name](self, ref, node, env, x, tag)

    def use_op(self, ref: Ref, op: Op[Any], node: Any, env: Env, x: Value, tag: Tag) -> Value:
        rank = self.rank_for(ref, op, node, env, x)
        signature = bind_op(self, ref, node, env, rank)
        if signature is UNKNOWN:
            return self.unknown(node, env)
        try:
            return self.step(op, signature, [x], env.span(node), tag)
        except Reject as reject:
            raise self.shape_problem(reject, ref, node, env, x) from None

    def rank_for(self, ref: Ref, op: Op[Any] | Composite, node: Any, env: Env, x: Value) -> int | None:
        """The number of spatial axes of the input, checked against the op and its suffix."""
        if x.shape is None:
            return None
        rank = len(x.shape) - 1
        wanted = len(ref.suffix) if ref.suffix is not None and len(ref.suffix) > 1 else None
        if rank not in op.ranks or (wanted is not None and op.suffix is not None and wanted != rank):
            needs = (wanted,) if wanted is not None and wanted in op.ranks else op.ranks
            facts = {"layer": ref.name, "shape": x.shape, "rank": rank, "needs": " or ".join(map(str, needs))}
            raise self.shape_problem(Reject("E0215", **facts), ref, node, env, x)
        return rank

    def shape_problem(self, reject: Reject, ref: Ref, node: Any, env: Env, x: Value) -> Problem:
        """A rule's rejection at the layer, with a second label on what produced the offending shape."""
        labels: tuple[Label, ...] = ()
        if x.origin is not None:
            labels = (Label(x.origin, f"{show(x.shape)} comes from here"),)
        return Problem(reject.code, env.span(node), labels=labels, **{"layer": ref.name, **reject.facts})

    def use_composite(self, ref: Ref, composite: Composite, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        rank = self.rank_for(ref, composite, node, env, x)
        signature = bind_op(self, ref, node, env, rank)
        if signature is UNKNOWN:
            return self.unknown(node, env)

        def body(inner: Value) -> Value:
            for part in composite.expand(signature):
                op = NAMES[part.op]
                attrs = op.signature(**{n: op.params[n].read(v, rank or 0) for n, v in part.args.items()})
                inner = self.step(op, attrs, [inner], env.span(node), Tag(label=part.label))
            return inner

        kind = Tag(tag.kind or composite.name, tag.label, tag.skip)
        try:
            return self.enclosed("block", composite.name, node, env, x, kind, False, body)
        except Reject as reject:
            raise self.shape_problem(reject, ref, node, env, x) from None

    def use_block(self, ref: Ref, decl: BlockDecl, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        if x.shape is None:
            return self.unknown(node, env)
        inner = Env(decl.env.source, decl.env, Scope(x, decl.settings, None, decl.name), None)
        values = bind_block(self, ref, node, env, inner)
        key = self.key_of("block", id(decl), decl.env.key, x.shape, *map(self.fingerprint, values))
        known = self.memo.get(key) if key is not None else None
        span = env.span(node)
        if known is not None:
            return self.call_region(*known, None, x, span, tag).outputs[0]
        inner.key = key if key is not None else object()
        for define in decl.node.where:
            inner.names[define.name.id] = Lazy(define)
        region, frame = self.instantiate(decl, key, inner, values, x, span)
        if frame.pure and key is not None and region.outputs[0].shape is not None:
            self.memo[key] = (region, frame.layers)
        return self.call_region(region, frame.layers, frame, x, span, tag).outputs[0]

    def instantiate(
        self, decl: BlockDecl, key: Any, inner: Env, values: list[Any], x: Value, span: Span
    ) -> tuple[Region, Frame]:
        """Elaborate a block's body in a region of its own."""
        if key is not None and key in self.active:
            raise Fatal("E0311", span, name=decl.name, labels=(Label(self.active[key], "first used here"),))
        self.depth += 1
        if self.depth > self.limits.max_calls:
            raise Fatal("E0403", span, name=decl.name, most=self.limits.max_calls)
        positional = self.only_blocks(decl.node.body, inner, 0)
        identity = (decl.env.source.name, decl.node.pos, "block")
        frame = open_region("block", decl.name, identity, decl.env.span(decl.node), self.frame, positional)
        params = [param.name for param in decl.node.params]
        frame.region.args = {
            n: v for n, v in zip(params, values, strict=True) if isinstance(v, (int, float, str, tuple))
        }
        outer, self.frame = self.frame, frame
        if key is not None:
            self.active[key] = span
        try:
            source = frame.receive(outer.bring(x))
            inner.scope.input, inner.scope.frame = source, frame
            frame.close(self.links((decl.node.body,), inner, source))
        except Problem as problem:
            problem.notes = (
                (*problem.notes, f"in `{decl.name}`, used at {span}") if len(problem.notes) < 3 else problem.notes
            )
            raise
        finally:
            frame.is_open = False
            self.frame = outer
            self.depth -= 1
            self.active.pop(key, None)
        self.warn_unused(decl, inner)
        return frame.region, frame

    def warn_unused(self, decl: BlockDecl, inner: Env) -> None:
        for define in decl.node.where:
            if define.name.id not in inner.used:
                self.sink.add(Diagnostic("W0602", {"name": define.name.id}, decl.env.span(define.name)))

    def only_blocks(self, node: ast.Expr, env: Env, depth: int) -> bool:
        """Whether a body is nothing but uses of blocks in a chain, whose instances are then numbered 0, 1, 2, …"""
        if depth > 50:
            return False
        core = ast.bare(node)
        if isinstance(core, ast.Chain):
            return all(self.only_blocks(link, env, depth + 1) for link in core.links)
        if isinstance(core, (ast.As, ast.Loop, ast.Choice)):
            return self.only_blocks(core.body, self.loop_env(core, env), depth + 1)
        if isinstance(core, ast.Binary):
            return core.ops == ("*",) and self.only_blocks(core.terms[0], env, depth + 1)
        name = ast.bare(core.func) if isinstance(core, ast.Call) else core
        if not isinstance(name, ast.Name) or name.id in env.scope.taps:
            return False
        home = env.find(name.id) or env.find(split_name(name.id))
        if home is None:
            return False
        value = home.names.get(name.id, home.names.get(split_name(name.id)))
        if isinstance(value, Lazy):
            return self.only_blocks(value.node.value, home, depth + 1)
        if isinstance(value, Layer):
            return self.only_blocks(value.node, value.env, depth + 1)
        return isinstance(value, Ref) and isinstance(value.target, BlockDecl)

    def loop_env(self, node: Any, env: Env) -> Env:
        return env

    def use_shared(self, ref: Ref, decl: SharedDecl, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        """One more use of a shared layer: the same weights, a region for each input shape."""
        if isinstance(node, ast.Call) and node.args:
            raise self.problem("E0307", node, env, layer=decl.name, most=0, given=len(node.args))
        if x.shape is None:
            return self.unknown(node, env)
        if x.shape not in decl.regions:
            decl.regions[x.shape] = self.shared_region(decl, x)
        region = decl.regions[x.shape]
        call = self.call_region(region, 1, None, x, env.span(node), tag)
        call.shared = decl.name
        return call.outputs[0]

    def shared_region(self, decl: SharedDecl, x: Value) -> Region:
        span = decl.env.span(decl.node)
        frame = open_region("block", decl.name, (decl.env.source.name, decl.node.pos, "shared"), span, None, True)
        outer, self.frame = self.frame, frame
        try:
            source = frame.receive(x)
            inner = Env(decl.env.source, decl.env, Scope(source, decl.settings, frame, decl.name), object())
            frame.close(self.links((decl.node.body,), inner, source))
        finally:
            frame.is_open = False
            self.frame = outer
        first = self.shared_regions.setdefault(decl.name, frame.region)
        if first is not frame.region and _weights(first) != _weights(frame.region):
            raise Problem("E0218", span, name=decl.name, first=first.inputs[0].shape, other=x.shape)
        return frame.region

    # Combinators

    def use_id(self, ref: Ref, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        if isinstance(node, ast.Call) and node.args:
            raise self.problem("E0307", node, env, layer="id", most=0, given=len(node.args))
        return x

    def arguments(self, ref: Ref, node: Any, env: Env, names: list[str], needed: int) -> dict[str, ast.Expr]:
        from .bind import Given

        given = Given(self, ref, names, None, node, env)
        for name in names[:needed]:
            if name not in given.by_name:
                raise self.problem("E0303", node, env, name=name, layer=ref.name, doc="a layer")
        return {name: argument.value for name, argument in given.by_name.items()}

    def use_res(self, ref: Ref, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        """`res(f, proj=g)`: f + id, or f + g where the shapes differ."""
        args = self.arguments(ref, node, env, ["f", "proj"], 1)

        def body(inner: Value) -> Value:
            main = self.branch(self.evaluate(args["f"], env), args["f"], env, inner, PLAIN)
            skip = inner
            if main.shape is not None and inner.shape is not None and main.shape != inner.shape:
                if "proj" not in args:
                    labels = tuple(Label(v.origin, f"{show(v.shape)} from here") for v in (main, inner) if v.origin)
                    raise Problem("E0207", env.span(node), labels=labels, main=main.shape, skip=inner.shape)
                skip = self.apply_value(
                    self.evaluate(args["proj"], env),
                    args["proj"],
                    env,
                    inner,
                    Tag("downsample", label="downsample", skip=True),
                )
            try:
                return self.step(REGISTRY["add"], NoParams(), [main, skip], env.span(node), PLAIN)
            except Reject as reject:
                raise self.misfit(reject, env.span(node), (main, skip), node, env) from None

        if tag is PLAIN and not self.frame.positional:
            return body(x)
        return self.enclosed("group", "group", node, env, x, tag, False, body)


def split_name(name: str) -> str:
    from .evaluate import split_suffix

    return split_suffix(name)[0]


def _layerish(value: Any) -> bool:
    return is_layer(value) or isinstance(value, Value) or value is ABSENT


def _weights(region: Region) -> list[Any]:
    from ..ir import expand

    return [(path, step.weights(), step.buffers()) for path, _, step in expand(region)]


def _nowhere() -> Span:
    from ..source import Source

    return Span(Source(""), 0, 0)


_NOWHERE = _nowhere()

APPLY: dict[type, Callable[[Any, Any, Env, Value, Tag], Value]] = {
    **dict.fromkeys((ast.Name, ast.Number, ast.Bool, ast.String, ast.Dims, ast.Tuple), Applier.apply_evaluated),
    **dict.fromkeys((ast.Listing, ast.Comprehension, ast.Index, ast.Unary), Applier.apply_evaluated),
    ast.Group: Applier.apply_group,
    ast.Call: Applier.apply_call,
    ast.Chain: Applier.apply_chain,
    ast.As: Applier.apply_as,
    ast.Choice: Applier.apply_choice,
    ast.Loop: Applier.apply_loop,
    ast.Binary: Applier.apply_binary,
}
COMBINE: dict[str, Callable[[Any, Ref, Any, Env, Value, Tag], Value]] = {
    "id": Applier.use_id,
    "res": Applier.use_res,
}

__all__ = ["Applier", "is_number"]
