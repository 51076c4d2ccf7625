"""What operators and brackets between layers do: elementwise combination, repetition, concatenation."""

from typing import Any

from .. import syntax as ast
from ..diagnostics import Diagnostic, Reject
from ..ir import Call, Value
from ..ops import REGISTRY
from ..ops.base import NoParams
from ..ops.kinds import describe
from ..source import Span
from .build import Tag, name_alone
from .names import is_operand
from .regions import PLAIN, Regions
from .scope import ABSENT, UNKNOWN, BlockDecl, Branches, Combinator, Env, Fatal, Layer, Problem, Ref, SharedDecl

OPERATOR_OPS = {"+": "add", "-": "sub", "*": "mul", "/": "div"}


class Operators(Regions):
    """Sums, products, repeats and lists of layers."""

    def apply_binary(self, node: ast.Binary, env: Env, x: Value, tag: Tag) -> Value:
        if node.level not in ("sum", "product"):
            return self.apply_value(self.evaluate(node, env), node, env, x, tag)
        if len(node.terms) == 2 and node.ops == ("*",):
            times = self.count_value(node, env)
            if times is UNKNOWN:
                return self.unknown(node, env)
            if times is not None:
                return self.repeat(node, self.evaluate(node.terms[0], env), times, env, x, tag)

        def body(inner: Value) -> Value:
            return self.combine(node, env, inner)

        if tag is PLAIN and not self.frame.positional:
            return body(x)
        return self.enclosed("group", "group", node, env, x, tag, False, body)

    def count_value(self, node: ast.Binary, env: Env) -> Any:
        """The value after `*` where it is no operand; None for one, or for what only the branch before it labels."""
        try:
            value = self.look(node.terms[1], env)
        except Problem as problem:
            if problem.code == "E0301" and problem.facts["name"] in ast.labels(node.terms[0]):
                return None
            raise
        return None if is_operand(value) else value

    def is_combination(self, node: ast.Binary, env: Env) -> bool:
        """Whether a product combines layers, rather than repeating one."""
        return not (len(node.terms) == 2 and node.ops == ("*",) and self.count_value(node, env) is not None)

    def combine(self, node: ast.Binary, env: Env, x: Value) -> Value:
        """All operands that are present on the same input, combined from left to right."""
        self.warn_ignored([(term, env) for term in node.terms], node, env, x)
        total: Value | None = None
        for op, term in zip(("+", *node.ops), node.terms, strict=True):
            value = self.evaluate(term, env)
            if value is ABSENT:
                continue
            self.check_operand(op, value, term, env, node.ops[0] if total is None and node.ops[0] == "*" else op)
            self.warn_label(term, value, env)
            operand = value if isinstance(value, Value) else self.apply_value(value, term, env, x)
            if total is None:
                if op in ("-", "/") and term is not node.terms[0]:
                    raise self.problem(
                        "E0327", term, env, op=op, got="nothing before it", expected="a term that is there"
                    )
                total = operand
                continue
            span = Span(env.source, node.terms[0].pos[0], term.pos[1])
            try:
                total = self.step(REGISTRY[OPERATOR_OPS[op]], NoParams(), [total, operand], span, PLAIN)
            except Reject as reject:
                raise self.misfit(reject, span, (total, operand), term, env) from None
        return x if total is None else total

    def check_operand(self, op: str, value: Any, term: ast.Expr, env: Env, sign: str) -> None:
        """Refuse a constant among layers, and operators that layers do not have. `sign` stands beside the operand."""
        if op not in OPERATOR_OPS:
            raise self.problem("E0327", term, env, op=op, got="a layer", expected="numbers")
        if not is_operand(value) and value is not UNKNOWN:
            raise self.problem("E0310", term, env, got=describe(value), **factor(sign, value))

    def repeat(self, node: ast.Binary, layer: Any, times: Any, env: Env, x: Value, tag: Tag) -> Value:
        """`f * n`: n instances in sequence, stored once from the first whose output has its input's shape."""
        if layer is UNKNOWN:
            return self.unknown(node, env)
        if not is_operand(layer):
            raise self.problem("E0308", node.terms[0], env, got=describe(layer))
        if layer is ABSENT:
            return x
        if isinstance(layer, Value) or isinstance(times, bool) or not isinstance(times, int) or times < 0:
            what = describe(times) if not isinstance(layer, Value) else "a tensor"
            wrong = node.terms[0] if isinstance(layer, Value) else node.terms[1]
            raise self.problem("E0315", wrong, env, got=what, **(factor("*", times) if wrong is node.terms[1] else {}))
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

        core = ast.bare(layer.node) if isinstance(layer, Layer) else None
        chain = isinstance(layer, Ref) or isinstance(core, (ast.Chain, ast.Loop, ast.Call, ast.Name))
        chain = chain and not self.is_combinator(layer)
        y = self.enclosed("chain" if chain else "group", "stack", node, env, x, PLAIN, chain, body)
        if isinstance(y.maker, Call) and not isinstance(core, (ast.Chain, ast.Loop)):
            name_alone(y.maker.region)
        return y

    def is_combinator(self, layer: Any) -> bool:
        """Whether a repeated layer is res or split with its arguments, whose layers are named in one body."""
        core = ast.bare(layer.node) if isinstance(layer, Layer) else None
        if not isinstance(core, ast.Call):
            return False
        target = self.evaluate(ast.bare(core.func), layer.env)
        return isinstance(target, Ref) and isinstance(target.target, Combinator)

    def warn_label(self, node: ast.Expr, value: Any, env: Env) -> None:
        """Remark on a bare name that is a layer's and also a label's: the layer is meant."""
        core = ast.bare(node)
        if isinstance(core, ast.Name) and isinstance(value, Ref) and env.find_tap(core.id) is not None:
            self.sink.add(Diagnostic("W0604", {"name": core.id}, env.span(node)))

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
        if not branches.items:
            raise self.problem("E0308", branches.node, env, got="an empty list")
        values: list[Value] = []
        first = self.frame.branches + 1
        self.frame.branches += len(branches.items)
        for index, (item, x) in enumerate(zip(branches.items, inputs, strict=True)):
            tag = Tag(kind=f"branch{first + index}", label=f"branch{first + index}")
            value = self.branch(item, branches.node, env, x, tag)
            if value is not ABSENT:
                values.append(value)
        if not values:
            return inputs[0]
        items = [(i.node, i.env) for i in branches.items if isinstance(i, Layer)]
        if len(items) == len(branches.items):
            self.warn_ignored(items, branches.node, env, inputs[0])
        if len(values) == 1:
            return values[0]
        span = env.span(branches.node)
        try:
            return self.step(REGISTRY["concat"], NoParams(), values, span, PLAIN)
        except Reject as reject:
            raise self.misfit(reject, span, tuple(values), branches.node, env) from None

    def own_tensor(self, node: ast.Expr, env: Env) -> Value | None:
        """The tensor that a branch is, or that it begins with as a chain, and which it has instead of its input."""
        core = ast.bare(node)
        core = ast.bare(core.links[0]) if isinstance(core, ast.Chain) else core
        if not isinstance(core, ast.Name):
            return None
        home = env.find(core.id)
        known = home.names[core.id] if home is not None else self.builtin(core.id) or env.find_tap(core.id)
        return known if isinstance(known, Value) else None

    def warn_ignored(self, items: list[tuple[ast.Expr, Env]], node: ast.Expr, env: Env, x: Value) -> None:
        """Remark on a group whose every branch has a tensor of its own, unless it is what flows in, or nothing does."""
        if not items or id(node) in self.unfed:
            return
        tensors = [self.own_tensor(*item) for item in items]
        if not any(t is None or t is x or self.frame.imports.get(t) is x for t in tensors):
            self.sink.add(Diagnostic("W0603", {}, env.span(node)))

    def branch(self, item: Any, node: ast.Expr, env: Env, x: Value, tag: Tag) -> Any:
        """A branch's tensor, or ABSENT; one with a mistake gives an unknown shape, and its neighbours go on."""
        try:
            value = item
            if isinstance(item, Layer):
                node, env = item.node, item.env
                value = self.evaluate(node, env)
                self.warn_label(node, value, env)
            if isinstance(value, Value) or value is ABSENT:
                return value
            result: Any = self.apply_value(value, node, env, x, tag)
            return result
        except Fatal:
            raise
        except Problem as problem:
            return self.failed(problem, node, env)


def factor(op: str, value: Any) -> dict[str, str]:
    """A better help where a number stands for a factor of a tensor, which is a layer of its own."""
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or op not in ("*", "/")
        or (op == "/" and not value)
    ):
        return {}
    number = f"{value if op == '*' else 1 / value:.6g}"
    return {"help": f"repeat with `f * 3`; a constant factor is a layer: `f -> scale({number}, learn=false)`"}
