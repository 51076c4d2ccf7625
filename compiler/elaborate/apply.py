"""Layer expressions applied to tensors: this is where layers get shapes and become steps of the IR."""

from collections.abc import Callable
from typing import Any

from .. import syntax as ast
from ..diagnostics import show
from ..ir import Value
from ..ops.kinds import describe
from .build import Frame, Tag
from .circles import endless
from .regions import PLAIN
from .scope import ABSENT, UNKNOWN, Branches, Env, Fatal, Layer, Problem, Ref
from .uses import Uses


class Applier(Uses):
    """Applies every form of layer expression."""

    def apply(self, node: ast.Expr, env: Env, x: Value, tag: Tag = PLAIN) -> Value:
        """The tensor that a layer expression makes of `x`; steps go to the present frame. Raises Problem."""
        self.budget.spent += 1
        if self.budget.spent > self.budget.allowed:
            self.spend(0, node, env)
        return APPLY[type(node)](self, node, env, x, tag)

    def apply_value(self, layer: Any, node: ast.Expr, env: Env, x: Value, tag: Tag = PLAIN) -> Value:
        """Apply a value that an expression evaluated to; `node` and `env` say where it was written."""
        if isinstance(layer, Layer):
            core = ast.bare(node)
            if isinstance(core, ast.Name):
                return self.apply_named(layer, core, env, x, tag)
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
        raise self.problem("E0308", node, env, got=describe(layer), **self.way_from_word(layer, env))

    def apply_evaluated(self, node: ast.Expr, env: Env, x: Value, tag: Tag) -> Value:
        return self.apply_value(self.evaluate(node, env), node, env, x, tag)

    def apply_name(self, node: ast.Name, env: Env, x: Value, tag: Tag) -> Value:
        return self.apply_value(self.evaluate(node, env), node, env, x, tag)

    def apply_named(self, value: Layer, node: ast.Name, env: Env, x: Value, tag: Tag) -> Value:
        """The layers that a name stands for. One that is applied within itself would never end."""
        key = ("name", id(value.node), id(value.env))
        if key in self.active:
            raise endless(node.id, self.active, key, env.span(node))
        self.active[key] = env.span(node)
        try:
            return self.apply(value.node, value.env, x, tag)
        finally:
            del self.active[key]

    def apply_listing(self, node: ast.Listing, env: Env, x: Value, tag: Tag) -> Value:
        return self.concatenate(Branches(node, [Layer(item, env) for item in node.items]), env, x, tag)

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
                x = self.failed(problem, link, env)
        return x

    def look_through(self, links: tuple[ast.Expr, ...], env: Env) -> None:
        if links:
            self.links(links, env, self.unknown(links[0], env), True)

    def check_link(self, link: ast.Expr, env: Env, after_arrow: bool, before_arrow: bool) -> None:
        """Refuse `x -> b + c` and `b if t -> c`: readers disagree on what they mean."""
        core = link.body if isinstance(link, ast.As) else link
        if type(core) in UNMISTAKABLE:
            return
        if isinstance(core, ast.Choice) and (after_arrow or before_arrow):
            way = "write -> (a if condition else b)"
            if not after_arrow:
                way = "write (a if condition else b) -> c or a if condition else (b -> c), whichever you mean"
            raise self.problem("E0105", link, env, what="conditional", way=way)
        if not after_arrow or not isinstance(core, ast.Binary):
            return
        if core.level == "sum" or (core.level == "product" and self.is_combination(core, env)):
            sign = "+" if core.level == "sum" else "*"
            way = f"write x -> (a {sign} b) or (x -> a) {sign} b, whichever you mean"
            raise self.problem("E0105", link, env, what=core.level, way=way)

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
        if taken is UNKNOWN:  # both are looked through for mistakes
            silent = self.unknown(node, env)
            self.links((node.body,) if node.other is None else (node.body, node.other), env, silent)
            return silent
        return self.apply(taken, env, x, tag)

    def apply_loop(self, node: ast.Loop, env: Env, x: Value, tag: Tag) -> Value:
        def body(inner: Value) -> Value:
            for iteration in self.iterations(node, env):
                inner = self.apply(node.body, iteration, inner)
            return inner

        return body(x) if tag is PLAIN else self.enclosed("chain", "chain", node, env, x, tag, True, body)


UNMISTAKABLE = frozenset({ast.Name, ast.Call, ast.Group, ast.Listing})
"""Expressions that end where everyone sees it."""

APPLY: dict[type, Callable[[Any, Any, Env, Value, Tag], Value]] = {
    ast.Name: Applier.apply_name,
    ast.Listing: Applier.apply_listing,
    **dict.fromkeys((ast.Number, ast.Bool, ast.String, ast.Dims, ast.Tuple), Applier.apply_evaluated),
    **dict.fromkeys((ast.Comprehension, ast.Index, ast.Unary), Applier.apply_evaluated),
    ast.Group: Applier.apply_group,
    ast.Call: Applier.apply_call,
    ast.Chain: Applier.apply_chain,
    ast.As: Applier.apply_as,
    ast.Choice: Applier.apply_choice,
    ast.Loop: Applier.apply_loop,
    ast.Binary: Applier.apply_binary,
}
