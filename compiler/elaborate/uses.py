"""Uses of names: a layer with its arguments, a composite, a block, a shared layer, the combinators."""

from collections import Counter
from collections.abc import Callable
from itertools import accumulate
from typing import Any

from .. import syntax as ast
from ..diagnostics import Diagnostic, Label, Reject, Sink, show
from ..ir import Apply, Region, Value, expand
from ..limits import Limits
from ..ops import NAMES, REGISTRY, Op
from ..ops.base import NoParams, Tokens, channels_of
from ..ops.composite import Composite
from ..ops.kinds import PoolTap, describe
from ..ops.shape import Slice
from ..source import Span
from ..symbolic import Sym
from .bind import Given, bind_block, bind_op, where_to_look
from .budget import STEPS_AN_INSTANCE
from .build import Frame, Tag, name_alone, open_region, safe_name
from .circles import endless
from .instances import Instance, Record, Shared
from .modules import prelude_source
from .names import split_suffix
from .operators import Operators
from .plans import Plans
from .regions import PLAIN
from .scope import ABSENT, UNKNOWN, BlockDecl, Branches, Env, Fatal, Layer, Lazy, Problem, Ref, Scope, SharedDecl


class Uses(Operators):
    """Applies what a name stands for."""

    def __init__(self, sink: Sink, limits: Limits, shared: Shared | None, frame: Frame) -> None:
        super().__init__(sink, limits, Plans() if shared is None else shared.plans, frame)
        self.lasting = None if shared is None else shared.instances
        self.kept: list[Frame] = []  # frames of instances that outlive this network
        self.memo: dict[Any, Instance] = {}  # finished block instances
        self.prelude_env = Env(prelude_source(), None, Scope(None, title="prelude"), "prelude")
        self.active: dict[Any, Span] = {}  # instances under construction, to find recursion without an exit
        self.record = Record()
        self.shared_regions: dict[str, Region] = {}
        self.root = frame  # the whole network's, whose names shared layers take
        self.weight_names: dict[SharedDecl, str] = {}

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
            return self.step(op, signature, [x, *self.tapped(op, signature)], env.span(node), tag)
        except Reject as reject:
            raise self.shape_problem(reject, ref, node, env, x) from None

    def tapped(self, op: Op[Any], signature: Any) -> list[Value]:
        """The further operands of an op: tensors that were given, or the places that a max pooling chose from."""
        given = [(op.params[name], getattr(signature, name)) for name in op.taps]
        return [indices_of(v) if isinstance(kind, PoolTap) else v for kind, v in given if v is not None]

    def rank_for(self, ref: Ref, op: Op[Any] | Composite, node: Any, env: Env, x: Value) -> int | None:
        """The number of spatial axes of the input, checked against the op and its suffix."""
        if x.shape is None:
            return None
        rank = len(x.shape) - 1
        if isinstance(x.shape, Tokens) and not (isinstance(op, Op) and op.tokens):
            raise self.shape_problem(Reject("E0230", shape=x.shape), ref, node, env, x)
        wanted = len(ref.suffix) if ref.suffix is not None and len(ref.suffix) > 1 else None
        if rank not in op.ranks or (wanted is not None and op.suffix is not None and wanted != rank):
            needs = (wanted,) if wanted is not None and wanted in op.ranks else op.ranks
            facts = {"layer": ref.name, "shape": x.shape, "rank": rank, "needs": " or ".join(map(str, needs))}
            raise self.shape_problem(Reject("E0215", **facts), ref, node, env, x)
        return rank

    def shape_problem(self, reject: Reject, ref: Ref, node: Any, env: Env, x: Value) -> Problem:
        """A rule's rejection at the layer, with a second label on what produced the offending shape."""
        facts = {"layer": ref.name, **reject.facts}
        if x.origin is None:
            return Problem(reject.code, env.span(node), notes=(f"the input is given as {show(x.shape)}",), **facts)
        labels = (Label(x.origin, f"{show(x.shape)} comes from here"),)
        return Problem(reject.code, env.span(node), labels=labels, **facts)

    def use_composite(self, ref: Ref, composite: Composite, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        rank = self.rank_for(ref, composite, node, env, x)
        signature = bind_op(self, ref, node, env, rank)
        if signature is UNKNOWN:
            return self.unknown(node, env)

        def body(inner: Value) -> Value:
            for part in composite.expand(signature):
                op = NAMES[part.op]
                given = {n: part.args.get(n, kind.default) for n, kind in op.params.items()}
                attrs = op.signature(**{n: op.params[n].read(v, rank or 0) for n, v in given.items()})
                inner = self.step(op, attrs, [inner], env.span(node), Tag(label=part.label))
            return inner

        kind = Tag(tag.kind or composite.name, tag.label, tag.skip)
        try:
            return self.enclosed("block", composite.name, node, env, x, kind, False, body)
        except Reject as reject:
            raise self.shape_problem(reject, ref, node, env, x) from None

    def use_block(self, ref: Ref, decl: BlockDecl, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        inner = Env(decl.env.source, decl.env, Scope(x, decl.settings, None, decl.name), None)
        values = bind_block(self, ref, node, env, inner)
        if x.shape is None:
            return self.unknown(node, env)
        self.spend(sum(map(self.budget.size, values)), node, env)
        lasting = None if self.lasting is None else self.lasting.key(decl, x.shape, values)
        key = lasting  # below 0, unlike the keys of this network alone
        if key is None:
            key = self.key_of("block", id(decl), decl.env.key, x.shape, *map(self.fingerprint, values))
        span = env.span(node)
        known = None if key is None else self.memo.get(key)
        if known is None and self.lasting is not None and lasting is not None:
            known = self.lasting.known.get(lasting)
        if known is not None:
            self.use_again(key, known, decl)
            return self.call_region(known.region, known.layers, None, x, span, tag).outputs[0]
        inner.key = key if key is not None else object()
        if lasting is None:
            region, frame = self.instantiate(decl, key, inner, values, x, span)
            if key is not None and self.is_whole(region, frame):
                self.memo[key] = Instance(region, frame.layers)
        else:
            region, frame = self.recorded(key, decl, inner, values, x, span)
        return self.call_region(region, frame.layers, frame, x, span, tag).outputs[0]

    def is_whole(self, region: Region, frame: Frame) -> bool:
        """Whether a block instance stands for itself: without mistakes, and reading no tensor but its input."""
        return frame.pure and region.outputs[0].shape is not None

    def use_again(self, key: int, instance: Instance, decl: BlockDecl) -> None:
        """What was used in an instance is used again with it, and is there for the rest of this network."""
        decl.env.used |= instance.names
        self.record.use(key, instance)
        for inner, found in instance.inner.items():
            self.memo.setdefault(inner, found)
        self.memo[key] = instance

    def recorded(
        self, key: int, decl: BlockDecl, inner: Env, values: list[Any], x: Value, span: Span
    ) -> tuple[Region, Frame]:
        """A new instance, kept for later networks if its key alone decides what it is and what is said of it."""
        assert self.lasting is not None
        outer, names, remarks = self.record, decl.env.used, self.sink.remarks
        self.record, decl.env.used = Record(), set()
        try:
            region, frame = self.instantiate(decl, key, inner, values, x, span)
        finally:
            record, used = self.record, frozenset(decl.env.used)
            self.record, decl.env.used = outer, names | used
        outer.blocks |= record.blocks
        outer.inner |= record.inner
        if self.is_whole(region, frame):
            instance = Instance(region, frame.layers, frozenset(record.blocks), used, record.inner)
            self.memo[key] = outer.inner[key] = instance
            if self.sink.remarks == remarks:
                self.lasting.add(key, instance)
                self.kept.append(frame)
        return region, frame

    def instantiate(
        self, decl: BlockDecl, key: Any, inner: Env, values: list[Any], x: Value, span: Span
    ) -> tuple[Region, Frame]:
        """Elaborate a block's body in a region of its own."""
        self.record.blocks.add(id(decl.node))
        self.spend(STEPS_AN_INSTANCE, decl.node, decl.env)
        if key is not None and key in self.active:
            raise endless(decl.name, self.active, key, span)
        if len(self.trail) >= self.limits.max_calls:
            raise Fatal("E0403", span, name=decl.name, most=self.limits.max_calls)
        inner.names.update((c.name.id, Lazy(c)) for c in decl.node.where if isinstance(c, ast.Define))
        positional = self.only_blocks(decl.node.body, inner, 0)
        identity = (decl.env.source.name, decl.node.pos, "block")
        frame = open_region("block", decl.name, identity, decl.env.span(decl.node), self.frame, positional)
        params = [param.name for param in decl.node.params]
        frame.arguments = {v: n for n, v in zip(params, values, strict=True) if isinstance(v, Value)}
        frame.region.args = {
            n: v for n, v in zip(params, values, strict=True) if isinstance(v, (int, float, str, tuple, Sym))
        }
        outer, self.frame = self.frame, frame
        self.trail.append((decl.name, span))
        if key is not None:
            self.active[key] = span
        try:
            source = frame.receive(outer.bring(x))
            inner.scope.input, inner.scope.frame = source, frame
            self.bind_where(decl, inner, frame)
            frame.close(self.links((decl.node.body,), inner, source))
        finally:
            frame.is_open = False
            self.frame = outer
            self.trail.pop()
            self.active.pop(key, None)
        self.warn_unused(decl, inner)
        source.origin = None  # the region may be used anywhere
        return frame.region, frame

    def bind_where(self, decl: BlockDecl, inner: Env, frame: Frame) -> None:
        """The `where` names of a block instance; a shared one belongs to this instance."""
        seen = {param.name for param in decl.node.params}
        for clause in decl.node.where:
            if clause.name.id in seen:  # which of the two is meant is unknown
                inner.names[clause.name.id] = UNKNOWN
            elif isinstance(clause, ast.Shared):
                inner.names[clause.name.id] = Ref(SharedDecl(clause, inner, decl.settings, frame), clause.name.id)
            else:
                inner.names[clause.name.id] = Lazy(clause)
            seen.add(clause.name.id)

    def warn_unused(self, decl: BlockDecl, inner: Env) -> None:
        if decl.env.source is self.prelude_env.source:
            return
        unread = [clause.name for clause in decl.node.where if clause.name.id not in inner.used]
        if not unread:
            return
        parts = map(ast.names, (decl.node.body, *decl.node.where))  # a clause mentions its own name
        mentions = Counter(name for part in parts for name in {*part, *(split_suffix(name)[0] for name in part)})
        for name in unread:
            if mentions[name.id] == 1:
                self.sink.add(Diagnostic("W0602", {"name": name.id}, decl.env.span(name)))

    def only_blocks(self, node: ast.Expr, env: Env, depth: int) -> bool:
        """Whether a body is nothing but uses of blocks in a chain, whose instances are then numbered 0, 1, 2, …"""
        self.spend(1, node, env)
        if depth > 50:
            return False
        core = ast.bare(node)
        if isinstance(core, ast.Chain):
            return all(self.only_blocks(link, env, depth + 1) for link in core.links)
        if isinstance(core, (ast.As, ast.Loop, ast.Choice)):
            return self.only_blocks(core.body, env, depth + 1)
        if isinstance(core, ast.Binary):
            return core.ops == ("*",) and self.only_blocks(core.terms[0], env, depth + 1)
        name = ast.bare(core.func) if isinstance(core, ast.Call) else core
        if not isinstance(name, ast.Name) or name.id in env.scope.taps:
            return False
        home = env.find(name.id) or env.find(split_suffix(name.id)[0])
        if home is None:
            value: Any = self.prelude(name.id) or self.prelude(split_suffix(name.id)[0])
        else:
            value = home.names.get(name.id, home.names.get(split_suffix(name.id)[0]))
        if isinstance(value, Lazy) and home is not None:
            return self.only_blocks(value.node.value, home, depth + 1)
        if isinstance(value, Layer):
            return self.only_blocks(value.node, value.env, depth + 1)
        return isinstance(value, Ref) and isinstance(value.target, BlockDecl)

    def use_shared(self, ref: Ref, decl: SharedDecl, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        """One more use of a shared layer: the same weights, a region for each input shape."""
        if isinstance(node, ast.Call) and node.args:
            raise self.problem(
                "E0307", node.args[0], env, layer=decl.name, most=0, see="a shared layer takes no arguments"
            )
        if x.shape is None:
            return self.unknown(node, env)
        if x.shape not in decl.regions:
            key = ("shared", id(decl))
            if key in self.active:
                raise endless(decl.name, self.active, key, env.span(node))
            if len(self.active) >= self.limits.max_calls:
                raise Fatal("E0403", env.span(node), name=decl.name, most=self.limits.max_calls)
            self.active[key] = env.span(node)
            try:
                decl.regions[x.shape] = self.shared_region(decl, x)
            except Reject as reject:
                raise self.problem(reject.code, node, env, **reject.facts) from None
            finally:
                del self.active[key]
        region, layers = decl.regions[x.shape]
        if decl.frame is None:
            call = self.call_region(region, layers, None, x, env.span(node), tag)
            call.shared = self.weight_name(decl)
            return call.outputs[0]
        if self.frame is not decl.frame:
            raise self.problem("E0339", node, env, name=decl.name)
        call = self.call_region(region, layers, None, x, env.span(node), Tag(decl.name, label=decl.name))
        first = self.frame.shared.setdefault(decl, call)
        if first is not call:
            call.reuse = True
            self.frame.again[call] = first
        return call.outputs[0]

    def weight_name(self, decl: SharedDecl) -> str:
        """What the weights of a shared layer of a file are stored under: they are the network's own."""
        if decl not in self.weight_names:
            self.weight_names[decl] = self.root.names.take(safe_name(decl.name))
        return self.weight_names[decl]

    def shared_region(self, decl: SharedDecl, x: Value) -> tuple[Region, int]:
        """The region of a shared layer for one input shape, and how many layers it expands to."""
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
        if not isinstance(ast.bare(decl.node.body), (ast.Chain, ast.Loop)):
            name_alone(frame.region)
        first, _ = next(iter(decl.regions.values()), (frame.region, 0))
        if decl.frame is None:
            self.shared_regions.setdefault(self.weight_name(decl), frame.region)
        if frame.layers > self.limits.max_layers:
            raise Fatal("E0404", span, count=frame.layers, most=self.limits.max_layers, bound="at least ")
        complete = first.outputs[0].shape is not None and frame.region.outputs[0].shape is not None
        if complete and first is not frame.region and stored_tensors(first) != stored_tensors(frame.region):
            raise Problem("E0218", span, name=decl.name, first=first.inputs[0].shape, other=x.shape)
        return frame.region, frame.layers

    def use_id(self, ref: Ref, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        if isinstance(node, ast.Call) and node.args:
            raise self.problem("E0307", node.args[0], env, layer="id", most=0, see="id is the input itself")
        return x

    def arguments(self, ref: Ref, node: Any, env: Env, names: list[str], needed: int) -> dict[str, ast.Expr]:
        given = Given(self, ref, names, None, node, env)
        for name in names[:needed]:
            if name not in given.by_name:
                raise self.problem("E0303", node, env, name=name, layer=ref.name, doc="a layer", see=where_to_look(ref))
        return {name: argument.value for name, argument in given.by_name.items()}

    def use_res(self, ref: Ref, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        """`res(f, proj=g)`: f + id, or f + g where the shapes differ."""
        args = self.arguments(ref, node, env, ["f", "proj"], 1)

        def body(inner: Value) -> Value:
            main = self.branch(Layer(args["f"], env), args["f"], env, inner, PLAIN)
            main = inner if main is ABSENT else main
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

    def use_split(self, ref: Ref, node: Any, env: Env, x: Value, tag: Tag) -> Value:
        """`split([f, g], sizes)`: each branch gets its own share of the channels; outputs are concatenated."""
        args = self.arguments(ref, node, env, ["branches", "sizes"], 1)
        branches = self.evaluate(args["branches"], env)
        if not isinstance(branches, Branches):
            raise self.problem(
                "E0304",
                args["branches"],
                env,
                name="branches",
                layer="split",
                expected="a list of layers",
                see="write split([f, g])",
                got=describe(branches),
            )
        sizes = self.evaluate(args["sizes"], env) if "sizes" in args else None
        if x.shape is None or sizes is UNKNOWN:
            return self.unknown(node, env)
        widths = self.shares(channels_of(x.shape), len(branches.items), sizes, node, env)

        def body(inner: Value) -> Value:
            starts = [0, *accumulate(widths)][:-1]
            parts = [self.channels(inner, a, a + n, env.span(node)) for a, n in zip(starts, widths, strict=True)]
            return self.join_branches(branches, env, parts)

        if tag is PLAIN and not self.frame.positional:
            return body(x)
        return self.enclosed("group", "split", node, env, x, tag, False, body)

    def shares(self, channels: int, count: int, sizes: Any, node: Any, env: Env) -> list[int]:
        """The channels of each branch: as given, or equal shares. Raises Problem: E0214, E0330."""
        if sizes is None:
            if channels % count != 0:
                raise self.uneven(channels, count, node, env)
            return [channels // count] * count
        if not isinstance(sizes, tuple) or len(sizes) != count or not all(type(n) is int and n > 0 for n in sizes):
            raise self.problem("E0214", node, env, channels=channels, got=f"{describe(sizes)} for {count} branches")
        if sum(sizes) != channels:
            raise self.problem("E0214", node, env, channels=channels, got=f"shares that add up to {sum(sizes)}")
        return list(sizes)

    def uneven(self, channels: Any, count: int, node: Any, env: Env) -> Problem:
        """That the number of branches does not divide the channels, or may not, with sizes that come near to it."""
        if isinstance(channels, Sym):
            return self.problem("E0330", node, env)
        facts = {"channels": channels, "got": f"{count} branches without sizes"}
        if count > channels:
            facts["help"] = "every branch needs at least one channel"
        elif count <= MOST_SHOWN:
            sizes = ", ".join(str(channels // count + (i < channels % count)) for i in range(count))
            facts["help"] = f"without sizes all shares are equal; give one for each branch, such as ({sizes})"
        return self.problem("E0214", node, env, **facts)

    def channels(self, x: Value, start: int, stop: int, span: Span) -> Value:
        return self.step(REGISTRY["slice"], Slice(start, stop), [x], span, PLAIN)


def indices_of(pooled: Value) -> Value:
    """The second result of the max pooling that made a tensor: where in its input each value stood."""
    pool = pooled.maker
    assert isinstance(pool, Apply)
    if len(pool.outputs) == 1:
        indices = Value(pooled.shape, pooled.origin, pooled.frame)
        indices.maker = pool
        pool.outputs.append(indices)
    return pool.outputs[1]


def stored_tensors(region: Region) -> list[Any]:
    """The weights and buffers of a region, by path."""
    return [(path, step.weights(), step.buffers()) for path, _, step in expand(region)]


MOST_SHOWN = 8  # sizes in a message


COMBINE: dict[str, Callable[[Any, Ref, Any, Env, Value, Tag], Value]] = {
    "id": Uses.use_id,
    "res": Uses.use_res,
    "split": Uses.use_split,
}
